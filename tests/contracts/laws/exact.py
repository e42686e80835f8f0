"""Laws of data of which every number is known, the models that know them, and the numbers, by quadrature.

Each coordinate of x, in the transformation's basis, is sum_k pi_k N(m_k, s_k^2); s_k = 0 makes levels. Then

    q(z_t) = sum_k pi_k N( alpha_t F(m_k, t), alpha_t^2 w_t^2 s_k^2 + sigma_t^2 )

for F(x, t) = w(t) x, and for any F where all s_k are 0. A predictor that knows E[F(x, .) | z_t] makes the ODE keep
these marginals, so that in one dimension it carries quantiles to quantiles. With C_t the distribution function of
q(z_t):

    z_1 = C_1^-1(C_0(z_0)),     log p(z_0) = log N(z_1; 0, 1) + log q(z_0) - log q(z_1)

Nothing here calls the bound, the likelihoods or the samplers; of the model it takes alpha, sigma, F and eta.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import ndm
from ndm.parts.decoders import Decoder
from ndm.parts.predictors import Predictor
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve

_BISECTIONS = 80
_REACH = 9.0  # standard deviations of noise that an expectation looks at


@dataclass(frozen=True)
class Law:
    """sum_k pi_k N(m_k, s_k^2), the same in every coordinate."""

    shares: Tensor  # (K,)
    means: Tensor  # (K,)
    stds: Tensor  # (K,)

    @property
    def has_levels(self) -> bool:
        """Whether there is nothing but points."""
        return bool((self.stds == 0).all())

    def sample(self, num: int, dimension: int) -> Tensor:
        """(num, dimension)."""
        k = torch.multinomial(self.shares, num * dimension, replacement=True)
        return (self.means[k] + self.stds[k] * torch.randn(num * dimension)).reshape(num, dimension)


def gaussian() -> Law:
    """N(0.3, 0.8^2)."""
    return Law(*(torch.tensor([value], dtype=torch.float64) for value in (1.0, 0.3, 0.8)))


def two_gaussians() -> Law:
    """Two modes, one narrow."""
    return Law(*(torch.tensor(values, dtype=torch.float64) for values in ([0.3, 0.7], [-1.1, 0.7], [0.2, 0.5])))


def three_levels() -> Law:
    """-1, 0 and 1."""
    return Law(*(torch.tensor(values, dtype=torch.float64) for values in ([0.2, 0.5, 0.3], [-1.0, 0, 1], [0.0] * 3)))


class ExactPredictor(Predictor):
    """E[F(x, .) | z_t], by Bayes' rule."""

    def __init__(self, law: Law) -> None:
        super().__init__()
        for name in ("shares", "means", "stds"):
            self.register_buffer(name, getattr(law, name).clone())

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        alpha, sigma = level.alpha[:, None, None], level.sigma[:, None, None]
        if _is_linear(transform):
            y = transform.basis(z_t).flatten(1)
            gain = alpha * _scale(transform, t, y.shape[1])[..., None]  # (B, D, 1)
            total = (gain * self.stds) ** 2 + sigma**2
            of_k = _responsibilities(y, self.shares, gain * self.means, total)
            means = (sigma**2 * self.means + gain * self.stds**2 * y[..., None]) / total
            return transform.curve(transform.basis.inverse((of_k * means).sum(-1).reshape(z_t.shape)), cond)
        points = alpha[..., 0] * _of_points(transform, self.means, t)  # (B, K)
        return MeanCurve(transform, self.means, _responsibilities(z_t, self.shares, points[:, None], sigma**2)[:, 0])


class MeanCurve(Curve):
    """u -> sum_k P_k F(m_k, u), P (B, K)."""

    def __init__(self, transform: Transform, points: Tensor, probabilities: Tensor) -> None:
        self.transform, self.points, self.probabilities = transform, points, probabilities

    def __call__(self, t: Tensor) -> Tensor:
        t = t.expand(len(self.probabilities))
        return (self.probabilities * _of_points(self.transform, self.points, t)).sum(1, keepdim=True)


def _responsibilities(y: Tensor, shares: Tensor, centres: Tensor, variances: Tensor) -> Tensor:
    """P(k | y), (B, D, K)."""
    return torch.softmax(shares.log() - 0.5 * ((y[..., None] - centres) ** 2 / variances + variances.log()), dim=-1)


def _is_linear(transform: Transform) -> bool:
    return transform.num_heads == 0 or isinstance(transform, ndm.IdentityTransform)


