"""From data to z_0, whose density the ODE has: exactly for real values, by noise for data with levels."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.noise import Noise
from ndm.base.precision import check_noise
from ndm.base.registry import choose
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.schedules import NoiseLevel
from ndm.process.gaussian import Gaussian


def without_noise(x: Tensor, decoder: Decoder, level: NoiseLevel) -> Tensor:
    """z_0 = alpha_0 x', x' the standardised data, for data x (B, *event) and the noise level at t = 0."""
    return level.alpha * decoder.standardise(x)


class Dequantisation(ABC):
    """z_0 and log w with log p(x) = log p(z_0) + log w, or >= in the mean where z_0 is drawn.

    Attributes:
        name: what results say.
        is_drawn: whether z_0 holds noise, so that the mean over draws is a lower bound.
    """

    name: ClassVar[str]
    is_drawn = True

    @abstractmethod
    def check(self, decoder: Decoder, draws: int) -> None:
        """Raise `InputError` for data that it is not for, and a number of draws that it does not have."""

    @abstractmethod
    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        """z_0 (B, *event) and log w (B,) of data x (B, *event), for the noise level at t = 0, of fields ()."""


class NoDequantisation(Dequantisation):
    """Real values, as they are: z_0 = alpha_0 x', x' the standardised data, w = |dz_0 / dx|.

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


class UniformDequantisation(Dequantisation):
    """z_0 = alpha_0 (x + u), u uniform over the width of a level: log P(x) >= E[log p(z_0)] + d log(alpha_0 width).

    Source: Theis et al., A note on the evaluation of generative models (2015), https://arxiv.org/abs/1511.01844.
    """

    name = "uniform"

    def check(self, decoder: Decoder, draws: int) -> None:
        if not isinstance(decoder, DiscretisedDecoder):
            raise InputError("uniform dequantisation for real values", "data with levels", "leave it out")
        _check_draws(draws)

    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        assert isinstance(decoder, DiscretisedDecoder)
        width = 2 / (decoder.num_levels - 1)
        z_0 = level.alpha * (x + (noise.uniform() - 0.5) * width)
        return z_0, (x[0].numel() * (level.alpha * width).log()).expand(len(x))


class PosteriorDequantisation(Dequantisation):
    """z_0 ~ q(z_0 | x): log p(x) >= E[ log p(z_0) + log p(x | z_0) - log q(z_0 | x) ].

    The noise that the model was trained with, so that z_0 lies where the model has seen data; uniform noise leaves
    that region when sigma_0 is below the width of a level.
    Source: Kingma et al., Variational Diffusion Models (2021), https://arxiv.org/abs/2107.00630.
    """

    name = "q(z_0 | x)"

    def check(self, decoder: Decoder, draws: int) -> None:
        _check_draws(draws)

    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        q = Gaussian(without_noise(x, decoder, level), level.sigma)
        check_noise(q.mean, q.std)
        z_0 = q.sample(noise.normal())
        return z_0, decoder.log_prob(x, z_0, level) - q.log_prob(z_0)


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise InputError(f"{draws} draws of the dequantisation", "at least 1")


DEQUANTISATIONS = {"none": NoDequantisation, "uniform": UniformDequantisation, "posterior": PosteriorDequantisation}


def dequantisation_for(name: str | None, decoder: Decoder) -> Dequantisation:
    """The one called `name`; by default none for real values, and the noise of q(z_0 | x) for data with levels."""
    if name is None:
        name = "posterior" if isinstance(decoder, DiscretisedDecoder) else "none"
    chosen: Dequantisation = choose("dequantisation", name, DEQUANTISATIONS)()
    return chosen
