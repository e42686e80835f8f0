"""Train a model on DATA. The same command again resumes it; Ctrl-C saves first.

What is not given comes from the recipe of the data, if there is one of their name, and is else chosen for the data, the
machine and the budget; what is left open then has the defaults that are shown. Below are the parts that there are to
choose from, with their options.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from ndm.base.axes import RECIPES
from ndm.cli.words import one_of, settings
from ndm.config import CHOICES, Config

_Settings: Any = settings(Config, CHOICES)

MORE_HELP = "ndm.cli.parts"


@dataclass(frozen=True)
class Train:
    """The arguments of `ndm train`."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A name (see: ndm data list), a file or a folder of images."""
    run_folder: Annotated[Path | None, tyro.conf.arg(name="run")] = None
    """Where the run is kept; runs/DATA by default."""
    recipe: Annotated[str | None, one_of(RECIPES)] = None
    """What to start from: a configuration, or a known model such as ddpm, on top of what is taken by default: the
    recipe of the data's name, or what is chosen for the data, the machine and the budget."""
    budget: str | None = None
    """How long to train, all sittings together: 90s, 10m, 2h, 1d or 5000steps, in place of the recipe's, or of ten
    minutes without a recipe. --max-seconds and --max-steps are the exact settings."""
    dry_run: bool = False
    """Print the configuration, what was chosen and why, the parameters of each part, the FLOPs of a step and the time
    it will take."""
    config: tyro.conf.OmitArgPrefixes[_Settings] = field(default_factory=dict)
    """The settings that are given."""
