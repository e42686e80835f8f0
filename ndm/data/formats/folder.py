"""Reader of a folder of images, of any format that Pillow reads; sub-folders, if there are any, are classes.

Sub-folders called train, test and, where there is one, validation (or valid, val) are the splits; otherwise the images
are split 80/10/10, and where validation alone is absent it is a tenth of the training images, drawn once. The frames of
one file are never in two splits.

A folder of images holds nothing else: a home or a whole disk is refused after a short look.
"""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ndm.base.errors import InputError
from ndm.data.dataset import DataSet, Split, Whole, parted
from ndm.data.formats.stores import Folder, Walk
from ndm.data.formats.survey import Surveyed, images_of
from ndm.data.hub import datasets as hub
from ndm.data.labels import Labels, classes, place_of

SUFFIXES_OF_IMAGES = set(Image.registered_extensions())
PARTS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
_MOST_WITHOUT = 1000  # files and folders among which the first image is looked for
_MOST_FOLDERS = 10  # for each image, beside those
_MOST_STRANGERS = 100  # files that are no images: it ends there, as one is enough
_MOST_NAMED = 10  # classes


def holds(path: Path) -> bool:
    """Whether the folder seems to hold images, at any depth, by a short look."""
    return not hub.holds(path) and any(each and _has_suffix(each) for each in islice(Walk(path), _MOST_WITHOUT))


def absent(path: Path) -> str:
    """Say what a folder holds that is not one of images."""
    walk = Walk(path)
    found = list(islice(walk, _MOST_WITHOUT))
    files = [each for each in found if each]
    what = [f"{len(files)} files and {len(found) - len(files)} folders" + (f", as {files[0]}" if files else "")]
    if walk.hidden and not files:
        what.append(f"hidden ones are not read, as {walk.hidden[0]}")
    what += [each.got for each in walk.obstacles[:1]]
    if len(found) == _MOST_WITHOUT:
        return f"which is no folder of images (its first {what[0]})"
    return "which holds no images" + (f" ({'; '.join(what)})" if found or len(what) > 1 else "")


def load_folder(
    path: Path,
    *,
    size: Any = None,
    crop: Any = None,
    mode: Any = None,
    frames: Any = None,
    background: Any = None,
    unlabelled: Any = None,
) -> Whole | DataSet:
    """Load every image below `path` by the policy of `ndm.data.formats.images`; `InputError` names a file.

    With `unlabelled="keep"`, images beside the folders that are classes are kept, without a class.
    """
    store, beside = _store(path)
    parts = [name.split("/") for name in store.names]
    is_divided = _is_divided(path, parts)
    labelled = [each[1:] for each in parts] if is_divided else parts
    labels, objection = Labels(None), None
    try:
        labels = _labels(path, store.names, labelled, unlabelled)
    except InputError as error:
        if is_divided:
            raise
        objection = error  # which those who do not look at labels need not know
    found = images_of(store, size=size, crop=crop, mode=mode, frames=frames, background=background)
    y = None if labels.numbers is None else labels.numbers[found.files]
    notes = (*labels.notes, *beside, *found.notes)
    if is_divided:
        where = [PARTS[parts[i][0].lower()] for i in found.files]
        return _as_divided(path, found, Split(found.x, y), where, notes, labels.names)
    return Whole(
        path.name,
        Split(found.x, y),
        256,
        f"the folder {path.name}",
        notes,
        found.reading,
        files=found.files,
        objection=objection,
        classes=labels.names,
        unlabelled=objection,
    )


