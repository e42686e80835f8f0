"""The code in the documents runs as it stands there."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

import ndm.parts.transforms
from ndm.base import axes
from ndm.base.registry import modules
from ndm.cli import main

ROOT = Path(__file__).parent.parent


def python_blocks(document: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S)


def test_the_readme_example_trains_and_samples():
    (code,) = python_blocks("README.md")
    assert "range(500)" in code
    names: dict = {}
    exec(code.replace("range(500)", "range(3)"), names)
    assert names["samples"].shape == (64, 2) and torch.isfinite(names["samples"]).all()
    assert names["z_s"].shape == (8, 2)


def test_the_guide_example_gives_a_bound(tmp_path):
    code, exported = python_blocks("docs/guide.md")
    names: dict = {}
    exec(code.replace('"folder"', repr(str(tmp_path / "model"))), names)
    exec(exported, names)
    z_t, t = torch.randn(7, 2), torch.rand(7)
    torch.testing.assert_close(names["program"].module()(z_t, t), names["model"].predicted_velocity(z_t, t))
    assert names["bound"].total.shape == (1000,) and torch.isfinite(names["bound"].total).all()


def test_the_part_of_the_extending_page_is_found_by_its_file(tmp_path, monkeypatch):
    (code,) = python_blocks("docs/extending.md")
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
    assert len((ROOT / "docs/extending.md").read_text().splitlines()) <= 40


def special_cases() -> dict[str, tuple[list[str], list[str]]]:
    """The table of docs/special-cases.md: recipe -> its options, and the tests that prove it."""
    rows = re.findall(r"^\| `(\w+)`: .*? \| (.*) \| (.*) \|$", (ROOT / "docs/special-cases.md").read_text(), re.M)
    return {name: (re.findall(r"`(.*?)`", options), re.findall(r"`(.*?)`", tests)) for name, options, tests in rows}


def test_the_table_of_special_cases_has_every_known_model():
    assert special_cases().keys() == {
        name for name, module in modules("ndm.recipes").items() if hasattr(module, "MODEL")
    }


@pytest.mark.parametrize("data", ["moons", "digits"])
@pytest.mark.parametrize("name", special_cases())
def test_the_options_in_the_table_are_the_recipe(name, data, monkeypatch):
    configs = []
    monkeypatch.setattr("ndm.cli.commands.train.dry_run", lambda config, data, console: configs.append(config))
    options = " ".join(special_cases()[name][0]).split()
    for words in (["--recipe", name], options):
        assert main(["train", data, "--dry-run", *words]) == 0
    assert len(special_cases()[name][0]) <= 3 and configs[0] == configs[1]


@pytest.mark.parametrize("name", special_cases())
def test_the_proofs_in_the_table_exist(name):
    source = "".join(path.read_text() for path in (ROOT / "tests/unification").glob("test_*.py"))
    proofs = special_cases()[name][1]
    assert proofs and all(f"def {proof}(" in source for proof in proofs)
