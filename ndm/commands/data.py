"""ndm data"""

from dataclasses import dataclass
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table

from ndm.data import names


@dataclass(frozen=True)
class Data:
    """What data there are."""

    action: tyro.conf.Positional[Literal["list"]]
    """list: the data sets that come with the library."""

    def run(self) -> int:
        """Print the table."""
        table = Table("name", "what it is")
        for name, description in names().items():
            table.add_row(name, description)
        Console().print(table)
        print("or a file: .npy, or .npz with key x (uint8: images; floating point: real-valued data)")
        return 0
