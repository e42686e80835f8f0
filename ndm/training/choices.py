"""Check the parts and options that are asked for, before any data are read."""

from collections.abc import Mapping
from typing import Any

from ndm.base.options import check_options
from ndm.config import CHOICES


def check_choices(given: Mapping[str, Any]) -> None:
    """Raise `InputError` for a name that nothing has, and for options that the part has not, or of a wrong type.

    `given` are some of the settings of a `Config`. Options of a part that is not named must be those of one that may
    be chosen: the recipe, and so the data, decide which that is.
    """
    for setting, axis in CHOICES.items():
        name = given.get(setting)
        if name is not None:
            axis.find(name)
        if options := given.get(f"{setting}_options"):
            check_options(axis, name, options)
