"""Defaults of ndm train: chosen and said at the first start, written to config.yaml, and never chosen again."""

import re
from pathlib import Path

import numpy as np
import pytest
from calling import ndm, write_data
from launching import together

from ndm.base.settings import read
from ndm.recipes._ladder import UNET
from ndm.training import defaults

KINDS = {
    "image": (3, 8, 8),
    "float image": (1, 9, 8),
    "signal": (32,),
    "signal of channels": (2, 40),
    "volume": (8, 8, 8),
    "points": (2,),
    "table": (5,),
}


@pytest.fixture
def measures(monkeypatch) -> list:
    """What is measured; a step takes a time that grows with the size of the network."""
    found: list = []

    def measured(config, data, number, begin):
        begin()
        found.append(config)
        options = config.predictor_options
        return 1e-7 * options.get("channels", options.get("width", 16)) ** 2

    monkeypatch.setattr(defaults, "seconds_per_step", measured)
    return found


@pytest.fixture
def never(monkeypatch) -> None:
    """Nothing is measured."""
    monkeypatch.setattr(defaults, "seconds_per_step", lambda *_: pytest.fail("measured"))


def trained(words: str, code: int = 0) -> tuple[dict, list[str]]:
    """config.yaml of the folder `run`, and the lines that were said."""
    result = ndm(f"train {words} --run run")
    assert result.code == code and not result.err, result.err
    return read(Path("run/config.yaml")), result.out.splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_trains_by_default(empty, never, kind):
    x = np.random.default_rng(0).normal(size=(40, *KINDS[kind]))
    x = np.clip(128 + 40 * x, 0, 255).astype(np.uint8) if kind == "image" else x.astype(np.float32)
    np.savez("x.npz", x=x)
    config, lines = trained("x.npz --max-steps 2")
    network = "mlp" if kind in ("points", "table") else "unet"
    assert config["predictor_options"]["network"] == network and "predictor_options.network" in config["chosen"]
    assert [line.partition(": ")[0] for line in lines[:3]] == ["model", "data", "steps"]
    assert (
        f"32 training examples ({kind.removesuffix(' of channels')}) of {'x'.join(map(str, KINDS[kind]))}" in lines[1]
    )
    assert ndm("evaluate run --draws 2 --limit 3").code == 0


def test_the_choice_is_said_and_written(empty, measures):
    write_data(empty)
    config, (model, data, steps, *_) = trained("points.npz --max-seconds 0.5")
    assert config["predictor_options"] == {"network": "mlp", "width": 64, "depth": 3}
    assert {"predictor_options.width", "batch_size", "learning_rate"} <= set(config["chosen"])
    assert not {"max_seconds", "max_steps"} & set(config["chosen"]) and config["max_steps"] is None
    why = "the smallest, as 1,159 of its steps fit into 0.5s"
    assert re.fullmatch(rf"model: mlp of 64 units, [\d,]+ parameters, float32 on CPU, 1 thread: {why}", model)
    assert data == "data: 48 training examples (points) of 2: gamma_min -10.0, gamma_max 6.0"
    assert steps == "steps: about 1,200 steps fit, of 48 examples, 0.41 ms a step, 1,159 passes over the data"
    assert len(measures) == 1


def test_what_a_recipe_trains_is_said(empty, never):
    _, (model, data, steps, *_) = trained("digits --max-steps 1 --max-seconds 100")
    assert re.fullmatch(r"model: unet, [\d,]+ parameters, float32 on CPU, 1 thread: the recipe", model)
    assert data.startswith("data: 1,200 training examples (image) of 1x8x8, 17 of 17 levels used, ")
    assert steps == "steps: 1, or as many as fit into 100s, of 64 examples"
    assert not [line for line in trained("digits --max-steps 1")[1] if line.startswith("model: ")]


def test_a_run_that_goes_on_is_not_chosen_for(empty, measures, monkeypatch):
    """Nothing is measured or said; the choice is that of the start, also where rules and machine are others by now."""
    write_data(empty)
    before, _ = trained("points.npz --max-seconds 0.2")
    monkeypatch.setattr(defaults, "seconds_per_step", lambda *_: pytest.fail("measured"))
    monkeypatch.setattr(defaults, "choose", lambda *_, **__: pytest.fail("chosen"))
    for words, budget in (("--max-seconds 0.2", 0.2), ("--max-seconds 0.4", 0.4)):
        config, lines = trained(f"points.npz {words}")
        assert config == before | {"max_seconds": budget} and lines[0].startswith("resuming run at step")
        assert not [line for line in lines if line.startswith(("model: ", "data: ", "steps: "))]
    config, _ = trained(f"points.npz --max-steps {10**6} --max-seconds 0.5")
    assert config == before | {"max_seconds": 0.5, "max_steps": 10**6}


