"""Neural Diffusion Models: diffusion models that learn the path from data to noise as well."""

from ndm import ending  # noqa: F401  first: it answers signals while the others are imported
from ndm.basis import CosineBasis, StandardBasis
from ndm.bound import Bound
from ndm.curve import Curve
from ndm.decoders.gaussian import GaussianDecoder
from ndm.decoders.levels import LevelsDecoder
from ndm.dequantisation import NoDequantisation, PosteriorDequantisation, UniformDequantisation
from ndm.errors import InputError
from ndm.gaussian import Gaussian
from ndm.importance import ImportanceWeighted, importance_weighted
from ndm.kinetic import kinetic_energy
from ndm.likelihood import Estimate, bits_per_dim, nelbo
from ndm.mixture import Mixture
from ndm.model import NeuralDiffusion
from ndm.nn.convolutional_layer import ConvolutionalLayer
from ndm.nn.hidden_layer import HiddenLayer
from ndm.nn.mlp import MLP
from ndm.nn.unet import UNet
from ndm.ode_likelihood import OdeLikelihood, decode, encode, ode_likelihood, ode_log_prob
from ndm.predictors.callable import CallablePredictor
from ndm.predictors.direct import DirectPredictor
from ndm.predictors.encoded import EncodedPredictor
from ndm.predictors.plug_in import PlugInPredictor
from ndm.samplers.ancestral import AncestralSampler
from ndm.samplers.deterministic import DeterministicSampler
from ndm.samplers.exponential import ExponentialSampler
from ndm.samplers.heun import HeunSampler
from ndm.samplers.multistep import MultistepSampler
from ndm.samplers.multistep_third import ThirdOrderMultistepSampler
from ndm.samplers.ode import OdeSampler
from ndm.samplers.optimised_grid import OptimisedGrid
from ndm.samplers.sde import SdeSampler
from ndm.schedules.cosine import CosineSchedule
from ndm.schedules.ddpm import DdpmSchedule
from ndm.schedules.flow import FlowSchedule
from ndm.schedules.learned import LearnedSchedule
from ndm.schedules.learned_linear import LearnedLinearSchedule
from ndm.schedules.linear import LinearSchedule
from ndm.solvers.adaptive import AdaptiveSolver
from ndm.solvers.fixed import FixedSolver
from ndm.step_variances.analytic import AnalyticStepVariance
from ndm.step_variances.learned import LearnedStepVariance
from ndm.step_variances.mixture import MixtureStepVariance
from ndm.step_variances.moments import MomentsStepVariance
from ndm.step_variances.posterior import PosteriorStepVariance
from ndm.time_functions import IntegratedBumps, Monomials, Pieces, Sigmoids
from ndm.times import ImportanceTimes, LowDiscrepancyTimes
from ndm.traces import ExactTrace, GaussianTrace, HutchinsonTrace
from ndm.transforms.blurring import BlurringTransform
from ndm.transforms.identity import IdentityTransform
from ndm.transforms.residual import ResidualTransform
from ndm.transforms.scaling import ScalingTransform
from ndm.transforms.time_basis import TimeBasisTransform
from ndm.transport import Transport, transport
from ndm.version import __version__
from ndm.volatilities.best import BestVolatility
from ndm.volatilities.constant import ConstantVolatility
from ndm.volatilities.learned import LearnedVolatility
from ndm.volatilities.markov import MarkovVolatility
from ndm.volatilities.per_dimension import PerDimensionVolatility
from ndm.volatilities.random import RandomVolatility

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
