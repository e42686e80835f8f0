"""Hugging Face `datasets` (extra `hub`): `hub:OWNER/NAME[:CONFIG]`, or a folder that `save_to_disk` wrote."""

from pathlib import Path
from typing import Any

from ndm.data import tables
from ndm.data.dataset import DataSet, Split
from ndm.data.examples import divide
from ndm.data.images import images_of
from ndm.data.stores import Store
from ndm.errors import InputError, reason
from ndm.registry import optional

PREFIX = "hub:"


class Column(Store):
    """The encoded images of a column of a data set."""

    def __init__(self, path: Path, rows: Any, image: str) -> None:
        self.path, self.rows, self.image = path, rows, image
        self.names = [f"row {i}" for i in range(len(rows))]

    def read(self, i: int) -> bytes:
        found = self.rows[i][self.image]
        return found["bytes"] if found["bytes"] is not None else Path(found["path"]).read_bytes()


def holds(path: Path) -> bool:
    """Whether `save_to_disk` wrote the folder."""
    return any((path / name).exists() for name in ("dataset_info.json", "dataset_dict.json"))


def load_folder(path: Path, *, split: str = "train", image: Any = None, label: Any = None, columns: Any = None,
                dequantise: Any = None, size: Any = None, crop: Any = None, mode: Any = None) -> DataSet:
    """One split of the export, divided 80/10/10: the images of the column `image`, or a table of `columns`."""
    found = _opened(str(path), optional("datasets", "hub").load_from_disk, str(path))
    return _made(path, found, split, image, label, columns, dequantise, dict(size=size, crop=crop, mode=mode))


def load_name(name: str, *, split: str = "train", image: Any = None, label: Any = None, columns: Any = None,
              dequantise: Any = None, size: Any = None, crop: Any = None, mode: Any = None) -> DataSet:
    """The same of a data set of the hub; nothing of its code is run."""
    owner, _, config = name.partition(":")
    found = _opened(name, optional("datasets", "hub").load_dataset, owner, config or None)
    return _made(Path(name), found, split, image, label, columns, dequantise, dict(size=size, crop=crop, mode=mode))


def _opened(name: str, opener: Any, *arguments: Any) -> Any:
    try:
        return opener(*arguments)
    except Exception as error:  # of the network, of Arrow, of the file system: all mean the same
        raise InputError(f"{name}, which cannot be opened ({reason(error)[:200]})",
                         "a data set of Hugging Face") from error


def _made(path: Path, found: Any, split: str, image: Any, label: Any, columns: Any, dequantise: Any,
          policy: dict[str, Any]) -> DataSet:
    if isinstance(found, dict):
        if split not in found:
            raise InputError(f"split={split} of {path}", "one of " + ", ".join(found))
        found = found[split]
    for name in (image, label):
        if name is not None and name not in found.column_names:
            raise InputError(f"{path} without a column {name!r}", "one of " + ", ".join(found.column_names))
    if image is None:
        table = {name: list(found[name]) for name in found.column_names}
        return tables.of_table(path, table, columns, label, dequantise)
    encoded = found.cast_column(image, optional("datasets", "hub").Image(decode=False))
    x = images_of(Column(path, encoded, image), **policy)
    y = None if label is None else tables.classes(list(found[label]))
    return divide(Split(x, y), path.name, f"{path.name} of Hugging Face datasets, split {split}")
