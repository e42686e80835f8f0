"""The deterministic process: codes, densities and energies along it."""

from ndm.ode.dequantisations import NoDequantisation, PosteriorDequantisation, UniformDequantisation
from ndm.ode.kinetic_energy import kinetic_energy
from ndm.ode.likelihood import OdeLikelihood, decode, encode, log_prob, ode_likelihood
from ndm.ode.transport import Transport, transport

__all__ = [
    "NoDequantisation",
    "OdeLikelihood",
    "PosteriorDequantisation",
    "Transport",
    "UniformDequantisation",
    "decode",
    "encode",
    "kinetic_energy",
    "log_prob",
    "ode_likelihood",
    "transport",
]
