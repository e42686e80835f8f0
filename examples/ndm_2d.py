"""Neural Diffusion Models in one readable file: the whole method on two moons, in plain PyTorch.

A diffusion model adds noise to the data x. A *neural* diffusion model (Bartosh, Vetrov, Naesseth, ICML 2024,
https://arxiv.org/abs/2310.08337) first moves x along a learned curve F(x, t), and adds the noise to that:

    q(z_t | x) = N(alpha_t F(x, t), sigma_t^2 I),     F(x, 0) = x,     t = 0: data,  t = 1: noise.

With F = identity it is the usual model (DDPM, VDM). Read from top to bottom: data, model, bound, training,
samples, likelihood; each docstring is a formula and the lines below it are its terms.

    python ndm_2d.py --transform learned                                                   # continuous time
    python ndm_2d.py --transform learned --timesteps 10 --gamma -4 3 --learn-schedule      # few steps

In continuous time the identity's bound is tight if the predictor is exact, and F does best to stay near it.
In few steps F pays: compare "NELBO, T = 10" of the second command with that of `--transform identity`.

Shapes: x and z are (B, 2); a time is (B, 1) or a scalar. Results are in nats. f' is df/dt, f^ a prediction.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

TRUE_NLL = 2.412  # E[-log p(x)] of these moons
NOISE = 0.2  # their standard deviation across: 0.1, times 2


# --- Data --------------------------------------------------------------------------------------------------
def half_circles(place: Tensor) -> Tensor:
    """The upper half circle for place in [0, 1), the lower for [1, 2); times 2, minus (1, 0.2)."""
    cos, sin = (math.pi * place).cos(), (math.pi * place).sin()  # sin < 0 on the second
    upper, lower = torch.stack([cos, sin], -1), torch.stack([1 + cos, 0.5 + sin], -1)
    return 2 * torch.where(place[:, None] < 1, upper, lower) - place.new_tensor([1.0, 0.2])


def moons(n: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """n points x, in equal halves, and the place of each along the moons."""
    place = torch.rand(n, dtype=dtype) + torch.arange(n) % 2
    return half_circles(place) + NOISE * torch.randn(n, 2, dtype=dtype), place


def true_nll(x: Tensor, nodes: int = 800) -> Tensor:
    """-log p(x),   p(x) = mean of N(x; c, 0.2^2 I) over the points c of both half circles (midpoint rule)."""
    centres = half_circles((torch.arange(nodes, dtype=x.dtype) + 0.5) * 2 / nodes)
    square = ((x[:, None] - centres) ** 2).sum(-1)
    return math.log(2 * math.pi * NOISE**2 * nodes) - (-square / (2 * NOISE**2)).logsumexp(1)


# --- Model -------------------------------------------------------------------------------------------------
@dataclass
class Curve:
    """f(t) = x + sum_k b_k(t) h_k,   f'(t) = sum_k b'_k(t) h_k:   one network pass, every time."""

    x: Tensor  # (B, 2)
    h: Tensor  # (B, K, 2)
    basis: Callable[[Tensor], tuple[Tensor, Tensor]]  # t -> b(t), b'(t): (B, K) or (K,)

    def __call__(self, t: Tensor) -> Tensor:
        return self.with_velocity(t)[0]

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_dt = self.basis(t)
        return self.x + (b[..., None] * self.h).sum(-2), (b_dt[..., None] * self.h).sum(-2)

    def __sub__(self, other: Curve) -> Curve:
        return Curve(self.x - other.x, self.h - other.h, self.basis)


def mlp(num_in: int, num_out: int, width: int) -> nn.Sequential:
    """Three hidden layers. The last starts at zero: h = 0, so that training starts from F(x, t) = x."""
    hidden = [m for i, o in pairwise([num_in] + 3 * [width]) for m in (nn.Linear(i, o), nn.SiLU())]
    last = nn.Linear(width, num_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*hidden, last)


class NDM(nn.Module):
    """Schedule gamma, transformation F with K = `num_basis` functions (0: identity), and predictor."""

    def __init__(self, num_basis: int, *, gamma: Sequence[float] = (-9.0, 5.0), width: int = 128) -> None:
        super().__init__()
        self.num_basis = num_basis
        self.ends = nn.Parameter(torch.tensor(gamma))
        self.predictor = mlp(2 + 9, 2 + 2 * num_basis, width)
        self.transform = mlp(2, 2 * num_basis, width // 2) if num_basis else None

    def gamma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """gamma_t = gamma_0 + (gamma_1 - gamma_0) t = log(sigma_t^2 / alpha_t^2),   and gamma'_t > 0."""
        slope = self.ends[1] - self.ends[0]
        return self.ends[0] + slope * t, slope

    def alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha_t^2 = sigmoid(-gamma_t),   sigma_t^2 = sigmoid(gamma_t),   alpha_t^2 + sigma_t^2 = 1."""
        gamma, _ = self.gamma(t)
        return (-gamma).sigmoid().sqrt(), gamma.sigmoid().sqrt()

    def basis(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """b_k(t) = (sigma_t^k - sigma_0^k) / (sigma_1^k - sigma_0^k),  k = 1..K:  b_k(0) = 0;   and b'_k(t).

        In powers of sigma, what the bound sees of h_k (a_t b_k, a_t b'_k / gamma'_t) is of order 1 at all t.
        By the chain rule (sigma^k)' = k sigma^k gamma' alpha^2 / 2.
        """
        t = t if t.ndim else t[None]  # the last dimension becomes K
        k = torch.arange(1, self.num_basis + 1, dtype=t.dtype)
        (alpha, sigma), slope = self.alpha_sigma(t), self.gamma(t)[1]
        low, high = (self.alpha_sigma(t.new_tensor(end))[1] ** k for end in (0.0, 1.0))
        return (sigma**k - low) / (high - low), k * sigma**k * slope * alpha**2 / 2 / (high - low)

    def curve(self, x: Tensor) -> Curve:
        """F(x, t) = x + sum_k b_k(t) h_k(x)."""
        h = self.transform(x) if self.transform else x[:, :0]
        return Curve(x, h.view(len(x), self.num_basis, 2), self.basis)

    def predict(self, z: Tensor, t: Tensor) -> Curve:
        """f^(u) = x^ + sum_k b_k(u) h^_k:   the guess, from z_t and t alone, of the curve u -> F(x, u).

        The network's heads are h^_k and the noise eps^; z_t = alpha_t f^(t) + sigma_t eps^, solved for x^:
        x^ = (z_t - sigma_t eps^) / alpha_t - sum_k b_k(t) h^_k,   precise where there is little noise.
        """
        (alpha, sigma), t = self.alpha_sigma(t), t.expand(len(z), 1)
        angles = math.pi * t * torch.arange(1, 5, dtype=t.dtype)
        heads = self.predictor(torch.cat([z, t, angles.sin(), angles.cos()], 1)).view(len(z), -1, 2)
        eps_hat, h_hat = heads[:, 0], heads[:, 1:]
        drift = Curve(torch.zeros_like(z), h_hat, self.basis)(t)
        return Curve((z - sigma * eps_hat) / alpha - drift, h_hat, self.basis)


def posterior(model: NDM, z_t: Tensor, f: Curve, s: Tensor, t: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of q(z_s | z_t, x) with the curve f of x; of p(z_s | z_t) with the predicted curve.

    N(alpha_s f(s) + c (z_t - alpha_t f(t)), v I),   D = eta (gamma_t - gamma_s),
    c = (sigma_s / sigma_t) exp(-D/2),   v = sigma_s^2 (1 - exp(-D)).
    eta = 1 is DDPM, eta = 0 is DDIM; every eta >= 0 keeps all q(z_t | x).
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = model.alpha_sigma(s), model.alpha_sigma(t)
    D = eta * (model.gamma(t)[0] - model.gamma(s)[0])
    c = sigma_s / sigma_t * (-D / 2).exp()
    v = sigma_s**2 * -torch.expm1(-D)
    return alpha_s * f(s) + c * (z_t - alpha_t * f(t)), v


# --- Bound -------------------------------------------------------------------------------------------------
def diffusion_rate(model: NDM, dF: Curve, t: Tensor, eta: float | Tensor) -> Tensor:
    """l(t) = a_t^2 gamma'_t / (2 eta) | (1 + eta)/2 dF(t) - dF'(t) / gamma'_t |^2,   dF = F(x, .) - f^.

    a_t^2 = exp(-gamma_t) = SNR. With F = identity and eta = 1 it is VDM's 1/2 SNR gamma' |x - x^|^2.
    """
    (gamma, slope), (now, now_dt) = model.gamma(t), dF.with_velocity(t)
    return ((-gamma).exp() * slope / (2 * eta) * ((1 + eta) / 2 * now - now_dt / slope) ** 2).sum(1)


def step_kl(model: NDM, dF: Curve, s: Tensor, t: Tensor, eta: float | Tensor) -> Tensor:
    """KL(q(z_s | z_t, x) || p(z_s | z_t)) = | a_s dF(s) - exp(-D/2) a_t dF(t) |^2 / ( 2 (1 - exp(-D)) )."""
    gamma_s, gamma_t = model.gamma(s)[0], model.gamma(t)[0]
    D = eta * (gamma_t - gamma_s)
    a_s, a_t = (-gamma_s / 2).exp(), (-gamma_t / 2).exp()
    return ((a_s * dF(s) - (-D / 2).exp() * a_t * dF(t)) ** 2 / (-2 * torch.expm1(-D))).sum(1)


def nelbo(model: NDM, x: Tensor, *, timesteps: int | None = None, eta: float | Tensor = 1.0) -> Tensor:
    """NELBO = L_prior + L_diff + L_rec >= -log p(x):   (B,), one Monte-Carlo draw for each x.

    L_prior = 1/2 [ alpha_1^2 |F(x,1)|^2 + d (sigma_1^2 - 1 - log sigma_1^2) ]
    L_diff  = E_{t ~ U(0,1)} l(t);   with T timesteps   T E_{t ~ U{1/T..1}} KL(t - 1/T, t)
    L_rec   = d/2 (1 + log(2 pi sigma_0^2 / alpha_0^2)),   decoder N(x; z_0/alpha_0, (sigma_0/alpha_0)^2 I)
    All three are trained, F with them: on L_diff alone a constant F would be free, as then dF = 0.
    """
    (n, d), f, zero, one = x.shape, model.curve(x), x.new_tensor(0.0), x.new_tensor(1.0)
    t = (torch.rand((), dtype=x.dtype) + torch.arange(n, dtype=x.dtype)[:, None] / n) % 1  # spread evenly
    if timesteps:
        t = ((t * timesteps).floor() + 1) / timesteps
    alpha, sigma = model.alpha_sigma(t)
    z = alpha * f(t) + sigma * torch.randn_like(x)
    dF = f - model.predict(z, t)

    alpha_1, sigma_1 = model.alpha_sigma(one)
    prior = (alpha_1**2 * (f(one) ** 2).sum(1) + d * (sigma_1**2 - 1 - (sigma_1**2).log())) / 2
    if timesteps:
        diffusion = timesteps * step_kl(model, dF, t - 1 / timesteps, t, eta)
    else:
        diffusion = diffusion_rate(model, dF, t, eta)
    reconstruction = d / 2 * (1 + math.log(2 * math.pi) + model.gamma(zero)[0])
    return prior + diffusion + reconstruction


def train(
    model: NDM,
    seconds: float,
    *,
    timesteps: int | None = None,
    learn_schedule: bool = False,
    batch: int = 256,
) -> NDM:
    """Adam on fresh moons with a cosine decay of the step size; returns the moving average of the weights.

    In continuous time eta is drawn from [1/4, 4] for each point. At one eta the bound sees one combination of
    dF and dF' only (at eta = 1: dF - dF' / gamma'), so that errors of eps^ and of h^_k can cancel in it, but
    not in the ODE, which takes another. (With F = identity the best x^ is the same for every eta.)
    """
    model.ends.requires_grad_(learn_schedule)
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99))
    start, step = time.monotonic(), 0
    while (progress := (time.monotonic() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 100) * (1 + math.cos(math.pi * progress))
        eta = 1.0 if timesteps else 4 ** (2 * torch.rand(batch, 1) - 1)
        loss = nelbo(model, moons(batch)[0], timesteps=timesteps, eta=eta).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        for mean, new in zip(average.parameters(), model.parameters(), strict=True):
            mean.lerp_(new.detach(), 1 - min(0.998, step / (step + 10)))
    print(f"{step} training steps in {seconds:g} s", flush=True)
    return average


# --- Samples and likelihood --------------------------------------------------------------------------------
@torch.no_grad()
def sample(model: NDM, n: int, *, steps: int = 100, eta: float = 1.0) -> Tensor:
    """z_1 ~ N(0, I), then z_s = alpha_s f^(s) + c (z_t - alpha_t f^(t)) + sqrt(v) n,  x = z_0 / alpha_0.

    Returns z at all times, the last one x: (steps + 1, n, 2). F itself and F' are not needed.
    """
    path = [torch.randn(n, 2)]
    for t, s in pairwise(torch.linspace(1, 0, steps + 1)):
        mean, v = posterior(model, path[-1], model.predict(path[-1], t), s, t, eta)
        path.append(mean + v.sqrt() * torch.randn(n, 2))
    return torch.stack([*path[:-1], path[-1] / model.alpha_sigma(torch.tensor(0.0))[0]])


def velocity(model: NDM, z: Tensor, t: Tensor) -> Tensor:
    """v(z, t) = (alpha_t f^(t))' + (sigma'_t / sigma_t) (z - alpha_t f^(t)):   sampling's limit at eta = 0.

    (alpha f)' = alpha' f + alpha f';  alpha' = -gamma' sigma^2 alpha / 2;  sigma' = gamma' alpha^2 sigma / 2.
    """
    (alpha, sigma), slope = model.alpha_sigma(t), model.gamma(t)[1]
    f, f_dt = model.predict(z, t).with_velocity(t)
    return -slope * sigma**2 * alpha / 2 * f + alpha * f_dt + slope * alpha**2 / 2 * (z - alpha * f)


def ode_nll(model: NDM, x: Tensor, *, steps: int = 64) -> Tensor:
    """-log p(x) of dz = v dt:   log p(x) = d log alpha_0 + log N(z_1; 0, I) + integral_0^1 div v(z_t, t) dt.

    From z_0 = alpha_0 x by Runge-Kutta steps of order 4, with the exact trace div v = sum_i dv_i / dz_i.
    """

    def rate(z: Tensor, t: float) -> Tensor:
        """d/dt of (z, integral of div v): (B, 3)."""
        with torch.enable_grad():
            z = z[:, :2].detach().requires_grad_()
            v = velocity(model, z, z.new_tensor(t))
            rows = [torch.autograd.grad(v[:, i].sum(), z, retain_graph=True)[0] for i in range(2)]
        return torch.cat([v.detach(), rows[0][:, :1] + rows[1][:, 1:]], 1)

    alpha_0, step = model.alpha_sigma(x.new_tensor(0.0))[0].detach(), 1 / steps
    z = torch.cat([alpha_0 * x, 2 * alpha_0.log().expand(len(x), 1)], 1)
    for t in np.arange(steps) * step:
        k1 = rate(z, t)
        k2 = rate(z + step / 2 * k1, t + step / 2)
        k3 = rate(z + step / 2 * k2, t + step / 2)
        k4 = rate(z + step * k3, t + step)
        z = z + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return (z[:, :2] ** 2).sum(1) / 2 + math.log(2 * math.pi) - z[:, 2]


# --- Experiment --------------------------------------------------------------------------------------------
@torch.no_grad()
def report(model: NDM, x: Tensor, draws: int = 128) -> str:
    """The estimates on held-out x, and Var F / Var x, which is near 0 where F has collapsed."""
    truth, root = true_nll(x), len(x) ** 0.5
    rows = [("ODE", ode_nll(model, x)), ("truth", truth)]
    for name, timesteps in ("NELBO, T = 10", 10), ("NELBO, continuous", None):
        bounds = [nelbo(model, x, timesteps=timesteps) for _ in range(draws)]
        rows.insert(0, (name, torch.stack(bounds).mean(0)))
    lines = [f"-log p(x) of {len(x)} held-out points, in nats, with standard errors (exact mean: {TRUE_NLL})"]
    for name, nll in rows:
        gap = nll - truth  # on the same points, so that their luck cancels
        lines.append(f"  {name:18s} {nll.mean():7.3f} +- {nll.std() / root:.3f}")
        lines[-1] += f"    above the truth: {gap.mean():7.3f} +- {gap.std() / root:.3f}" * (name != "truth")
    times = torch.tensor([0.25, 0.5, 0.75, 1.0])
    ratios = [model.curve(x)(t).var(0).sum() / x.var(0).sum() for t in times]
    shown = "   ".join(f"t = {t:g}: {r:.3f}" for t, r in zip(times, ratios, strict=True))
    first, last = model.gamma(torch.tensor([0.0, 1.0]))[0].tolist()
    return "\n".join(
        [*lines, f"  Var F / Var x      {shown}", f"  gamma              {first:.2f} .. {last:.2f}"]
    )


@torch.no_grad()
def picture(model: NDM, out: Path, title: str, *, steps: int, eta: float) -> None:
    """Above: data, samples, paths of the ODE. Below: F(x, t) and z_t, each point keeping its colour."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    def hue(u: Tensor) -> np.ndarray:
        """A cyclic palette of period 1."""
        return (0.5 + 0.38 * (2 * math.pi * (u[:, None] + torch.tensor([0.05, 0.38, 0.72]))).cos()).numpy()

    ink, paper = "#2b2d42", "#fbfaf7"
    figure = Figure(figsize=(15, 9.6), facecolor=paper)
    figure.suptitle(title, color=ink, fontsize=16, y=0.985)
    rows = []
    strips = np.ravel(np.array(figure.subfigures(3, 1, height_ratios=[1.75, 1, 1])))
    for strip, columns in zip(strips, (4, 6, 6), strict=True):
        strip.set_facecolor(paper)
        rows.append(strip.subplots(1, columns))
        strip.subplots_adjust(left=0.02, right=0.98, bottom=0.03, top=0.85, wspace=0.06)

    def draw(ax, name: str, points: Tensor, colour: object, size: float = 3.5) -> None:
        ax.scatter(*points.numpy().T, color=colour, s=size, alpha=0.7, linewidths=0)
        ax.set(xlim=(-3.7, 3.7), ylim=(-3.7, 3.7), xticks=[], yticks=[], aspect="equal", facecolor=paper)
        ax.set_title(name, color=ink, fontsize=11)
        ax.spines[:].set_color("#d9d6cd")

    (x, place), paths = moons(4000), sample(model, 4000, steps=100, eta=0.0)
    samples = sample(model, 4000, steps=steps, eta=eta)[-1]
    along, angle = hue(place / 2), hue(torch.atan2(paths[0, :, 1], paths[0, :, 0]) / (2 * math.pi))
    draw(rows[0][0], "data", x, along)
    draw(rows[0][1], f"samples: {steps} steps, $\\eta$ = {eta:g}", samples, ink)
    draw(rows[0][2], "samples of the ODE, hue of their noise", paths[-1], angle)
    draw(rows[0][3], "paths of the ODE, from noise to data", paths[-1, :500], angle[:500], 7)
    lines = paths[:, :500].transpose(0, 1).numpy()
    rows[0][3].add_collection(LineCollection(list(lines), colors=angle[:500], linewidths=0.6, alpha=0.4))
    for t, above, below in zip(torch.linspace(0, 1, 6), rows[1], rows[2], strict=True):
        (alpha, sigma), F = model.alpha_sigma(t), model.curve(x)(t)
        draw(above, f"$F(x,\\, {t:.1f})$", F, along, 2.5)
        z = alpha * F + sigma * torch.randn_like(x)
        draw(below, f"$z_{{{t:.1f}}} = {alpha:.2f}\\, F + {sigma:.2f}\\, \\epsilon$", z, along, 2.5)
    figure.savefig(out, dpi=110, facecolor=paper)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A neural diffusion model of two moons.")
    add = parser.add_argument
    add("--transform", choices=["identity", "learned"], default="learned", help="F(x, t); default: learned")
    add("--timesteps", type=int, metavar="T", help="train the bound of T steps; default: continuous time")
    add(
        "--gamma", type=float, nargs=2, default=(-9.0, 5.0), metavar="G", help="its end points; default: -9 5"
    )
    add("--learn-schedule", action="store_true", help="train gamma_0 and gamma_1 too")
    add("--seconds", type=float, default=60.0, help="training time; default: 60")
    add("--seed", type=int, default=0, help="of data, weights and noise; default: 0")
    add("--steps", type=int, help="sampling steps of the picture; default: T, or 100")
    add("--eta", type=float, default=1.0, help="volatility of those samples, 0: deterministic; default: 1")
    add("--out", type=Path, default=Path("ndm_2d.png"), help="the picture; default: ndm_2d.png")
    args = parser.parse_args(argv)
    for good, message in [
        (0 < args.seconds < math.inf, f"--seconds {args.seconds} is not a positive time; try --seconds 60"),
        (
            -40 < args.gamma[0] < args.gamma[1] < 40,
            f"--gamma {args.gamma} does not increase; try --gamma -9 5",
        ),
        (0 <= args.seed < 2**63, f"--seed {args.seed} is not in [0, 2^63); try --seed 0"),
        (args.timesteps is None or args.timesteps > 0, f"--timesteps {args.timesteps} is below 1; try 10"),
        (args.steps is None or args.steps > 0, f"--steps {args.steps} is below 1; try --steps 100"),
        (0 <= args.eta < math.inf, f"--eta {args.eta} is not a number >= 0; try 1 (DDPM) or 0 (DDIM)"),
        (args.out.suffix == ".png", f"--out {args.out} is not the name of a .png file; try ndm_2d.png"),
        (not args.out.is_dir(), f"--out {args.out} is a folder; try {args.out / 'ndm_2d.png'}"),
        (args.out.parent.is_dir(), f"--out {args.out}: there is no folder {args.out.parent}; make it first"),
    ]:
        if not good:
            parser.error(message)
    return args


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(1)  # these networks are too small to share
    torch.manual_seed(args.seed)
    model = NDM(num_basis=2 if args.transform == "learned" else 0, gamma=args.gamma)
    model = train(model, args.seconds, timesteps=args.timesteps, learn_schedule=args.learn_schedule)
    torch.manual_seed(args.seed + 1)  # held out, and the same points for every model of this seed
    print(report(model, moons(4000)[0]))
    bound = f"{args.timesteps} steps" if args.timesteps else "continuous time"
    title = f"A neural diffusion model of two moons: F {args.transform}, trained in {bound}"
    picture(model, args.out, title, steps=args.steps or args.timesteps or 100, eta=args.eta)
    print(f"picture: {args.out}")


if __name__ == "__main__":
    main()
