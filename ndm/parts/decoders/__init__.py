"""Decoders p(x | z_0), one file each."""

from ndm.parts.decoders.decoder import Decoder

__all__ = ["Decoder"]
