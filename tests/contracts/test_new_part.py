"""A new part is one new file: written here into a folder that joins the package, and nothing else is edited."""

import sys

import numpy as np
import pytest
import torch

import ndm
import ndm.parts.transforms
import ndm.samplers
from ndm.base import axes
from ndm.base.part import Part
from ndm.cli import main
from ndm.config import Config
from ndm.data import DataSet, Split
from ndm.training.build import build_model

SHRINK = '''
"""F(x, t) = exp(-rate t) x."""

import torch
from torch import Tensor

from ndm.process.curve import Curve
from ndm.parts.transforms import Transform


class ShrinkCurve(Curve):
    def __init__(self, x: Tensor, rate: float) -> None:
        self.x, self.rate = x, rate

    def __call__(self, t: Tensor) -> Tensor:
        return self.x * torch.exp(-self.rate * t).reshape(-1, *[1] * (self.x.ndim - 1))


class ShrinkTransform(Transform):
    def __init__(self, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ShrinkCurve(x, self.rate)
'''

FORGETFUL = '''
"""Jumps: predicts x from every z_t and draws z_s afresh."""

from torch import Tensor

from ndm.samplers.sampler import Sampler


class FreshSampler(Sampler):
    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        return self.model.marginal(self.model.predict(z_t, t, cond), s).sample(noise)
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Two new files in folders of their own, taken out again afterwards."""
    for package, name, text in ((ndm.parts.transforms, "shrink", SHRINK), (ndm.samplers, "fresh", FORGETFUL)):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield
    for module, part in (("ndm.parts.transforms.shrink", "ShrinkTransform"), ("ndm.samplers.fresh", "FreshSampler")):
        sys.modules.pop(module, None)
        Part.known.pop(part, None)
        parent, _, name = module.rpartition(".")
        vars(sys.modules[parent]).pop(name, None)


def points(num: int = 30) -> DataSet:
    x = np.random.default_rng(0).normal(size=(3, num, 2)).astype(np.float32)
    return DataSet("points", *(Split(part) for part in x), num_levels=None, num_classes=0, source="here")


def test_it_is_found_under_the_name_of_its_file(added):
    assert axes.TRANSFORMS.find("shrink").__name__ == "ShrinkTransform"
    assert axes.SAMPLERS.find("fresh").__name__ == "FreshSampler"
    assert {"identity", "series"} <= axes.TRANSFORMS.every().keys()


def test_a_model_is_built_of_it_by_name(added):
    config = Config(transform="shrink", transform_options={"rate": 2.0}, predictor_options={"width": 16, "depth": 1})
    model = build_model(config, points())
    assert type(model.transform).__name__ == "ShrinkTransform" and model.transform.rate == 2.0
    assert isinstance(model.predictor, ndm.predictors.PlugInPredictor)  # the default where there are no heads
    x = torch.randn(4, 2)
    value, velocity = model.curve(x).with_velocity(torch.tensor(0.5))
    torch.testing.assert_close(velocity, -2 * value)  # the default derivative
    assert ndm.bound(model, x).total.isfinite().all()


def test_it_is_saved_and_loaded(added, tmp_path):
    model = build_model(Config(transform="shrink", predictor_options={"width": 16, "depth": 1}), points())
    model.save_pretrained(tmp_path / "model")
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path / "model")
    assert again.config == model.config and type(again.transform) is type(model.transform)


def test_the_command_line_knows_it(added, tmp_path, capsys):
    file, run, out = tmp_path / "points.npz", tmp_path / "run", tmp_path / "samples.npz"
    np.savez(file, x=points().train.x)
    assert (
        main(
            [
                "train",
                str(file),
                "--run",
                str(run),
                "--transform",
                "shrink",
                "--transform-options",
                "rate=0.5",
                "--predictor-options",
                "width=16",
                "depth=1",
                "--max-steps",
                "2",
                "--batch-size",
                "4",
            ]
        )
        == 0
    )
    assert main(["sample", str(run), "--sampler", "fresh", "--steps", "3", "--num", "5", "--out", str(out)]) == 0
    with np.load(out) as samples:
        assert samples["x"].shape == (5, 2) and np.isfinite(samples["x"]).all()
    assert main(["sample", str(run), "--sampler", "fresh", "--eta", "1", "--out", str(out)]) == 2  # has no volatility
    assert "--eta for the fresh sampler" in capsys.readouterr().err
