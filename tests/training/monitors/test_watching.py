"""What is watched says what it says it does, and changes nothing that is trained."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import IMAGES, POINTS, images, lines, points, signal_at, tensors

from ndm.base.errors import InputError
from ndm.bounds.time_samplers import LowDiscrepancy
from ndm.evaluation.progress import ProgressPictures
from ndm.training.ending import not_finite
from ndm.training.monitors.statistics import LossBins
from ndm.training.trainer import Trainer


def test_the_loss_of_each_bin_is_the_mean_of_its_integrands():
    bins = LossBins(LowDiscrepancy(), num_bins=4)
    bins.observe(torch.tensor([0.0, 0.1, 0.3, 0.99]), torch.tensor([1.0, 3.0, 5.0, 7.0]))
    bins.observe(torch.tensor([0.2]), torch.tensor([2.0]))
    other = LossBins(LowDiscrepancy(), num_bins=4)
    other.load(json.loads(json.dumps(bins.sums.tolist())))
    alone = torch.Tensor.clone  # the sum over one process
    expected = {"diffusion_at/0-0.25": 2.0, "diffusion_at/0.25-0.5": 5.0, "diffusion_at/0.75-1": 7.0}
    assert other.line(alone) == bins.line(alone) == expected and bins.line(alone) == {}


def test_a_line_holds_all_that_is_watched(tmp_path):
    trainer = Trainer(POINTS, points(), tmp_path)
    assert trainer.fit()
    line = lines(tmp_path)[-1]
    waiting = [json.loads(text)["waiting"] for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert len(waiting) == 6 and all(0 <= share <= 1 for share in waiting)
    assert {
        "prior",
        "diffusion",
        "reconstruction",
        "gradient_norm/predictor",
        "gradient_norm/transform",
        "gradient_norm/schedule",
        "squared_change/0.5",
        "squared_velocity/1",
        "variance_ratio",
    } <= line.keys()
    parts = sum(line[f"gradient_norm/{part}"] ** 2 for part in ("predictor", "transform", "schedule"))
    assert parts**0.5 == pytest.approx(min(line["gradient_norm"], 0.6931471805599453), rel=1e-4)  # as it was clipped
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {"diffusion", "squared_change/0.5", "memory_mib", "gradient_norm/schedule"} <= set(events.Tags()["scalars"])


@pytest.mark.parametrize(("config", "data"), [(POINTS, points()), (IMAGES, images())], ids=["points", "images"])
def test_pictures_are_drawn_and_disturb_nothing(tmp_path, config, data):
    drawn = replace(config, pictures_every=3, log_every=4)
    assert Trainer(replace(drawn, pictures_every=0), data, tmp_path / "plain").fit()
    for _ in range(2):
        with signal_at(4):
            Trainer(drawn, data, tmp_path / "drawn", draw=ProgressPictures(drawn, data)).fit()
    assert Trainer(drawn, data, tmp_path / "drawn", draw=ProgressPictures(drawn, data)).fit()
    assert tensors(tmp_path / "drawn") == tensors(tmp_path / "plain")
    assert lines(tmp_path / "drawn") == lines(tmp_path / "plain")
    names = {path.name for path in (tmp_path / "drawn" / "pictures").iterdir()}
    assert names == {f"0000000{step}-{what}.png" for step in (3, 6) for what in ("samples", "filmstrip")}
    events = EventAccumulator(str(tmp_path / "drawn" / "tensorboard")).Reload()
    assert set(events.Tags()["images"]) == {"samples", "filmstrip"}


def test_pictures_that_cannot_be_drawn_are_a_warning_and_change_nothing(tmp_path):
    """Whatever the reason: the training goes on, to the checkpoint that an undrawn one has."""
    config = replace(POINTS, pictures_every=2)
    for i, error in enumerate((InputError("events of 3 dimensions", "2"), RuntimeError("out of memory"), KeyError(3))):

        def draw(model, error=error):
            torch.rand(5)
            raise error

        with pytest.warns(UserWarning, match=r"the pictures of step 2 cannot be drawn: .*; the training goes on"):
            assert Trainer(config, points(), tmp_path / str(i), draw=draw).fit()
    assert Trainer(POINTS, points(), tmp_path / "plain").fit()
    assert tensors(tmp_path / "0") == tensors(tmp_path / "1") == tensors(tmp_path / "2") == tensors(tmp_path / "plain")


def test_examples_with_a_term_that_is_not_finite_are_found():
    terms = {"prior": np.array([1.0, 2.0, 3.0]), "diffusion": np.array([1.0, np.inf, np.nan])}
    assert not_finite(terms).tolist() == [1, 2]


class Listener(GeneralTracker):
    """A tracker that remembers what it is told."""

    name, requires_logging_directory, main_process_only = "listener", False, True
    heard: list = []  # noqa: RUF012

    def __init__(self, run_name: str) -> None:
        super().__init__()

    @property
    def tracker(self) -> list:
        return self.heard

    def start(self) -> None:
        self.heard.append("start")

    def store_init_configuration(self, values: dict) -> None:
        self.heard.append(values["seed"])

    def log(self, values: dict, step: int | None = None, **_) -> None:
        self.heard.append((step, values["diffusion"]))

    def finish(self) -> None:
        self.heard.append("finish")


def test_a_tracker_hears_every_line(tmp_path, monkeypatch):
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "listener", Listener)
    assert Trainer(replace(POINTS, tracker=("listener",)), points(), tmp_path).fit()
    written = [(line["step"], line["diffusion"]) for line in lines(tmp_path)]
    assert Listener.heard == ["start", 0, *written, "finish"] and len(written) == 6


class Broken(Listener):
    """A service that goes away."""

    def log(self, values: dict, step: int | None = None, **_) -> None:
        raise ConnectionError("the service does not answer")

    def finish(self) -> None:
        raise ConnectionError("the service does not answer")


class Closed(Listener):
    """A service that lets nobody in."""

    def start(self) -> None:
        raise ValueError("no API key")


def test_a_tracker_that_fails_is_a_warning_and_one_that_cannot_start_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "listener", Broken)
    with pytest.warns(UserWarning, match="the tracker listener misses the line of step 1: ConnectionError: the"):
        assert Trainer(replace(POINTS, tracker=("listener",)), points(), tmp_path / "broken").fit()
    assert Trainer(POINTS, points(), tmp_path / "plain").fit()
    assert tensors(tmp_path / "broken") == tensors(tmp_path / "plain")
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "listener", Closed)
    with pytest.raises(InputError, match=r"tracker 'listener', which cannot be started \(ValueError: no API key\)"):
        Trainer(replace(POINTS, tracker=("listener",)), points(), tmp_path / "closed").fit()


def test_a_tracker_that_is_unknown_or_absent_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("ndm.training.monitors.metrics.get_available_trackers", lambda: [])
    for name, said in (("nobody", "one of aim"), ("wandb", "pip install wandb")):
        with pytest.raises(InputError, match=said):
            Trainer(replace(POINTS, tracker=(name,)), points(), tmp_path / name)
        assert not (tmp_path / name).exists()
