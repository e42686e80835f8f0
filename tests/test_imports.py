"""Which module may import which, read from the source: arrows point one way, behind TYPE_CHECKING too."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import ndm

ROOT = Path(ndm.__file__).parent
BESIDE = ROOT.parent / "benchmarks"
FILES = sorted([*ROOT.rglob("*.py"), *BESIDE.rglob("*.py")])
TREES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
    for path in FILES
}
PACKAGES = {name for name in TREES if (ROOT.parent / Path(*name.split("."), "__init__.py")).exists()}

# Each entry of the package imports only those before it; `ndm` itself is what they offer to users.
ORDER = ["base", "autodiff", "process", "nn", "parts", "model", "bounds", "ode", "samplers"]
ORDER += ["data", "config", "recipes", "runs", "training", "evaluation", "cli", ""]
ONLY = {"data": {"base"}, "config": {"base", "data"}, "recipes": {"base", "data", "config"}}  # torch is in none of them


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


def entry(name: str) -> str:
    """What stands at the top of the package: the folder or file that a module lies in."""
    return name.split(".")[1] if "." in name else ""


INSIDE = [name for name in TREES if name.split(".")[0] == "ndm"]
EDGES: dict[str, set[str]] = defaultdict(set)  # between entries
for name in INSIDE:
    EDGES[entry(name)] |= {entry(other) for other in IMPORTS[name] if other.split(".")[0] == "ndm"} - {entry(name)}


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """The longest chain of imports in a graph without circles."""
    chains: dict[str, list[str]] = {}
    for node in TopologicalSorter(graph).static_order():
        chains[node] = [node, *max((chains[other] for other in graph.get(node, ())), key=len, default=[])]
    return max(chains.values(), key=len)


def test_every_module_is_read():
    assert {"ndm", "ndm.model", "ndm.cli.words", "ndm.parts.transforms.identity"} <= TREES.keys()
    assert {"ndm.model", "torch"} <= IMPORTS["ndm.bounds.bound"] and "ndm.data.dataset" in IMPORTS["ndm.data"]
    assert entry("ndm.parts.transforms.identity") == "parts" and entry("ndm.model") == "model" and entry("ndm") == ""


def test_every_entry_has_its_place():
    assert {entry(name) for name in INSIDE} == set(ORDER)


def test_arrows_point_one_way():
    """Prints the figures of the graph."""
    chain = longest_chain({name: others - {""} for name, others in EDGES.items() if name})
    edges = sum(len(others) for name, others in EDGES.items() if name)
    print(f"{len(ORDER) - 1} entries, {edges} edges between them, no circle; the longest chain of imports is "
          f"{len(chain)}: {' -> '.join(chain)}")  # fmt: skip
    wrong = [
        f"{name} imports {other}"
        for name in INSIDE
        for other in sorted(IMPORTS[name])
        if other.split(".")[0] == "ndm" and ORDER.index(entry(other)) > ORDER.index(entry(name))
    ]
    assert not wrong


@pytest.mark.parametrize("source", ONLY)
def test_data_and_configurations_need_no_torch(source):
    inside = [name for name in INSIDE if entry(name) == source]
    assert inside
    for name in inside:
        assert not [other for other in IMPORTS[name] if other.split(".")[0] == "torch"], name
        ours = {entry(other) for other in IMPORTS[name] if other.split(".")[0] == "ndm"}
        assert ours <= ONLY[source] | {source}, name


def test_modules_import_each_other_in_no_circle():
    """A package stands for its __init__, which may gather what is inside."""
    graph = {
        name: {
            other for other in IMPORTS[name] if other in TREES and other != name and not name.startswith(f"{other}.")
        }
        for name in TREES
    }
    assert set(TopologicalSorter(graph).static_order()) >= set(graph)  # CycleError names the circle


def test_nothing_imports_the_package_from_inside():
    """`import ndm` within ndm would be a circle through ndm/__init__.py."""
    assert [name for name in INSIDE if "ndm" in IMPORTS[name]] == []


def test_benchmarks_stand_beside_the_package():
    assert not [name for name in INSIDE if any(other.split(".")[0] == "benchmarks" for other in IMPORTS[name])]
    assert not [name for name in TREES if name.startswith("benchmarks") and "ndm.cli" in IMPORTS[name]]


def test_functions_of_the_distributions_never_touch_a_network():
    """Bounds, samplers and likelihoods know the model's distributions, not what it is made of."""
    made_of = ("ndm.nn", "ndm.parts.transforms", "ndm.parts.predictors")
    assert not [
        f"{name} imports {other}"
        for name in INSIDE
        if entry(name) in ("bounds", "ode", "samplers")
        for other in IMPORTS[name]
        if other.startswith(made_of)
    ]


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


@pytest.mark.parametrize("name", INSIDE)
def test_nothing_is_pickled(name):
    if name == "ndm.data.formats.pickles":  # CIFAR-10 is published so: it is read through a list of what is allowed
        return
    assert not {"pickle", "dill", "cloudpickle", "joblib"} & {other.split(".")[0] for other in IMPORTS[name]}
    calls = {ast.unparse(node.func) for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)}
    assert not {"torch.save", "torch.load", "eval", "exec", "yaml.load", "yaml.unsafe_load"} & calls


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_a_module_says_what_it_is(path):
    assert not path.read_text() or ast.get_docstring(ast.parse(path.read_text()))
