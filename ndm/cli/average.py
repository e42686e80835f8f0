"""ndm average"""

import copy
import dataclasses
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.files import new_folder, require_new
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.bounds.units import in_unit, unit
from ndm.cli.arguments import RunFolder
from ndm.evaluation.estimates import BoundEstimator
from ndm.runs import checkpoint
from ndm.runs.checkpoint import OF_READERS
from ndm.runs.folder import AVERAGE
from ndm.runs.run import Run, open_run
from ndm.training.averages.power import averaged, exponent, snapshots


@dataclass(frozen=True)
class Average:
    """Average the weights of a run over another length, after training: the best of several, as a folder. ndm evaluate,
    sample, report and publish take it as they take a run, which must have been trained with --average-lengths."""

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

    def run(self) -> int:
        """Average, choose, write."""
        with Processes() as processes:
            with processes.agreed():
                run, found = self._opened()
                averages = averaged(found, run.config["average_lengths"], list(self.lengths), run.model)
            candidates = [_with(run, state) for state, _ in averages]
            chosen, validation = 0, None
            if len(candidates) > 1:
                trained = [run] if run.progress["step"] == int(found[-1].name) else []  # with the average of training
                nats = self._validate(run, candidates + trained, processes)
                chosen = _least(nats[: len(candidates)])
                validation = _compare(nats, nats[chosen], run)
            about = {
                "run": str(self.run_folder),
                "step": int(found[-1].name),
                "length": self.lengths[chosen],
                "kept_lengths": run.config["average_lengths"],
                "snapshots": len(found),
                "lengths": [
                    {"length": length, "error_of_profile": error}
                    for length, (_, error) in zip(self.lengths, averages, strict=True)
                ],
                "validation": validation,
            }
            processes.by_first(lambda: self._write(candidates[chosen], found[-1], about))
        if processes.is_main:
            show(about, Console())
            print(
                f"the average of relative length {self.lengths[chosen]:g} up to step {about['step']} is in "
                f"{self.destination}; next: ndm evaluate {self.destination}"
            )
        return 0

    def _opened(self) -> tuple[Run, list[Path]]:
        """The run, and its snapshots up to the step that is asked for."""
        check_seed(self.seed)
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit = {self.limit}", "at least 1")
        if not self.lengths:
            raise InputError("no lengths", "one, or several to choose from")
        for length in self.lengths:
            exponent(length)
        require_new(self.destination)
        run, found = open_run(self.run_folder), snapshots(self.run_folder)
        if not run.config["average_lengths"] or not found:
            raise InputError(
                f"{self.run_folder}, which kept no averages",
                "a run that was trained with them",
                "train one with --average-lengths 0.05 0.1",
            )
        ends = [int(snapshot.name) for snapshot in found]
        if self.at is None:
            return run, found
        if self.at not in ends:
            raise InputError(f"--at {self.at}", f"one of {', '.join(map(str, ends))}")
        return run, found[: ends.index(self.at) + 1]

    def _validate(self, run: Run, candidates: list[Run], processes: Processes) -> list[Tensor]:
        """The bound of each example of the validation split, (N,) in nats, for all candidates."""
        with processes.agreed():
            x = run.examples(run.data(), "validation", self.limit)
        bound = BoundEstimator(run.config["timesteps"], self.draws, self.seed)
        return [bound.estimate(candidate, x, processes).total for candidate in candidates]

    def _write(self, average: Run, snapshot: Path, about: dict[str, Any]) -> None:
        """A folder like that of a run whose only checkpoint is the average; it has no state to train on from."""

        def fill(folder: Path) -> None:
            average.model.save_pretrained(folder / "model")
            (folder / "state").mkdir()
            for name in OF_READERS:
                shutil.copyfile(snapshot / name, folder / "state" / name)

        with new_folder(self.destination) as folder:
            shutil.copyfile(average.folder / "config.yaml", folder / "config.yaml")
            (folder / AVERAGE).write_text(json.dumps(about, indent=2, allow_nan=False) + "\n")
            checkpoint.place(folder, about["step"], fill)


def _with(run: Run, state: dict[str, Tensor]) -> Run:
    """The run with other weights."""
    model = copy.deepcopy(run.model)
    model.load_state_dict(state)
    return dataclasses.replace(run, model=model)


def _least(nats: list[Tensor]) -> int:
    """Which mean is the least. Raises `FloatingPointError` where none is finite."""
    means = [float(each.mean()) for each in nats]
    finite = [k for k, mean in enumerate(means) if math.isfinite(mean)]
    if not finite:
        raise FloatingPointError("the bound of validation is not finite for any of the averages")
    return min(finite, key=means.__getitem__)


def _compare(nats: list[Tensor], chosen: Tensor, run: Run) -> dict[str, Any]:
    """Means over examples in the run's unit, and how far each is above that of `chosen`, with standard errors."""

    def mean(values: Tensor) -> list[float] | None:
        if not values.isfinite().all():
            return None
        error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else 0.0
        return [in_unit(float(values.mean()), run), in_unit(error, run)]

    return {
        "unit": unit(run),
        "num_examples": len(chosen),
        "bounds": [mean(each) for each in nats],
        "above_chosen": [mean(each - chosen) for each in nats],
    }


def show(about: dict[str, Any], console: Console) -> None:
    """The lengths as a table; the last row is the average that was kept in training, where it ends at the same step."""
    found = about["validation"]
    table = Table(
        "relative length",
        "error of its profile",
        *([f"validation, {found['unit']}", "above the chosen"] if found else []),
    )
    rows = [(f"{row['length']:g}", f"{row['error_of_profile']:.2%}") for row in about["lengths"]]
    if found and len(found["bounds"]) > len(rows):
        rows.append(("that of training", ""))
    for k, words in enumerate(rows):
        bounds = [found[name][k] for name in ("bounds", "above_chosen")] if found else []
        table.add_row(*words, *("not finite" if each is None else f"{each[0]:.4f} ± {each[1]:.4f}" for each in bounds))
    console.print(table)
    if found:
        print(f"bounds on {found['num_examples']} examples, with the same draws for all")
