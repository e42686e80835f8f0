"""ndm train"""

from pathlib import Path
from typing import Any

from rich.console import Console

from ndm.base.errors import InputError
from ndm.cli.arguments.train import Train
from ndm.cli.lines import say_notes
from ndm.config import BUDGET, budget
from ndm.data import DataSet, load, source_of
from ndm.evaluation import yardsticks
from ndm.evaluation.progress import ProgressPictures
from ndm.recipes import settle
from ndm.runs.checkpoint import saved_step
from ndm.training.choices import check_choices
from ndm.training.defaults import Plan, planned
from ndm.training.dry_run import dry_run
from ndm.training.pace import forecast_failed
from ndm.training.source import settings_from
from ndm.training.trainer import Trainer


def run(told: Train) -> int:
    """Train on DATA: exit code 0 when the budget is spent, 1 when a signal stopped it."""
    given = told.config | _budget(told)
    begins = given.pop("from_model", None)
    check_choices(given)
    data = load(told.data, given.get("data_options"), given.get("condition", ()))
    folder = told.run_folder or Path("runs") / Path(told.data).stem
    begun = {} if begins is None else settings_from(begins, data, given, folder, told.recipe is not None)
    source = source_of(told.data)
    if Path(source).is_dir() and folder.resolve().is_relative_to(source):  # the next start would read it
        raise InputError(f"the run folder {folder} within the data {source}", "one beside them", "say --run FOLDER")
    status = Console(stderr=True).status("measuring the time of a step on this machine")
    try:
        plan = planned(settle(told.recipe, data, given, begun), data, folder, status.start)
    finally:
        status.stop()
    if told.dry_run:
        dry_run(plan, data, Console())
        say_notes(data.name, data.notes)
        return 0
    try:
        return _train(plan, data, folder, source)
    except KeyboardInterrupt:
        if step := saved_step(folder):
            raise KeyboardInterrupt(f"{folder} is saved up to step {step}, and the same command resumes") from None
        raise


def _budget(told: Train) -> dict[str, Any]:
    """The settings of --budget, where it is given."""
    if told.budget is None:
        return {}
    if said := [name for name in BUDGET if told.config.get(name) is not None]:
        raise InputError(f"--budget {told.budget} and --{said[0].replace('_', '-')}", "one of them", "leave one out")
    return budget(told.budget)


def _train(plan: Plan, data: DataSet, folder: Path, source: str) -> int:
    config = plan.config
    draw = ProgressPictures(config, data) if config.pictures_every else None
    trainer = Trainer(config, data, folder, source, draw=draw)
    say_notes(data.name, data.notes)
    with trainer.processes:
        say = print if trainer.processes.is_main else lambda _: None
        if trainer.step:
            spent = "; its budget is spent, and a longer --budget would go on" if trainer.fraction >= 1 else ""
            say(f"resuming {folder} at step {trainer.step} ({trainer.seconds:.0f} s of training so far){spent}")
        elif (folder / "metrics.jsonl").exists():
            say(f"{folder} was stopped before its first checkpoint: it begins again, metrics.jsonl as well")
        about = [] if trainer.step else plan.lines(sum(p.numel() for p in trainer.parameters), data)
        for line in (*trainer.begun, *about):
            say(line)
        if not trainer.fit():
            say(f"stopped and saved at step {trainer.step}: the same command resumes")
            return 1
        say(_verdict(trainer))
        if expected := plan.choice and plan.choice.seconds:
            taken = trainer.seconds / trainer.step
            if (wrong := trainer.processes.by_first(lambda: forecast_failed(expected, taken))) is not None:
                say(wrong)
        say(f"trained for {trainer.step} steps, {trainer.seconds:.0f} s; next: ndm evaluate {folder}")
    return 0


def _verdict(trainer: Trainer) -> str:
    """Say what the trained model takes beside yardsticks, which are kept with its bound; warn where it is worse."""
    processes, run = trainer.processes, trainer.run
    found = processes.by_first(lambda: yardsticks.measured(run, trainer.data, trainer.config.validation_limit))
    value = yardsticks.bound_at(found, trainer.step)
    if value is None:
        try:
            value = trainer.validated()
        except FloatingPointError as error:
            return f"warning: {error}"
        processes.by_first(lambda: yardsticks.keep(run, found, trainer.step, value))
    worse = yardsticks.verdict(found, value)
    return yardsticks.summary(found, value) if worse is None else f"warning: {worse}"
