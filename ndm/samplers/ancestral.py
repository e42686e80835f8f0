"""The ancestral sampler: the model's p(z_s | z_t), at any number of steps and any volatility."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from ndm.base.noise import Noise
from ndm.model import NeuralDiffusion
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.samplers._times import chain_of
from ndm.samplers.sampler import Grid, Sampler


class Ancestral(Sampler):
    """The ancestral sampler, z_s ~ p(z_s | z_t) with the model's `ReverseStep`, for every grid and every eta:

        z_s = alpha_s f^(s) + c_{s|t} (z_t - alpha_t f^(t)) + sqrt(w) n        or the mixture of such steps

    A reverse step that is a table serves the T steps that it was made for, with the model's volatility; others are
    refused. In many steps the chain tends to the reverse SDE with volatility eta, and at eta = 0 to the ODE. With q's
    variance, eta = 0 is DDIM's deterministic step, and eta = 1 DDPM's chain for F = identity. Steps made of p(x | z_t)
    have noise at eta = 0 too, because x is drawn instead of x^ being put in its place. So mixture steps of exact
    posteriors keep the law of independent dimensions for every eta and number of steps. (`Deterministic` has no noise.)
    Sources: https://arxiv.org/abs/2006.11239 (DDPM, 2020), https://arxiv.org/abs/2010.02502 (DDIM, 2020).

    Args:
        eta: a constant volatility; the model's own if not given.

    Raises:
        InputError: where the model's reverse steps do not serve these steps.
    """

    order = 1

    def __init__(
        self, model: NeuralDiffusion, steps: int = 50, eta: float | None = None, *, grid: str | Grid = "time"
    ) -> None:
        super().__init__(model, steps, grid=grid)
        self.volatility = None if eta is None else ConstantVolatility(eta)
        model.reverse_step.require_chain(self._chain(self.times))

    def step(
        self,
        z_t: Tensor,
        s: Tensor,
        t: Tensor,
        noise: Tensor,
        cond: Tensor | None,
        number: int | None = None,
        timesteps: int | None = None,
    ) -> Tensor:
        """Draw z_s from z_t.

        `number` is k of T = `timesteps` for the step from (k + 1) / T to k / T of the model's chain.
        """
        predicted, kernel = self.model.predict(z_t, t, cond), self.model.kernel(z_t, s, t, self.volatility)
        k = None if number is None else torch.tensor(number, device=z_t.device)
        return self.model.reverse_kernel_at(kernel(z_t, predicted), kernel, predicted, k, timesteps).sample(noise)

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        z, timesteps = z_1, self._chain(times)
        for number, (t, s) in zip(reversed(range(len(times) - 1)), pairwise(times), strict=True):
            z = self.step(z, s, t, noise.normal(), cond, number, timesteps)
            yield z

    def _chain(self, times: Tensor) -> int | None:
        """Return T if these times with the volatility are the model's chain of T steps."""
        return chain_of(times) if self.volatility is None else None
