"""Solvers of ordinary differential equations for batches whose examples are solved apart."""

from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.fixed import Fixed
from ndm.ode.solvers.solver import Solution, Solver

__all__ = ["Adaptive", "Fixed", "Solution", "Solver"]
