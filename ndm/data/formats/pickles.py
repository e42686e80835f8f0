"""Reader of pickles of arrays, lists, dictionaries, numbers and text; anything else in a pickle is refused."""

import codecs
import io
import pickle
from typing import Any

import numpy as np

from ndm.base.errors import InputError, reason

_RECONSTRUCT = np.zeros(0).__reduce__()[0]  # makes the empty array that the pickle then fills
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): codecs.encode,  # how Python 3 writes bytes for Python 2
}


class _AllowList(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def unpickled(content: bytes, where: str) -> Any:
    """Read the data in a pickle, with text of Python 2 as Latin-1; raises `InputError` for anything but data."""
    try:
        return _AllowList(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # damaged pickles make the unpickler raise anything
        raise InputError(
            f"{where}, which is not a pickle of data alone ({reason(error)})",
            "arrays, lists and text",
            "get the file again",
        ) from error
