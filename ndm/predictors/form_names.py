"""Forms by name."""

from typing import Any

from ndm.predictors.categorical import CategoricalForm
from ndm.predictors.forms import EpsForm, Form, ScaledForm, VForm, XForm
from ndm.predictors.gaussian_mixture import GaussianMixtureForm
from ndm.registry import choose

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
