"""The NELBO averaged over draws, with its Monte-Carlo error, and the conversion of nats to bits/dim."""

import math
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from ndm.base.kinds import checks_arguments
from ndm.base.modes import evaluating, undisturbed
from ndm.base.noise import check_generator
from ndm.base.precision import check_tensors
from ndm.base.ranges import check_count, check_shape
from ndm.bounds.bound import Bound, bound
from ndm.bounds.time_samplers import Importance, Stratified, TimeSampler
from ndm.model import NeuralDiffusion


@dataclass(frozen=True)
class Estimate(Bound):
    """A bound averaged over draws, with the Monte-Carlo standard error of its total."""

    standard_error: Tensor  # (B,) in nats; conservative, as the draws are stratified


@checks_arguments
def bits_per_dim(nats: Tensor | float, event_shape: tuple[int, ...]) -> Tensor | float:
    """Convert nats to bits/dim, nats / (d log 2), where d is the number of dimensions of the event."""
    if not isinstance(nats, Real):
        check_tensors(nats=nats)
    return nats / (math.prod(check_shape(event_shape)) * math.log(2))


@checks_arguments
@torch.no_grad()
@undisturbed()
def nelbo(
    model: NeuralDiffusion,
    x: Tensor,
    cond: Tensor | None = None,
    *,
    timesteps: int | None = None,
    draws: int = 64,
    density: Importance | None = None,
    batch_size: int = 2048,
    generator: torch.Generator | None = None,
) -> Estimate:
    """The NELBO of each example of x (N, *event), in nats, averaged over `draws` stratified draws of (t, z_t).

    Under `torch.autocast` it is that of the model with rounded networks.

    Args:
        timesteps: T of the discrete chain; None for continuous time.
        draws: draws for each example; the times of one example's draws are spread evenly over [0, 1].
        density: a density of t learned in training, for an estimate of less variance; uniform if not given.
        batch_size: latents in one pass of the network.

    Raises:
        InputError: for empty data, fewer than 2 draws, and what `NeuralDiffusion.forward` refuses.
    """
    x = model.checked(x, cond)
    check_generator(generator)
    check_count("draws", draws, 2, advice="the standard error needs two")
    check_count("batch_size", batch_size, 1)
    time_sampler: TimeSampler = Stratified(draws)
    if density is not None:
        stratified = Importance(density.num_bins, points=time_sampler)
        stratified.load_state_dict(density.state_dict())
        time_sampler = stratified.to(x.device)
    rows: list[Tensor] = []
    examples = max(1, batch_size // draws)
    with evaluating(model):
        for start in range(0, len(x), examples):
            chunk = slice(start, start + examples)
            repeated = x[chunk].repeat_interleave(draws, 0)
            labels = None if cond is None else cond[chunk].repeat_interleave(draws, 0)
            terms = bound(model, repeated, labels, timesteps, time_sampler, generator)
            rows.append(torch.stack([terms.prior, terms.diffusion, terms.reconstruction]).reshape(3, -1, draws))
    draws_of_terms = torch.cat(rows, 1)
    error = draws_of_terms.sum(0).std(-1) / math.sqrt(draws)
    prior, diffusion, reconstruction = draws_of_terms.mean(-1)
    return Estimate(prior, diffusion, reconstruction, error)
