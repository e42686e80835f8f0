"""From a configuration and its data to a model: the names become parts."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ndm.base.errors import InputError, is_out_of_memory
from ndm.base.registry import choose, discover
from ndm.bounds.time_samplers import Importance, LowDiscrepancy, TimeSampler
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.labels import NO_CLASS
from ndm.data.lazy import moments
from ndm.model import NeuralDiffusion
from ndm.parts.conditions import Condition, LabelCondition, ValueCondition
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.discretised import DiscretisedDecoder
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.parts.predictors import Predictor
from ndm.parts.reverse_steps import ReverseStep
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility
from ndm.process.bases import StandardBasis

_SEEN = 2**26  # values of the first training examples that a predictor may see before training: 256 MiB
_FEW_STEPS = 8  # for which a learned path pays: docs/results/does-it-pay.md


def build_model(config: Config, data: DataSet) -> NeuralDiffusion:
    """The model that `config` names, for events like those of `data`; raises `InputError` for unknown names."""
    shape, condition = data.event_shape, condition_for(config, data)
    num_classes, num_values = (0, 0) if condition is None else condition.sizes
    sizes = {"num_classes": num_classes, "num_values": num_values}
    chosen = config.transform or _path_that_pays(config.timesteps)
    transform = _find("transform", "ndm.parts.transforms", Transform, chosen)
    make_transform = partial(transform.for_events, timesteps=config.timesteps, **sizes)
    path: Transform = _make(f"{chosen} transform", make_transform, config.transform_options, shape)
    config = _complete(config, path)
    schedule = _find("schedule", "ndm.parts.schedules", Schedule, config.schedule)
    predictor = _find("predictor", "ndm.parts.predictors", Predictor, config.predictor)
    volatility = _find("volatility", "ndm.parts.volatilities", Volatility, config.volatility)
    reverse_step = _find("reverse step", "ndm.parts.reverse_steps", ReverseStep, config.reverse_step)
    parameterisation = {"parameterisation": "gaussian_mixture" if reverse_step.needs_posterior else "scaled"}
    model = NeuralDiffusion(
        schedule=_make(f"{config.schedule} schedule", schedule, config.schedule_options),
        transform=path,
        predictor=_make(
            f"{config.predictor} predictor",
            partial(predictor.for_events, **sizes),
            parameterisation | config.predictor_options,
            shape,
            path,
            data.num_levels,
        ),
        decoder=decoder_for(data),
        volatility=_make(f"{config.volatility} volatility", volatility.for_events, config.volatility_options, shape),
        reverse_step=_make("reverse step", reverse_step.for_events, {}, shape, config.timesteps),
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
    model.predictor.check(model.schedule, model.transform)
    if model.reverse_step.needs_posterior:
        _take_a_step(model, shape)
    # Channels-last weights make convolutions faster, on CPUs and GPUs; nothing else changes.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    some = model.decoder.from_raw(data.train.x[: max(1, _SEEN // math.prod(shape))])
    model.check_noise(some)
    model.predictor.initialise(model.decoder.standardise(some))
    return model


@torch.no_grad()
def _take_a_step(model: NeuralDiffusion, shape: tuple[int, ...]) -> None:
    """Raise `InputError` where the predictor has not the posteriors that the reverse step asks for."""
    z_t, t = torch.zeros(1, *shape), torch.tensor([0.5])
    model.eval()
    model.reverse_kernel(z_t, model.predict(z_t, t), torch.tensor([0]), timesteps=2)
    model.train()


def _path_that_pays(timesteps: int | None) -> str:
    """The transformation by default: few steps have an order to learn."""
    return "scaling" if timesteps is not None and timesteps <= _FEW_STEPS else "identity"


def _complete(config: Config, path: Transform) -> Config:
    """The configuration with the parts that it leaves open: few steps need a shape of gamma and whole distributions."""
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
    """Where the loss is evaluated in time."""
    return Importance() if config.importance else LowDiscrepancy()


def decoder_for(data: DataSet) -> Decoder:
    """Levels for images; for real values a Gaussian that standardises each dimension by the training split."""
    if data.num_levels is not None:
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


def condition_for(config: Config, data: DataSet) -> Condition | None:
    """What the model is told of each example; None for nothing.

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


def _find(kind: str, package: str, base: type, name: str | None) -> Any:
    return choose(kind, str(name), discover(package, base))


def _make(kind: str, maker: Any, options: dict[str, Any], *arguments: Any) -> Any:
    if reserved := {"timesteps", "num_classes", "num_values"} & set(options):
        raise InputError(
            f"the option {min(reserved)} for the {kind}",
            "options of the part alone",
            "it follows from --timesteps, --condition and the data",
        )
    try:
        return maker(*arguments, **options)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        if not options or is_out_of_memory(error):
            raise
        raise InputError(
            f"options {options} for the {kind}", "options and values that it takes", str(error).splitlines()[0]
        ) from error
