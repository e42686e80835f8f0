"""The public names: those of the README and the guide. Variants are in the packages: `ndm.samplers.Heun`."""

from ndm import data, nn, ode, samplers
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.bounds.bound import Bound, bound
from ndm.bounds.importance_weighted import importance_weighted
from ndm.bounds.nelbo import Estimate, nelbo
from ndm.bounds.units import bits_per_dim
from ndm.model import NeuralDiffusion
from ndm.nn.networks.mlp import MLP
from ndm.nn.networks.unet import UNet
from ndm.ode.kinetic_energy import kinetic_energy
from ndm.ode.likelihood import decode, encode, log_prob, ode_likelihood
from ndm.ode.transport import transport
from ndm.parts import (
    decoders,
    parameterisations,
    predictors,
    reverse_steps,
    schedules,
    time_functions,
    transforms,
    volatilities,
)
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.predictors.direct import DirectPredictor
from ndm.parts.schedules.learned_linear import LearnedLinearSchedule
from ndm.parts.transforms.identity import IdentityTransform
from ndm.parts.transforms.series import SeriesTransform
from ndm.process.curve import Curve
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture

__all__ = [
    "MLP",
    "Bound",
    "Curve",
    "DirectPredictor",
    "DiscretisedDecoder",
    "Estimate",
    "Gaussian",
    "GaussianDecoder",
    "IdentityTransform",
    "InputError",
    "LearnedLinearSchedule",
    "Mixture",
    "NeuralDiffusion",
    "Part",
    "SeriesTransform",
    "UNet",
    "bits_per_dim",
    "bound",
    "data",
    "decode",
    "decoders",
    "encode",
    "importance_weighted",
    "kinetic_energy",
    "log_prob",
    "nelbo",
    "nn",
    "ode",
    "ode_likelihood",
    "parameterisations",
    "predictors",
    "reverse_steps",
    "samplers",
    "schedules",
    "time_functions",
    "transforms",
    "transport",
    "volatilities",
]
