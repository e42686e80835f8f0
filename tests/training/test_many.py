"""Training in several processes, by gloo: the same losses, gradients and averages as in one, however rows are split."""

from dataclasses import replace
from pathlib import Path

import pytest
from launching import together
from many import CASES, train
from safetensors.torch import load_file
from tiny import POINTS, lines, points

from ndm.base.errors import InputError
from ndm.training.trainer import Trainer

SCRIPT = str(Path(__file__).with_name("many.py"))
WAYS = {"4 copies": (4, "ddp"), "2 shares": (2, "fsdp")}


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


def check_lines(one: Path, other: Path) -> None:
    """Metrics are the same up to rounding."""
    ours, theirs = lines(one), lines(other)
    assert len(ours) == len(theirs) == 4
    for line, another in zip(ours, theirs, strict=True):
        for key in line.keys() - {"unit"}:
            assert another[key] == pytest.approx(line[key], rel=1e-3, abs=1e-5), (key, line["step"])


def check_tensors(one: Path, other: Path) -> None:
    """So are moments (of gradients), weights, averages and statistics."""
    more = ("state/averages", "averages/00000002/averages") if one.name == "averages" else ()
    for file in ("state/optimizer", "state/weights", "state/time_sampler", "model/model", *more):
        ours, theirs = (load_file(run / f"{file}.safetensors") for run in (one, other))
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            error = (theirs[key].double() - value.double()).abs().max() if value.numel() else 0.0
            assert error <= 1e-3 * value.double().abs().max() + 1e-4, (file, key)


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_the_same(alone, many, name) -> None:
    check_lines(alone / name, many / name)


@pytest.mark.parametrize("name", CASES)
def test_moments_averages_and_statistics_are_the_same(alone, many, name) -> None:
    check_tensors(alone / name, many / name)


def test_blocks_computed_again_change_nothing(many) -> None:
    """Their weights are copies, or whole for the time of a step alone."""
    check_lines(many / "blocks kept", many / "blocks computed again")
    check_tensors(many / "blocks kept", many / "blocks computed again")


def test_a_run_goes_on_in_another_number_of_processes(tmp_path) -> None:
    """Two processes begin, one ends: the same examples in the same order, and the same losses."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = replace(POINTS, decay="constant")  # cosine decay would follow the shorter budget
    assert Trainer(config, points(), whole).fit()
    begin = [SCRIPT, str(parts), "fsdp", "begin"]
    for code, _, words in together(2, begin, [str(tmp_path)] * 2):
        assert code == 0, words
    trainer = Trainer(config, points(), parts)
    assert trainer.step == 3 and trainer.fit()
    for one, other in zip(lines(whole), lines(parts), strict=True):
        assert other["total"] == pytest.approx(one["total"], rel=1e-3)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="batch_size = 16 for 1 processes, accumulate = 3"):
        Trainer(replace(POINTS, accumulate=3), points(), tmp_path / "run")
    with pytest.raises(InputError, match="fsdp in one process"):
        Trainer(replace(POINTS, parallel="fsdp"), points(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
