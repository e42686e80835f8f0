"""The network predicts a Gaussian over the levels of each dimension, for images of many levels."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.base.ranges import check_count
from ndm.base.shapes import like_event
from ndm.base.spec import Spec
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.parameterisations.parameterisation import Parameterisation
from ndm.parts.parameterisations.scaled import ScaledParameterisation
from ndm.parts.schedules import NoiseLevel
from ndm.process.mixture import Mixture

_NEAR = 2  # levels on each side of the nearest one that count
_WIDE = -0.5  # log of the standard deviation from which levels are as good as a continuum, 0.6 of their distance
_LEAST_LOG_STD, _MOST_LOG_STD = -4.0, 16.0  # in units of the distance of two levels
_NO_WEIGHT = -1e4  # logit of what is beyond the lowest and the highest level
_LINEAR = ScaledParameterisation()  # of x in [-1, 1]


class DiscreteGaussianParameterisation(Parameterisation):
    """p(x_i = v_k | z_t) ~ exp(-(v_k - m_i)^2 / (2 s_i^2)) over the levels v_k, m and s from the network's two outputs:

    m = (alpha / r^2) z_t + (sigma / r) output_1,   s = (sigma / r) exp(output_2),   r^2 = alpha^2 + sigma^2

    Without the outputs it is the best linear estimate of x and its error, as in `ScaledParameterisation`. Where s is
    small beside the distance h of two levels, the mean over the levels is m rounded to one: what the data cannot be is
    ruled out, and little noise costs nothing. Where s > 0.6 h the levels are as good as a continuum (the means differ
    by 0.004 h), and the posterior is N(m, s^2). Where it is less, the five levels nearest to m have all of the weight
    but 3e-4. Up to five levels are summed whatever s is.

    The discrete normal distribution: Kemp (1997), https://doi.org/10.1016/S0378-3758(97)00020-7.

    Args:
        num_levels: L, as in `DiscretisedDecoder`.
    """

    num_outputs = 2

    def __init__(self, num_levels: int = 256) -> None:
        super().__init__()
        check_count("num_levels", num_levels, 2)
        self.num_levels = num_levels

    @classmethod
    def made_for(cls, spec: Spec) -> "DiscreteGaussianParameterisation":
        if spec.num_levels is None:
            raise InputError(
                "the discrete_gaussian parameterisation for real values",
                "data with levels",
                "choose parameterisation=scaled",
            )
        return cls(spec.num_levels)

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        decoder, levels = parts["decoder"], self.num_levels
        if not (isinstance(decoder, DiscretisedDecoder) and decoder.num_levels == levels):
            raise InputError(
                f"the discrete_gaussian parameterisation of {levels} levels with {a(decoder)}",
                f"a DiscretisedDecoder({levels})",
                "the posterior is one over the levels of the data",
            )

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        return _LINEAR.network_input(z_t, level)

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        half = (self.num_levels - 1) / 2  # levels in a unit of x
        skip, gain = (like_event(each, z_t) for each in _LINEAR.linear(level))
        mean = skip * z_t + gain * outputs[:, 0]
        log_std = (torch.log(gain * half) + outputs[:, 1]).clamp(_LEAST_LOG_STD, _MOST_LOG_STD)
        in_levels = (mean + 1) * half
        # Components come first in memory: innermost loops are then over batch and event.
        steps = torch.arange(min(self.num_levels, 2 * _NEAR + 1), device=z_t.device)
        steps = steps.to(z_t).reshape(-1, *(1,) * z_t.ndim)
        if len(steps) == self.num_levels:
            logits = -0.5 * ((steps - in_levels) * torch.exp(-log_std)) ** 2
            return Mixture(logits.movedim(0, -1), (steps / half - 1).movedim(0, -1), z_t.new_zeros(1))
        steps = steps - _NEAR
        nearest = in_levels.detach().round().clamp(0, self.num_levels - 1)
        there = nearest + steps
        is_level = (there >= 0) & (there <= self.num_levels - 1)
        # Beyond the ends the last level is the nearest, whatever is beyond.
        offset = (in_levels - nearest).clamp(-0.5, 0.5)
        logits = steps * (offset - steps / 2) * torch.exp(-2 * log_std.clamp(max=_WIDE))
        logits = torch.where(is_level, logits, _NO_WEIGHT)
        is_wide = log_std > _WIDE
        wide_variance = torch.exp(2 * (log_std - math.log(half)))
        return Mixture(
            torch.where(is_wide, 0.0, logits).movedim(0, -1),
            torch.where(is_wide, mean, there / half - 1).movedim(0, -1),
            torch.where(is_wide, wide_variance, 0.0)[..., None],
        )