def _store(path: Path) -> tuple[Folder, list[str]]:
    """Find the images below `path`, with notes on what else is there.

    Raises `InputError` for files that are not images, for many folders with few images, and for what stops a walk.
    """
    walk, folders = Walk(path), 0
    images: list[Path] = []
    strangers: list[Path] = []
    for each in walk:
        if each is None:
            folders += 1
        else:
            (images if _has_suffix(each) or _opens(each) else strangers).append(each)
        if len(strangers) > _MOST_STRANGERS or folders > _MOST_WITHOUT + _MOST_FOLDERS * len(images):
            break
    if strangers:
        more = "or more " * (len(strangers) > _MOST_STRANGERS)
        some = "file that is no image" if len(strangers) == 1 else "files that are no images"
        raise InputError(
            f"{path}, which holds {len(strangers)} {more}{some} beside {len(images)} that are, the first "
            f"{strangers[0]}",
            "a folder that holds images alone",
            "name the folder of the images",
        )
    if folders > _MOST_WITHOUT + _MOST_FOLDERS * len(images):
        raise InputError(
            f"{path}, which holds {len(images)} images in its first {folders} folders",
            "a folder of images",
            "name the folder of the images",
        )
    if walk.obstacles:
        raise walk.obstacles[0]
    notes = [
        f"{len(found)} {what}, as {found[0]}"
        for found, what in (
            (walk.hidden, "hidden files or folders are not read"),
            (walk.bare, "folders are empty"),
            (walk.others, "entries are neither files nor folders"),
        )
        if found
    ]
    return Folder(path, images), notes


def _has_suffix(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES_OF_IMAGES


def _opens(path: Path) -> bool:
    """Whether the file is an image without a suffix that says so."""
    try:
        with Image.open(path):
            return True
    except Exception:  # Pillow's plug-ins raise whatever strange content makes them raise
        return False


def _is_divided(path: Path, parts: list[list[str]]) -> bool:
    """Whether the sub-folders are splits. Raises `InputError` where only some are, or where images lie beside them."""
    tops = {each[0] for each in parts if len(each) > 1}
    splits = {PARTS[top.lower()] for top in tops if top.lower() in PARTS}
    others = sorted(top for top in tops if top.lower() not in PARTS)
    if not splits or (others and len(splits) == 1):  # a train may be a class of vehicles
        return False
    if others or not splits >= {"train", "test"}:
        raise InputError(
            f"{path} with the folders {', '.join(sorted(tops)[:_MOST_NAMED])}",
            "train and test, with or without validation, or none of them",
            f"name {path / min(tops - set(others))} alone, which is then divided 80/10/10",
        )
    if stray := ["/".join(each) for each in parts if len(each) == 1]:
        raise InputError(f"{path / stray[0]} beside train and test", "images inside of them", "move it")
    return True


def _labels(path: Path, names: list[str], parts: list[list[str]], unlabelled: Any) -> Labels:
    """The class of each file's folder, as `classes` says; no labels where all lie in one."""
    folders = [each[0] if len(each) > 1 else "" for each in parts]
    own = sorted(set(folders) - {""}, key=place_of)
    if "" in folders and own and unlabelled is None:
        raise InputError(
            f"{path / names[folders.index('')]} beside the folder {path / own[0]}",
            "all images in sub-folders, which are the classes, or none",
            "move it, or say unlabelled=keep to keep it without a class",
        )
    is_labelled = len(set(folders)) > 1
    labels = classes(folders if is_labelled else None, lambda i: str(path / names[i]), unlabelled=unlabelled)
    notes = list(labels.notes)
    if is_labelled:
        shown = ", ".join(own[:_MOST_NAMED]) + ", ..." * (len(own) > _MOST_NAMED)
        notes.append(f"the sub-folders are {len(own)} classes: {shown}")
    if deep := [name for name, each in zip(names, parts, strict=True) if len(each) > 2]:
        notes.append(
            f"{len(deep)} of {len(names)} files lie in folders within these, which are no classes: the first "
            f"{path / deep[0]}"
        )
    return labels._replace(notes=tuple(notes))


def _as_divided(
    path: Path, found: Surveyed, every: Split, where: list[str], notes: tuple[str, ...], names: tuple[str, ...]
) -> DataSet:
    """The splits of the folder's own, whose classes are called `names`."""
    places = {part: np.flatnonzero(np.array(where) == part) for part in ("train", "validation", "test")}
    if not len(places["validation"]):  # the names may be sorted by class
        own = places["train"]
        tenth = max(1, len(own) // 10)
        held_out, rest = parted(found.files[own], (tenth, len(own) - tenth), f"{path / 'train'}")
        places["train"], places["validation"] = own[np.sort(rest)], own[np.sort(held_out)]
    train, validation, test = (every.take(rows) for rows in places.values())
    return DataSet(
        path.name,
        train,
        validation,
        test,
        num_levels=256,
        num_classes=len(names),
        classes=names,
        source=f"the folder {path.name}, split by its sub-folders",
        notes=notes,
        reading=found.reading,
    )
