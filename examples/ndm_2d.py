"""Neural Diffusion Models in one readable file: the whole method on two moons, in plain PyTorch.

A diffusion model adds noise to the data x. A *neural* diffusion model (Bartosh, Vetrov, Naesseth, 2024,
https://arxiv.org/abs/2310.08337) first moves x along a learned curve F(x, t), with F(x, 0) = x, and adds the noise to that:

    q(z_t | x) = N(alpha_t F(x, t), sigma_t^2 I),        t = 0: data,   t = 1: noise

F = identity is the usual model (DDPM, VDM); here it is the learned one with no basis function. Read from top to bottom:
the schedule, F and its prediction, the posterior, the bound, training, sampling, likelihood. Every docstring is a formula.

    python ndm_2d.py --transform learned --seconds 60 --out ndm_2d.png
    python ndm_2d.py --transform learned --timesteps 10 --learn-schedule        # few steps: here F pays

Shapes: x, z (B, 2); times are (B, 1) or a scalar tensor, so that they broadcast. All results are in nats. A prime is d/dt.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

TRUE_NLL = 2.412  # E[-log p(x)] of these moons, by quadrature


# ---------------------------------------------------------------------------------------------------- data
def on_moons(angle: Tensor, lower: Tensor) -> Tensor:
    """The point at `angle` in [0, pi] of the upper half circle, or of the `lower` one; times 2, minus (1, 0.2)."""
    up, down = (angle.cos(), angle.sin()), (1 - angle.cos(), 0.5 - angle.sin())
    points = torch.where(lower[:, None], torch.stack(down, -1), torch.stack(up, -1))
    return 2 * points - points.new_tensor([1.0, 0.2])


def moons(n: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """n points of the two moons (noise 0.1, doubled with the rest), and the place of each along them, in [0, 2)."""
    place = torch.rand(n, dtype=dtype) + (torch.arange(n) % 2)
    clean = on_moons(math.pi * (place % 1), place >= 1)
    return clean + 0.2 * torch.randn_like(clean), place


def true_nll(x: Tensor, nodes: int = 400) -> Tensor:
    """-log p(x), p(x) = mean over both moons and all angles of N(x; point, 0.2^2 I), by the midpoint rule."""
    place = (torch.arange(2 * nodes, dtype=x.dtype) + 0.5) / nodes
    centres = on_moons(math.pi * (place % 1), place >= 1)
    log_normal = -((x[:, None] - centres) ** 2).sum(-1) / (2 * 0.2**2) - math.log(2 * math.pi * 0.2**2)
    return math.log(2 * nodes) - log_normal.logsumexp(1)


# --------------------------------------------------------------------------------------------------- model
@dataclass
class Curve:
    """f(t) = x + sum_k b_k(t) h_k  and  f'(t) = sum_k b'_k(t) h_k:  one network pass gives the curve at every time."""

    x: Tensor  # (B, 2)
    h: Tensor  # (B, K, 2)
    basis: Callable[[Tensor], tuple[Tensor, Tensor]]  # t -> b(t), b'(t), each (B, K) or (K,)

    def __call__(self, t: Tensor) -> Tensor:
        return self.with_velocity(t)[0]

    def with_velocity(self, t: Tensor) -> tuple[Tensor, Tensor]:
        b, b_dt = self.basis(t)
        return self.x + (b[..., None] * self.h).sum(-2), (b_dt[..., None] * self.h).sum(-2)

    def __sub__(self, other: Curve) -> Curve:
        return Curve(self.x - other.x, self.h - other.h, self.basis)


def mlp(num_in: int, num_out: int, width: int) -> nn.Sequential:
    """Three hidden layers; the last layer starts at zero, so that training starts from h = 0, F(x, t) = x."""
    sizes = [num_in, width, width, width]
    hidden = [layer for i, o in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(i, o), nn.SiLU())]
    network = nn.Sequential(*hidden, nn.Linear(width, num_out))
    nn.init.zeros_(network[-1].weight)
    nn.init.zeros_(network[-1].bias)
    return network


class NDM(nn.Module):
    """Schedule gamma_t, transformation F(x, t) with `num_basis` functions (0: the identity), and predictor."""

    def __init__(self, num_basis: int, *, gamma: tuple[float, float] = (-9.0, 5.0), learn_gamma: bool = False, width: int = 128):
        super().__init__()
        self.num_basis = num_basis
        self.ends = nn.Parameter(torch.tensor([gamma[0], math.log(gamma[1] - gamma[0])]), requires_grad=learn_gamma)
        self.predictor = mlp(2 + 9, 2 * (1 + num_basis), width)
        if num_basis:
            self.transform = mlp(2, 2 * num_basis, width // 2)

    def gamma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """gamma_t = gamma_0 + (gamma_1 - gamma_0) t = log(sigma_t^2 / alpha_t^2), minus the log-SNR;  and gamma'_t."""
        slope = self.ends[1].exp()
        return self.ends[0] + slope * t, slope

    def alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha_t^2 = sigmoid(-gamma_t),   sigma_t^2 = sigmoid(gamma_t):   alpha_t^2 + sigma_t^2 = 1."""
        gamma, _ = self.gamma(t)
        return (-gamma).sigmoid().sqrt(), gamma.sigmoid().sqrt()

    def basis(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """b_k(t) = (sigma_t^k - sigma_0^k) / (sigma_1^k - sigma_0^k), k = 1..K, so that b_k(0) = 0;  and b'_k(t). (B, K).

        Powers of sigma, as then a_t b_k and a_t b'_k / gamma'_t (what the bound sees of h_k) stay of order 1 for all t.
        sigma' = gamma' alpha^2 sigma / 2.
        """
        t = t[..., 0] if t.ndim else t
        k = torch.arange(1, self.num_basis + 1, dtype=t.dtype)
        (alpha, sigma), slope = self.alpha_sigma(t[..., None]), self.gamma(t)[1]
        start, end = self.alpha_sigma(t.new_tensor(0.0))[1] ** k, self.alpha_sigma(t.new_tensor(1.0))[1] ** k
        return (sigma**k - start) / (end - start), k * sigma**k * slope * alpha**2 / 2 / (end - start)

    def curve(self, x: Tensor) -> Curve:
        """F(x, t) = x + sum_k b_k(t) h_k(x),   so that F(x, 0) = x."""
        h = self.transform(x) if self.num_basis else x[:, :0]
        return Curve(x, h.view(len(x), self.num_basis, 2), self.basis)

    def predict(self, z: Tensor, t: Tensor) -> Curve:
        """f^(u) = x^ + sum_k b_k(u) h^_k:   the guess of the curve u -> F(x, u), from z_t and t alone.

        The network gives the h^_k and the noise eps^; solved for x^, z_t = alpha_t f^(t) + sigma_t eps^ gives
        x^ = (z_t - sigma_t eps^) / alpha_t - sum_k b_k(t) h^_k,   which is precise where the noise is small.
        """
        alpha, sigma = self.alpha_sigma(t)
        angles = math.pi * t.expand(len(z), 1) * torch.arange(1, 5, dtype=t.dtype)
        features = torch.cat([z, t.expand(len(z), 1), angles.sin(), angles.cos()], 1)
        eps_hat, *h_hat = self.predictor(features).view(len(z), 1 + self.num_basis, 2).unbind(1)
        h = torch.stack(h_hat, 1) if h_hat else z[:, :0].view(len(z), 0, 2)
        drift = Curve(torch.zeros_like(z), h, self.basis)(t)
        return Curve((z - sigma * eps_hat) / alpha - drift, h, self.basis)


def posterior(model: NDM, z_t: Tensor, f: Curve, s: Tensor, t: Tensor, eta: float | Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of q(z_s | z_t, x) if f is the curve of x, and of p(z_s | z_t) if f is the predicted curve.

    q(z_s | z_t, x) = N(alpha_s f(s) + c (z_t - alpha_t f(t)), v I),   D = eta (gamma_t - gamma_s),
    c = (sigma_s / sigma_t) exp(-D / 2),   v = sigma_s^2 (1 - exp(-D)).   eta = 1: DDPM; eta = 0: DDIM.
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = model.alpha_sigma(s), model.alpha_sigma(t)
    D = eta * (model.gamma(t)[0] - model.gamma(s)[0])
    c = sigma_s / sigma_t * (-D / 2).exp()
    v = sigma_s**2 * -torch.expm1(-D)
    return alpha_s * f(s) + c * (z_t - alpha_t * f(t)), v


# --------------------------------------------------------------------------------------------------- bound
def diffusion_rate(model: NDM, f: Curve, f_hat: Curve, t: Tensor, eta: float | Tensor) -> Tensor:
    """l(t) = a_t^2 gamma'_t / (2 eta) | (1 + eta)/2 dF(t) - dF'(t) / gamma'_t |^2,     dF = F(x, .) - f^,   a = alpha / sigma.

    With F = identity and eta = 1 it is VDM's 1/2 SNR gamma' |x - x^|^2.
    """
    gamma, slope = model.gamma(t)
    dF, dF_dt = (f - f_hat).with_velocity(t)
    return ((-gamma).exp() * slope / (2 * eta) * ((1 + eta) / 2 * dF - dF_dt / slope) ** 2).sum(1)


def step_kl(model: NDM, f: Curve, f_hat: Curve, s: Tensor, t: Tensor, eta: float | Tensor) -> Tensor:
    """KL(q(z_s | z_t, x) || p(z_s | z_t)) = | a_s dF(s) - exp(-D/2) a_t dF(t) |^2 / ( 2 (1 - exp(-D)) )."""
    gamma_s, gamma_t = model.gamma(s)[0], model.gamma(t)[0]
    D = eta * (gamma_t - gamma_s)
    dF = f - f_hat
    a_s, a_t = (-gamma_s / 2).exp(), (-gamma_t / 2).exp()
    return ((a_s * dF(s) - (-D / 2).exp() * a_t * dF(t)) ** 2 / (-2 * torch.expm1(-D))).sum(1)


def nelbo(model: NDM, x: Tensor, *, num_steps: int | None = None, eta: float | Tensor = 1.0) -> Tensor:
    """NELBO = L_prior + L_diff + L_rec >= -log p(x), one Monte-Carlo draw for each x: (B,).

    L_prior = 1/2 [ alpha_1^2 |F(x,1)|^2 + d (sigma_1^2 - 1 - log sigma_1^2) ]
    L_diff  = E_{t ~ U(0,1)} l(t)       or, for a chain of T steps,     T E_{t ~ U{1/T..1}} KL(t - 1/T, t)
    L_rec   = d/2 (1 + log(2 pi sigma_0^2 / alpha_0^2)),       the decoder being N(x; z_0 / alpha_0, (sigma_0 / alpha_0)^2 I)
    All three are trained, F too: on L_diff alone a constant F would be free, as then dF = 0.
    """
    f, d, zero = model.curve(x), x.shape[1], x.new_tensor(0.0)
    t = ((torch.rand((), dtype=x.dtype) + torch.arange(len(x), dtype=x.dtype) / len(x)) % 1)[:, None]  # spread evenly: less variance
    if num_steps:
        t = ((num_steps * t).floor() + 1) / num_steps
    alpha, sigma = model.alpha_sigma(t)
    z = alpha * f(t) + sigma * torch.randn_like(x)
    f_hat = model.predict(z, t)

    alpha_1, sigma_1 = model.alpha_sigma(zero + 1)
    prior = 0.5 * (alpha_1**2 * (f(zero + 1) ** 2).sum(1) + d * (sigma_1**2 - 1 - (sigma_1**2).log()))
    if num_steps:
        diffusion = num_steps * step_kl(model, f, f_hat, t - 1 / num_steps, t, eta)
    else:
        diffusion = diffusion_rate(model, f, f_hat, t, eta)
    reconstruction = d / 2 * (1 + math.log(2 * math.pi) + model.gamma(zero)[0])
    return prior + diffusion + reconstruction


def train(model: NDM, seconds: float, *, num_steps: int | None = None, batch: int = 256, lr: float = 2e-3) -> NDM:
    """Adam on fresh moons for `seconds`, cosine decay of the step size; returns the moving average of the weights.

    Each point's eta is drawn from [1/4, 4], so the bound of every such process is trained. One eta would not do: at
    eta = 1 the bound sees only dF - dF' / gamma', in which an error of x^ and one of the h^_k can cancel, and do;
    but the ODE takes another combination of the two. (For the identity the minimum is the same for every eta.)
    """
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], betas=(0.9, 0.99))
    start, step = time.monotonic(), 0
    while (progress := (time.monotonic() - start) / seconds) < 1:
        optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / 100) * (1 + math.cos(math.pi * progress)) / 2
        eta = 4 ** (2 * torch.rand(batch, 1) - 1)
        loss = nelbo(model, moons(batch)[0], num_steps=num_steps, eta=eta).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        for mean, new in zip(average.parameters(), model.parameters(), strict=True):
            mean.lerp_(new.detach(), 1 - min(0.998, step / (step + 10)))
    print(f"trained {step} steps in {time.monotonic() - start:.0f} s", flush=True)
    return average


# ------------------------------------------------------------------------------------ samples, likelihood
@torch.no_grad()
def sample(model: NDM, n: int, *, steps: int = 100, eta: float = 1.0) -> Tensor:
    """Ancestral sampling: z_1 ~ N(0, I), z_s ~ p(z_s | z_t), x = z_0 / alpha_0 (the decoder's mean). All states: (steps + 1, n, 2).

    z_s = alpha_s f^(s) + c (z_t - alpha_t f^(t)) + sqrt(v) n:   the curve at two times; F itself and F' are not needed.
    """
    times = torch.linspace(1, 0, steps + 1)
    path = [torch.randn(n, 2)]
    for t, s in zip(times, times[1:], strict=False):
        mean, v = posterior(model, path[-1], model.predict(path[-1], t), s, t, eta)
        path.append(mean + v.sqrt() * torch.randn(n, 2))
    path[-1] = path[-1] / model.alpha_sigma(times[-1])[0]
    return torch.stack(path)


def velocity(model: NDM, z: Tensor, t: Tensor) -> Tensor:
    """v(z, t) = (alpha_t f^(t))' + (sigma'_t / sigma_t) (z - alpha_t f^(t)):   the limit of sampling with eta = 0.

    Here alpha' = -gamma' sigma^2 alpha / 2  and  sigma' / sigma = gamma' alpha^2 / 2.
    """
    (alpha, sigma), slope = model.alpha_sigma(t), model.gamma(t)[1]
    f, f_dt = model.predict(z, t).with_velocity(t)
    return -slope * sigma**2 * alpha / 2 * f + alpha * f_dt + slope * alpha**2 / 2 * (z - alpha * f)


def ode_nll(model: NDM, x: Tensor, *, steps: int = 64) -> Tensor:
    """-log p(x) of the ODE dz = v dt:   log p(x) = d log alpha_0 + log N(z_1; 0, I) + integral_0^1 div v(z_t, t) dt.

    z_0 = alpha_0 x, then Runge-Kutta of order 4; the trace div v = sum_i dv_i / dz_i is exact.
    """

    def slope(z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            v = velocity(model, z, t)
            div = [torch.autograd.grad(v[:, i].sum(), z, retain_graph=True)[0][:, i] for i in range(z.shape[1])]
        return v.detach(), torch.stack(div).sum(0)

    step, d = 1 / steps, x.shape[1]
    alpha_0 = model.alpha_sigma(x.new_tensor(0.0))[0].detach()
    z, integral = alpha_0 * x, d * alpha_0.log()
    for i in range(steps):
        t = x.new_tensor(i * step)
        v1, k1 = slope(z, t)
        v2, k2 = slope(z + step / 2 * v1, t + step / 2)
        v3, k3 = slope(z + step / 2 * v2, t + step / 2)
        v4, k4 = slope(z + step * v3, t + step)
        z, integral = z + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4), integral + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return 0.5 * (z**2).sum(1) + d / 2 * math.log(2 * math.pi) - integral


# ------------------------------------------------------------------------------------------ the experiment
@torch.no_grad()
def variance_ratio(model: NDM, x: Tensor, t: float) -> float:
    """Var F(x, t) / Var x, summed over dimensions: 1 for the identity, near 0 if F has collapsed."""
    return (model.curve(x)(torch.tensor(t)).var(0).sum() / x.var(0).sum()).item()


def evaluate(model: NDM, x: Tensor, draws: int = 128) -> dict[str, Tensor]:
    """Per-point estimates (B,) in nats on held-out points, and the truth on those same points."""
    with torch.no_grad():
        continuous, ten = (torch.stack([nelbo(model, x, num_steps=T) for _ in range(draws)]).mean(0) for T in (None, 10))
    return {"truth": true_nll(x), "ODE": ode_nll(model, x), "NELBO, continuous": continuous, "NELBO, T = 10": ten}


def report(model: NDM, estimates: dict[str, Tensor], x: Tensor) -> str:
    lines = [f"nats, {len(x)} held-out moons, +- one standard error; the exact entropy is {TRUE_NLL}"]
    for name, nll in estimates.items():
        excess, root = nll - estimates["truth"], len(nll) ** 0.5
        lines.append(
            f"  {name:18s} {nll.mean():7.3f} +- {nll.std() / root:.3f}"
            + f"     above the truth on the same points {excess.mean():7.3f} +- {excess.std() / root:.3f}" * (name != "truth")
        )
    ratios = "   ".join(f"t = {t}: {variance_ratio(model, x, t):.3f}" for t in (0.25, 0.5, 0.75, 1.0))
    ends = [model.gamma(torch.tensor(t))[0].item() for t in (0.0, 1.0)]
    return "\n".join([*lines, f"  Var F / Var x      {ratios}", f"  gamma              {ends[0]:.2f} .. {ends[1]:.2f}"])


def picture(model: NDM, path: Path, title: str, *, steps: int, eta: float) -> None:
    """Data, samples and ODE paths above; the film strips of F(x, t) and of z_t below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    ink, paper, cycle = "#2b2d42", "#fbfaf7", "twilight_shifted"
    x, place = moons(4000)
    paths = sample(model, 4000, steps=200, eta=0.0)
    colour = torch.atan2(paths[0, :, 1], paths[0, :, 0])  # a path keeps the colour of the angle of its noise
    fig = plt.figure(figsize=(15, 9.6), facecolor=paper)
    grid = fig.add_gridspec(3, 24, height_ratios=[1.75, 1, 1], left=0.035, right=0.985, top=0.88, bottom=0.02, hspace=0.22, wspace=0.5)

    def panel(spec, name: str, points: Tensor | None = None, c: object = None, cmap: str = "viridis", limit: float = 3.1):
        ax = fig.add_subplot(spec)
        if points is not None:
            ax.scatter(*points.numpy().T, c=c, cmap=cmap, s=3.5, alpha=0.75, linewidths=0, rasterized=True)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal", facecolor=paper)
        ax.set_title(name, color=ink, fontsize=11, pad=6)
        ax.spines[:].set_color("#d9d6cd")
        return ax

    panel(grid[0, 0:6], "data", x, place, "Spectral")
    panel(grid[0, 6:12], f"samples, {steps} steps, $\\eta$ = {eta:g}", sample(model, 4000, steps=steps, eta=eta)[-1], ink)
    panel(grid[0, 12:18], "samples of the ODE, coloured by their noise", paths[-1], colour, cycle)
    ax = panel(grid[0, 18:24], "paths of the ODE, from noise to data")
    lines = LineCollection(list(paths[:, :400].transpose(0, 1).numpy()), array=colour[:400].numpy(), cmap=cycle, lw=0.6, alpha=0.55)
    ax.add_collection(lines)
    ax.scatter(*paths[-1, :400].numpy().T, c=colour[:400], cmap=cycle, s=5, linewidths=0, zorder=3)
    with torch.no_grad():
        for i, t in enumerate(torch.linspace(0, 1, 6)):
            (alpha, sigma), F = model.alpha_sigma(t), model.curve(x)(t)
            panel(grid[1, 4 * i : 4 * i + 4], f"$F(x, t)$,  t = {t:.1f}", F, place, "Spectral")
            noisy = alpha * F + sigma * torch.randn_like(x)
            panel(grid[2, 4 * i : 4 * i + 4], f"$z_t = \\alpha_t F(x, t) + \\sigma_t\\epsilon$,  t = {t:.1f}", noisy, place, "Spectral")
    fig.suptitle(title, color=ink, fontsize=15, x=0.035, ha="left", y=0.965)
    fig.savefig(path, dpi=110, facecolor=paper)
    plt.close(fig)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Neural Diffusion Models on two moons, in one file.")
    parser.add_argument("--transform", choices=["identity", "learned"], default="learned", help="F(x, t) (default: learned)")
    parser.add_argument("--timesteps", type=int, metavar="T", help="train the bound of a T-step chain (default: continuous time)")
    parser.add_argument("--learn-schedule", action="store_true", help="train the end points of gamma too")
    parser.add_argument("--seconds", type=float, default=60.0, help="training time (default: 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="sampling steps of the picture (default: T, or 100)")
    parser.add_argument("--eta", type=float, default=1.0, help="volatility of those samples; 0: deterministic (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("ndm_2d.png"), help="where the picture goes (default: ndm_2d.png)")
    args = parser.parse_args(argv)
    for wrong, message in [
        (not 0 < args.seconds < math.inf, f"--seconds {args.seconds} is not a positive number of seconds; try --seconds 60"),
        (not 0 <= args.seed < 2**63, f"--seed {args.seed} is not in [0, 2^63); try --seed 0"),
        (args.timesteps is not None and args.timesteps < 1, f"--timesteps {args.timesteps} is less than 1; try --timesteps 10"),
        (args.steps is not None and args.steps < 1, f"--steps {args.steps} is less than 1; try --steps 100"),
        (not 0 <= args.eta < math.inf, f"--eta {args.eta} is not a number >= 0; try --eta 1 (DDPM) or --eta 0 (DDIM)"),
        (args.out.suffix != ".png", f"--out {args.out} does not end in .png; try --out ndm_2d.png"),
        (not args.out.parent.is_dir(), f"--out {args.out}: the folder {args.out.parent} does not exist; create it first"),
        (args.out.is_dir(), f"--out {args.out} is a folder; give the name of a file"),
    ]:
        if wrong:
            parser.error(message)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.manual_seed(args.seed)
    model = NDM(num_basis=2 if args.transform == "learned" else 0, learn_gamma=args.learn_schedule)
    model = train(model, args.seconds, num_steps=args.timesteps)
    torch.manual_seed(args.seed + 1)
    x, _ = moons(4000)
    print(report(model, evaluate(model, x), x))
    bound = f"T = {args.timesteps}" if args.timesteps else "continuous time"
    title = f"A neural diffusion model of two moons   ·   F {args.transform}, bound of {bound}"
    picture(model, args.out, title, steps=args.steps or args.timesteps or 100, eta=args.eta)
    print(f"picture: {args.out}")


if __name__ == "__main__":
    main()
