"""What the outputs of a denoising network mean."""

from ndm.parts.parameterisations.categorical import CategoricalParameterisation
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.parameterisations.parameterisation import (
    EpsParameterisation,
    Parameterisation,
    PointParameterisation,
    ScaledParameterisation,
    VParameterisation,
    XParameterisation,
)

__all__ = [
    "CategoricalParameterisation",
    "EpsParameterisation",
    "GaussianMixtureParameterisation",
    "Parameterisation",
    "PointParameterisation",
    "ScaledParameterisation",
    "VParameterisation",
    "XParameterisation",
]
