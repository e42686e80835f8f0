"""What a training is made of: settled settings, and what is chosen for the rest when its run is started."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ndm.base.errors import InputError
from ndm.base.processes import Processes
from ndm.config import BUDGET, Config, read_yaml
from ndm.data import DataSet
from ndm.recipes import SECONDS, Choice, Rung, Settled, choose, duration, facts_of, measured
from ndm.runs.folder import CONFIGURATION
from ndm.training.pace import device, seconds_per_step, ways
from ndm.training.parallel import make_accelerator
from ndm.training.start import check


@dataclass(frozen=True)
class Plan:
    """A configuration, and what was chosen for it; `choice` is None where nothing was, or when the run was started."""

    config: Config
    choice: Choice | None

    def lines(self, parameters: int, data: DataSet) -> list[str]:
        """Say in three lines what is trained, and why: the model, of so many `parameters`, the data and the steps."""
        config, choice, where = self.config, self.choice, f"{self.config.precision} on {device()}"
        if choice is not None:
            model = f"model: {choice.size}, {parameters:,} parameters, {where}: {choice.why}"
            return [model, choice.of_data(), choice.of_steps()]
        options = config.predictor_options
        why = "as chosen when the run was started" if config.chosen else "the recipe"
        steps = [] if config.max_steps is None else [f"{config.max_steps:,}"]
        steps += [] if config.max_seconds is None else [f"as many as fit into {duration(config.max_seconds)}"]
        return [
            f"model: {options.get('network', 'network')}, {parameters:,} parameters, {where}: {why}",
            f"data: {facts_of(data, options.get('axes')).text}",
            f"steps: {', or '.join(steps)}, of {config.batch_size} examples",
        ]


def planned(settled: Settled, data: DataSet, run: Path, measures: Callable[[], None] | None = None) -> Plan:
    """The configuration of a training on `data` in the folder `run`: what is settled, and what is chosen for the rest.

    Only a run that is new is chosen for. One that goes on has from its config.yaml what was chosen then: on another
    machine a step takes another time. The first of several processes chooses for all, and calls `measures` before the
    first step that it has to measure, which takes some seconds.

    Raises:
        InputError: for a setting that cannot be, and a budget of time that is too short for the smallest network.
    """
    if settled.is_whole:
        return Plan(settled.config({}), None)
    check(settled.config({}))
    if Processes().number > 1:
        make_accelerator()  # chooses how processes on its devices talk to each other
    processes = Processes().join()
    if (kept := processes.by_first(lambda: _kept(run))) is not None:
        by_default = {} if any(settled.get(limit) for limit in BUDGET) else {"max_seconds": SECONDS}
        return Plan(_named(settled.config(kept | by_default), kept), None)
    choice = processes.by_first(lambda: _chosen(settled, data, processes.number, measures))
    return Plan(_named(settled.config(choice.values), choice.values), choice)


def _chosen(settled: Settled, data: DataSet, number: int, measures: Callable[[], None] | None) -> Choice:
    facts = facts_of(data, settled.options("predictor").get("axes"))
    to_call = [] if measures is None else [measures]

    def seconds(rung: Rung) -> float:
        return seconds_per_step(measured(facts, settled, rung), data, number, begin)

    def begin() -> None:
        while to_call:
            to_call.pop()()

    return choose(facts, settled, seconds, ways(), shares=number * settled.get("accumulate", 1))


def _named(config: Config, chosen: Mapping[str, Any]) -> Config:
    """The configuration with the names of what was chosen; the budget may change, and is not among them."""
    return replace(config, chosen=tuple(name for name in chosen if name not in BUDGET))


def _kept(run: Path) -> dict[str, Any] | None:
    """What was chosen for a run when it was started, as its config.yaml has it; None for one that is new."""
    path = run / CONFIGURATION
    if not path.exists():
        return None
    try:
        values = read_yaml(path)
    except InputError:  # the trainer says what is wrong with it
        return {}
    found = {}
    for name in values["chosen"]:
        setting, _, option = name.partition(".")
        value = values.get(setting)
        if not option:
            found[name] = tuple(value) if isinstance(value, list) else value
        elif isinstance(value, dict) and option in value:
            found[name] = value[option]
    return found
