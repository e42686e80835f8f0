"""From data to z_0, one file each: exactly for real values, by noise for data with levels."""

from ndm.ode.dequantisations.dequantisation import Dequantisation, dequantisation_for, without_noise
from ndm.ode.dequantisations.none import NoDequantisation
from ndm.ode.dequantisations.posterior import PosteriorDequantisation
from ndm.ode.dequantisations.uniform import UniformDequantisation

__all__ = [
    "Dequantisation",
    "NoDequantisation",
    "PosteriorDequantisation",
    "UniformDequantisation",
    "dequantisation_for",
    "without_noise",
]
