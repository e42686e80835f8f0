"""The interface of a dequantisation: from data to z_0, whose density the ODE has."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from ndm.base.axes import DEQUANTISATIONS
from ndm.base.errors import InputError
from ndm.base.kinds import Checked
from ndm.base.noise import Noise
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.schedules import NoiseLevel


def without_noise(x: Tensor, decoder: Decoder, level: NoiseLevel) -> Tensor:
    """Scale data to z_0 = alpha_0 x', x' the standardised data, for x (B, *event) and the noise level at t = 0."""
    return level.alpha * decoder.standardise(x)


class Dequantisation(metaclass=Checked):
    """A map from data to z_0 and log w with log p(x) = log p(z_0) + log w, or >= in the mean where z_0 is drawn.

    Attributes:
        name: what results say.
        is_drawn: whether z_0 holds noise, so that the mean over draws is a lower bound.
    """

    name: ClassVar[str]
    is_drawn = True

    @abstractmethod
    def check(self, decoder: Decoder, draws: int) -> None:
        """Raise `InputError` for data or a number of draws that this dequantisation does not serve."""

    @abstractmethod
    def __call__(self, x: Tensor, decoder: Decoder, level: NoiseLevel, noise: Noise) -> tuple[Tensor, Tensor]:
        """Compute z_0 (B, *event) and log w (B,) of data x (B, *event), for the noise level at t = 0, of fields ()."""


def check_draws(draws: int) -> None:
    """Raise `InputError` for less than one draw."""
    if draws < 1:
        raise InputError(f"{draws} draws of the dequantisation", "at least 1")


def dequantisation_for(given: str | Dequantisation | None, decoder: Decoder) -> Dequantisation:
    """The dequantisation that is given; by default none for real values, and the noise of q(z_0 | x) for levels."""
    if given is None:
        given = "posterior" if isinstance(decoder, DiscretisedDecoder) else "none"
    chosen: Dequantisation = DEQUANTISATIONS.resolved(given)
    return chosen
