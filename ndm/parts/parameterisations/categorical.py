"""The network corrects the probabilities of levels, for data with a finite number of them."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ndm.autodiff.softmax import minus_square
from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.base.precision import matmul
from ndm.base.ranges import check_shape
from ndm.base.spec import Spec
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.parameterisations.parameterisation import Parameterisation
from ndm.parts.schedules import NoiseLevel
from ndm.process.mixture import Mixture

_PSEUDO_COUNT = 1.0  # examples' worth of the histogram of all dimensions, added to that of each


class CategoricalParameterisation(Parameterisation):
    """The network corrects a posterior over the levels of each dimension, which is made by Bayes' rule.

    p(x_i = v_k | z_t) = p_ik ~ exp( theta_ik + sum_j outputs_ij phi_j(v_k) ) N(z_i; alpha v_k, sigma^2)

    The likelihood of z_i is known, theta is the logarithm of the dimension's histogram (taken from the training data,
    then learned), and the network adds the information of the other dimensions. Before training this is the exact
    posterior of independent dimensions. The network sees its mean, which is z_i without the noise that the histogram
    explains.

    phi are v, v^2, whether v is the lowest or the highest level, and one wave over the range.

    Args:
        event_shape: shape of one example.
        num_levels: L, as in `DiscretisedDecoder`.
    """

    num_outputs = 6

    def __init__(self, event_shape: tuple[int, ...], num_levels: int) -> None:
        super().__init__()
        self.event_shape = check_shape(event_shape)
        self.decoder = DiscretisedDecoder(num_levels)
        self.theta = nn.Parameter(torch.zeros(*event_shape, num_levels))
        self.features: Tensor
        levels = torch.arange(num_levels)
        self.register_constant("features", self._features(self.decoder.from_integers(levels, torch.float64)))

    @classmethod
    def made_for(cls, spec: Spec) -> "CategoricalParameterisation":
        if spec.num_levels is None:
            raise InputError(
                "the categorical parameterisation for real values", "data with levels", "choose parameterisation=scaled"
            )
        return cls(spec.event_shape, spec.num_levels)

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        decoder, levels = parts["decoder"], self.decoder.num_levels
        if not (isinstance(decoder, DiscretisedDecoder) and decoder.num_levels == levels):
            raise InputError(
                f"the categorical parameterisation of {levels} levels with {a(decoder)}",
                f"a DiscretisedDecoder({levels})",
                "the network says how likely each level of the data is",
            )

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        # A place for each level of each dimension: one-hot rows of all examples could take more than all memory.
        levels, integers = self.decoder.num_levels, self.decoder.to_integers(x).flatten(1)
        places = integers + levels * torch.arange(integers.shape[1], device=x.device)
        counts = torch.bincount(places.flatten(), minlength=self.theta.numel()).reshape(self.theta.shape).to(self.theta)
        overall = counts.flatten(0, -2).sum(0) + 1
        self.theta.copy_(torch.log(counts + _PSEUDO_COUNT * overall / overall.sum()))

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        return self._mixture(z_t, self._prior(), level).mean

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        update = matmul(self.features.to(z_t), outputs.flatten(2)).unflatten(2, outputs.shape[2:])
        return self._mixture(z_t, self._prior() + update, level)

    def _prior(self) -> Tensor:
        """theta, (L, *event)."""
        return self.theta.movedim(-1, 0).contiguous()

    def _mixture(self, z_t: Tensor, logits: Tensor, level: NoiseLevel) -> Mixture:
        """Bayes' rule, from the logits of the levels before z_i is seen, (B, L, *event) or (L, *event)."""
        logits = minus_square(logits, self.decoder.residuals(z_t, level)).movedim(1, -1)
        return Mixture(logits, self.decoder.values(z_t), z_t.new_zeros(()).expand(*z_t.shape, 1))

    @staticmethod
    def _features(v: Tensor) -> Tensor:
        """phi_j(v_k), (L, num_outputs)."""
        ends = ((v == -1).to(v), (v == 1).to(v))
        return torch.stack([v, v**2, *ends, torch.cos(math.pi * v), torch.sin(math.pi * v)], dim=1)
