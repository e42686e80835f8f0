"""Find the files of the data sets that do not travel in the package: those the user supplies."""

import os
from collections.abc import Sequence
from pathlib import Path

from ndm.errors import InputError

VARIABLE = "NDM_DATA"


class AbsentFiles(InputError):
    """A data set is known, but its files are not on this machine."""


def folders(*names: str, installed: str) -> list[Path]:
    """Where to look, in this order: $NDM_DATA/name for each name, $NDM_DATA, and where a package installs them.

    Raises `InputError` where $NDM_DATA is set, and no folder.
    """
    own = os.environ.get(VARIABLE)
    if own and not os.path.isdir(own):
        raise InputError(f"{VARIABLE}={own}", "a folder that exists", f"correct or unset {VARIABLE}")
    return [*(Path(own, name) for name in (*names, "") if own), Path(installed)]


def find(file: str, places: Sequence[Path], advice: str) -> Path:
    """The first of `file` and `file`.gz that exists in the first of the folders `places` with either.

    Raises `AbsentFiles`, which says where it looked and gives `advice`.
    """
    for place in places:
        for path in (place / file, place / f"{file}.gz"):
            if os.path.isfile(path):  # unlike Path.is_file, False in a folder that may not be entered
                return path
    looked = ", ".join(str(place) for place in places)
    raise AbsentFiles(f"no file {file} or {file}.gz", f"one in {looked}", advice)
