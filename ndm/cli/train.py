"""ndm train"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from ndm.base.errors import InputError
from ndm.cli.notes import say_notes
from ndm.config import Config
from ndm.data import DataSet, source_of
from ndm.evaluation.progress import ProgressPictures
from ndm.runs.checkpoint import saved_step
from ndm.training.dry_run import dry_run
from ndm.training.trainer import Trainer


@dataclass(frozen=True)
class Train:
    """Train a model on DATA. The same command again resumes it; Ctrl-C saves first."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A name (see: ndm data list), a file or a folder of images."""
    run_folder: Annotated[Path | None, tyro.conf.arg(name="run")] = None
    """Where the run is kept; runs/DATA by default."""
    recipe: str | None = None
    """What to start from (a file of ndm/recipes): a configuration, or a known model such as ddpm, on top of that of the
    data; by default the one made for the data."""
    dry_run: bool = False
    """Print the configuration, the parameters of each part, the FLOPs of a step and the time it will take."""
    config: tyro.conf.OmitArgPrefixes[Config] = field(default_factory=Config)

    def run(self, data: DataSet) -> int:
        """Train on `data`, which DATA names: exit code 0 when the budget is spent, 1 when a signal stopped it."""
        if self.dry_run:
            dry_run(self.config, data, Console())
            say_notes(data.name, data.notes)
            return 0
        folder = self.run_folder or Path("runs") / Path(self.data).stem
        source = source_of(self.data)
        if Path(source).is_dir() and folder.resolve().is_relative_to(source):  # the next start would read it
            raise InputError(f"the run folder {folder} within the data {source}", "one beside them", "say --run FOLDER")
        try:
            return self._train(data, folder, source)
        except KeyboardInterrupt:
            if step := saved_step(folder):
                raise KeyboardInterrupt(f"{folder} is saved up to step {step}, and the same command resumes") from None
            raise

    def _train(self, data: DataSet, folder: Path, source: str) -> int:
        draw = ProgressPictures(self.config, data) if self.config.pictures_every else None
        trainer = Trainer(self.config, data, folder, source, draw=draw)
        say_notes(data.name, data.notes)
        with trainer.processes:
            say = print if trainer.processes.is_main else lambda _: None
            if trainer.step:
                say(f"resuming {folder} at step {trainer.step} ({trainer.seconds:.0f} s of training so far)")
            elif (folder / "metrics.jsonl").exists():
                say(f"{folder} was stopped before its first checkpoint: it begins again, metrics.jsonl as well")
            if not trainer.fit():
                say(f"stopped and saved at step {trainer.step}: the same command resumes")
                return 1
            say(f"trained for {trainer.step} steps, {trainer.seconds:.0f} s; next: ndm evaluate {folder}")
        return 0
