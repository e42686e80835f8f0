"""Reader of Hugging Face `datasets` (extra `hub`): `hub:OWNER/NAME[:CONFIG]`, or a folder that `save_to_disk` wrote.

They are loaded whole, or with `streaming=true` streamed (see `ndm.data.hub.stream`), which needs no room on the disk.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ndm.base.errors import InputError, reason
from ndm.base.registry import optional
from ndm.data.dataset import CONDITION, LABEL, DataSet, Split, Whole, no_condition, no_labels
from ndm.data.formats import tables
from ndm.data.formats.stores import Store
from ndm.data.formats.survey import images_of, reading_of
from ndm.data.hub.rows import ImageDecoder, TableDecoder, content
from ndm.data.hub.stream import sizes, streamed
from ndm.data.labels import NO_CLASS, classes
from ndm.data.lazy import option

PREFIX = "hub:"
_ENCODED = ("PIL.Image.Image", "string", "large_string", "binary", "large_binary")  # images, paths of them, or bytes
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_NAMES = f"{PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME:CONFIG"
_ADVICE = "check its name and the network, or `hf auth login` where it is not public"


class Column(Store):
    """A store of the encoded images in a column of a data set."""

    def __init__(self, path: Path, rows: Any, image: str) -> None:
        self.path, self.rows, self.image = path, rows, image
        self.names = [f"row {i + 1}" for i in range(len(rows))]

    def read(self, i: int) -> bytes:
        return content(self.rows[i][self.image])


def holds(path: Path) -> bool:
    """Whether `save_to_disk` wrote the folder."""
    return any((path / name).exists() for name in ("dataset_info.json", "dataset_dict.json"))


def _of_disk(path: Any, streaming: bool) -> Any:
    """Open a data set on the disk, which need not be streamed for that."""
    return optional("datasets", "hub").load_from_disk(str(path))


def _of_hub(name: Any, streaming: bool) -> Any:
    """Open a data set of the hub; no code of the data set is run."""
    owner, _, config = name.partition(":")
    if not owner.strip():
        raise InputError(f"{PREFIX}{name} without a name", _NAMES)
    if not _NAME.fullmatch(owner) and not Path(owner).exists():
        raise InputError(
            f"{PREFIX}{name}, which is no name",
            f"{_NAMES}, or {PREFIX}FOLDER of a folder that exists",
            "check how it is spelled",
        )
    if Path(owner).is_dir() and holds(Path(owner)):
        raise InputError(f"{PREFIX}{name}, a folder of save_to_disk", f"its name alone: {name}", f"leave out {PREFIX}")
    return optional("datasets", "hub").load_dataset(owner, config or None, streaming=streaming)


def _load(
    opened: Callable[[Any, bool], Any],
    place: Any,
    *,
    split: str | None = None,
    image: Any = None,
    label: Any = None,
    unlabelled: Any = None,
    columns: Any = None,
    dequantise: Any = None,
    size: Any = None,
    crop: Any = None,
    mode: Any = None,
    frames: Any = None,
    background: Any = None,
    streaming: Any = False,
    validation: Any = None,
    test: Any = None,
    buffer: Any = None,
    lanes: Any = None,
    condition: tuple[str, ...] = (),
) -> Whole | DataSet:
    """Load one split, train unless another is named: the images of the column `image`, or a table of `columns`.

    Notes say which splits are left unused. Data that are not divided into splits take no `split`.
    Of a stream the first examples are held out, as `streamed` says, which takes
    `validation`, `test`, `buffer` and `lanes`.
    """
    image, label = (None if name is None else str(name) for name in (image, label))
    path = Path(place)
    policy = {"size": size, "crop": crop, "mode": mode, "frames": frames, "background": background}
    given = {"validation": validation, "test": test, "buffer": buffer, "lanes": lanes}
    given = {name: value for name, value in given.items() if value is not None}
    streaming = option("streaming", streaming, (False, True))
    if given and not streaming:
        raise InputError(
            f"the option {next(iter(given))} without streaming=true", "both", "what is not streamed is divided 80/10/10"
        )
    how = sizes(given)
    strange = policy if image is None else {"columns": columns, "dequantise": dequantise}
    if strange := {name: value for name, value in strange.items() if value is not None}:
        raise InputError(
            f"the option {next(iter(strange))} {'without' if image is None else 'beside'} image=COLUMN",
            "options of images, or of a table",
        )
    found = _tried(str(place), opened, place, streaming)
    about, unused = f"{path.name} of Hugging Face datasets", []
    if isinstance(found, dict):
        split = "train" if split is None else str(split)
        if split not in found:
            raise InputError(f"split={split} of {path}", "one of " + ", ".join(found))
        about += f", split {split}"
        unused = [name for name in found if name != split]
        found = found[split]
    elif split is not None:
        raise InputError(f"split={split} of {path}, which has no splits", "no split=, or an export of a DatasetDict")
    if streaming:
        found, number = _tried(str(place), _as_stream, found, split, how["lanes"])
        about += ", streamed" + f" ({number} examples)" * bool(number)
    names = found.column_names or list(_tried(str(place), next, iter(found)))
    features = found.features or {}
    if label is None and len(condition) == 1 and _is_class(features, names, condition[0], image):
        label = condition[0]
    if condition == (LABEL,) and label is None:
        raise no_labels(str(path))
    for name in (image, label, *(condition if image is None and condition != (LABEL,) else ())):
        if name is not None and name not in names:
            raise InputError(f"{path} without a column {name!r}", "one of " + ", ".join(names))
    wanted = [image]
    if image is None:
        others = [name for name in names if name not in (label, *condition)]
        wanted = tables.chosen(path, columns, others, dict.fromkeys(names))
    _check_types(path, features, image, wanted)
    called = getattr(features.get(label), "names", None)  # of a ClassLabel, which has a number of no label as well
    missing = None if called is None else NO_CLASS
    if image is not None:
        found = _tried(str(place), found.cast_column, image, optional("datasets", "hub").Image(decode=False))
    notes = (f"of the splits {split} alone is used, and divided; unused: {', '.join(unused)}",) if unused else ()
    labels = {"unlabelled": unlabelled, "missing": missing, "called": called, "notes": notes, CONDITION: condition}
    if streaming:
        return _streamed(path, found, wanted, image, label, dequantise, policy, how | labels, about)
    left_out = tuple(f"split {name}" for name in unused)
    if image is None:
        used = {*wanted, label, *condition}
        table = {name: list(found[name]) for name in names if name in used}
        made = tables.of_table(path, table, columns, label, dequantise=dequantise, **labels)
        left_out = (*(name for name in names if name not in (*wanted, *condition)), *left_out)
        return replace(made, left_out=left_out)
    pictures = images_of(Column(path, found, image), **policy)
    found_labels = classes(
        None if label is None else found[label],
        partial(tables.cell, path, label),
        unlabelled=unlabelled,
        missing=missing,
        names=called,
    )
    y = found_labels.numbers
    return Whole(
        path.name,
        Split(pictures.x, None if y is None else y[pictures.files]),
        256,
        about,
        (*found_labels.notes, *pictures.notes, *notes),
        {"image": image} | pictures.reading | ({"label": label} if condition else {}),
        left_out=left_out,
        files=pictures.files,
        classes=found_labels.names,
    )


def _is_class(features: Any, names: list[str], name: str, image: Any) -> bool:
    """Whether the condition `name` is the class: the column called label, or a ClassLabel of a table."""
    return name in names and (name == LABEL or (image is None and hasattr(features.get(name), "names")))


def _check_types(path: Path, features: Any, image: Any, columns: list[str]) -> None:
    """Raise `InputError` for an `image` that is no column of images, or a column of images in a table."""
    types = {name: getattr(feature, "dtype", "") for name, feature in features.items()}
    if image is not None and types.get(image, "") not in (*_ENCODED, ""):
        raise InputError(
            f"{path}, column {image!r} of type {types[image]}", "a column of images", "name another: image=COLUMN"
        )
    if image is None and (images := [name for name in columns if types.get(name) == _ENCODED[0]]):
        raise InputError(
            f"{path}, column {images[0]!r} of images in a table",
            "columns of numbers",
            f"say image={images[0]}, or choose columns=[...]",
        )


def _as_stream(found: Any, split: str | None, pieces: int) -> tuple[Any, int | None]:
    """Make a stream of the data, with the number of examples where it is known; data on the disk are cut in pieces."""
    if hasattr(found, "to_iterable_dataset"):
        return found.to_iterable_dataset(min(pieces, len(found))), len(found)
    known = (found.info.splits or {}).get(split)
    return found, known and known.num_examples


def _streamed(
    path: Path,
    found: Any,
    wanted: list[str],
    image: Any,
    label: Any,
    dequantise: Any,
    policy: dict[str, Any],
    how: dict[str, Any],
    about: str,
) -> DataSet:
    """Make a data set of the stream of the columns that are `wanted`."""
    if dequantise:
        raise InputError("dequantise= of a stream", "data that are got whole", "leave streaming=true out")
    decoder: Any = partial(ImageDecoder, column=image, **policy)
    if image is None:
        decoder = partial(TableDecoder, name=path.name, columns=wanted)
    if image is not None and how[CONDITION] not in ((), (LABEL,)):
        raise no_condition(how[CONDITION], path.name)
    beside = {} if image is not None else dict.fromkeys(how[CONDITION])
    if label is not None:
        beside = {name: None for name in beside if name != LABEL} | {label: None}
    stream = found.select_columns(list(dict.fromkeys([*wanted, *beside])))
    about += f", columns {', '.join(wanted)}"
    made = streamed(path.name, stream, decoder, about=about, label=label, **how)
    reading = {"columns": wanted} if image is None else {"image": image} | reading_of(made.train.x, policy)
    return replace(made, reading=reading)


def _tried(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except InputError:
        raise
    except Exception as error:  # of the network, of Arrow, of the file system: all mean the same
        raise InputError(
            f"{name}, which cannot be opened ({reason(error)[:200]})",
            "a data set of Hugging Face",
            _ADVICE if work is _of_hub else "",
        ) from error


load_folder, load_name = partial(_load, _of_disk), partial(_load, _of_hub)  # the options of both
