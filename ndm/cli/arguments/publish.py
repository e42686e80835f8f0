"""Write the averaged model of a run, with a card: config.json, model.safetensors, README.md."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from ndm.cli.words import RunFolder


@dataclass(frozen=True)
class Publish:
    """The arguments of `ndm publish`."""

    run_folder: RunFolder
    """The folder of the run."""
    destination: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DESTINATION")]
    """A folder that is new or empty, or hub:OWNER/NAME to push it to the Hugging Face hub."""
    licence: str | None = None
    """For the card, e.g. apache-2.0."""
    private: bool = False
    """Make a new repository of the hub a private one."""
    allow: tuple[str, ...] = ()
    """Modules outside of ndm that may be imported because the run names a part of them; those of packages that are
    installed with entry points need not be said."""
