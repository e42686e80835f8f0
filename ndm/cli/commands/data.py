"""ndm data"""

import numpy as np
from rich.console import Console
from rich.table import Table

from ndm.base.errors import InputError
from ndm.base.files import sha256
from ndm.cli.arguments.data import Data
from ndm.data import DataSet, load, names
from ndm.data.checking import archives, findings, is_here
from ndm.data.dataset import SPLITS
from ndm.data.labels import NO_CLASS


def run(told: Data) -> int:
    """List, or check."""
    if told.action == "check":
        name = told.data or ""
        check(name, load(name, told.data_options))
        return 0
    if told.data is not None or told.data_options:
        raise InputError("ndm data list with more words", "ndm data list", "to read data: ndm data check DATA")
    table = Table("name", "here", "what it is")
    for name, description in names().items():
        table.add_row(name, "yes" if is_here(name) else "no", description)
    Console().print(table)
    print(
        "or a file: .npy, or .npz with key x (uint8: images; floating point: real-valued data); .csv, .parquet; "
        "or a folder of images; or hub:OWNER/NAME of Hugging Face"
    )
    return 0


def check(name: str, data: DataSet) -> None:
    """Print what the data set holds, every example read; raises `InputError` for what is wrong."""
    print(f"{data.name}: {data.source}")
    table = Table("split", "examples", "shape", "type", "range", "mean", "classes")
    for part in SPLITS:
        split = data.split(part)
        low, high, mean = findings(split.x)
        classes = "none" if split.y is None else _classes(split.y, data.num_classes)
        shape = " x ".join(map(str, data.event_shape))
        values = str(split.x.dtype), f"{low:g} .. {high:g}", f"{mean:.4g}"
        table.add_row(part, f"{len(split):,}", shape, *values, classes)
    Console().print(table)
    print(f"fingerprint {data.fingerprint()}")
    for path, expected in archives(name):
        found = sha256(path)
        verdict = "right" if found == expected else f"WRONG, expected {expected} (packed anew, if its content is right)"
        print(f"{path}: sha256 {found}: {verdict}")
        if found != expected and path.suffix == ".tar":
            raise InputError(f"{path} of sha256 {found}", expected, "get the file again")
    for note in data.notes:
        print(f"note: {note}")


def _classes(y: np.ndarray, num_classes: int) -> str:
    """How many of the classes there are, and how many examples without one."""
    without = int((y == NO_CLASS).sum())
    return f"{len(set(y[y != NO_CLASS].tolist()))} of {num_classes}" + f", {without:,} unlabelled" * bool(without)
