"""The contenders, by name: (the recipe's configuration with T, data) -> the configuration that is trained."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ndm.config import Config
from ndm.data import DataSet

Change = Callable[[Config, DataSet], Config]


def default(config: Config, data: DataSet) -> Config:
    """The recipe as it stands: with few steps a learned noise schedule for each dimension, F = w(t) x; else F = x."""
    return config


def scaling(config: Config, data: DataSet) -> Config:
    """F = w(t) x at every T, in continuous time too."""
    return replace(config, transform="scaling")


def control(config: Config, data: DataSet) -> Config:
    """The default's code and heads with F = x: its scales start at 1, and are not learned."""
    return replace(order_found(config, data), transform_rate=0.0)


def order_given(config: Config, data: DataSet) -> Config:
    """The default with the order that it starts from, which is not learned."""
    return replace(scaling(config, data), transform_rate=0.0)


def order_found(config: Config, data: DataSet) -> Config:
    """The default from no order, F = x: what it learns by itself."""
    return replace(scaling(config, data), transform_options={"lead": 0.0})


def identity(config: Config, data: DataSet) -> Config:
    """F(x, t) = x, all else equal: the usual diffusion model."""
    return replace(config, transform="identity", transform_options={})


def series(config: Config, data: DataSet) -> Config:
    """F = x + sum_k b_k(t) h_k(x), h with one hidden layer; the curve is predicted."""
    return replace(config, transform="series", transform_options={"num_functions": 4, "width": 128})


def time_basis_linear(config: Config, data: DataSet) -> Config:
    """The same with a linear h, a matrix of rank 128 for each k."""
    options = {"num_functions": 4, "width": 128, "activation": "none"}
    return replace(config, transform="series", transform_options=options)


def time_basis_control(config: Config, data: DataSet) -> Config:
    """The same heads, h = 0."""
    return replace(series(config, data), transform_rate=0.0)


def time_basis_quiet(config: Config, data: DataSet) -> Config:
    """The same path, trained at eta = 0.3: a predicted curve is right for the eta of its bound, here one near 0."""
    return replace(series(config, data), volatility="constant", volatility_options={"value": 0.3})


def frequencies(config: Config, data: DataSet) -> Config:
    """A learned noise schedule for each frequency of an image: blurring, learned."""
    return replace(config, transform="scaling", transform_options={"basis": "frequency"})


def residual(config: Config, data: DataSet) -> Config:
    """The paper's: F = x + t N(x, t), N a network of the denoiser's size, x^ plugged into F."""
    return replace(
        config,
        transform="residual",
        transform_options=network_options(config),
        predictor="plug_in",
        volatility="constant",
    )


def network_options(config: Config) -> dict[str, Any]:
    """The denoiser's network, without dropout: F is evaluated at two times, which have to see the same network."""
    others = ("parameterisation", "parameterisation_options", "dropout")
    return {name: value for name, value in config.predictor_options.items() if name not in others}


# `identity_larger` is `identity` with a larger denoiser, see sizes.py.
CONTENDERS: dict[str, Change] = {
    "default": default,
    "scaling": scaling,
    "control": control,
    "identity": identity,
    "identity_larger": identity,
    "series": series,
    "time_basis_linear": time_basis_linear,
    "time_basis_control": time_basis_control,
    "time_basis_quiet": time_basis_quiet,
    "residual": residual,
}
