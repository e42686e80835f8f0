"""Time grids, one file each: the times that a sampler visits."""

from ndm.samplers.grids.gamma import UniformGamma, uniform_gamma
from ndm.samplers.grids.grid import Grid
from ndm.samplers.grids.optimised import Optimised
from ndm.samplers.grids.time import UniformTime

__all__ = ["Grid", "Optimised", "UniformGamma", "UniformTime", "uniform_gamma"]
