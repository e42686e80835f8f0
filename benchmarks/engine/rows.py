"""rows.jsonl: one line for each result, in the order they came, only ever appended to; and what is kept of it."""

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from ndm.base.errors import InputError, refused
from ndm.base.files import make_folder, parse_json

KEPT = "rows.jsonl.gz"
Row = dict[str, Any]


class Rows:
    """The results in a folder by the key of their job; use as a context manager, which keeps others out.

    A line is on the disk before `add` returns. The last one may be torn, by a crash while it was written: it is
    dropped. Raises `InputError` for a file that is damaged elsewhere, and a folder in which another process works.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path, self.lock = folder / "rows.jsonl", FileLock(folder / ".lock")
        self.by_key: dict[str, Row] = {}

    def __enter__(self) -> Self:
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            advice = "wait for it, or choose another --out folder"
            got = f"{self.path.parent}, where another process works"
            raise InputError(got, "a folder for this one alone", advice) from error
        try:
            whole = _read(self.path) if self.path.exists() else b""
            end = whole.rfind(b"\n") + 1
            self.by_key = _parsed(self.path, whole[:end])
        except InputError:
            self.lock.release()
            raise
        if end != len(whole):
            os.truncate(self.path, end)
        return self

    def __exit__(self, *error: Any) -> None:
        self.lock.release()

    def add(self, row: Row) -> None:
        """Append a row with its `key`."""
        with self.path.open("ab") as file:
            file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.by_key[row["key"]] = row


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of a file by their key, compressed or not; `InputError` for one that is missing or damaged."""
    return _parsed(path, _read(path))


def compressed(rows: Iterable[Row]) -> bytes:
    """The rows as a file: the same bytes for the same rows."""
    lines = (json.dumps(row, allow_nan=False, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode(), mtime=0)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError) as error:
        raise refused(path, "read", error, "a file of rows", "move it away, or choose another folder") from error


def _parsed(path: Path, content: bytes) -> dict[str, Row]:
    found = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            row = parse_json(line)
            found[row["key"]] = row
        except (ValueError, KeyError, TypeError) as error:
            advice = "remove the line: its job is done again"
            raise InputError(f"{path} with a damaged line {number}", "lines as they were written", advice) from error
    return found
