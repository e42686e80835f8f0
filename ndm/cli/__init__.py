"""The command line: words to calls, and results to the screen.

A command is a file of `ndm/cli/arguments`, what it is told, and one of `ndm/cli/commands`, what it does. Only those of
the command that is asked for are imported, and the second when its words make sense: help and complaints need no torch.
"""

import os
import sys
import warnings

from ndm.base import launcher
from ndm.base.ending import ending
from ndm.base.errors import InputError, SavingError, is_out_of_memory, reason, refused
from ndm.base.registry import load
from ndm.base.version import __version__
from ndm.cli.lines import say, warn
from ndm.cli.words import UsageError, asks_for_help, choose_command, overview, parse


def main(arguments: list[str] | None = None) -> int:
    """Run one command: that of the program, with its signals handled, or that of these words.

    Exit code 0: done; 2: wrong use or bad input, said in one line; 1: anything else.
    """
    try:
        code, error = _outcome(sys.argv[1:] if arguments is None else arguments, is_program=arguments is None)
    except KeyboardInterrupt as stopped:
        ending.done(1)
        if launcher.rank() == 0:
            say(": ".join(["interrupted", *map(str, stopped.args)]))
        return 1
    ending.done(0 if error and launcher.rank() else code)  # the first process has the exit code of all
    if error and launcher.speaks():
        launcher.report(f"ndm: error: {error}")
        say(f"error: {error}")
    return code


def _outcome(words: list[str], is_program: bool) -> tuple[int, str]:
    """Run a command, and return its exit code and the error that it ended with."""
    try:
        code = _run(words, is_program)
        sys.stdout.flush()
        return code, ""
    except InputError as error:
        return 2, error.on_command_line
    except UsageError as error:
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


def _run(words: list[str], is_program: bool) -> int:
    if words == ["--version"]:
        print(__version__)
        return 0
    warnings.showwarning = warn  # type: ignore[assignment]
    if asks_for_help(words[:1]):
        print(overview())
        return 0
    name = choose_command(words)
    told = load(f"ndm.cli.arguments.{name}")
    command = parse(getattr(told, name.capitalize()), f"ndm {name}", words[1:], told.__doc__)
    if command is None:  # help was asked for, and is on the screen
        if more := getattr(told, "MORE_HELP", None):
            print(load(more).more_help())
        return 0
    work = load(f"ndm.cli.commands.{name}")  # takes seconds, in which a signal ends the process at once
    if is_program:
        ending.work()
    code: int = work.run(command)
    return code
