"""Which module may import which, read from the source: arrows point one way."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ndm

ROOT = Path(ndm.__file__).parent
TREES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
    for path in sorted(ROOT.rglob("*.py"))
}
PACKAGES = {name for name in TREES if (ROOT.parent / Path(*name.split("."), "__init__.py")).exists()}

OUTER = ["data", "training", "report", "commands", "recipes", "runs", "benchmarks", "cli"]


def imported(name: str, tree: ast.AST) -> set[str]:
    """The full names of the modules that are imported anywhere in `tree`, the source of module `name`."""
    package = name if name in PACKAGES else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*parts, *([node.module] if node.module else [])])
            found |= {full if (full := f"{source}.{alias.name}") in TREES else source for alias in node.names}
    return found


IMPORTS = {name: imported(name, tree) for name, tree in TREES.items()}


def within(name: str, *parts: str) -> bool:
    """Whether `name` is, or lies in, one of these parts of ndm."""
    return any(name == f"ndm.{part}" or name.startswith(f"ndm.{part}.") for part in parts)


CORE = [name.removeprefix("ndm.") for name in TREES if name != "ndm" and not within(name, *OUTER)]


def arrows(sources: list[str], targets: list[str]) -> list[str]:
    """The imports of something of `targets` by something of `sources`."""
    return [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if within(name, *sources)
        for other in sorted(others)
        if within(other, *targets)
    ]


def test_every_module_is_read():
    assert {"ndm", "ndm.model", "ndm.cli", "ndm.parts.transforms.identity"} <= TREES.keys()
    assert {"ndm.bound", "torch"} <= IMPORTS["ndm.model"] and "ndm.data.dataset" in IMPORTS["ndm.data"]
    assert {
        "basis",
        "gaussian",
        "shapes",
        "part",
        "registry",
        "errors",
        "curve",
        "time_functions",
        "times",
        "nn",
        "schedules",
        "transforms",
        "volatilities",
        "reverse_steps",
        "decoders",
        "predictors",
        "model",
        "bound",
        "samplers",
        "likelihood",
    } <= set(CORE)


def test_the_core_imports_nothing_of_what_surrounds_it():
    assert not arrows(CORE, OUTER)


def test_nothing_imports_the_package_from_inside():
    """`import ndm` within ndm would be a circle through ndm/__init__.py."""
    assert [name for name in IMPORTS if "ndm" in IMPORTS[name]] == []


def test_data_need_nothing_but_numpy():
    inside = [name for name in IMPORTS if within(name, "data")]
    assert inside
    for name in inside:
        assert not [other for other in IMPORTS[name] if other.split(".")[0] == "torch"], name
        assert not [
            other
            for other in IMPORTS[name]
            if other.split(".")[0] == "ndm" and not within(other, "errors", "memory", "registry", "data")
        ], name


def test_training_knows_no_command():
    assert not arrows(["training"], ["commands", "cli", "report", "runs", "recipes", "benchmarks"])


def test_benchmarks_know_no_command():
    assert not arrows(["benchmarks"], ["commands", "cli"])
    assert not arrows([part for part in OUTER if part not in ("benchmarks", "commands", "cli")], ["benchmarks"])


def test_recipes_know_only_data_and_configurations():
    assert not arrows(["recipes"], ["model", "nn", "commands", "cli", "report", "runs"])


def test_nothing_imports_the_command_line():
    assert [name for name in IMPORTS if "ndm.cli" in IMPORTS[name]] == []


def test_functions_of_the_distributions_never_touch_a_network():
    """The bound, samplers and likelihoods know the model's distributions, not what it is made of."""
    assert not arrows(["bound", "samplers", "likelihood"], ["nn", "transforms", "predictors"])


def test_modules_import_each_other_in_no_circle():
    """At run time: what is imported for annotations only is left out. A package stands for its __init__."""
    graph = {}
    for name, tree in TREES.items():
        runtime = ast.Module([node for node in tree.body if not _only_for_types(node)], [])
        graph[name] = {other for other in imported(name, runtime) if other in TREES and other != name}
    assert set(TopologicalSorter(graph).static_order()) >= set(graph)  # CycleError names the circle


def _only_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("name", TREES)
def test_imports_stand_at_the_top_of_a_module(name):
    """None hides in a function, and only the registry imports by name."""
    functions = [
        node for node in ast.walk(TREES[name]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    ]
    hidden = [
        node for function in functions for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not hidden
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(TREES[name])
        if isinstance(node, (ast.Attribute, ast.Name))
    }
    assert "__import__" not in names
    assert name == "ndm.base.registry" or "import_module" not in names


@pytest.mark.parametrize("name", TREES)
def test_nothing_is_pickled(name):
    if name == "ndm.data.formats.pickles":  # CIFAR-10 is published so: it is read through a list of what is allowed
        return
    assert not {"pickle", "dill", "cloudpickle", "joblib"} & {other.split(".")[0] for other in IMPORTS[name]}
    calls = {ast.unparse(node.func) for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)}
    assert not {"torch.save", "torch.load", "eval", "exec", "yaml.load", "yaml.unsafe_load"} & calls


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_is(path):
    assert len(path.read_text().splitlines()) <= 300
    assert not path.read_text() or ast.get_docstring(ast.parse(path.read_text()))
