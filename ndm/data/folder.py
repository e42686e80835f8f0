"""A folder of images, of any format that Pillow reads; the names of its sub-folders, if there are any, are classes.

Sub-folders called train, test and, where there is one, validation (or valid, val) are the splits; otherwise the images
are split 80/10/10, and where validation alone is absent it is a tenth of the training images, drawn once.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ndm.data import hub
from ndm.data.dataset import DataSet, Split
from ndm.data.examples import divide
from ndm.data.images import images_of
from ndm.data.labels import classes
from ndm.data.lazy import rows_of
from ndm.data.stores import Folder, files_below
from ndm.errors import InputError

SUFFIXES_OF_IMAGES = set(Image.registered_extensions())
PARTS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}


def holds(path: Path) -> bool:
    """Whether the folder, or one below it, has anything in it that may be an image."""
    return not hub.holds(path) and any(each.suffix.lower() in SUFFIXES_OF_IMAGES for each in files_below(path))


def load_folder(path: Path, *, size: Any = None, crop: Any = None, mode: Any = None, unlabelled: Any = None) -> DataSet:
    """Every image below `path`, read by the policy of `ndm.data.images`. Raises `InputError`, naming a file.

    With `unlabelled="keep"`, images beside the folders that are classes are kept, without a class.
    """
    store = Folder(path)
    x = images_of(store, size=size, crop=crop, mode=mode)
    parts = [name.split("/") for name in store.names]
    tops = {each[0] for each in parts if len(each) > 1}
    if tops >= {"train", "test"} and tops <= PARTS.keys():
        if stray := [name for name in store.names if "/" not in name]:
            raise InputError(f"{path / stray[0]} beside train and test", "images inside of them", "move it")
        y, notes = _labels(path, [each[1:] for each in parts], unlabelled)
        return _as_divided(path, x, y, [PARTS[each[0]] for each in parts], notes)
    y, notes = _labels(path, parts, unlabelled)
    return divide(Split(x, y), path.name, f"the folder {path.name}", notes)


def _labels(path: Path, parts: list[list[str]], unlabelled: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The class number of each image's folder, as `classes` says, and its remarks; None where all lie in one."""
    folders = [each[0] if len(each) > 1 else "" for each in parts]
    names = sorted(set(folders))
    if "" in names and len(names) > 1 and unlabelled is None:
        raise InputError(f"{path / parts[folders.index('')][0]} beside the folder {path / names[1]}",
                         "all images in sub-folders, which are the classes, or none",
                         "move it, or say unlabelled=keep to keep it without a class")
    return classes(folders if len(names) > 1 else None, lambda i: str(path / "/".join(parts[i])), unlabelled=unlabelled)


def _as_divided(path: Path, x: Any, y: np.ndarray | None, where: list[str], notes: tuple[str, ...]) -> DataSet:
    """The splits of the folder's own."""
    places = {}
    for part in ("train", "validation", "test"):
        places[part] = np.flatnonzero(np.array(where) == part)
    if not len(places["validation"]):
        order = np.random.RandomState(0).permutation(places["train"])  # the names may be sorted by class
        tenth = max(1, len(order) // 10)
        places["train"], places["validation"] = np.sort(order[tenth:]), np.sort(order[:tenth])
    train, validation, test = (Split(rows_of(x, rows), None if y is None else y[rows]) for rows in places.values())
    return DataSet(path.name, train, validation, test, num_levels=256, num_classes=0 if y is None else int(y.max()) + 1,
                   source=f"the folder {path.name}, split by its sub-folders", notes=notes)
