"""Construction of a model from a configuration and its data."""

import math
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ndm.autodiff.layers import channels_last
from ndm.base.axes import PREDICTORS, REVERSE_STEPS, SCHEDULES, TIME_SAMPLERS, TRANSFORMS, VOLATILITIES
from ndm.base.errors import InputError
from ndm.base.options import options_of
from ndm.base.spec import Spec
from ndm.bounds.time_samplers import TimeSampler
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.labels import NO_CLASS
from ndm.data.lazy import chunks, moments
from ndm.model import NeuralDiffusion
from ndm.parts.conditions import Condition, LabelCondition, ValueCondition
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.transforms import Transform
from ndm.process.bases import StandardBasis

_SEEN = 2**26  # values of the first training examples that a predictor may see before training: 256 MiB
_FEW_STEPS = 8  # for which a learned path pays: docs/results/does-it-pay.md


def build_model(config: Config, data: DataSet) -> NeuralDiffusion:
    """Make the model that `config` names and fit it to `data`; `InputError` for unknown names."""
    model = assemble(config, data)
    fit_to(model, data)
    return model


def assemble(config: Config, data: DataSet) -> NeuralDiffusion:
    """Make the parts that `config` names, for events like those of `data`, and the model of them."""
    condition = condition_for(config, data)
    num_classes, num_values = (0, 0) if condition is None else condition.sizes
    spec = Spec(data.event_shape, data.num_levels, num_classes, config.timesteps, num_values)
    chosen = config.transform or _path_that_pays(config.timesteps)
    path: Transform = TRANSFORMS.make(chosen, spec, config.transform_options)
    config = _complete(config, path)
    model = NeuralDiffusion(
        schedule=SCHEDULES.make(str(config.schedule), spec, config.schedule_options),
        transform=path,
        predictor=PREDICTORS.make(str(config.predictor), spec, _predictor_options(config), transform=path),
        decoder=decoder_for(data),
        volatility=VOLATILITIES.make(config.volatility, spec, config.volatility_options),
        reverse_step=REVERSE_STEPS.make(str(config.reverse_step), spec),
        condition=condition,
    )
    # A volatility that does not suit the transformation, or has no noise, says so now and not at the first step.
    model.volatility.require_noise()
    if config.kinetic_weight and not any(p.requires_grad for p in model.transform.parameters()):
        raise InputError(
            f"kinetic_weight = {config.kinetic_weight} for the {chosen} transform",
            "a learned F",
            "F has nothing to straighten its paths with: choose another, or leave it out",
        )
    model.volatility.eta(torch.tensor(0.5), model.schedule, model.transform)
    for parameter in model.parameters():  # of convolutions, which are faster so; nothing else changes
        parameter.data = channels_last(parameter.data)
    return model


def fit_to(model: NeuralDiffusion, data: DataSet) -> None:
    """Check the model's noise and fit what it begins with, such as levels of grey, to the first training examples."""
    some = seen(model, data)
    model.check_noise(some)
    model.predictor.initialise(model.decoder.standardise(some))


def seen(model: NeuralDiffusion, data: DataSet) -> Tensor:
    """The first training examples, as the model takes them: what it may see before training."""
    return model.decoder.from_raw(data.train.x[: max(1, _SEEN // math.prod(data.event_shape))])


def _predictor_options(config: Config) -> dict[str, Any]:
    """The options of the predictor; by default its parameterisation gives what the reverse step needs."""
    if "parameterisation" not in options_of(PREDICTORS.find(str(config.predictor))):
        return config.predictor_options
    needs_posterior = REVERSE_STEPS.find(str(config.reverse_step)).needs_posterior
    return {"parameterisation": "gaussian_mixture" if needs_posterior else "scaled"} | config.predictor_options


def _path_that_pays(timesteps: int | None) -> str:
    """The default transform: a learned order for few steps, else the identity."""
    return "scaling" if timesteps is not None and timesteps <= _FEW_STEPS else "identity"


def _complete(config: Config, path: Transform) -> Config:
    """Fill in the parts that a configuration leaves open: few steps need a shape of gamma and mixture steps."""
    predictor = config.predictor or ("plug_in" if path.num_heads is None else "direct")
    if config.timesteps is None:
        schedule, reverse_step = "learned_linear", "posterior"
    else:
        knows_each = predictor == "direct" and isinstance(path.basis, StandardBasis)
        schedule, reverse_step = "learned", "mixture" if knows_each else "analytic"
    return replace(
        config,
        predictor=predictor,
        schedule=config.schedule or schedule,
        reverse_step=config.reverse_step or reverse_step,
    )


def make_time_sampler(config: Config) -> TimeSampler:
    """Make the sampler of the times at which the loss is evaluated."""
    time_sampler: TimeSampler = TIME_SAMPLERS.find(config.time_sampler)()
    return time_sampler


def decoder_for(data: DataSet) -> Decoder:
    """Make the decoder: levels for images, for real values a Gaussian that standardises by the training split."""
    if data.num_levels is not None:
        _require_variety(data)
        return DiscretisedDecoder(data.num_levels)
    loc, scale = moments(data.train.x)
    if not (scale > 0).all():
        constant = np.argwhere(scale == 0)[0].tolist()
        raise InputError(
            f"dimension {constant} of {data.name}, which never changes",
            "dimensions that vary",
            "remove it: a density over a constant is infinite",
        )
    return GaussianDecoder(torch.from_numpy(loc).float(), torch.from_numpy(scale).float())


def _require_variety(data: DataSet) -> None:
    """Raise `InputError` for images of levels that are all the same: there is nothing to learn."""
    first = data.train.x[:1]
    few = (0, data.train.x[:2])  # which tell most data at once
    if all((part == first).all() for _, part in chain([few], chunks(data.train.x))):
        is_flat = (first == first[:, :, :1, :1]).all()
        raise InputError(
            f"{data.source}, whose images are all {'of one colour' if is_flat else 'the same'}",
            "images that differ",
            "look at one of them: was it saved as it should be?",
        )


def condition_for(config: Config, data: DataSet) -> Condition | None:
    """Make the condition of the model; None without one.

    Classes have their frequencies in the training split, and real values its means and standard deviations.
    """
    if tuple(config.condition) != data.condition:
        raise InputError(
            f"condition = {tuple(config.condition)} for {data.name}, read with {data.condition}",
            "the same",
            "read them with ndm.data.load(name, options, condition)",
        )
    cond = data.train.cond
    if cond is None:
        return None
    if cond.ndim == 1:
        counts = np.bincount(np.where(cond == NO_CLASS, data.num_classes, cond), minlength=data.num_classes + 1)
        return LabelCondition(data.classes, tuple((counts / len(cond)).tolist()))
    loc, scale = moments(cond)
    if not (scale > 0).all():
        raise InputError(
            f"the condition {data.condition[int((scale == 0).argmax())]} of {data.name}, which never changes in train",
            "a condition that varies",
            "leave it out: it tells the model nothing",
        )
    return ValueCondition(data.condition, tuple(loc.tolist()), tuple(scale.tolist()))