def test_a_run_that_was_stopped_before_its_first_checkpoint_keeps_its_choice(empty, measures, monkeypatch):
    write_data(empty)
    with monkeypatch.context() as patch:
        patch.setattr("ndm.training.trainer.Trainer.save", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ndm("train points.npz --run run --max-seconds 0.2").code == 1
    before = read(Path("run/config.yaml"))
    monkeypatch.setattr(defaults, "seconds_per_step", lambda *_: pytest.fail("measured"))
    config, lines = trained("points.npz --max-seconds 0.2")
    assert config == before and "begins again" in lines[0]
    assert lines[1].endswith("1 thread: as chosen when the run was started") and lines[1].startswith("model: mlp")


def test_without_a_budget_a_run_goes_on_for_ten_minutes(empty, never):
    write_data(empty)
    trained("points.npz --max-steps 2")
    result = ndm("train points.npz --run run --dry-run")
    assert result.code == 0 and "max_seconds: 600.0" in result.out and "max_steps: null" in result.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--batch-size 7", "batch_size: 48 is now 7"),
        ("--predictor-options width=32", "is now {'network': 'mlp', 'width': 32, 'depth': 3}"),
        ("--recipe plane", "another configuration"),
        ("--timesteps 3", "timesteps: None is now 3"),
    ],
)
def test_another_configuration_is_refused_as_ever(empty, never, words, said):
    write_data(empty)
    before, _ = trained("points.npz --max-steps 2")
    result = ndm(f"train points.npz --run run --max-steps 2 {words}")
    assert result.code == 2 and result.err.count("\n") == 1 and said in result.err
    assert read(Path("run/config.yaml")) == before


def test_what_was_chosen_may_be_given_when_the_run_goes_on(empty, never):
    write_data(empty)
    before, _ = trained("points.npz --max-steps 2")
    config, lines = trained("points.npz --max-steps 3 --batch-size 48 --predictor-options width=64")
    assert config == before | {"max_steps": 3} and lines[0].startswith("resuming run")


def test_what_is_given_is_not_chosen(empty, measures):
    write_data(empty)
    words = "--max-seconds 0.2 --batch-size 6 --predictor-options network=mlp width=24 --learning-rate 1e-3"
    config, lines = trained(f"images.npz {words}")
    options = {"network": "mlp", "width": 24, "depth": 3, "parameterisation": "discrete_gaussian"}
    assert config["predictor_options"] == options and config["batch_size"] == 6
    assert not {"predictor_options.width", "batch_size", "learning_rate"} & set(config["chosen"])
    assert "mlp of 24 units" in lines[0] and "the one that is given" in lines[0]
    assert [(each.batch_size, each.predictor_options["width"]) for each in measures] == [(6, 24)]


def test_a_budget_that_is_too_short_is_one_line_and_nothing_is_written(empty, measures):
    write_data(empty)
    result = ndm("train points.npz --run run --budget 0.002s")
    assert result.code == 2 and result.err.count("\n") == 1 and not Path("run").exists()
    assert "a budget of 0.002s for mlp of 64 units" in result.err and "0.00041 s on this machine" in result.err
    assert "expected 1s or more, which is 20 steps" in result.err


def test_a_dry_run_explains_every_choice(empty, measures):
    write_data(empty)
    result = ndm("train images.npz --run run --budget 10m --dry-run")
    assert result.code == 0 and not Path("run").exists()
    table = result.out[result.out.index("chosen  ") : result.out.index("┃ part")]
    rows = re.findall(r"^│ (\S+) +│ (\S.*?) +│ (\S.*?) +│$", table, re.M)
    chosen = {name: value for name, value, _ in rows}
    largest = UNET.rows[-1]
    assert chosen["predictor_options.channels"] == str(largest.size)
    assert chosen["learning_rate"] == str(largest.learning_rate)
    assert all(reason for *_, reason in rows) and {"batch_size", "warmup_steps", "ema_decay"} <= chosen.keys()
    assert len(rows) == len(re.findall(r"^- ", result.out[result.out.index("chosen:") : result.out.index("┏")], re.M))


def test_a_named_recipe_is_taken_as_it_is(empty, never):
    _, lines = trained("digits --max-steps 1")
    assert lines[0].endswith(": the recipe") and read(Path("run/config.yaml"))["chosen"] == []


def test_what_comes_from_a_source_is_not_chosen(workplace, never):
    config, lines = trained("images.npz --from images --max-steps 2")
    assert config["predictor_options"] == {
        "network": "unet",
        "channels": 8,
        "parameterisation": "discrete_gaussian",
    }
    assert "learning_rate" in config["chosen"]
    assert not [name for name in config["chosen"] if name.startswith(("predictor_options", "schedule_options"))]
    assert "model: unet of 8 channels" in next(line for line in lines if line.startswith("model"))


FIRST_CHOOSES = """
import os, sys, ndm.cli, ndm.training.defaults as defaults
def seconds(config, data, number, begin):
    assert os.environ["RANK"] == "0" and number == 2
    return 2e-4 * config.predictor_options["width"] / 64
defaults.seconds_per_step = seconds
sys.exit(ndm.cli.main(sys.argv[1:]))
"""


def test_the_first_of_several_processes_chooses_for_all(empty):
    write_data(empty)
    words = ["-c", FIRST_CHOOSES, "train", "points.npz", "--run", "run", "--max-seconds", "2"]
    first, other = together(2, words, [".", "."])
    assert (first[0], other[0]) == (0, 0), (first, other)
    assert first[1].startswith("model: mlp of 128 units") and other[1] == ""
    config = read(Path("run/config.yaml"))
    assert config["predictor_options"]["width"] == 128 and config["batch_size"] == 48
