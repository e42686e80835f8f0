"""What is left out or replaced in an ablation, by name: changes of the configuration, or of the training."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ndm.benchmarks.comparison.contenders import (
    Change,
    frequencies,
    identity,
    network_options,
    order_found,
    order_given,
    residual,
    scaling,
    series,
    time_basis_control,
)
from ndm.bounds.bound import Bound
from ndm.config import Config
from ndm.data import DataSet
from ndm.parts.time_functions import TimeFunctions
from ndm.parts.transforms.series import SeriesTransform
from ndm.training.objective import Inputs
from ndm.training.trainer import Trainer

_PHASE = 50  # steps for which one of the two learns, in alternating training


def settings(**values: Any) -> Change:
    """The path by scaling, with other values of these settings."""
    return lambda config, data: replace(scaling(config, data), **values)


def with_steps(reverse_step: str, change: Change = scaling) -> Change:
    """With chains of other steps than mixtures; in continuous time there is nothing to choose."""
    return lambda config, data: replace(change(config, data), reverse_step=reverse_step if config.timesteps else None)


def basis(volatility: dict[str, Any] | None = None, **options: Any) -> Change:
    """F by time basis with other options, or with a constant volatility."""

    def change(config: Config, data: DataSet) -> Config:
        config = series(config, data)
        config = replace(config, transform_options=config.transform_options | options)
        return config if volatility is None else replace(config, volatility="constant", volatility_options=volatility)

    return change


def gate(name: str) -> Change:
    """The paper's residual network behind another gate."""

    def change(config: Config, data: DataSet) -> Config:
        return replace(residual(config, data), transform_options=network_options(config) | {"gate": name})

    return change


def without(term: str) -> type[Trainer]:
    """A trainer whose objective lacks this term of the bound: its gradient is never seen."""

    class Partial(Trainer):
        def objective(self, bound: Bound) -> Tensor:
            left_out: Tensor = getattr(bound, term)
            return bound.total - left_out + left_out.detach()

    return Partial


class AlternatingTrainer(Trainer):
    """The path and all the rest learn in turns, for a number of steps each."""

    def _train_step(self, pieces: list[Inputs]) -> dict[str, float]:
        path_learns = self.step // _PHASE % 2 == 1
        for name, parameter in self.raw_model.named_parameters():
            parameter.requires_grad_(name.startswith("transform.") == path_learns)
        return super()._train_step(pieces)


class Ones(TimeFunctions):
    """b_k(t) = 1, at t = 0 too: what the functions of a transformation must not be."""

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor]:
        value = t[..., None].expand(*t.shape, self.num)
        return torch.ones_like(value), torch.zeros_like(value)


class OpenTrainer(Trainer):
    """F(x, 0) != x, F = x + sum_k h_k(x): what it computes is no bound, since the decoder is told x all the same."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for model in (self.raw_model, self.ema.model):
            assert isinstance(model.transform, SeriesTransform)
            model.transform.functions = Ones(model.transform.functions.num)


ABLATED: dict[str, Change] = {
    "schedule_fixed": settings(schedule="linear"),
    "schedule_ends": settings(schedule="learned_linear"),
    "schedule_shape": settings(schedule="learned"),
    "scale_of_one_function": settings(transform_options={"num_functions": 1}),
    "volatility_constant": settings(volatility="constant"),
    "steps_moments": with_steps("moments"),
    "steps_learned": with_steps("learned"),
    "steps_posterior": with_steps("posterior"),
    "identity_steps_moments": with_steps("moments", identity),
    "identity_steps_learned": with_steps("learned", identity),
    "identity_steps_posterior": with_steps("posterior", identity),
    "time_basis_steps_learned": with_steps("learned", series),
    "time_basis_control_steps_learned": with_steps("learned", time_basis_control),
    "order_given": order_given,
    "order_found": order_found,
    "frequencies": frequencies,
    "uniform_times": settings(time_sampler="low_discrepancy"),
    "series": series,
    "time_basis_width_32": basis(width=32),
    "time_basis_width_512": basis(width=512),
    "time_basis_convolutional": basis(layer="convolutional", width=32),
    "time_basis_monomials": basis(functions="monomials"),
    "time_basis_pieces": basis(functions="pieces"),
    "time_basis_sigmoids": basis(functions="sigmoids"),
    "time_basis_eta_quarter": basis({"value": 0.25}),
    "time_basis_eta_4": basis({"value": 4.0}),
    "residual": residual,
    "residual_gate_interpolation": gate("interpolation"),
    "residual_gate_variance": gate("variance"),
    "time_basis_open": series,
    "alternating": scaling,
    "without_prior": scaling,
    "without_diffusion": scaling,
    "without_reconstruction": scaling,
}

_CONTINUOUS_ALONE = (
    "schedule_shape",
    "time_basis_eta_quarter",
    "time_basis_eta_4",
    "time_basis_open",
    "residual",
    "residual_gate_interpolation",
    "residual_gate_variance",
)
IN_CHAINS = tuple(name for name in ABLATED if name not in _CONTINUOUS_ALONE)
IN_CONTINUOUS_TIME = (
    "schedule_fixed",
    "volatility_constant",
    "uniform_times",
    "series",
    "without_prior",
    "without_diffusion",
    "without_reconstruction",
    *_CONTINUOUS_ALONE,
)

# Those whose training differs, and not their model. All are evaluated on the whole bound.
TRAINERS: dict[str, Callable[..., Trainer]] = {
    "time_basis_open": OpenTrainer,
    "alternating": AlternatingTrainer,
    "without_prior": without("prior"),
    "without_diffusion": without("diffusion"),
    "without_reconstruction": without("reconstruction"),
}
