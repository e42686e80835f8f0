"""No dequantisation: real values as they are."""

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.noise import Noise
from ndm.ode.dequantisations.dequantisation import Dequantisation, without_noise
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.schedules import NoiseLevel


class NoDequantisation(Dequantisation):
    """No dequantisation: z_0 = alpha_0 x', x' the standardised data, w = |dz_0 / dx|.

    The density is that of z_0 / alpha_0 in the units of the data.
    """

    name = "none"
    is_drawn = False

    def check(self, decoder: Decoder, draws: int) -> None:
        if isinstance(decoder, DiscretisedDecoder):
            raise InputError(
                "no dequantisation for data with levels",
                "uniform or posterior",
                "a density at the levels alone says nothing of their probabilities",
            )
        if draws != 1:
            raise InputError(f"{draws} draws of data that are not dequantised", "1", "leave it out")

    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        log_w = x[0].numel() * level.alpha.log() - decoder.log_scale(x)
        return without_noise(x, decoder, level), log_w.expand(len(x))
