"""What a command says of the data that it is about to work on."""

import contextlib
import sys

from ndm.data import DataSet
from ndm.training.shards import Shards


def say_notes(data: DataSet) -> None:
    """A line for each of the notes, on the screen and out of the way of results; the first process alone says it."""
    for note in data.notes if Shards().is_main else ():
        with contextlib.suppress(OSError):  # a log that takes no more
            print(f"ndm: note: {data.name}: {note}", file=sys.stderr)
