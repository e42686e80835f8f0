"""ndm data"""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ndm import data
from ndm.base.errors import InputError
from ndm.cli.arguments.data import Data


def run(told: Data) -> int:
    """List, or check."""
    if told.action == "check":
        show_check(told.data or "", told.data_options)
        return 0
    if told.data is not None or told.data_options:
        raise InputError("ndm data list with more words", "ndm data list", "to read data: ndm data check DATA")
    table = Table("name", "here", "what it is")
    for name, description in data.names().items():
        table.add_row(name, "yes" if data.is_here(name) else "no", description)
    Console().print(table)
    print(
        "or a file: .npy, or .npz with key x (uint8: images; floating point: real-valued data); .csv, .parquet; "
        "or a folder of images; or hub:OWNER/NAME of Hugging Face"
    )
    return 0


def show_check(name: str, options: Mapping[str, Any]) -> None:
    """Print what the data hold; raises `InputError` for what is wrong."""
    found, splits = data.check(name, options)
    print(f"{found.name}: {found.source}")
    table = Table("split", "examples", "shape", "type", "range", "mean", "classes")
    shape = " x ".join(map(str, found.event_shape))
    for part, split in splits.items():
        classes = "none" if split.num_classes is None else f"{split.num_classes} of {found.num_classes}"
        classes += f", {split.unlabelled:,} unlabelled" * bool(split.unlabelled)
        values = f"{split.low:g} .. {split.high:g}", f"{split.mean:.4g}"
        table.add_row(part, f"{split.num:,}", shape, split.dtype, *values, classes)
    Console().print(table)
    print(f"fingerprint {found.fingerprint()}")
    for path, digest, published in data.archives(name):
        is_right = digest == published
        verdict = "right" if is_right else f"WRONG, expected {published} (packed anew, if its content is right)"
        print(f"{path}: sha256 {digest}: {verdict}")
        if not is_right and path.suffix == ".tar":
            raise InputError(f"{path} of sha256 {digest}", published, "get the file again")
    for note in found.notes:
        print(f"note: {note}")
