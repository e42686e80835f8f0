"""Samplers, one file each: ways to go from noise to data."""

from ndm.samplers import grids
from ndm.samplers.ancestral import Ancestral
from ndm.samplers.deterministic import Deterministic
from ndm.samplers.exponential import Exponential
from ndm.samplers.heun import Heun
from ndm.samplers.multistep import Multistep
from ndm.samplers.multistep_third import ThirdOrderMultistep
from ndm.samplers.ode import Ode
from ndm.samplers.sampler import Sampler
from ndm.samplers.sde import Sde

__all__ = [
    "Ancestral",
    "Deterministic",
    "Exponential",
    "Heun",
    "Multistep",
    "Ode",
    "Sampler",
    "Sde",
    "ThirdOrderMultistep",
    "grids",
]
