"""Neural Diffusion Models in one readable file: the whole method on two moons, in plain PyTorch.

A diffusion model adds noise to the data x. A *neural* diffusion model (Bartosh, Vetrov, Naesseth, ICML 2024,
https://arxiv.org/abs/2310.08337) first moves x along a learned curve F(x, t), and adds the noise to that:

    q(z_t | x) = N(alpha_t F(x, t), sigma_t^2 I),     F(x, 0) = x,     t = 0: data,  t = 1: noise.

With F = identity it is the usual model (DDPM, VDM). F pays where the steps are few; compare the bounds of

    python ndm_2d.py --transform identity         # 10 steps
    python ndm_2d.py --transform learned          # 10 steps; --timesteps 0: continuous time

Each docstring is a formula, the lines below it are its terms. Points x, z are (B, 2); a time is a number or
(B, 1); f' is df/dt, f^ a prediction. A curve f(t) = sum_k b_k(t) h_k is its coefficients h: (B, K + 1, 2).
"""

import argparse
import copy
import math
import time
from itertools import pairwise
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn


def moons(n: int) -> Tensor:
    """n points x of two half circles, (cos, sin) and (1 + cos, 1/2 + sin), with noise."""
    lower = torch.arange(n) % 2
    angle = math.pi * (torch.rand(n) + lower)  # from pi to 2 pi on the lower
    circles = torch.stack([angle.cos() + lower, angle.sin() + lower / 2], 1)
    return 2 * circles - torch.tensor([1.0, 0.2]) + 0.2 * torch.randn(n, 2)


# --- Model -------------------------------------------------------------------------------------------------
def mlp(num_in: int, num_out: int, width: int) -> nn.Sequential:
    """Three hidden layers; the output starts at zero, so that training starts from F(x, t) = x."""
    hidden = [m for i, o in pairwise([num_in] + 3 * [width]) for m in (nn.Linear(i, o), nn.SiLU())]
    last = nn.Linear(width, num_out, bias=False)
    nn.init.zeros_(last.weight)
    return nn.Sequential(*hidden, last)


