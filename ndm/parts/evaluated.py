"""Parts whose functions of time are evaluated once, at all the times that one estimate of a bound asks for."""

import torch
from torch import Tensor, nn

from ndm.base.view import view
from ndm.nn.network import Network
from ndm.parts.predictors import Predictor
from ndm.parts.schedules import NoiseLevel, Schedule
from ndm.parts.transforms import Transform
from ndm.parts.volatilities import Volatility


def evaluated_parts(
    schedule: Schedule,
    transform: Transform,
    volatility: Volatility,
    predictor: Predictor,
    times: tuple[Tensor, ...],
    few: tuple[Tensor, Tensor, Tensor] | None,
    asked: Tensor | None,
) -> dict[str, nn.Module]:
    """The parts of a model that change where `NeuralDiffusion.evaluated_at` is called, by their names in it."""
    parts: dict[str, nn.Module] = {}
    if asked is not None:
        times = (*times, asked)
        parts["volatility"] = view(volatility, evaluated_at=asked)
    every = torch.cat([t.reshape(-1) for t in times])
    parts["schedule"] = _of_schedule(schedule, times, every)
    if transform.has_scale:
        parts["transform"] = _of_transform(transform, times, every)
    network = getattr(predictor, "network", None)
    if few is not None and isinstance(network, Network):
        parts["predictor"] = view(predictor, {"network": network.with_few_times(*few)})
    return parts


def _of_schedule(schedule: Schedule, times: tuple[Tensor, ...], every: Tensor) -> Schedule:
    """The schedule, with the levels at these times."""
    level = schedule(every)
    parts = zip(*(_parts(value, times) for value in vars(level).values()), strict=True)
    levels = {t: NoiseLevel(*values) for t, values in zip(times, parts, strict=True)}

    def at(t: Tensor) -> NoiseLevel:
        return levels.get(t) or schedule(t)

    def gamma(t: Tensor) -> Tensor:
        return levels[t].gamma if t in levels else schedule.gamma(t)

    def with_velocity(t: Tensor) -> tuple[Tensor, Tensor]:
        return (levels[t].gamma, levels[t].gamma_prime) if t in levels else schedule.with_velocity(t)

    return view(schedule, forward=at, gamma=gamma, with_velocity=with_velocity)


def _of_transform(transform: Transform, times: tuple[Tensor, ...], every: Tensor) -> Transform:
    """The transformation, with the logarithm of its scale and its velocity at these times."""
    log_w, log_w_prime = (_parts(value, times) for value in transform.log_scale_with_velocity(every))
    known = {t: pair for t, pair in zip(times, zip(log_w, log_w_prime, strict=True), strict=True)}

    def with_velocity(t: Tensor) -> tuple[Tensor, Tensor]:
        return known[t] if t in known else transform.log_scale_with_velocity(t)

    def value(t: Tensor) -> Tensor:
        return known[t][0] if t in known else transform.log_scale_at(t)

    return view(transform, log_scale_with_velocity=with_velocity, log_scale_at=value).with_shared_scale()


def _parts(value: Tensor, times: tuple[Tensor, ...]) -> list[Tensor]:
    """A value at all times, (sum of their numbers, *event), for each of them."""
    split = value.split([t.numel() for t in times])
    return [part if t.ndim else part[0] for part, t in zip(split, times, strict=True)]
