"""List the data sets that are known, or check that data are whole."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from ndm.base.settings import Options


@dataclass(frozen=True)
class Data:
    """The arguments of `ndm data`."""

    action: tyro.conf.Positional[Literal["list", "check"]]
    """list: the data sets that are known. check: read all of DATA and say what was found."""
    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="DATA")] = None
    """Of check: a name, a file or a folder."""
    data_options: Options = field(default_factory=dict)
    """How the data are read, as in ndm train."""
