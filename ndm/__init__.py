"""Neural Diffusion Models: diffusion models that learn the path from data to noise as well."""

from ndm.base import ending  # noqa: F401  first: it answers signals while the others are imported
from ndm.base.errors import InputError
from ndm.base.version import __version__
from ndm.bounds.bound import Bound
from ndm.bounds.importance_weighted import ImportanceWeighted, importance_weighted
from ndm.bounds.nelbo import Estimate, bits_per_dim, nelbo
from ndm.bounds.time_samplers import ImportanceTimes, LowDiscrepancyTimes
from ndm.model import NeuralDiffusion
from ndm.nn.mlp import MLP
from ndm.nn.shallow import ConvolutionalLayer, HiddenLayer
from ndm.nn.unet import UNet
from ndm.ode.dequantisation import (
    NoDequantisation,
    PosteriorDequantisation,
    UniformDequantisation,
)
from ndm.ode.divergences import ExactTrace, GaussianTrace, HutchinsonTrace
from ndm.ode.kinetic_energy import kinetic_energy
from ndm.ode.likelihood import OdeLikelihood, decode, encode, ode_likelihood, ode_log_prob
from ndm.ode.solvers.adaptive import AdaptiveSolver
from ndm.ode.solvers.fixed import FixedSolver
from ndm.ode.transport import Transport, transport
from ndm.parts.decoders.discretised import LevelsDecoder
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.predictors.callable import CallablePredictor
from ndm.parts.predictors.direct import DirectPredictor
from ndm.parts.predictors.encoded import EncodedPredictor
from ndm.parts.predictors.plug_in import PlugInPredictor
from ndm.parts.reverse_steps.analytic import AnalyticStepVariance
from ndm.parts.reverse_steps.learned import LearnedStepVariance
from ndm.parts.reverse_steps.mixture import MixtureStepVariance
from ndm.parts.reverse_steps.moments import MomentsStepVariance
from ndm.parts.reverse_steps.posterior import PosteriorStepVariance
from ndm.parts.schedules.cosine import CosineSchedule
from ndm.parts.schedules.ddpm import DdpmSchedule
from ndm.parts.schedules.flow import FlowSchedule
from ndm.parts.schedules.learned import LearnedSchedule
from ndm.parts.schedules.learned_linear import LearnedLinearSchedule
from ndm.parts.schedules.linear import LinearSchedule
from ndm.parts.time_functions import IntegratedBumps, Monomials, Pieces, Sigmoids
from ndm.parts.transforms.blurring import BlurringTransform
from ndm.parts.transforms.identity import IdentityTransform
from ndm.parts.transforms.residual import ResidualTransform
from ndm.parts.transforms.scaling import ScalingTransform
from ndm.parts.transforms.series import TimeBasisTransform
from ndm.parts.volatilities.best import BestVolatility
from ndm.parts.volatilities.constant import ConstantVolatility
from ndm.parts.volatilities.learned import LearnedVolatility
from ndm.parts.volatilities.markov import MarkovVolatility
from ndm.parts.volatilities.per_dimension import PerDimensionVolatility
from ndm.parts.volatilities.random import RandomVolatility
from ndm.process.basis import CosineBasis, StandardBasis
from ndm.process.curve import Curve
from ndm.process.gaussian import Gaussian
from ndm.process.mixture import Mixture
from ndm.samplers.ancestral import AncestralSampler
from ndm.samplers.deterministic import DeterministicSampler
from ndm.samplers.exponential import ExponentialSampler
from ndm.samplers.grids.optimised import OptimisedGrid
from ndm.samplers.heun import HeunSampler
from ndm.samplers.multistep import MultistepSampler
from ndm.samplers.multistep_third import ThirdOrderMultistepSampler
from ndm.samplers.ode import OdeSampler
from ndm.samplers.sde import SdeSampler

__all__ = [
    "MLP",
    "AdaptiveSolver",
    "AnalyticStepVariance",
    "AncestralSampler",
    "BestVolatility",
    "BlurringTransform",
    "Bound",
    "CallablePredictor",
    "ConstantVolatility",
    "ConvolutionalLayer",
    "CosineBasis",
    "CosineSchedule",
    "Curve",
    "DdpmSchedule",
    "DeterministicSampler",
    "DirectPredictor",
    "EncodedPredictor",
    "Estimate",
    "ExactTrace",
    "ExponentialSampler",
    "FixedSolver",
    "FlowSchedule",
    "Gaussian",
    "GaussianDecoder",
    "GaussianTrace",
    "HeunSampler",
    "HiddenLayer",
    "HutchinsonTrace",
    "IdentityTransform",
    "ImportanceTimes",
    "ImportanceWeighted",
    "InputError",
    "IntegratedBumps",
    "LearnedLinearSchedule",
    "LearnedSchedule",
    "LearnedStepVariance",
    "LearnedVolatility",
    "LevelsDecoder",
    "LinearSchedule",
    "LowDiscrepancyTimes",
    "MarkovVolatility",
    "Mixture",
    "MixtureStepVariance",
    "MomentsStepVariance",
    "Monomials",
    "MultistepSampler",
    "NeuralDiffusion",
    "NoDequantisation",
    "OdeLikelihood",
    "OdeSampler",
    "OptimisedGrid",
    "PerDimensionVolatility",
    "Pieces",
    "PlugInPredictor",
    "PosteriorDequantisation",
    "PosteriorStepVariance",
    "RandomVolatility",
    "ResidualTransform",
    "ScalingTransform",
    "SdeSampler",
    "Sigmoids",
    "StandardBasis",
    "ThirdOrderMultistepSampler",
    "TimeBasisTransform",
    "Transport",
    "UNet",
    "UniformDequantisation",
    "__version__",
    "bits_per_dim",
    "decode",
    "encode",
    "importance_weighted",
    "kinetic_energy",
    "nelbo",
    "ode_likelihood",
    "ode_log_prob",
    "transport",
]
