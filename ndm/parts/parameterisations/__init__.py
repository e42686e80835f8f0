"""Parameterisations, one file each: what the outputs of a denoising network mean."""

from ndm.parts.parameterisations.categorical import CategoricalParameterisation
from ndm.parts.parameterisations.discrete_gaussian import DiscreteGaussianParameterisation
from ndm.parts.parameterisations.eps import EpsParameterisation
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.parameterisations.parameterisation import Parameterisation, PointParameterisation
from ndm.parts.parameterisations.scaled import ScaledParameterisation
from ndm.parts.parameterisations.v import VParameterisation
from ndm.parts.parameterisations.x import XParameterisation

__all__ = [
    "CategoricalParameterisation",
    "DiscreteGaussianParameterisation",
    "EpsParameterisation",
    "GaussianMixtureParameterisation",
    "Parameterisation",
    "PointParameterisation",
    "ScaledParameterisation",
    "VParameterisation",
    "XParameterisation",
]