class NDM(nn.Module):
    """The three learned parts: schedule gamma, transformation F of K functions (0: identity), predictor."""

    def __init__(self, K: int, ends: tuple[float, float] = (-4.0, 3.0), width: int = 128) -> None:
        super().__init__()
        self.K = K
        self.ends = nn.Parameter(torch.tensor(ends) / 10)  # of gamma; a tenth, so that they learn faster
        self.transform = mlp(2, 2 * K, width // 2) if K else None
        self.predictor = mlp(2 + 9, 2 + 2 * K, width)

    def schedule(self, t):
        """gamma_t = gamma_0 + (gamma_1 - gamma_0) t = log(sigma_t^2 / alpha_t^2),   gamma'_t,   and from
        alpha_t^2 + sigma_t^2 = 1:   alpha_t^2 = sigmoid(-gamma_t),   sigma_t^2 = sigmoid(gamma_t)."""
        gamma_0, gamma_1 = 10 * self.ends
        gamma = gamma_0 + (gamma_1 - gamma_0) * t
        return gamma, gamma_1 - gamma_0, (-gamma).sigmoid().sqrt(), gamma.sigmoid().sqrt()

    def at(self, h: Tensor, t) -> tuple[Tensor, Tensor]:
        """f(t) = sum_k b_k(t) h_k   and   f'(t) = sum_k b'_k(t) h_k:   free at every t, once h is known.
        b_0 = 1,   b_k(t) = sigma_t^k - sigma_0^k,   b'_k(t) = k sigma_t^k gamma'_t alpha_t^2 / 2."""
        (_, slope, alpha, sigma), sigma_0, k = self.schedule(t), self.schedule(0)[3], torch.arange(self.K + 1)
        b, b_dt = sigma**k - sigma_0**k + (k == 0), k * sigma**k * slope * alpha**2 / 2
        return (b[..., None] * h).sum(-2), (b_dt[..., None] * h).sum(-2)

    def curve(self, x: Tensor) -> Tensor:
        """F(x, t) = x + sum_{k=1..K} b_k(t) h_k(x):   F(x, 0) = x, as b_k(0) = 0."""
        return torch.cat([x, self.transform(x)] if self.K else [x], 1).view(len(x), self.K + 1, 2)

    def predict(self, z: Tensor, t) -> Tensor:
        """f^(u) = x^ + sum_{k=1..K} b_k(u) h^_k:   the guess, from z_t and t alone, of the curve F(x, u).
        The network's heads are the noise eps^ and h^_k; z_t = alpha_t f^(t) + sigma_t eps^, solved for x^:
        x^ = (z_t - sigma_t eps^) / alpha_t - sum_{k=1..K} b_k(t) h^_k,   precise at little noise."""
        t = t + torch.zeros_like(z[:, :1])
        (_, _, alpha, sigma), angles = self.schedule(t), math.pi * t * torch.arange(1, 5)
        heads = self.predictor(torch.cat([z, t, angles.sin(), angles.cos()], 1)).view(len(z), -1, 2)
        eps_hat, sum_from_0 = heads[:, 0], self.at(heads, t)[0]  # with k = 0: b_0 eps^ = eps^
        x_hat = (z - sigma * eps_hat) / alpha - (sum_from_0 - eps_hat)
        return torch.cat([x_hat[:, None], heads[:, 1:]], 1)


def posterior(model: NDM, z_t: Tensor, h: Tensor, s, t, eta) -> tuple[Tensor, Tensor]:
    """q(z_s | z_t, x) for the curve f of x, and p(z_s | z_t) for f^:   mean and variance of
    N(alpha_s f(s) + c (z_t - alpha_t f(t)), v I),    D = eta (gamma_t - gamma_s),
    c = (sigma_s / sigma_t) exp(-D/2),    v = sigma_s^2 (1 - exp(-D)).    eta = 1: DDPM;  eta = 0: DDIM."""
    (gamma_s, _, alpha_s, sigma_s), (gamma_t, _, alpha_t, sigma_t) = model.schedule(s), model.schedule(t)
    D = eta * (gamma_t - gamma_s)
    c, v = sigma_s / sigma_t * (-D / 2).exp(), sigma_s**2 * -torch.expm1(-D)
    return alpha_s * model.at(h, s)[0] + c * (z_t - alpha_t * model.at(h, t)[0]), v


# --- Bound -------------------------------------------------------------------------------------------------
def diffusion(model: NDM, dh: Tensor, t, T: int, eta) -> Tensor:
    """T KL(q(z_s | z_t, x) || p(z_s | z_t)),   s = t - 1/T;   and its limit l(t) in continuous time, T = 0.
    KL   = | a_s dF(s) - exp(-D/2) a_t dF(t) |^2 / ( 2 (1 - exp(-D)) ),    a_t^2 = exp(-gamma_t) = SNR,
    l(t) = a_t^2 gamma'_t / (2 eta) | (1 + eta)/2 dF(t) - dF'(t) / gamma'_t |^2,   dF(t) = F(x, t) - f^(t)."""
    (gamma, slope, _, _), (dF, dF_dt) = model.schedule(t), model.at(dh, t)
    if not T:
        return ((-gamma).exp() * slope / (2 * eta) * ((1 + eta) / 2 * dF - dF_dt / slope) ** 2).sum(1)
    gamma_s, dF_s = model.schedule(t - 1 / T)[0], model.at(dh, t - 1 / T)[0]
    D, a_s, a_t = eta * (gamma - gamma_s), (-gamma_s / 2).exp(), (-gamma / 2).exp()
    return T * ((a_s * dF_s - (-D / 2).exp() * a_t * dF) ** 2 / (-2 * torch.expm1(-D))).sum(1)


def nelbo(model: NDM, x: Tensor, T: int, eta=1.0) -> Tensor:
    """NELBO = L_prior + L_diff + L_rec >= -log p(x):   (B,), one Monte-Carlo draw for each x.
    L_prior = 1/2 [ alpha_1^2 |F(x,1)|^2 + d (sigma_1^2 - 1 - log sigma_1^2) ]
    L_diff  = T E KL(t - 1/T, t) over t ~ U{1/T..1};   in continuous time E l(t) over t ~ U(0,1)
    L_rec   = d/2 (1 + log(2 pi) + gamma_0),   decoder N(x; z_0/alpha_0, (sigma_0/alpha_0)^2 I)
    All three train F: on L_diff alone a constant F would be free, as then dF = 0."""
    (n, d), h = x.shape, model.curve(x)
    t = (torch.rand(()) + torch.arange(n)[:, None] / n) % 1  # spread evenly over the batch: low discrepancy
    t = ((t * T).floor() + 1) / T if T else t
    (_, _, alpha, sigma), (_, _, alpha_1, sigma_1) = model.schedule(t), model.schedule(1)
    z = alpha * model.at(h, t)[0] + sigma * torch.randn_like(x)
    prior = (alpha_1**2 * model.at(h, 1)[0] ** 2 + sigma_1**2 - 1 - (sigma_1**2).log()).sum(1) / 2
    reconstruction = d / 2 * (1 + math.log(2 * math.pi) + model.schedule(0)[0])
    return prior + diffusion(model, h - model.predict(z, t), t, T, eta) + reconstruction


def train(model: NDM, seconds: float, T: int, batch: int = 256) -> NDM:
    """Adam on fresh moons, cosine decay of its step size; returns the moving average of the weights."""
    model.ends.requires_grad_(T > 0)  # in continuous time wide fixed ends serve well
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    start, step = time.monotonic(), 0
    while (progress := (time.monotonic() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 100) * (1 + math.cos(math.pi * progress))
        # One eta sees one combination of dF and dF', in which errors can cancel; the ODE takes another. So
        # in continuous time each point draws its eta, log-uniformly from [1/4, 4].
        eta = 1.0 if T else 4 ** (2 * torch.rand(batch, 1) - 1)
        optimizer.zero_grad()
        nelbo(model, moons(batch), T, eta).mean().backward()
        optimizer.step()
        step += 1
        for mean, new in zip(average.parameters(), model.parameters(), strict=True):
            mean.lerp_(new.detach(), 1 - min(0.998, step / (step + 10)))
    return average


# --- Samples and likelihood --------------------------------------------------------------------------------
def sample(model: NDM, n: int, steps: int, eta: float) -> Tensor:
    """z_1 ~ N(0, I),   then z_s ~ p(z_s | z_t) in equal steps from t = 1 to 0,   x = z_0 / alpha_0."""
    z = torch.randn(n, 2)
    for t, s in pairwise(torch.linspace(1, 0, steps + 1)):
        mean, v = posterior(model, z, model.predict(z, t), s, t, eta)
        z = mean + v.sqrt() * torch.randn(n, 2)
    return z / model.schedule(0)[2]


def velocity(model: NDM, z: Tensor, t) -> Tensor:
    """dz/dt = (alpha_t f^(t))' + (sigma'_t / sigma_t) (z - alpha_t f^(t)):   sampling's limit at eta = 0,
    alpha'_t = -gamma'_t sigma_t^2 alpha_t / 2,   sigma'_t = gamma'_t alpha_t^2 sigma_t / 2."""
    (_, slope, alpha, sigma), (f, f_dt) = model.schedule(t), model.at(model.predict(z, t), t)
    return alpha * (f_dt - slope / 2 * sigma**2 * f) + slope / 2 * alpha**2 * (z - alpha * f)


def ode_nll(model: NDM, x: Tensor, steps: int = 100) -> Tensor:
    """-log p(x) of that ODE from z_0 = alpha_0 x to z_1, exact up to its midpoint steps (error of order 2):
    log p(x) = log N(z_1; 0, I) + d log alpha_0 + integral_0^1 div dt,   div = sum_i d(dz_i/dt) / dz_i."""
    alpha_0, dt = model.schedule(0)[2], 1 / steps
    z, log_p = alpha_0 * x, 2 * alpha_0.log()
    for t in (i * dt for i in range(steps)):
        middle, t = z + dt / 2 * velocity(model, z, t), t + dt / 2
        jacobian = torch.vmap(torch.func.jacrev(lambda z, t=t: velocity(model, z[None], t)[0]))(middle)
        log_p = log_p + dt * jacobian.diagonal(dim1=1, dim2=2).sum(1)
        z = z + dt * velocity(model, middle, t)
    return z.square().sum(1) / 2 + math.log(2 * math.pi) - log_p


# --- Experiment --------------------------------------------------------------------------------------------
def report(model: NDM, x: Tensor, T: int) -> None:
    """The three estimates on held-out x, and Var F / Var x, which is near 0 where F has collapsed."""
    rows = {f"NELBO, T = {n or 'oo'}": sum(nelbo(model, x, n) for _ in range(64)) / 64 for n in (T or 10, 0)}
    print(f"-log p(x) of {len(x)} held-out points, in nats; exact: 2.394")
    for name, nll in {**rows, "ODE": ode_nll(model, x)}.items():
        print(f"  {name:14s} {nll.mean():.3f} +- {nll.std() / len(x) ** 0.5:.3f}")
    ratios = [model.at(model.curve(x), t)[0].var(0).sum() / x.var(0).sum() for t in (0.25, 0.5, 0.75, 1)]
    print("  Var F / Var x ", *(f"{ratio:.2f}" for ratio in ratios), "at t = 1/4, 1/2, 3/4, 1")


def picture(model: NDM, out: Path, steps: int) -> None:
    """Data, samples, and F(x, t), where each point keeps the colour of its x."""
    x, samples = moons(3000), sample(model, 3000, steps, 1.0)
    panels = [("data x", x, x), (f"samples, {steps} steps", samples, samples)]
    panels += [(f"$F(x, {t})$", model.at(model.curve(x), t)[0], x) for t in (0.25, 0.5, 0.75, 1)]
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    for ax, (name, points, colour) in zip(figure.subplots(2, 3).flat, panels, strict=True):
        ax.scatter(*points.T, c=colour[:, 0], s=4, alpha=0.7, linewidths=0, cmap="plasma", vmin=-3, vmax=4)
        ax.set(title=name, xlim=(-3.7, 3.7), ylim=(-3.7, 3.7), xticks=[], yticks=[], aspect="equal")
    figure.savefig(out, dpi=100)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--transform", choices=["identity", "learned"], default="learned", help="F(x, t)")
    parser.add_argument("--timesteps", type=int, default=10, help="T of the bound; 0: continuous time")
    parser.add_argument("--seconds", type=float, default=60.0, help="training time")
    parser.add_argument("--seed", type=int, default=0, help="of weights, data and noise")
    parser.add_argument("--out", type=Path, default="ndm_2d.png", help="the picture")
    args = parser.parse_args(argv)
    for good, message in [
        (args.timesteps >= 0, f"--timesteps {args.timesteps} is below 0; try 10, or 0 for continuous time"),
        (0 < args.seconds < math.inf, f"--seconds {args.seconds} is not a positive time; try 60"),
        (0 <= args.seed < 2**63 - 1, f"--seed {args.seed} is not in [0, 2^63 - 1); try 0"),
        (args.out.suffix == ".png", f"--out {args.out} is not the name of a .png file; try ndm_2d.png"),
        (args.out.parent.is_dir() and not args.out.is_dir(), f"--out {args.out} is a folder or in none"),
    ]:
        if not good:
            parser.error(message)
    torch.set_num_threads(1)  # these networks are too small to share
    torch.manual_seed(args.seed)
    model = NDM(2 if args.transform == "learned" else 0, (-4.0, 3.0) if args.timesteps else (-9.0, 5.0))
    model = train(model, args.seconds, args.timesteps)
    torch.manual_seed(args.seed + 1)  # held out, and the same points for every model of this seed
    report(model, moons(4000), args.timesteps)
    picture(model, args.out, args.timesteps or 100)


if __name__ == "__main__":
    main()
