"""Forms by name."""

from typing import Any

from ndm.base.registry import choose
from ndm.parts.parameterisations.categorical import CategoricalParameterisation
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.parameterisations.parameterisation import (
    EpsParameterisation,
    Parameterisation,
    ScaledParameterisation,
    VParameterisation,
    XParameterisation,
)

PARAMETERISATIONS: dict[str, type[Parameterisation]] = {
    "x": XParameterisation,
    "eps": EpsParameterisation,
    "v": VParameterisation,
    "scaled": ScaledParameterisation,
    "categorical": CategoricalParameterisation,
    "gaussian_mixture": GaussianMixtureParameterisation,
}


def parameterisation_for(
    name: str, event_shape: tuple[int, ...], num_levels: int | None, options: dict[str, Any] | None
) -> Parameterisation:
    """The parameterisation called `name` for events of this shape; `InputError` for an unknown name."""
    parameterisation: Parameterisation = choose("parameterisation", name, PARAMETERISATIONS).for_events(
        event_shape, num_levels, **(options or {})
    )
    return parameterisation
