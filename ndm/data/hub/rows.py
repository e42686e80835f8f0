"""Conversion of rows of Hugging Face `datasets` to arrays: images of one column, or numbers of several."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ndm.base.errors import InputError, reason
from ndm.base.registry import optional
from ndm.data.formats import tables
from ndm.data.formats.columns import expanded, numbers
from ndm.data.formats.encoded import EncodedFile
from ndm.data.formats.examples import unresolved
from ndm.data.formats.images import Images
from ndm.data.formats.stores import Store
from ndm.data.formats.survey import GREY, survey


class Row(NamedTuple):
    """A row of a data set by column, and its name in messages."""

    values: dict[str, Any]
    where: str


class Decoder(Protocol):
    """Decodes the rows of a stream, of which it has seen the first; `notes` are on these.

    `names` are the names of the decoded columns, for a table.
    """

    notes: tuple[str, ...]
    names: tuple[str, ...]

    def __call__(self, rows: list[Row]) -> np.ndarray:
        """Decode rows as (N, *event); raises `InputError`, naming a row that cannot be decoded."""


class Encoded(Store):
    """A store of the encoded images of rows."""

    def __init__(self, rows: list[Row], column: str) -> None:
        self.path, self.rows, self.column = Path(column), rows, column
        self.names = [row.where for row in rows]

    def read(self, i: int) -> bytes:
        try:
            return content(self.rows[i].values[self.column])
        except Exception as error:  # of the network, of the file system
            raise InputError(f"{self.where(i)}, which cannot be read ({reason(error)[:200]})", "an image") from error

    def where(self, i: int) -> str:
        return self.names[i]


def content(image: dict[str, Any]) -> bytes:
    """Read an encoded image: from the row, or from the file that the row names, which may be on the hub."""
    if image["bytes"] is not None:
        return bytes(image["bytes"])
    with optional("fsspec", "hub").open(image["path"], "rb") as file:
        return bytes(file.read())


class ImageDecoder:
    """Decodes the images of a column by the policy of `ndm.data.formats.images`; the first rows decide what is open."""

    names: tuple[str, ...] = ()

    def __init__(
        self, first: list[Row], *, column: str, size: Any, crop: Any, mode: Any, frames: Any, background: Any
    ) -> None:
        if frames == "all":
            raise InputError(
                "frames=all of a stream", "one example in each row", "say frames=first, or leave streaming=true out"
            )
        self.column, self.resize = column, size is not None
        self.policy, _, notes = survey(
            Encoded(first, column), size=size, crop=crop, mode=mode, frames=frames, background=background
        )
        self.notes = tuple(f"of the first examples {note}" for note in notes)
        self.grey_alone = mode is None and self.policy.mode == "grey"

    def __call__(self, rows: list[Row]) -> np.ndarray:
        store = Encoded(rows, self.column)
        for i in range(len(rows)) if self.grey_alone else ():
            with EncodedFile(store, i) as file:
                if (mode := file.image.mode) not in GREY:
                    raise InputError(
                        f"{file.where} of mode {mode}", "grey, as the first images are", "say mode=rgb or mode=grey"
                    )
        return Images(store, self.policy, resize=self.resize)[:]


class TableDecoder:
    """Columns of numbers, or of lists of them, beside each other, (N, D) of float32.

    `constant` is what is advised where a column never changes.
    """

    notes = ()

    def __init__(self, first: list[Row], *, name: str, columns: list[str], constant: str = tables.NO_DENSITY) -> None:
        values = {column: self._numbers(first, column) for column in columns}
        self.shapes = {column: found.shape[1:] for column, found in values.items()}
        found = tables.beside(Path(name), values)
        self.names = tuple(found)
        x = np.stack(list(found.values()), 1)
        if objection := tables.unchanging(Path(name), found, constant) or unresolved(x, name, self.names):
            raise objection

    def __call__(self, rows: list[Row]) -> np.ndarray:
        values = {column: self._numbers(rows, column) for column in self.shapes}
        for column, shape in self.shapes.items():
            if values[column].shape[1:] != shape:
                raise InputError(
                    f"{rows[0].where}, column {column!r} of shape {values[column].shape[1:]}",
                    f"{shape}, as in the first examples",
                )
        with np.errstate(over="ignore"):
            x = np.stack(list(expanded(values).values()), 1).astype(np.float32)
        if not np.isfinite(x).all():
            raise InputError(
                f"{rows[np.argwhere(~np.isfinite(x))[0][0]].where}: a value too large for float32",
                "absolute values below 3.4e38",
                "rescale the data",
            )
        return x

    @staticmethod
    def _numbers(rows: list[Row], column: str) -> np.ndarray:
        return numbers([row.values[column] for row in rows], lambda i: f"{rows[i].where}, column {column!r}")
