"""The contenders by name: each a change of the recipe's configuration, a few also of the training."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ndm.bounds.bound import Bound
from ndm.config import Config
from ndm.parts.time_functions import TimeFunctions
from ndm.parts.transforms.series import SeriesTransform
from ndm.training.trainer import Piece, Trainer

_PHASE = 50  # steps for which one of the two learns, in alternating training
_STEPS = ("moments", "learned", "posterior")
_TERMS = ("prior", "diffusion", "reconstruction")

Change = Callable[[Config], Config]


def change(base: Change | None = None, **settings: Any) -> Change:
    """What `base` makes of the recipe, the recipe itself by default, with other values of these settings."""
    return lambda config: replace(base(config) if base else config, **settings)


def series(**options: Any) -> Change:
    """F = x + sum_k b_k(t) h_k(x), h with one hidden layer; the curve is predicted."""
    return change(transform="series", transform_options={"num_functions": 4, "width": 128} | options)


def residual(**options: Any) -> Change:
    """The paper's: F = x + t N(x, t), N a network of the denoiser's size, x^ plugged into F."""
    path = change(transform="residual", predictor="plug_in", volatility="constant")
    return lambda config: replace(path(config), transform_options=network_options(config) | options)


def with_steps(name: str, base: Change) -> Change:
    """With chains of other steps than mixtures; in continuous time there is nothing to choose."""
    return lambda config: replace(base(config), reverse_step=name if config.timesteps else None)


def with_eta(value: float) -> Change:
    """F by time basis, trained at a constant volatility."""
    return change(series(), volatility="constant", volatility_options={"value": value})


def network_options(config: Config) -> dict[str, Any]:
    """The denoiser's network, without dropout: F is evaluated at two times, which have to see the same network."""
    others = ("parameterisation", "parameterisation_options", "dropout")
    return {name: value for name, value in config.predictor_options.items() if name not in others}


def larger(base: Change) -> Change:
    """An eighth more channels, or width: at least the parameters of the default, and its time for a step."""

    def changed(config: Config) -> Config:
        options = config.predictor_options
        size = {name: options[name] * 9 // 8 for name in ("channels", "width") if name in options}
        return replace(base(config), predictor_options=options | size)

    return changed


_SCALING = change(transform="scaling")  # F = w(t) x at every T, in continuous time too
_IDENTITY = change(transform="identity", transform_options={})  # F = x, all else equal: the usual diffusion model
_FOUND = change(_SCALING, transform_options={"lead": 0.0})  # from no order, F = x: what it learns by itself
_BASIS_CONTROL = change(series(), transform_rate=0.0)  # the same heads, h = 0

CONTENDERS: dict[str, Change] = {
    "default": change(),  # the recipe: with few steps a learned noise schedule for each dimension; else F = x
    "scaling": _SCALING,
    "control": change(_FOUND, transform_rate=0.0),  # the default's code and heads with F = x
    "identity": _IDENTITY,
    "identity_larger": larger(_IDENTITY),
    "series": series(),
    "series_linear": series(activation="none"),  # a matrix of rank 128 for each k
    "series_control": _BASIS_CONTROL,
    "series_quiet": with_eta(0.3),  # a predicted curve is right for the eta of its bound: here one near 0
    "residual": residual(),
    "schedule_fixed": change(_SCALING, schedule="linear"),
    "schedule_ends": change(_SCALING, schedule="learned_linear"),
    "schedule_shape": change(_SCALING, schedule="learned"),
    "scale_of_one_function": change(_SCALING, transform_options={"num_functions": 1}),
    "volatility_constant": change(_SCALING, volatility="constant"),
    **{f"steps_{name}": with_steps(name, _SCALING) for name in _STEPS},
    **{f"identity_steps_{name}": with_steps(name, _IDENTITY) for name in _STEPS},
    "series_steps_learned": with_steps("learned", series()),
    "series_control_steps_learned": with_steps("learned", _BASIS_CONTROL),
    "order_given": change(_SCALING, transform_rate=0.0),  # the order that it starts from, which is not learned
    "order_found": _FOUND,
    "frequencies": change(transform="scaling", transform_options={"basis": "frequency"}),  # blurring, learned
    "uniform_times": change(_SCALING, time_sampler="low_discrepancy"),
    "series_width_32": series(width=32),
    "series_width_512": series(width=512),
    "series_convolutional": series(layer="convolutional", width=32),
    **{f"series_{name}": series(functions=name) for name in ("monomials", "pieces", "sigmoids")},
    "series_eta_quarter": with_eta(0.25),
    "series_eta_4": with_eta(4.0),
    **{f"residual_gate_{name}": residual(gate=name) for name in ("interpolation", "variance")},
    "series_open": series(),
    "alternating": _SCALING,
    **{f"without_{name}": _SCALING for name in _TERMS},
}


def without(term: str) -> type[Trainer]:
    """A trainer whose objective lacks this term of the bound: its gradient is never seen."""

    class Partial(Trainer):
        def objective(self, bound: Bound) -> Tensor:
            left_out: Tensor = getattr(bound, term)
            return bound.total - left_out + left_out.detach()

    return Partial


class AlternatingTrainer(Trainer):
    """The path and all the rest learn in turns, for a number of steps each."""

    def _train_step(self, pieces: list[Piece]) -> dict[str, float]:
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


# Those whose training differs, and not their model. All are evaluated on the whole bound.
TRAINERS: dict[str, Callable[..., Trainer]] = {
    "series_open": OpenTrainer,
    "alternating": AlternatingTrainer,
    **{f"without_{name}": without(name) for name in _TERMS},
}
