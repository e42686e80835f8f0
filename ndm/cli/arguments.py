"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import tyro

RunFolder = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
