"""Search for the files of data sets that are not in the package: the user supplies them."""

import os
from collections.abc import Sequence
from pathlib import Path

from ndm.base.errors import InputError

VARIABLE = "NDM_DATA"


class AbsentFiles(InputError):
    """Raised where the files of a known data set are not on this machine."""


def folders(*names: str, installed: str | None = None) -> list[Path]:
    """The folders to search, in this order: $NDM_DATA/name for each name, $NDM_DATA, and those of a package.

    Raises `InputError` where $NDM_DATA is set, and no folder.
    """
    own = os.environ.get(VARIABLE)
    if own and not os.path.isdir(own):
        raise InputError(f"{VARIABLE}={own}", "a folder that exists", f"correct or unset {VARIABLE}")
    return [*(Path(own, name) for name in (*names, "") if own), *([Path(installed)] if installed else [])]


def find(file: str, places: Sequence[Path], advice: str) -> Path:
    """Find `file` or `file`.gz in the first of the folders `places` that has either."""
    return find_any((file, f"{file}.gz"), places, advice)


def find_any(files: Sequence[str], places: Sequence[Path], advice: str) -> Path:
    """Find the first of `files`, each a file or a folder, in the first of the folders `places` that has any.

    Raises `AbsentFiles`, which says where it looked and gives `advice`.
    """
    for place in places:
        for file in files:
            if os.path.exists(place / file):  # unlike Path.exists, False in a folder that may not be entered
                return place / file
    looked = ", ".join(str(place) for place in places) or f"a folder that ${VARIABLE} names"
    raise AbsentFiles(f"no file {' or '.join(files)}", f"one in {looked}", advice)
