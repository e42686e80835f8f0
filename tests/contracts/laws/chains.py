"""Data of a few points, a predictor that knows them by Bayes' rule, and the laws of their chains by quadrature.

Nothing here asks the library how a step is made: p(z_s | z_t) is written out from the schedule, F and D alone.

    x = points[k] with probability shares[k]                                       `Alphabet`
    model = chain_model(FIVE, ndm.reverse_steps.MixtureReverseStep())    exact posteriors, levels as data
    weights, means, stds = step_law(model, "mixture", z_t, s, t)                   p(z_s | z_t), in one dimension
    P = law_of_levels(model, "mixture", times)                                     of the data that the chain generates
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

import ndm
from ndm.parts.predictors import Predictor
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility
from ndm.process.curve import Curve, Posterior
from ndm.process.mixture import Mixture

Law = tuple[Tensor, Tensor, Tensor]  # weights, means, stds of a mixture of Gaussians, each (B, J); a std of 0: a point

_FAR, _POINTS, _NODES = 7.0, 1001, 61  # the grid of latents, and nodes of an expectation over noise


@dataclass(frozen=True)
class Alphabet:
    """x = points[k] with probability shares[k]: in d dimensions, which may depend on each other."""

    points: Tensor  # (K, d), values of `DiscretisedDecoder(num_levels)`
    shares: Tensor  # (K,)
    num_levels: int

    def posterior(self, z: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        """p(x = points[k] | z), (B, K), for z (B, d) = signal x + sigma noise; `signal` broadcasts against (B, d)."""
        squared = ((z[:, None] - signal[:, None] * self.points) / sigma.reshape(-1, 1, 1)) ** 2
        return torch.softmax(self.shares.log() - 0.5 * squared.sum(-1), dim=-1)

    def entropy(self) -> Tensor:
        """E[-log p(x)] in nats."""
        return -(self.shares * self.shares.log()).sum()


def levels(*shares: float) -> Alphabet:
    """One dimension with a level for each share, evenly on [-1, 1]."""
    values = torch.linspace(-1, 1, len(shares), dtype=torch.float64)
    return Alphabet(values[:, None], torch.tensor(shares, dtype=torch.float64), len(shares))


FIVE = levels(0.335, 0.067, 0.107, 0.286, 0.205)


class BayesPredictor(Predictor):
    """x^ = E[x | z_t] and the posterior p(x_i | z_t), exact: Bayes' rule for an alphabet, for a diagonal F."""

    has_posterior = True

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self.alphabet = alphabet

    def forward(self, z_t: Tensor, t: Tensor, cond: Tensor | None, level: NoiseLevel, transform: Transform) -> Curve:
        signal = level.alpha.reshape(-1, 1) * transform.curve(torch.ones_like(z_t))(t)
        weights = self.alphabet.posterior(z_t, signal, level.sigma)
        curve = transform.curve(weights @ self.alphabet.points)
        log_weights = weights.log()[:, None].expand(-1, z_t.shape[1], -1)
        x = Mixture(log_weights, self.alphabet.points.mT, torch.zeros_like(log_weights[..., :1]))
        curve.posterior = Posterior(x, transform.response(curve, z_t))
        return curve


def chain_model(
    alphabet: Alphabet = FIVE,
    reverse_step: ReverseStep | None = None,
    *,
    schedule: Schedule | None = None,
    transform: Transform | None = None,
    volatility: Volatility | None = None,
) -> ndm.NeuralDiffusion:
    """A model of the alphabet with exact posteriors, in float64; gamma is no straight line and eta not 1 by default."""
    return (
        ndm.NeuralDiffusion(
            schedule or ndm.schedules.CosineSchedule(-4.0, 2.5),
            transform or ndm.IdentityTransform(),
            BayesPredictor(alphabet),
            ndm.DiscretisedDecoder(alphabet.num_levels),
            volatility or ndm.volatilities.ConstantVolatility(0.6),
            reverse_step,
        )
        .double()
        .eval()
    )


def _posterior(weights: Tensor, means: Tensor, variance: Tensor) -> Law:
    """q's step at the posterior mean of x."""
    mean = (weights * means).sum(-1, keepdim=True)
    return torch.ones_like(mean), mean, variance.sqrt().expand_as(mean)


def _moments(weights: Tensor, means: Tensor, variance: Tensor) -> Law:
    """The Gaussian of the mixture's mean and variance."""
    mean = (weights * means).sum(-1, keepdim=True)
    spread = (weights * (means - mean) ** 2).sum(-1, keepdim=True)
    return torch.ones_like(mean), mean, (variance + spread).sqrt()


def _mixture(weights: Tensor, means: Tensor, variance: Tensor) -> Law:
    """sum_k p(x = points[k] | z_t) q(z_s | z_t, points[k])."""
    return weights, means, variance.sqrt().expand_as(means)


REVERSE_STEPS: dict[str, Callable[[Tensor, Tensor, Tensor], Law]] = {
    "posterior": _posterior,
    "moments": _moments,
    "mixture": _mixture,
}
"""p(z_s | z_t) by the name of its file in ndm/reverse_steps, from p(x | z_t), the means of q(z_s | z_t, x), and v."""


