"""No public name, command or registry without a law that holds its numbers, or a reason why it needs none."""

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import ndm
from ndm.base.axes import AXES
from ndm.base.part import Part
from ndm.base.registry import modules
from ndm.bounds import importance_weighted, time_samplers
from ndm.bounds.time_samplers import TimeSampler
from ndm.cli.words import commands
from ndm.ode import divergences, solvers
from ndm.ode.dequantisations import Dequantisation
from ndm.ode.divergences import Divergence
from ndm.ode.solvers import Solver
from ndm.process import bases
from ndm.samplers import Sampler, grids

HERE, ROOT = Path(__file__).parent, Path(ndm.__file__).parent

# Why a public name has no law here.
NAMES_EXCUSED: dict[str, str] = {
    "InputError": "no number comes from it",
    "Part": "no number comes from it",
    "MLP": "a network: any function will do",
    "UNet": "a network: any function will do",
    "FullResolution": "a network: any function will do",
    "HiddenLayer": "a network: any function will do",
    "ConvolutionalLayer": "a network: any function will do",
    "archives": "reads data: tests/data",
    "check": "reads data: tests/data",
    "is_here": "reads data: tests/data",
    "quadratic_forms": "what a divergence is made of, whose law holds it",
    "uniform_gamma": "the grid UniformGamma",
    "solver_for": "a choice by name",
    "divergence_for": "a choice by name",
    "DataSet": "reads data: tests/data",
    "Split": "reads data: tests/data",
    "Whole": "reads data: tests/data",
    "Solution": "what a solver gives: the laws of solvers",
    "Stratified": "the times of nelbo, whose law holds them",
    "load": "reads data: tests/data",
    "read": "reads data: tests/data",
    "names": "reads data: tests/data",
    "options_of": "reads data: tests/data",
    "source_of": "reads data: tests/data",
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
}
REGISTRIES_EXCUSED = {
    "network": "networks: any function will do",
    "layer": "networks: any function will do",
    "activation": "networks: any function will do",
    "decoder": "DiscretisedDecoder and GaussianDecoder are held by name",
    "basis": "StandardBasis and CosineBasis are held by name",
    "time sampler": "Importance and LowDiscrepancy are held by name",
    "solver": "other people's: ours are the adaptive methods and those of fixed steps",
    "parallel": "the same numbers in several processes: tests/training/test_many.py",
    "optimizer": "steps of training: tests/training/test_optimisation.py",
    "tracker": "shows numbers of others",
    "recipe": "names parts: tests/unification",
    "data": "reads data: tests/data",
    "format": "reads data: tests/data",
    "predictor": "beside those of parameterisations, the excused names above",
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
    """Everything that is chosen by name: the kinds of the axes, and of `choose`, whose tables are other libraries'."""
    found = {axis.kind for axis in AXES}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "choose"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


def assert_held(what: str, everything: set[str], held: set[str], excused: dict[str, str]) -> None:
    missing = everything - held - excused.keys()
    assert not missing, f"{what} that no law holds and nothing excuses: {sorted(missing)}"
    unknown = (held | excused.keys()) - everything
    assert not unknown, f"{what} that are not there any more: {sorted(unknown)}"


PACKAGES = [value for name in ndm.__all__ if inspect.ismodule(value := getattr(ndm, name))]
PACKAGES += [bases, divergences, grids, importance_weighted, solvers, time_samplers]
KINDS = (Part, Sampler, Solver, TimeSampler, Divergence, Dequantisation, grids.Grid)


def public() -> set[str]:
    """The names of `ndm` and of its packages: functions, results, and classes that users make something of."""
    found = {name for name in ndm.__all__ if not inspect.ismodule(getattr(ndm, name))}
    for package in PACKAGES:
        listed = hasattr(package, "__all__")
        inside = [getattr(package, name) for name in (package.__all__ if listed else vars(package))]
        found |= {
            each.__name__
            for each in inside
            if (inspect.isfunction(each) and hasattr(package, "__all__"))
            or (inspect.isclass(each) and is_concrete(each))
        }
    return found


def is_concrete(kind: type) -> bool:
    """Whether users make it, or get it as a result."""
    return not inspect.isabstract(kind) and (issubclass(kind, KINDS) or dataclasses.is_dataclass(kind))


def classes(package: str) -> set[str]:
    """The classes that the files of a package define: a law of the registry holds each of them."""
    return {
        kind.__name__
        for module in modules(package).values()
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    }


def test_every_public_name_has_a_law():
    names = {name for _, args, _ in laws() for name in args}
    for axis in (axis for axis in AXES if axis.package and axis.kind in covered("registry")):
        names |= classes(axis.package) & public()
    assert_held("public names", public(), names, NAMES_EXCUSED)


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
