"""Decoders p(x | z_0), one file each."""

from ndm.parts.decoders.decoder import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.decoders.gaussian import GaussianDecoder

__all__ = [
    "Decoder",
    "DiscretisedDecoder",
    "GaussianDecoder",
]