def _scale(transform: Transform, t: Tensor, dimension: int) -> Tensor:
    """w(t), (B, D)."""
    return transform.log_scale_at(t).exp().reshape(len(t), -1).expand(-1, dimension)


def _of_points(transform: Transform, points: Tensor, t: Tensor) -> Tensor:
    """F(m_k, t), (B, K)."""
    repeated = points.repeat(len(t))[:, None]
    return transform.curve(repeated)(t.repeat_interleave(len(points))).reshape(len(t), -1)


class Known:
    """A model that knows its law, and its numbers. Data and latents are (N, *event), times numbers."""

    def __init__(
        self,
        law: Law,
        schedule: Schedule | None = None,
        transform: Transform | None = None,
        event_shape: tuple[int, ...] = (2,),
        decoder: Decoder | None = None,
        **parts,
    ) -> None:
        self.law, self.event_shape = law, event_shape
        self.dimension = math.prod(event_shape)
        schedule, transform = schedule or ndm.schedules.LinearSchedule(-5.0, 4.0), transform or ndm.IdentityTransform()
        decoder = decoder or (ndm.DiscretisedDecoder(3) if law.has_levels else ndm.GaussianDecoder())
        self.model = ndm.NeuralDiffusion(schedule, transform, ExactPredictor(law), decoder, **parts).double().eval()
        assert _is_linear(transform) or (law.has_levels and event_shape == (1,))

    def sample(self, num: int) -> Tensor:
        """Data, (num, *event)."""
        return self.model.transform.basis.inverse(self.law.sample(num, self.dimension).reshape(num, *self.event_shape))

    # The marginals q(z_t), in the coordinates of the transformation's basis.

    def coordinates(self, z: Tensor) -> Tensor:
        return self.model.transform.basis(z).flatten(1)

    def level(self, t: float) -> tuple[float, float]:
        """alpha and sigma."""
        level = self.model.schedule(torch.tensor(t))
        return float(level.alpha), float(level.sigma)

    @torch.no_grad()
    def components(self, t: float) -> tuple[Tensor, Tensor]:
        """Centres and standard deviations of q(z_t)'s components, each (D, K)."""
        (alpha, sigma), at, transform = self.level(t), torch.tensor([t]), self.model.transform
        if _is_linear(transform):
            gain = alpha * _scale(transform, at, self.dimension)[0][:, None]
            return gain * self.law.means, ((gain * self.law.stds) ** 2 + sigma**2).sqrt()
        return alpha * _of_points(transform, self.law.means, at), torch.full((1, len(self.law.means)), sigma)

    def log_density(self, y: Tensor, t: float) -> Tensor:
        """log q(z_t) of coordinates y (N, D), one by one."""
        centres, stds = self.components(t)
        of_k = -0.5 * (((y[..., None] - centres) / stds) ** 2 + math.log(2 * math.pi)) - stds.log()
        return torch.logsumexp(self.law.shares.log() + of_k, dim=-1)

    def distribution(self, y: Tensor, t: float) -> Tensor:
        """C_t(y), (N, D)."""
        centres, stds = self.components(t)
        return (self.law.shares * torch.special.ndtr((y[..., None] - centres) / stds)).sum(-1)

    def quantile(self, u: Tensor, t: float) -> Tensor:
        """C_t^-1(u), (N, D), by bisection."""
        centres, stds = self.components(t)
        low = (centres - 40 * stds).amin(-1).expand_as(u).clone()
        high = (centres + 40 * stds).amax(-1).expand_as(u).clone()
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            below = self.distribution(middle, t) < u
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    def carried(self, y: Tensor, start: float, end: float) -> Tensor:
        """Where the ODE takes coordinates y (N, D) from one time to another."""
        return self.quantile(self.distribution(y, start), end)

    def velocity(self, y: Tensor, t: float, step: float = 1e-4) -> Tensor:
        """dz/dt = -(dC_t / dt) / q(z_t), (N, D)."""
        near = self.distribution(y, t + step) - self.distribution(y, t - step)
        far = self.distribution(y, t + 2 * step) - self.distribution(y, t - 2 * step)
        return -(8 * near - far) / (12 * step) / self.log_density(y, t).exp()

    # The numbers.

    def log_prob_of_latent(self, y: Tensor) -> Tensor:
        """log p(z_0) of the ODE, of coordinates (N, D), in nats, (N,)."""
        end = self.carried(y, 0.0, 1.0)
        normal = -0.5 * (end**2 + math.log(2 * math.pi))
        return (normal + self.log_density(y, 0.0) - self.log_density(end, 1.0)).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of the ODE for real values x (N, *event), in nats, (N,)."""
        alpha, _ = self.level(0.0)
        return self.log_prob_of_latent(alpha * self.coordinates(x)) + self.dimension * math.log(alpha)

    def log_prob_of_levels(self, x: Tensor, is_uniform: bool, num: int = 401) -> Tensor:
        """E[log p(z_0) + log w] over the dequantisation of levels x (N, 1), in nats, (N,)."""
        (alpha, sigma), width = self.level(0.0), 2 / (len(self.law.means) - 1)
        if is_uniform:
            u, weights = legendre(64, -0.5, 0.5)
            z, log_w = alpha * (x + u * width), torch.full((1, len(u)), math.log(alpha * width))
        else:
            noise, weights = normal(num)
            z = alpha * x + sigma * noise
            log_likelihoods = -0.5 * ((z[..., None] - alpha * self.law.means) / sigma) ** 2
            at = (self.law.means == x).nonzero()[:, 1]
            chosen = torch.log_softmax(log_likelihoods, -1)[torch.arange(len(x)), :, at]
            log_w = chosen + 0.5 * (noise**2 + math.log(2 * math.pi)) + math.log(sigma)
        found = self.log_prob_of_latent(z.reshape(-1, 1)).reshape(z.shape)
        return (found + log_w) @ weights

    @torch.no_grad()
    def bound(self, x: Tensor, timesteps: int | None = None, num: int = 61) -> Tensor:
        """The expected NELBO of the chain whose steps have q's variance, or in continuous time: nats, (N, 3).

        The three terms of maths.md, prior, diffusion and reconstruction; of linear F only the coordinates matter.
        """
        noise, weights = normal(num)
        y = self.coordinates(x)
        alpha, sigma = self.level(1.0)
        end = alpha * self._of(x, 1.0)
        prior = 0.5 * (end**2 + sigma**2 - 1 - 2 * math.log(sigma)).sum(1)
        steps = self._continuous(x, noise, weights) if timesteps is None else self._chain(x, timesteps, noise, weights)
        return torch.stack([prior, steps, self._reconstruction(y, noise, weights)], 1)

    def _of(self, x: Tensor, t: float) -> Tensor:
        """F(x, t) in coordinates, (N, D)."""
        return self.coordinates(self.model.transform(x, torch.full((len(x),), t)))

    def _seen(self, x: Tensor, t: float, noise: Tensor) -> Tensor:
        """P(k | z_t) and the noisy coordinates of x at every noise: (N, M, D, K) and (N, M, D)."""
        alpha, sigma = self.level(t)
        z = (alpha * self._of(x, t))[:, None] + sigma * noise[:, None]
        centres, stds = self.components(t)
        of_k = torch.softmax(self.law.shares.log() - 0.5 * ((z[..., None] - centres) / stds) ** 2 - stds.log(), -1)
        return of_k, z

    def _error(self, x: Tensor, t: float, noise: Tensor) -> Callable[[float], Tensor]:
        """u -> dF(u) = F(x, u) - E[F(x, u) | z_t], (N, M, D), at every noise."""
        of_k, z = self._seen(x, t, noise)
        if _is_linear(self.model.transform):
            alpha, sigma = self.level(t)
            gain = alpha * _scale(self.model.transform, torch.tensor([t]), self.dimension)[0][:, None]
            total = (gain * self.law.stds) ** 2 + sigma**2
            means = (sigma**2 * self.law.means + gain * self.law.stds**2 * z[..., None]) / total
            guess = (of_k * means).sum(-1)
            return lambda u: (
                _scale(self.model.transform, torch.tensor([u]), self.dimension)[0]
                * (self.coordinates(x)[:, None] - guess)
            )
        return lambda u: (
            self._of(x, u)[:, None]
            - (of_k * _of_points(self.model.transform, self.law.means, torch.tensor([u]))).sum(-1)
        )

    def _eta(self, t: float) -> Tensor:
        """eta_t, (D,) or ()."""
        model = self.model
        return model.volatility.eta(torch.tensor([t]), model.schedule, model.transform).reshape(1, -1)[0]

    def _gamma(self, t: float) -> float:
        return float(self.model.schedule.gamma(torch.tensor(t)))

    def _gamma_prime(self, t: float) -> float:
        return _derivative(lambda u: torch.tensor(self._gamma(u)), t).item()

    def _continuous(self, x: Tensor, noise: Tensor, weights: Tensor) -> Tensor:
        """integral of a^2 gamma' / (2 eta) [ (1 + eta)/2 dF - dF' / gamma' ]^2."""
        total = torch.zeros(len(x))
        for t, share in zip(*panels(), strict=True):
            error, prime, eta = self._error(x, float(t), noise), self._gamma_prime(float(t)), self._eta(float(t))
            inner = (1 + eta) / 2 * error(float(t)) - _derivative(error, float(t)) / prime
            weight = math.exp(-self._gamma(float(t))) * prime / (2 * eta)
            total += share * ((weight * inner**2).sum(-1) @ weights)
        return total

    def _chain(self, x: Tensor, timesteps: int, noise: Tensor, weights: Tensor) -> Tensor:
        """sum of |a_s dF(s) - exp(-D/2) a_t dF(t)|^2 / (2 (1 - exp(-D))), D the integral of eta dgamma."""
        total = torch.zeros(len(x))
        for k in range(timesteps):
            s, t = k / timesteps, (k + 1) / timesteps
            error = self._error(x, t, noise)
            d = sum(
                share * (t - s) * self._eta(s + (t - s) * float(u)) * self._gamma_prime(s + (t - s) * float(u))
                for u, share in zip(*panels(), strict=True)
            )
            a_s, a_t = math.exp(-self._gamma(s) / 2), math.exp(-self._gamma(t) / 2)
            shift = a_s * error(s) - torch.exp(-d / 2) * a_t * error(t)
            total += (shift**2 / (2 * -torch.expm1(-d))).sum(-1) @ weights
        return total

    def _reconstruction(self, y: Tensor, noise: Tensor, weights: Tensor) -> Tensor:
        alpha, sigma = self.level(0.0)
        if not self.law.has_levels:
            return torch.full((len(y),), self.dimension * (0.5 + 0.5 * math.log(2 * math.pi) + math.log(sigma / alpha)))
        z = alpha * y[..., None] + sigma * noise
        log_likelihoods = -0.5 * ((z[..., None] - alpha * self.law.means) / sigma) ** 2
        at = y[..., None, None] == self.law.means
        return -(torch.log_softmax(log_likelihoods, -1).masked_fill(~at, 0).sum(-1) @ weights).sum(1)

    @torch.no_grad()
    def kinetic_energy(self, num: int = 2001) -> float:
        """integral of E|v(z_t, t)|^2 dt."""
        total = 0.0
        for t, share in zip(*panels(), strict=True):
            centres, stds = self.components(float(t))
            y = torch.linspace(float((centres - _REACH * stds).min()), float((centres + _REACH * stds).max()), num)
            y = y[:, None].expand(-1, self.dimension)
            density = self.log_density(y, float(t)).exp()
            flow = torch.where(density > 1e-12, density * self.velocity(y, float(t)) ** 2, 0.0)
            total += float(share * torch.trapezoid(flow, y, dim=0).sum())
        return total

    @torch.no_grad()
    def energy(self, z_1: Tensor) -> Tensor:
        """integral of |v|^2 dt along the paths that end in z_1, (N,)."""
        end, total = self.coordinates(z_1), torch.zeros(len(z_1))
        for t, share in zip(*panels(), strict=True):
            total += share * (self.velocity(self.carried(end, 1.0, float(t)), float(t)) ** 2).sum(1)
        return total


def _derivative(function: Callable[[float], Tensor], t: float, step: float = 1e-4) -> Tensor:
    """By central differences of fourth order."""
    near, far = function(t + step) - function(t - step), function(t + 2 * step) - function(t - 2 * step)
    return (8 * near - far) / (12 * step)


def normal(num: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of E[f(noise)], by the trapezoidal rule."""
    nodes = torch.linspace(-_REACH, _REACH, num)
    weights = torch.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def legendre(num: int, low: float = 0.0, high: float = 1.0) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the integral from low to high."""
    nodes, weights = np.polynomial.legendre.leggauss(num)
    return torch.from_numpy(low + (high - low) * (nodes + 1) / 2), torch.from_numpy(weights * (high - low) / 2)


def panels(number: int = 16, num: int = 6) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the integral over [0, 1] of what may jump at k / 16, as binned volatilities do."""
    parts = [legendre(num, k / number, (k + 1) / number) for k in range(number)]
    return torch.cat([nodes for nodes, _ in parts]), torch.cat([weights for _, weights in parts])