@torch.no_grad()
def step_law(
    model: ndm.NeuralDiffusion,
    name: str,
    z_t: Tensor,
    s: Tensor,
    t: Tensor,
    eta: float | None = None,
    ratio: float = 1.0,
) -> Law:
    """p(z_s | z_t) for z_t (B,), of one dimension.

    Args:
        name: of `REVERSE_STEPS`.
        eta: constant; the model's own volatility if not given.
        ratio: w / v, of a table.
    """
    alphabet = model.predictor.alphabet
    at_s, at_t = model.schedule(s), model.schedule(t)
    one = torch.ones(1, 1, dtype=z_t.dtype)
    signal_s, signal_t = (at.alpha * model.transform.curve(one)(u) for at, u in ((at_s, s), (at_t, t)))
    if eta is None:
        d = model.volatility.integral(s, t, model.schedule, model.transform).reshape(())
    else:
        d = eta * (at_t.gamma - at_s.gamma)
    c = at_s.sigma / at_t.sigma * torch.exp(-d / 2)
    means = signal_s * alphabet.points[:, 0] + c * (z_t[:, None] - signal_t * alphabet.points[:, 0])
    weights = alphabet.posterior(z_t[:, None], signal_t, at_t.sigma)
    return REVERSE_STEPS[name](weights, means, ratio * at_s.sigma**2 * (1 - torch.exp(-d)))


def normal_nodes(num: int = _NODES) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the trapezoidal rule for E[f(n)], n ~ N(0, 1)."""
    nodes = torch.linspace(-7, 7, num, dtype=torch.float64)
    weights = torch.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def expectation(law: Law, function: Callable[[Tensor], Tensor]) -> Tensor:
    """E[function(z)], (B, *of a value), for a function of z (N,) -> (N, *of a value)."""
    weights, means, stds = law
    nodes, shares = normal_nodes()
    values = function((means[..., None] + stds[..., None] * nodes).flatten())
    values = values.reshape(*means.shape, len(nodes), *values.shape[1:])
    return torch.einsum("bj,n,bjn...->b...", weights, shares, values)


def characteristic(law: Law, frequencies: Tensor) -> Tensor:
    """E[exp(i w z)] for w (W,), (B, W): it tells laws apart, those of points included."""
    weights, means, stds = (value[..., None] for value in law)
    return (weights * torch.exp(1j * frequencies * means - 0.5 * (frequencies * stds) ** 2)).sum(1)


@torch.no_grad()
def law_of_levels(
    model: ndm.NeuralDiffusion, name: str, times: Tensor, eta: float | None = None, ratios: Tensor | None = None
) -> Tensor:
    """P(x = level k), (L,), of x ~ p(x | z_0) at the end of the chain from z_1 ~ N(0, 1), to about 1e-6.

    Backwards: h_0(z) = p(x | z_0 = z), h_t(z) = E[h_s(z_s) | z_t = z].

    Args:
        times: that the chain visits, falling.
        ratios: w / v of each step (T,), k = 0 the last one; 1 if not given.
    """
    z = torch.linspace(-_FAR, _FAR, _POINTS, dtype=torch.float64)
    level = model.schedule(times[-1])
    values = torch.linspace(-1, 1, model.predictor.alphabet.num_levels, dtype=torch.float64)
    h = torch.softmax(-0.5 * ((z[:, None] - level.alpha * values) / level.sigma) ** 2, dim=-1)
    for k, (s, t) in enumerate(pairwise(times.double().flip(0))):
        law = step_law(model, name, z, s, t, eta, 1.0 if ratios is None else float(ratios[k]))
        h = expectation(law, interpolated(z, h))
    density = torch.exp(-0.5 * z**2)
    return density @ h / density.sum()


def interpolated(z: Tensor, h: Tensor) -> Callable[[Tensor], Tensor]:
    """The cubic spline through h (N, *of a value) at z (N,), constant beyond its ends."""
    spline = CubicSpline(z.numpy(), h.numpy())
    return lambda points: torch.from_numpy(np.asarray(spline(points.clamp(z[0], z[-1]).numpy())))


@torch.no_grad()
def latent(model: ndm.NeuralDiffusion, t: Tensor) -> Law:
    """q(z_t), of one dimension: weights, means and stds (1, K)."""
    alphabet, level = model.predictor.alphabet, model.schedule(t)
    signal = level.alpha * model.transform.curve(torch.ones(1, 1, dtype=torch.float64))(t)
    means = signal * alphabet.points[:, 0][None]
    return alphabet.shares[None], means, level.sigma.expand_as(means)


def cdf(law: Law, z: Tensor) -> Tensor:
    """P(z_t <= z) for z (B,)."""
    weights, means, stds = law
    return (weights * torch.special.ndtr((z[:, None] - means) / stds)).sum(-1)


def quantile(law: Law, u: Tensor) -> Tensor:
    """The z (B,) of that share of the law below it, by bisection."""
    low, high = torch.full_like(u, -50.0), torch.full_like(u, 50.0)
    for _ in range(80):
        middle = (low + high) / 2
        below = cdf(law, middle) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def deviations(counts: Tensor, law: Tensor) -> Tensor:
    """How many standard errors, each of one count at least, the shares of `counts` (L,) are off the law (L,)."""
    total = counts.sum()
    return (counts / total - law).abs() / (law * (1 - law) / total).sqrt().clamp(min=1 / total)


def count_levels(model: ndm.NeuralDiffusion, x: Tensor) -> Tensor:
    """How many of the samples x (B, 1) are each level, (L,)."""
    decoder = model.decoder
    return torch.bincount(decoder.to_integers(x).flatten(), minlength=decoder.num_levels).double()
