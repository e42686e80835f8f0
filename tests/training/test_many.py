"""Training in several processes, by gloo: the same losses, gradients and averages as in one, whoever has which rows."""

import json
from pathlib import Path

import pytest
from launching import together
from many import CASES, train
from safetensors.torch import load_file

SCRIPT = str(Path(__file__).with_name("many.py"))
WAYS = {"2 copies": (2, "ddp"), "4 copies": (4, "ddp"), "2 shares": (2, "fsdp")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The runs of one process."""
    folder = tmp_path_factory.mktemp("alone")
    train(folder, "ddp")
    return folder


@pytest.fixture(scope="module", params=WAYS)
def many(request, tmp_path_factory) -> Path:
    """The same in several."""
    folder = tmp_path_factory.mktemp("many")
    number, parallel = WAYS[request.param]
    for code, _, words in together(number, [SCRIPT, str(folder), parallel], [str(folder)] * number):
        assert code == 0, words
    return folder


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_the_same(alone, many, name) -> None:
    ours, theirs = metrics(alone / name), metrics(many / name)
    assert len(ours) == len(theirs) == 4
    for one, other in zip(ours, theirs, strict=True):
        for key in {*one} - {"seconds", "examples_per_second", "unit"}:
            assert other[key] == pytest.approx(one[key], rel=1e-3, abs=1e-5), (key, one["step"])


@pytest.mark.parametrize("name", CASES)
def test_moments_averages_and_statistics_are_the_same(alone, many, name) -> None:
    for file in ("state/optimizer", "state/weights", "state/times", "model/model"):
        ours, theirs = (load_file(folder / name / f"{file}.safetensors") for folder in (alone, many))
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            error = (theirs[key].double() - value.double()).abs().max() if value.numel() else 0.0
            assert error <= 1e-3 * value.double().abs().max() + 1e-4, (file, key)
