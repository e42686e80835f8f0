"""Functions of time b_k(t) with b_k(0) = 0, one file each, of which transforms are made."""

from ndm.parts.time_functions.bumps import IntegratedBumps
from ndm.parts.time_functions.monomials import Monomials
from ndm.parts.time_functions.pieces import Pieces
from ndm.parts.time_functions.sigmoids import Sigmoids
from ndm.parts.time_functions.time_functions import BasisCurve, TimeFunctions

__all__ = ["BasisCurve", "IntegratedBumps", "Monomials", "Pieces", "Sigmoids", "TimeFunctions"]
