"""Dequantisation by uniform noise over the width of a level."""

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.noise import Noise
from ndm.ode.dequantisations.dequantisation import Dequantisation, check_draws
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.schedules import NoiseLevel


class UniformDequantisation(Dequantisation):
    """Dequantise by uniform noise u over the width of a level, z_0 = alpha_0 (x + u).

    log P(x) >= E[log p(z_0)] + d log(alpha_0 width).
    Source: Theis et al., A note on the evaluation of generative models (2015), https://arxiv.org/abs/1511.01844.
    """

    name = "uniform"

    def check(self, decoder: Decoder, draws: int) -> None:
        if not isinstance(decoder, DiscretisedDecoder):
            raise InputError("uniform dequantisation for real values", "data with levels", "leave it out")
        check_draws(draws)

    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        assert isinstance(decoder, DiscretisedDecoder)
        width = 2 / (decoder.num_levels - 1)
        z_0 = level.alpha * (x + (noise.uniform() - 0.5) * width)
        return z_0, (x[0].numel() * (level.alpha * width).log()).expand(len(x))
