"""Solvers of ordinary differential equations, one file each; every example is solved independently."""

from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.fixed import Fixed
from ndm.ode.solvers.names import solver_for
from ndm.ode.solvers.solver import Solution, Solver

__all__ = ["Adaptive", "Fixed", "Solution", "Solver", "solver_for"]
