"""The command line of the studies: python -m benchmarks NAME [options]; NAME is that of a file or folder here."""

import ast
import inspect
import os
import signal
import sys
from pathlib import Path

from ndm.base.errors import InputError
from ndm.base.registry import choose, load
from ndm.cli.words import UsageError, parse

_FOLDER = Path(__file__).parent
_SHARED = ("engine", "peers", "sets")  # what studies are made of


def studies() -> dict[str, str]:
    """The first line of each study's docstring, by its name; nothing is imported."""
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        source = path / "__init__.py" if path.is_dir() else path
        if path.stem not in _SHARED and not path.stem.startswith((".", "_")) and source.is_file():
            found[path.stem] = (ast.get_docstring(ast.parse(source.read_text())) or "").partition("\n")[0]
    return found


def study(name: str) -> type:
    """The command of a study: the first class of its module with a method `run`, whose fields are its options."""
    module = load(f"benchmarks.{name}")
    own = [kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__]
    return next(kind for kind in own if hasattr(kind, "run"))


def main(words: list[str] | None = None) -> int:
    """Run one study. Exit code 0: done; 2: wrong use, said in one line; 1: something is left without a result."""
    words = sys.argv[1:] if words is None else words
    known = studies()
    try:
        if words in (["-h"], ["--help"]):
            print("usage: python -m benchmarks NAME [options]; python -m benchmarks NAME --help\n")
            print("\n".join(f"{name:15}{says}" for name, says in known.items()))
            return 0
        if not words:
            raise InputError("no name of a study", "one of " + ", ".join(known))
        name, *options = words
        choose("study", name, known)
        kind = study(name)
        command = parse(kind, f"python -m benchmarks {name}", options, kind.__doc__)
        code: int = 0 if command is None else command.run()
        return code
    except (InputError, UsageError) as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  Python flushes it once more at its end
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: no worker is left behind
    sys.exit(main())
