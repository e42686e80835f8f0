"""Solvers of ordinary differential equations, one file each: off-the-shelf methods, each example on its own."""

from ndm.ode.solvers.solver import Solution, Solver

__all__ = ["Solution", "Solver"]
