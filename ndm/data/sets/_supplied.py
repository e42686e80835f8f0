"""Find the files of the data sets that do not travel in the package: those the user supplies."""

import os
from collections.abc import Sequence
from pathlib import Path

from ndm.base.errors import InputError

VARIABLE = "NDM_DATA"


class AbsentFiles(InputError):
    """A data set is known, but its files are not on this machine."""


def folders(*names: str, installed: str | None = None) -> list[Path]:
    """Where to look, in this order: $NDM_DATA/name for each name, $NDM_DATA, and where a package installs them.

    Raises `InputError` where $NDM_DATA is set, and no folder.
    """
    own = os.environ.get(VARIABLE)
    if own and not os.path.isdir(own):
        raise InputError(f"{VARIABLE}={own}", "a folder that exists", f"correct or unset {VARIABLE}")
    return [*(Path(own, name) for name in (*names, "") if own), *([Path(installed)] if installed else [])]


def find(file: str, places: Sequence[Path], advice: str) -> Path:
    """The first of `file` and `file`.gz that exists in the first of the folders `places` with either."""
    return find_any((file, f"{file}.gz"), places, advice)


def find_any(files: Sequence[str], places: Sequence[Path], advice: str) -> Path:
    """The first of `files`, each a file or a folder, in the first of the folders `places` that has any.

    Raises `AbsentFiles`, which says where it looked and gives `advice`.
    """
    for place in places:
        for file in files:
            if os.path.exists(place / file):  # unlike Path.exists, False in a folder that may not be entered
                return place / file
    looked = ", ".join(str(place) for place in places) or f"a folder that ${VARIABLE} names"
    raise AbsentFiles(f"no file {' or '.join(files)}", f"one in {looked}", advice)
