"""Average the weights of a run over another length, after training: the best of several, as a folder.

ndm evaluate, sample, report and publish take the folder as they take a run, which must have been trained with
--average-lengths.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ndm.cli.words import RunFolder


@dataclass(frozen=True)
class Average:
    """The arguments of `ndm average`."""

    run_folder: RunFolder
    """The folder of the run."""
    destination: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """A folder that is new or empty."""
    lengths: tuple[float, ...] = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
    """Relative lengths: the standard deviation of the steps in an average as a share of all steps until then. Of
    several, that with the least bound on the validation split is written."""
    at: int | None = None
    """The step up to which to average, one of RUN/averages; by default the last."""
    draws: int = 16
    """Draws of (t, z_t) for each example, the same for all lengths."""
    limit: int | None = 1024
    """Examples of the validation split, at most."""
    seed: int = 0
    """Of the draws."""
    allow: tuple[str, ...] = ()
    """Modules outside of ndm that may be imported because the run names a part of them; those of packages that are
    installed with entry points need not be said."""
