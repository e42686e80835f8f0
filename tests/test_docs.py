"""What the documents say is so: code runs, links and paths lead somewhere, commands have the options that are named."""

import contextlib
import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

import ndm.parts.transforms
from ndm.base import axes
from ndm.base.registry import modules
from ndm.cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# The changes name what is gone, and the tables are written by the benchmarks.
DOCUMENTS = [page for page in PAGES if page != "CHANGELOG.md" and not page.endswith("tables.md")]
FOLDERS = [name for name in ("ndm", "tests", "benchmarks", "examples", "findings") if (ROOT / name).is_dir()]


def text(document: str) -> str:
    return (ROOT / document).read_text()


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a document that are marked with a language ("" for those that are not)."""
    return [
        code for found, code in re.findall(r"^```(\w*)\n(.*?)^```$", text(document), re.S | re.M) if found == language
    ]


def prose(document: str) -> list[str]:
    """The lines of a document without code, tables and pictures."""
    lines = re.sub(r"^```.*?^```$", "", text(document), flags=re.S | re.M).splitlines()
    return [line for line in lines if not line.startswith(("|", "![", "    "))]


def anchors(path: Path) -> set[str]:
    """What headings are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", PAGES)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", text(document)):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            path = (ROOT / document).parent / name if name else ROOT / document
            assert path.exists(), f"{document}: {target}"
            assert not anchor or anchor in anchors(path), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document):
    for path in re.findall(
        rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w\w",
        re.sub(r"^```python\n.*?^```$", "", text(document), flags=re.S | re.M),
    ):
        assert (ROOT / path).exists(), f"{document}: {path}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_line_is_a_sentence(document):
    for line in prose(document):
        assert len(line) <= 400, f"{document}: {len(line)} characters: {line[:60]}"
        sentences = re.findall(r"(?<!e\.g)(?<!et al)(?<!\*\*)(?<!^\d)(?<=[\w)`*])[.!?] (?=\*{0,2}[A-Z])", line)
        assert not sentences, f"{document}: {line}"


@pytest.mark.parametrize("document", [page for page in PAGES if page.startswith("docs/guide/")])
def test_a_page_of_the_guide_begins_with_a_command_and_its_output(document):
    title, _, first, *output = text(document).splitlines()
    assert title.startswith("# ") and first == "```" and output[0].startswith("$ ") and output[1] != "```"


def test_the_guide_lists_its_pages():
    listed = re.findall(r"\]\(([\w-]+\.md)\)", text("docs/guide/index.md"))
    assert {f"docs/guide/{name}" for name in listed} | {"docs/guide/index.md"} == {
        page for page in PAGES if page.startswith("docs/guide/")
    }


def commands() -> dict[str, set[str]]:
    """Command of ndm -> the options that documents give it."""
    found: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        lines = "".join(blocks(document, "")).splitlines() + re.findall(r"`(ndm [^`]*)`", text(document))
        for line in lines:
            for words in re.findall(r"(?:^|[\s;])(?:ndm|-m (?:-- )?ndm\.cli) ([a-z][^;#&|]*)", line):
                name, *rest = shlex.split(re.split(r" {2,}", words)[0])
                found.setdefault(name, set()).update(word.partition("=")[0] for word in rest if word.startswith("--"))
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_commands_have_the_options_that_are_named(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with contextlib.suppress(SystemExit):
        assert main([name, *(["check"] if name == "data" else []), "--help"]) == 0
    known = set(re.findall(r"--[a-z][\w-]*", capsys.readouterr().out))
    assert commands()[name] <= known, f"ndm {name}: {sorted(commands()[name] - known)}"


def test_the_readme_example_trains_and_samples():
    (code,) = blocks("README.md", "python")
    assert "range(500)" in code
    names: dict = {}
    exec(code.replace("range(500)", "range(3)"), names)
    assert names["samples"].shape == (64, 2) and torch.isfinite(names["samples"]).all()
    assert names["z_s"].shape == (8, 2)


def test_the_page_on_python_runs(tmp_path, capsys):
    first, second, exported = blocks("docs/guide/python.md", "python")
    names: dict = {}
    exec(first, names)
    assert capsys.readouterr().out in text("docs/guide/python.md")
    exec(second.replace('"folder"', repr(str(tmp_path / "model"))), names)
    exec(exported, names)
    z_t, t = torch.randn(7, 2), torch.rand(7)
    torch.testing.assert_close(names["program"].module()(z_t, t), names["model"].predicted_velocity(z_t, t))
    assert names["bound"].total.shape == (1000,) and torch.isfinite(names["bound"].total).all()


def test_the_part_of_the_extending_page_is_found_by_its_file(tmp_path, monkeypatch):
    (code,) = blocks("docs/extending.md", "python")
    (tmp_path / "squash.py").write_text(code)
    monkeypatch.setattr(ndm.parts.transforms, "__path__", [*ndm.parts.transforms.__path__, str(tmp_path)])
    try:
        transform = axes.TRANSFORMS.find("squash")()
        torch.nn.init.constant_(transform.theta, 0.5)
        x, t = torch.randn(4, 3), torch.rand(4)
        value, velocity = transform.curve(x).with_velocity(t)
        assert torch.allclose(value, x + 0.5 * t[:, None] * torch.tanh(x))
        assert torch.allclose(velocity, 0.5 * torch.tanh(x))
    finally:
        sys.modules.pop("ndm.parts.transforms.squash", None)
        importlib.invalidate_caches()


def test_the_extending_page_keeps_its_promise_of_40_lines():
    assert len(text("docs/extending.md").splitlines()) <= 40


def special_cases() -> dict[str, tuple[list[str], list[str]]]:
    """The table of docs/special-cases.md: recipe -> its options, and the tests that prove it."""
    rows = re.findall(r"^\| `(\w+)`: .*? \| (.*) \| (.*) \|$", text("docs/special-cases.md"), re.M)
    return {name: (re.findall(r"`(.*?)`", options), re.findall(r"`(.*?)`", tests)) for name, options, tests in rows}


def test_the_table_of_special_cases_has_every_known_model():
    assert special_cases().keys() == {
        name for name, module in modules("ndm.recipes").items() if hasattr(module, "MODEL")
    }


@pytest.mark.parametrize("data", ["moons", "digits"])
@pytest.mark.parametrize("name", special_cases())
def test_the_options_in_the_table_are_the_recipe(name, data, monkeypatch):
    configs = []
    monkeypatch.setattr("ndm.cli.commands.train.dry_run", lambda plan, data, console: configs.append(plan.config))
    options = " ".join(special_cases()[name][0]).split()
    for words in (["--recipe", name], options):
        assert main(["train", data, "--max-steps", "9", "--dry-run", *words]) == 0
    assert len(special_cases()[name][0]) <= 3 and configs[0] == configs[1]


@pytest.mark.parametrize("name", special_cases())
def test_the_proofs_in_the_table_exist(name):
    source = "".join(path.read_text() for path in (ROOT / "tests/unification").glob("test_*.py"))
    proofs = special_cases()[name][1]
    assert proofs and all(f"def {proof}(" in source for proof in proofs)
