"""Dynamic optimal transport: the kinetic energy of the process, with a gradient that goes to F alone."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ndm.base.kinds import checks_arguments
from ndm.base.modes import undisturbed
from ndm.base.noise import BatchSlice, check_generator
from ndm.base.shapes import sum_event
from ndm.bounds.time_samplers import LowDiscrepancy
from ndm.model import NeuralDiffusion


@checks_arguments
@undisturbed()
def kinetic_energy(
    model: NeuralDiffusion,
    x: Tensor,
    cond: Tensor | None = None,
    generator: torch.Generator | None = None,
    batch_slice: BatchSlice | None = None,
) -> Tensor:
    """One draw of the kinetic energy of q's marginal velocity, (B,), for data x (B, *event):

        K = integral_0^1 E|E[u | z_t]|^2 dt = max over w of integral_0^1 E[ 2 <u, w(z_t, t)> - |w(z_t, t)|^2 ] dt

    u = dz_t/dt is the velocity of z_t given x. In place of the best w stands the model's velocity, which training
    brings close to it: the value is a lower bound of K, tight where the predictor is right. By the envelope theorem its
    gradient with respect to F, with w held fixed as a function of z_t, is then that of K. No other parameter gets a
    gradient: a predictor that learned to move slowly would stop following q.
    `batch_slice` says which rows of a larger batch x are, where that batch is computed in slices.
    K is at least W_2^2(q(z_0), q(z_1)), with equality exactly where the ODE is the optimal transport.

    Raises:
        InputError: for data that the decoder cannot describe, and of another precision than the model, and for noise
            that is lost in that precision (not checked for a slice).

    Source of the dynamic form: Benamou, Brenier (2000), https://doi.org/10.1007/s002110050002.
    """
    x = model.checked(x, cond)
    check_generator(generator)
    if batch_slice is None:
        model.check_noise(x)
    batch_slice = batch_slice or BatchSlice(0, len(x), len(x))
    t = batch_slice.take(LowDiscrepancy()(batch_slice.total, x, generator)[0])
    noise = batch_slice.normal(x, generator)
    with _still(model, but=model.transform):
        curve = model.curve(x, cond)
        curve.with_velocity(t)  # first, so that a curve that remembers is evaluated once
        z_t = model.marginal(curve, t).sample(noise)
        u = model.velocity(z_t, curve, t)
    with _still(model):
        w = model.predicted_velocity(z_t, t, cond)
    return sum_event(2 * u * w - w**2)


@contextlib.contextmanager
def _still(model: nn.Module, but: nn.Module | None = None) -> Iterator[None]:
    """Switch off gradients with respect to all parameters but those of `but`."""
    kept = set() if but is None else set(but.parameters())
    parameters = [p for p in model.parameters() if p.requires_grad and p not in kept and torch.is_grad_enabled()]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
