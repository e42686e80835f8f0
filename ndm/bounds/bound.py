"""The negative evidence lower bound (NELBO): prior + diffusion + reconstruction, an upper bound of -log p(x)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.base.axes import TIME_SAMPLERS
from ndm.base.kinds import checks_arguments
from ndm.base.modes import undisturbed
from ndm.base.noise import BatchSlice, check_generator
from ndm.base.precision import in_precision
from ndm.base.ranges import check_count
from ndm.base.shapes import like_event, sum_event
from ndm.bounds.time_samplers import LowDiscrepancy, TimeSampler
from ndm.model import NeuralDiffusion
from ndm.process.curve import Curve
from ndm.process.gaussian import Gaussian

MOST_TIMESTEPS = 1_000_000  # beyond it float32 cannot tell the times apart


@dataclass(frozen=True)
class Bound:
    """The three terms of the bound, per example, in nats."""

    prior: Tensor  # (B,) KL(q(z_1 | x) || N(0, I))
    diffusion: Tensor  # (B,) sum or integral of the KLs of all steps
    reconstruction: Tensor  # (B,) E[-log p(x | z_0)]

    @property
    def total(self) -> Tensor:
        """The NELBO, (B,)."""
        return self.prior + self.diffusion + self.reconstruction


@checks_arguments
@undisturbed()
def bound(
    model: NeuralDiffusion,
    x: Tensor,
    cond: Tensor | None = None,
    timesteps: int | None = None,
    time_sampler: str | TimeSampler | None = None,
    generator: torch.Generator | None = None,
    batch_slice: BatchSlice | None = None,
) -> Bound:
    """One Monte-Carlo draw of the NELBO of data x (B, *event), in nats: the training loss is its total's mean.

    Under `torch.autocast` predictors run in the lower precision, and the rest in that of x.

    Args:
        cond: for models that take one, the condition: class labels (B,), int64 from 0, of which -1 is no label; or real
            values (B, C). None is no condition for any example.
        timesteps: T of the discrete chain; None for continuous time.
        time_sampler: where the integrand over time is evaluated: the name of a time sampler, or one that is made;
            low_discrepancy if not given.
        batch_slice: which rows of a larger batch x are, where it is computed in slices: with a generator in the same
            state each slice has the values that it has in the whole.

    Raises:
        InputError: for data that the decoder cannot describe or of another precision than the model, labels out of
            range, noise that is lost in that precision (`NeuralDiffusion.check_noise`; not of a slice), T < 1 or one
            that the reverse steps do not serve, or eta = 0 (the bound is infinite).
    """
    check_generator(generator)
    # Training data were checked where they came in, and the trainer watches the noise: to look at them in every step
    # would stop an accelerator, and what raises in one process of several, the others would wait for.
    if batch_slice is None:
        x = model.checked(x, cond)
        model.check_noise(x)
    else:
        x = in_precision(model, x, "data")
    batch_slice = batch_slice or BatchSlice(0, len(x), len(x))
    time_sampler = TIME_SAMPLERS.resolved(time_sampler or LowDiscrepancy())
    if timesteps is not None:  # in continuous time w = v
        check_count("timesteps", timesteps, 1, MOST_TIMESTEPS, "none is continuous time")
        model.reverse_step.require_chain(timesteps)
    noise, noise_0 = (batch_slice.normal(x, generator) for _ in range(2))
    part = _examples_for_prior(model, x, batch_slice, generator)
    u, density = (batch_slice.take(part) for part in time_sampler(batch_slice.total, x, generator))

    start, end = x.new_zeros(()), x.new_ones(())
    if timesteps is None:
        model = model.evaluated_at(start, end, u)
        curve = model.curve(x, cond)
        integrand = continuous_integrand(model, curve, u, noise, cond)
    else:
        step, noise_s = (u * timesteps).long(), batch_slice.normal(x, generator)
        ends = _ends(step, timesteps, x)
        few = None
        if timesteps < len(x):
            few = ends[1], torch.arange(1, timesteps + 1, dtype=x.dtype, device=x.device) / timesteps, step
        asked = model.volatility.asked(model.schedule, model.transform, x)
        model = model.evaluated_at(start, end, *ends, few=few, asked=asked)
        curve = model.curve(x, cond)
        integrand = discrete_integrand(model, curve, step, timesteps, noise, noise_s, cond, ends)
    prior = _prior(model, curve, x, cond, end, part, batch_slice)
    if model.training:
        time_sampler.observe(u, integrand.detach())

    reconstruction = model.decoder.reconstruction(x, model.schedule(start), noise_0)
    return Bound(prior, integrand / density, reconstruction)


def _examples_for_prior(
    model: NeuralDiffusion, x: Tensor, batch_slice: BatchSlice, generator: torch.Generator | None
) -> Tensor | None:
    """Which of the examples x the prior term is evaluated for, where it is not for all.

    In training F may be too expensive for that (`Transform.prior_share`): n of the B examples of the whole batch are
    drawn. Where x is a slice of the batch, another number of them falls into it in each step.
    """
    size = math.ceil(model.transform.prior_share * batch_slice.total) if model.training else batch_slice.total
    if size == batch_slice.total:
        return None
    part = torch.randperm(batch_slice.total, generator=generator, device=x.device)[:size]
    if batch_slice.number < batch_slice.total:
        part = part - batch_slice.first
        part = part[(part >= 0) & (part < len(x))]
    return part


def _prior(
    model: NeuralDiffusion,
    curve: Curve,
    x: Tensor,
    cond: Tensor | None,
    end: Tensor,
    part: Tensor | None,
    batch_slice: BatchSlice,
) -> Tensor:
    """KL(q(z_1 | x) || p(z_1)) in nats, (B,).

    If F is expensive, training evaluates it on n examples, a part of the whole batch of B, and scales it by B / n, with
    0 for the others: unbiased (`Transform.prior_share`).
    """
    if part is None:
        return model.marginal(curve, end).kl(model.prior(x))
    if not len(part):
        return torch.zeros(len(x), dtype=x.dtype, device=x.device)
    curve = model.curve(x[part], None if cond is None else cond[part])
    kl = model.marginal(curve, end).kl(model.prior(x[part]))
    size = math.ceil(model.transform.prior_share * batch_slice.total)
    return torch.zeros(len(x), dtype=kl.dtype, device=kl.device).index_put((part,), kl * (batch_slice.total / size))


def continuous_integrand(model: NeuralDiffusion, curve: Curve, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
    """l(t) = sum_i a^2 gamma' / (2 eta_i) [ (1 + eta_i)/2 dF_i - dF'_i / gamma' ]^2 in nats, (B,).

    a^2 = exp(-gamma), dF(u) = F(x, u) - f^(u), and i runs over the transformation's basis. With F = identity and
    eta = 1 it is VDM's 1/2 SNR gamma' |x - x^|^2.
    """
    model.volatility.require_noise()
    level = model.schedule(t)
    mean, _ = curve.with_velocity(t)  # first, so that a curve that remembers is evaluated once
    z_t = Gaussian(like_event(level.alpha, noise) * mean, like_event(level.sigma, noise)).sample(noise)
    difference, velocity = (curve - model.predict(z_t, t, cond, level)).with_velocity(t)
    slope = velocity / like_event(level.gamma_prime, velocity)
    difference, slope = model.transform.basis(difference), model.transform.basis(slope)

    eta = like_event(model.volatility.eta(t, model.schedule, model.transform), difference)
    weight = like_event(level.snr * level.gamma_prime, difference) / (2 * eta)
    if model.training:  # after its use: an estimate that has seen the batch would flatter the bound
        model.volatility.observe(t, difference.detach(), slope.detach())
    return sum_event(weight * ((1 + eta) / 2 * difference - slope) ** 2)


def discrete_integrand(
    model: NeuralDiffusion,
    curve: Curve,
    step: Tensor,
    timesteps: int,
    noise: Tensor,
    noise_s: Tensor,
    cond: Tensor | None,
    ends: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """T KL( q(z_s | z_t, x) || p(z_s | z_t) ) in nats, (B,), for s = k / T, t = (k + 1) / T and k = `step` (B,).

    The means differ by alpha_s dF(s) - c_{s|t} alpha_t dF(t): z_t cancels, here before any rounding. For steps that
    are no Gaussians it is an unbiased draw, for which noise_s is z_s's. `ends` are s and t, where the caller has them.
    """
    model.volatility.require_noise()
    s, t = ends or _ends(step, timesteps, noise)
    z_t = model.marginal(curve, t).sample(noise)
    predicted = model.predict(z_t, t, cond)
    difference = predicted - curve

    kernel = model.kernel(z_t, s, t)
    q = Gaussian(torch.zeros_like(z_t), kernel.std, kernel.basis)
    shifted = Gaussian(kernel.shift(difference), q.std, q.basis)
    p = model.reverse_kernel_at(shifted, kernel, predicted, step, timesteps)
    if model.training:
        squared = q.basis(shifted.mean).detach() ** 2
        model.reverse_step.observe(q.std.detach() ** 2, step, timesteps, squared)
        if model.volatility.observes:
            _observe_volatility(model, difference, s, t)
    return timesteps * p.kl_from(q, noise_s)


def _ends(step: Tensor, timesteps: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """s = k / T and t = (k + 1) / T, each (B,)."""
    return step.to(like.dtype) / timesteps, (step + 1).to(like.dtype) / timesteps


@torch.no_grad()
def _observe_volatility(model: NeuralDiffusion, difference: Curve, s: Tensor, t: Tensor) -> None:
    """What the continuous integrand shows the volatility, by differences over the step instead of velocities."""
    at_s, at_t = model.transform.basis(difference(s)), model.transform.basis(difference(t))
    span = like_event(model.schedule.gamma(t) - model.schedule.gamma(s), at_t)
    model.volatility.observe((s + t) / 2, (at_s + at_t) / 2, (at_t - at_s) / span)
