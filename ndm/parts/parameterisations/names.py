"""Forms by name."""

from typing import Any

from ndm.base.registry import choose
from ndm.parts.parameterisations.categorical import CategoricalForm
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureForm
from ndm.parts.parameterisations.parameterisation import EpsForm, Form, ScaledForm, VForm, XForm

FORMS: dict[str, type[Form]] = {
    "x": XForm,
    "eps": EpsForm,
    "v": VForm,
    "scaled": ScaledForm,
    "categorical": CategoricalForm,
    "gaussian_mixture": GaussianMixtureForm,
}


def form_for(name: str, event_shape: tuple[int, ...], num_levels: int | None, options: dict[str, Any] | None) -> Form:
    """The form called `name` for events of this shape; `InputError` for an unknown name."""
    form: Form = choose("form", name, FORMS).for_events(event_shape, num_levels, **(options or {}))
    return form
