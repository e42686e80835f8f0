"""The importance-weighted bound: between the NELBO and -log p(x) of a chain."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ndm.base.kinds import checks_arguments
from ndm.base.modes import evaluating, undisturbed
from ndm.base.noise import check_generator
from ndm.base.ranges import check_count
from ndm.bounds.bound import MOST_TIMESTEPS
from ndm.model import NeuralDiffusion

_MOST_DRAWS = 1_000_000


@dataclass(frozen=True)
class ImportanceWeighted:
    """The importance-weighted bound per example, in nats, and its effective sample size."""

    total: Tensor  # (N,): an upper bound of -log p(x) in the mean, at most the NELBO
    effective_draws: Tensor  # (N,) from 1 to K: 1 / sum of the squared normalised weights
    timesteps: int
    draws: int


def check_draws(draws: int) -> None:
    """Raise `InputError` for a number of chains below 1 or beyond any use."""
    check_count("draws", draws, 1, _MOST_DRAWS)


@checks_arguments
@torch.no_grad()
@undisturbed()
def importance_weighted(
    model: NeuralDiffusion,
    x: Tensor,
    cond: Tensor | None = None,
    *,
    timesteps: int,
    draws: int = 64,
    batch_size: int = 2048,
    generator: torch.Generator | None = None,
) -> ImportanceWeighted:
    """The importance-weighted bound of x (N, *event), -log 1/K sum_k w_k in nats, for K = `draws` chains drawn from q:

        w = p(z_1) / q(z_1 | x)  prod_t p(z_s | z_t) / q(z_s | z_t, x)  p(x | z_0)

    K = 1 is a draw of the NELBO of the chain of T steps; it falls to -log p(x) as K grows. In the continuous limit, of
    models that have no chain, give a T that is large. Under `torch.autocast` it is that of the model with rounded
    networks.
    Source: Burda et al., Importance Weighted Autoencoders (2015), https://arxiv.org/abs/1509.00519.

    Args:
        timesteps: T of the chain.
        draws: K.
        batch_size: latents in one pass of the network.

    Raises:
        InputError: for T or K below 1, a T that the reverse steps do not serve, eta = 0, and what
            `NeuralDiffusion.checked` and `check_noise` refuse.
    """
    x = model.checked(x, cond)
    check_generator(generator)
    model.check_noise(x)
    model.volatility.require_noise()
    check_count("timesteps", timesteps, 1, MOST_TIMESTEPS)
    model.reverse_step.require_chain(timesteps)
    check_draws(draws)
    check_count("batch_size", batch_size, 1)
    examples = max(1, batch_size // draws)
    parts = []
    with evaluating(model):
        for start in range(0, len(x), examples):
            chunk = slice(start, start + examples)
            labels = None if cond is None else cond[chunk].repeat_interleave(draws, 0)
            repeated = x[chunk].repeat_interleave(draws, 0)
            pieces = [slice(i, i + batch_size) for i in range(0, len(repeated), batch_size)]
            weights = [
                _log_weights(model, repeated[piece], None if labels is None else labels[piece], timesteps, generator)
                for piece in pieces
            ]
            parts.append(torch.cat(weights).reshape(-1, draws))
    log_weights = torch.cat(parts)
    total = math.log(draws) - torch.logsumexp(log_weights, 1)
    effective = torch.exp(-torch.logsumexp(2 * torch.log_softmax(log_weights, 1), 1))
    return ImportanceWeighted(total, effective, timesteps, draws)


def _log_weights(
    model: NeuralDiffusion, x: Tensor, cond: Tensor | None, timesteps: int, generator: torch.Generator | None
) -> Tensor:
    """The log weight of one chain for each example, (B,)."""

    def noise() -> Tensor:
        return torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)

    curve, t = model.curve(x, cond), x.new_ones(len(x))
    q = model.marginal(curve, t)
    z_t = q.sample(noise())
    log_w = model.prior(z_t).log_prob(z_t) - q.log_prob(z_t)
    for k in reversed(range(timesteps)):
        step = torch.full((len(x),), k, device=x.device)
        s, t = step.to(x.dtype) / timesteps, (step + 1).to(x.dtype) / timesteps
        q = model.posterior(z_t, curve, s, t)
        z_s = q.sample(noise())
        p = model.reverse_kernel(z_t, model.predict(z_t, t, cond), step, timesteps)
        log_w += p.log_prob(z_s) - q.log_prob(z_s)
        z_t = z_s
    return log_w + model.decoder.log_prob(x, z_t, model.schedule(torch.zeros_like(t)))
