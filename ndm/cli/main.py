"""The command line: ndm train | evaluate | average | sample | report | share | data."""

import contextlib
import dataclasses
import os
import sys
import warnings
from typing import Annotated, Any, Union

import tyro

from ndm.base import launcher
from ndm.base.ending import ending
from ndm.base.errors import InputError, is_out_of_memory, reason, refused
from ndm.base.version import __version__
from ndm.cli.average import Average
from ndm.cli.data import Data
from ndm.cli.evaluate import Evaluate
from ndm.cli.publish import Publish
from ndm.cli.report import Report
from ndm.cli.sample import Sample
from ndm.cli.train import Train
from ndm.cli.usage import UsageError, in_one_line
from ndm.config import BUDGET, Config
from ndm.data import load
from ndm.recipes import recipe
from ndm.runs.writing import SavingError

_COMMANDS = {kind.__name__.lower(): kind for kind in (Train, Evaluate, Average, Sample, Report, Publish, Data)}


def main(arguments: list[str] | None = None) -> int:
    """Run one command: that of the program, whose signals are then handled, or these words.

    Exit code 0: done; 2: wrong use or bad input, said in one line; 1: anything else.
    """
    try:
        if arguments is None:
            ending.work()
        code, error = _outcome(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt as stopped:
        ending.done(1)
        if launcher.rank() == 0:
            _say(": ".join(["interrupted", *map(str, stopped.args)]))
        return 1
    ending.done(0 if error and launcher.rank() else code)  # the first process has the exit code of all
    if error and launcher.speaks():
        launcher.report(f"ndm: error: {error}")
        _say(f"error: {error}")
    return code


def _outcome(words: list[str]) -> tuple[int, str]:
    """The exit code of a command, and the error that it ended with."""
    try:
        code = _run(words)
        sys.stdout.flush()
        return code, ""
    except (InputError, UsageError) as error:
        return 2, str(error)
    except (FloatingPointError, SavingError) as error:
        return 1, str(error)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return 1, (
            f"memory ran out ({reason(error)[:200]}); what was saved before is whole: take a smaller batch, "
            "model or number, or end other programs"
        )
    except OSError as error:  # of the screen: a pipe that was closed, or a log on a full disk
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  Python flushes it once more at its end
        if isinstance(error, BrokenPipeError):
            return 1, ""
        return 1, str(refused(error.filename or "the output", "used", error, "one that can be"))


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(__version__)
        return 0
    warnings.showwarning = _warn  # type: ignore[assignment]
    asks_for_help = not {"-h", "--help"}.isdisjoint(words)
    command = _parse(words, Config() if asks_for_help else Config(schedule="", transform="", volatility=""))
    if isinstance(command, Train):  # what is not given comes from the recipe, which the data may choose
        data = load(command.data, command.config.data_options)
        return _with_recipe(words, recipe(command.recipe, data), command).run(data)
    code: int = command.run()
    return code


def _say(message: str) -> None:
    who = f"process {launcher.rank()}: " if launcher.rank() else ""
    with contextlib.suppress(OSError):  # a log that takes no more
        print(f"ndm: {who}{message}", file=sys.stderr)


def _with_recipe(words: list[str], config: Config, given: Train) -> Train:
    """The command with all that it does not say from `config`: a recipe's options go where their part is replaced."""
    if any(getattr(given.config, name) is not None for name in BUDGET):
        config = dataclasses.replace(config, max_steps=None, max_seconds=None)
    command: Train = _parse(words, config)
    options: dict[str, Any] = {}
    for part in ("schedule", "transform", "volatility", "predictor"):
        recipes, wanted = getattr(config, f"{part}_options"), getattr(given.config, f"{part}_options")
        if part == "predictor":  # its options are its network's, which every predictor has
            replaced = "network" in wanted and wanted["network"] != recipes.get("network")
        else:
            replaced = getattr(given.config, part) not in ("", getattr(config, part))
        options[f"{part}_options"] = wanted if replaced else recipes | wanted
    return dataclasses.replace(command, config=dataclasses.replace(command.config, **options))


def _warn(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Our own warnings are a line for the user; those of libraries are none of their business."""
    if category is UserWarning:
        with contextlib.suppress(OSError):
            print(f"ndm: warning: {message}", file=sys.stderr)


def _parse(words: list[str], config: Config) -> Any:
    defaults: dict[str, Any] = {"train": {"default": Train(data=tyro.MISSING, config=config)}}
    commands: Any = Union[  # noqa: UP007
        tuple(Annotated[kind, tyro.conf.subcommand(name, **defaults.get(name, {}))] for name, kind in _COMMANDS.items())
    ]
    description = "Neural Diffusion Models: diffusion models that learn the path as well."
    return in_one_line(
        lambda: tyro.cli(commands, prog="ndm", args=words, description=description),
        words[0] if words and words[0] in _COMMANDS else "",
    )
