"""What a training is said to take of memory, beside what it takes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import IMAGES, POINTS, images, points

from ndm.base.errors import InputError
from ndm.parts.predictors.direct import DirectPredictor
from ndm.training import room
from ndm.training.build import build_model
from ndm.training.start import new_model, prepare_network
from ndm.training.trainer import Trainer

GIB = 2**30
HERE = Path(__file__).parent
MEASURED = """
import sys, torch
sys.path[:0] = {here!r}
from pathlib import Path
from test_room import CASES
from ndm.training.trainer import Trainer
from ndm.training.room import step_bytes
config, data = CASES[{name!r}]
trainer = Trainer(config, data, Path({folder!r}))
expected = step_bytes(trainer.raw_model, config, data, [config.batch_size])
def kib(name):  # ru_maxrss would be no less than the memory of the process that started this one
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0])
before = kib("VmRSS")
trainer.fit()
print(expected, (kib("VmHWM") - before) * 1024)
"""
CASES = {
    name: (replace(config, max_steps=1, validate_every=0, log_every=100, threads=1, **changes), data)
    for name, config, data, changes in (
        (
            "a perceptron",
            POINTS,
            points(),
            {"transform": "identity", "predictor_options": {"width": 128, "depth": 3}, "batch_size": 40_000},
        ),
        ("a U-Net", IMAGES, images(), {"transform": "identity", "batch_size": 4000}),
        (
            "blocks computed again",
            IMAGES,
            images(),
            {"transform": "identity", "batch_size": 2000, "checkpointing": True},
        ),
        (
            "a velocity",
            POINTS,
            points(),
            {"transform": "residual", "transform_options": {"width": 64, "depth": 2}, "batch_size": 20_000},
        ),
    )
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
@pytest.mark.parametrize("name", CASES)
def test_the_estimate_is_within_a_factor_of_what_a_step_takes(tmp_path, name):
    program = MEASURED.format(here=[str(HERE), str(HERE.parent)], name=name, folder=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    expected, taken = map(float, done.stdout.split())
    assert taken > 1e8 and 1 / 1.6 < expected / taken < 1.6


def test_measuring_changes_nothing(tmp_path):
    config, data = replace(IMAGES, timesteps=4, reverse_step="analytic"), images()
    model = build_model(config, data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    assert room.step_bytes(model, config, data, [8]) > 0
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_it_is_linear_in_the_share_and_less_where_blocks_are_computed_again():
    config, data = replace(IMAGES, transform="identity"), images()
    model = build_model(config, data)
    one, two, halves = (room.step_bytes(model, config, data, numbers) for numbers in ([64], [128], [64, 64]))
    assert two == pytest.approx(2 * one, rel=1e-6) and one < halves < two
    prepare_network(model, replace(config, checkpointing=True))
    assert room.step_bytes(model, config, data, [64]) < one / 1.3


@pytest.mark.parametrize(("left", "said"), [(2e4, "parameters or more"), (4e5, "batch_size = 4096 for a model of")])
def test_a_model_or_a_batch_that_does_not_fit_is_refused(tmp_path, monkeypatch, left, said):
    monkeypatch.setattr(room, "free", lambda: left)
    config = replace(POINTS, predictor_options={"width": 32, "depth": 2}, batch_size=4096)
    with pytest.raises(InputError, match=said):
        Trainer(config, points(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_memory_that_fitting_to_the_data_lacks_is_not_taken_for_parameters(monkeypatch):
    """All examples as rows of a table of levels once were "a model of 8,977,372,980 parameters"."""

    def fit(self, x):
        raise MemoryError("allocate 36000000000 bytes")

    monkeypatch.setattr(DirectPredictor, "initialise", fit)
    with pytest.raises(MemoryError, match="36000000000"):
        new_model(POINTS, points())
    with pytest.raises(InputError, match="parameters or more"), room.parameters_fit(POINTS):
        fit(None, None)
