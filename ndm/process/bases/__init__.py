"""Orthogonal bases of an event, one file each."""

from ndm.process.bases.basis import Basis
from ndm.process.bases.frequency import CosineBasis
from ndm.process.bases.pixel import StandardBasis

__all__ = ["Basis", "CosineBasis", "StandardBasis"]
