"""No public name, command or registry without a law that holds its numbers, or a reason why it needs none."""

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import ndm
from ndm.base.registry import modules
from ndm.cli.words import commands

HERE, ROOT = Path(__file__).parent, Path(ndm.__file__).parent

# Why a public name has no law of its own here.
NAMES_EXCUSED: dict[str, str] = {
    "InputError": "no number comes from it",
    "__version__": "no number comes from it",
    "MLP": "a network: any function will do",
    "UNet": "a network: any function will do",
    "HiddenLayer": "a network: any function will do",
    "ConvolutionalLayer": "a network: any function will do",
    "Curve": "what every bound and density is made of",
    "CallablePredictor": "a function: tests/exact_models.py gives it exact ones",
    "PlugInPredictor": "the paper's, which knows no law of a non-linear F: tests/unification/test_ndm.py",
    "EncodedPredictor": "DiffEnc's, which knows no law: tests/unification/test_diffenc.py",
}
COMMANDS_EXCUSED = {
    "train": "its numbers are the bound's; that it learns: tests/cli/test_end_to_end.py",
    "average": "weights, not numbers: tests/training/averages/test_averages.py",
    "report": "shows what evaluate wrote: tests/cli/test_end_to_end.py",
    "publish": "copies what evaluate wrote: tests/cli/test_publish.py",
    "data": "reads data: tests/data",
    "benchmark": "studies: tests/benchmarks",
}
REGISTRIES_EXCUSED = {
    "ndm.nn": "networks: any function will do",
    "network": "networks: any function will do",
    "layer": "networks: any function will do",
    "activation": "networks: any function will do",
    "tracker": "shows numbers of others",
    "recipe": "names parts: tests/unification",
    "benchmark": "studies: tests/benchmarks",
    "ndm.parts.predictors": "beside those of forms, the excused names above",
    "method of torchsde": "a library's: tests/samplers/test_samplers.py",
}


def laws() -> list[tuple[str, tuple, dict[str, Any]]]:
    """The marks `law` of this folder's modules and of their tests: (where, names, what else)."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        if path == Path(__file__):
            continue
        module = importlib.import_module(f"{__package__}.{path.stem}")
        tests = {name: function for name, function in vars(module).items() if name.startswith("test_")}
        for name, marked in {"": module, **tests}.items():
            found += [
                (f"{path.name}::{name}", mark.args, mark.kwargs)
                for mark in getattr(marked, "pytestmark", [])
                if mark.name == "law"
            ]
    return found


def covered(kind: str) -> set[str]:
    """What the marks name as `kind`: a command or a registry."""
    return {more[kind] for _, _, more in laws() if kind in more}


def registries() -> set[str]:
    """Everything that the source chooses from by name: packages, and kinds of `choose`."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        if "benchmarks" in path.parts:  # studies, which have tests of their own
            continue
        module = ".".join(("ndm", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            function = ast.unparse(node.func)
            words = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if function == "choose" and words and isinstance(node.args[0], ast.Constant):
                found.add(words[0])
            elif function in ("discover", "_find"):
                found |= {word for word in words if word.startswith("ndm.")}
                if node.args and ast.unparse(node.args[0]) == "__name__":
                    found.add(module)
    return found


def assert_held(what: str, everything: set[str], held: set[str], excused: dict[str, str]) -> None:
    missing = everything - held - excused.keys()
    assert not missing, f"{what} that no law holds and nothing excuses: {sorted(missing)}"
    unknown = (held | excused.keys()) - everything
    assert not unknown, f"{what} that are not there any more: {sorted(unknown)}"


def classes(package: str) -> set[str]:
    """The public names of the parts that a package of parts has: a law of the registry holds each of them."""
    every = [
        kind
        for module in modules(package).values()
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    ]
    return {kind.__name__ for kind in every} & set(ndm.__all__)


def test_every_public_name_has_a_law():
    names = {name for _, args, _ in laws() for name in args}
    names |= {name for registry in covered("registry") if registry.startswith("ndm.") for name in classes(registry)}
    assert_held("names of ndm", set(ndm.__all__), names, NAMES_EXCUSED)


def test_every_command_has_a_law():
    assert_held("commands", set(commands()), covered("command"), COMMANDS_EXCUSED)


def test_every_registry_has_a_law():
    assert_held("registries", registries(), covered("registry"), REGISTRIES_EXCUSED)


@pytest.mark.parametrize("excuses", [NAMES_EXCUSED, COMMANDS_EXCUSED, REGISTRIES_EXCUSED], ids=len)
def test_excuses_that_name_a_test_are_true(excuses):
    for reason in excuses.values():
        for word in reason.split():
            if word.startswith("tests/"):
                assert (HERE.parents[2] / word.rstrip(",;")).exists(), reason
