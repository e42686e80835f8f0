"""Data: three checked splits of examples, by the name of a data set, or from the user's own files.

Each name is imported when it is first asked for, so that `ndm data list` needs no numpy.
"""

from typing import TYPE_CHECKING

from ndm.base.registry import offered as _offered

if TYPE_CHECKING:
    from ndm.data.checking import archives, check
    from ndm.data.dataset import DataSet, Split, Whole
    from ndm.data.known import is_here, names
    from ndm.data.reading import load, options_of, read, source_of

__all__ = [
    "DataSet",
    "Split",
    "Whole",
    "archives",
    "check",
    "is_here",
    "load",
    "names",
    "options_of",
    "read",
    "source_of",
]

__getattr__, __dir__ = _offered(__name__, __file__)
