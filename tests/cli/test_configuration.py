"""config.yaml is what a run was trained with, or it is refused; checkpoints that are gone are missed."""

import json
import shutil
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from calling import TINY_MLP, content, ndm

from ndm.base.kinds import fits
from ndm.base.settings import parsed, written
from ndm.config import Config

TRAIN = f"train points.npz --run points --max-steps 4 {TINY_MLP}"
READERS = (
    "evaluate points --draws 2",
    "sample points --num 2 --steps 2 --out x.npz",
    "report points --steps 2",
    "publish points shared",
    "average points averaged",
    TRAIN,
)


def edited(change: dict) -> None:
    path = Path("points/config.yaml")
    values = yaml.safe_load(path.read_text())
    of_data = {name: value for name, value in change.items() if name.startswith("data.")}
    values["data"] |= {name.removeprefix("data."): value for name, value in of_data.items()}
    values |= {name: value for name, value in change.items() if name not in of_data}
    path.write_text(yaml.safe_dump({name: value for name, value in values.items() if value != "gone"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "with the unknown setting colour: red"),
        ({"data.colour": "red"}, "with the unknown setting data.colour: red"),
        ({"timesteps": 5}, "with timesteps: 5; expected none, with which its checkpoint was trained; restore it"),
        ({"learning_rate": "fast"}, "with learning_rate: fast; expected 0.002, with which"),
        ({"ema_decay": 0.5}, "with ema_decay: 0.5; expected 0.9, with which"),
        ({"batch_size": "gone"}, "with no batch_size; expected 16, with which"),
        ({"chosen": []}, "with chosen: []; expected ['predictor_options.network', "),
        ({"data.fingerprint": "0" * 16}, "with data.fingerprint: 0000000000000000; expected"),
        ({"data.reading": {"columns": ["a"]}}, "with data.reading: {'columns': ['a']}; expected {}"),
        ({"max_steps": "many"}, "with max_steps: many; expected a value that ndm train takes"),
        ({"threads": True}, "with threads: True; expected a value"),
    ],
    ids=str,
)
def test_what_was_not_trained_is_refused_by_every_reader(workplace, change, said):
    edited(change)
    before = content(workplace)
    for words in READERS:
        result = ndm(words)
        assert result.code == 2 and said in result.err and result.err.count("\n") == 1, (words, result.err)
    assert content(workplace) == before


def test_another_layout_of_the_same_values_is_the_same(workplace):
    path = Path("points/config.yaml")
    values = yaml.safe_load(path.read_text())
    text = yaml.safe_dump(values, sort_keys=True, default_flow_style=True).replace("0.002", "2e-3")
    path.write_text(f"# mine\n{text}")
    for words in READERS[:3]:
        assert ndm(words).code == 0


def test_what_may_change_may_change(workplace):
    assert ndm(TRAIN.replace("--max-steps 4", "--max-steps 4 --sampler deterministic --save-every 7")).code == 0
    assert ndm(READERS[0]).code == 0
    assert ndm(TRAIN.replace("--max-steps 4", "--max-steps 6")).code == 0
    assert yaml.safe_load(Path("points/config.yaml").read_text())["max_steps"] == 6


@pytest.mark.parametrize("left", [("model", "state"), ("evaluation.json",)])
def test_a_run_whose_checkpoints_are_gone_is_not_begun_again(workplace, left):
    assert ndm("evaluate points --draws 2").code == 0
    shutil.rmtree("points/checkpoints")
    for name in {"model", "state", "evaluation.json"} - set(left):
        Path("points", name).unlink()
    before = content(workplace)
    result = ndm(TRAIN)
    assert result.code == 2 and "points, a run whose checkpoints are gone" in result.err
    assert result.err.count("\n") == 1 and content(workplace) == before
    assert "which has no checkpoint any more" in ndm("evaluate points").err


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again_and_says_so(workplace, monkeypatch):
    words = TRAIN.replace("--run points", "--run new")
    with monkeypatch.context() as patch:
        patch.setattr("ndm.training.trainer.Trainer.save", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ndm(words).code == 1
    assert not Path("new/checkpoints").exists()
    lines = [json.loads(line) for line in Path("new/metrics.jsonl").read_text().splitlines()]
    result = ndm(words)
    assert result.code == 0 and "new was stopped before its first checkpoint: it begins again" in result.out
    again = [json.loads(line) for line in Path("new/metrics.jsonl").read_text().splitlines()]
    assert [line["diffusion"] for line in again] == [line["diffusion"] for line in lines]  # the same steps
    assert "begins again" not in ndm(words).out


def test_text_that_looks_like_a_number_stays_text():
    values = {"a": "1e5", "b": 1e-05, "c": "-.5E1", "d": [1e300, "x"], "e": None}
    assert parsed(written(values)) == values


@pytest.mark.parametrize(
    ("value", "kind", "right"),
    [
        (1, int | None, True),
        (None, int | None, True),
        (True, int, False),
        (1, float, True),
        ("1", float, False),
        ([0.9, 0.99], tuple[float, float], True),
        ([0.9], tuple[float, float], False),
        ([], tuple[str, ...], True),
        (["a", 1], tuple[str, ...], False),
        ({}, dict[str, object], True),
        ([], dict[str, object], False),
    ],
    ids=str,
)
def test_values_fit_their_types(value, kind, right):
    assert fits(value, kind) is right


def test_every_setting_by_default_fits_its_own_type():
    values = parsed(
        written({name: list(value) if isinstance(value, tuple) else value for name, value in vars(Config()).items()})
    )
    assert all(fits(values[name], kind) for name, kind in get_type_hints(Config, include_extras=True).items())
