"""Neural Diffusion Models: diffusion models that learn the path from data to noise as well.

The public names are those of the README and the guide; variants are in the packages: `ndm.samplers.Heun`. Each is
imported when it is first asked for, so that `import ndm` and `ndm --help` need no torch.
"""

from typing import TYPE_CHECKING

from ndm.base import ending as _ending  # noqa: F401  first: it answers signals while the others are imported
from ndm.base.registry import offered as _offered
from ndm.base.version import __version__ as __version__

if TYPE_CHECKING:
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

__getattr__, __dir__ = _offered(__name__, __file__)
