"""The code in the documents runs as it stands there."""

import importlib
import re
import sys
from pathlib import Path

import torch

import ndm.transforms
from ndm.registry import discover
from ndm.transforms import Transform

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
    (code,) = python_blocks("docs/guide.md")
    names: dict = {}
    exec(code.replace('"folder"', repr(str(tmp_path / "model"))), names)
    assert names["bound"].total.shape == (1000,) and torch.isfinite(names["bound"].total).all()


def test_the_part_of_the_extending_page_is_found_by_its_file(tmp_path, monkeypatch):
    (code,) = python_blocks("docs/extending.md")
    (tmp_path / "squash.py").write_text(code)
    monkeypatch.setattr(ndm.transforms, "__path__", [*ndm.transforms.__path__, str(tmp_path)])
    try:
        transform = discover("ndm.transforms", Transform)["squash"]()
        torch.nn.init.constant_(transform.theta, 0.5)
        x, t = torch.randn(4, 3), torch.rand(4)
        value, velocity = transform.curve(x).with_velocity(t)
        assert torch.allclose(value, x + 0.5 * t[:, None] * torch.tanh(x))
        assert torch.allclose(velocity, 0.5 * torch.tanh(x))
    finally:
        sys.modules.pop("ndm.transforms.squash", None)
        importlib.invalidate_caches()


def test_the_extending_page_keeps_its_promise_of_40_lines():
    assert len((ROOT / "docs/extending.md").read_text().splitlines()) <= 40
