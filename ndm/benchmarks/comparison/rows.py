"""rows.jsonl: one line for each result, in the order they came; it is only ever appended to."""

import json
import os
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from ndm.base.errors import InputError, refused
from ndm.base.files import make_folder, parse_json


class Rows:
    """The results in a folder by the key of their job; use as a context manager, which keeps others out.

    A line is on the disk before `add` returns. The last one may be torn, by a crash while it was written: it is
    dropped. Raises `InputError` for a file that is damaged elsewhere, and a folder in which another process works.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path, self.lock = folder / "rows.jsonl", FileLock(folder / ".lock")
        self.by_key: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        try:
            self.lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(
                f"{self.path.parent}, where another process works",
                "a folder for this one alone",
                "wait for it, or choose another --out folder",
            ) from error
        try:
            whole = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            self.lock.release()
            raise refused(
                self.path, "read", error, "a file of results", "move it away, or choose another --out folder"
            ) from error
        end = whole.rfind(b"\n") + 1
        for number, line in enumerate(whole[:end].splitlines(), 1):
            try:
                row = parse_json(line)
                self.by_key[row["key"]] = row
            except (ValueError, KeyError, TypeError) as error:
                self.lock.release()
                raise InputError(
                    f"{self.path} with a damaged line {number}",
                    "lines as they were written",
                    "remove the line: its job is done again",
                ) from error
        if end != len(whole):
            os.truncate(self.path, end)
        return self

    def __exit__(self, *error: Any) -> None:
        self.lock.release()

    def add(self, row: dict[str, Any]) -> None:
        """Append a row with its `key`."""
        with self.path.open("ab") as file:
            file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.by_key[row["key"]] = row
