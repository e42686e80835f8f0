"""`ndm average`: another length of the average, chosen after training, as a folder like that of a run."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import TINY_MLP, content, ndm, written
from launching import together
from safetensors.torch import load_file

from ndm import NeuralDiffusion

TRAIN = f"train points.npz --run kept --max-steps 12 --save-every 2 --average-lengths 0.05 0.1 {TINY_MLP}"


@pytest.fixture
def kept(workplace) -> Path:
    """A run that kept averages."""
    assert ndm(TRAIN).code == 0
    return Path("kept")


def test_one_length_is_written_without_data(kept):
    Path("points.npz").unlink()
    result = ndm("average kept out --lengths 0.05")
    assert result.code == 0 and result.err == "" and "0.05" in result.out and "next: ndm evaluate out" in result.out
    about = json.loads(Path("out/average.json").read_text())
    assert (about["step"], about["length"], about["validation"], about["snapshots"]) == (12, 0.05, None, 6)
    assert about["lengths"][0]["error_of_profile"] < 1e-6
    state = load_file(kept / "state" / "averages.safetensors")
    for name, value in NeuralDiffusion.from_pretrained("out/model").state_dict().items():
        torch.testing.assert_close(value, state[f"0.05:{name}"], rtol=1e-5, atol=1e-6)


def test_the_best_of_several_is_kept_and_its_bound_is_that_of_evaluate(kept):
    result = ndm("average kept out --lengths 0.05 0.1 0.25 --draws 8")
    assert result.code == 0 and result.err == ""
    about = json.loads(Path("out/average.json").read_text())
    bounds = about["validation"]["bounds"]
    best = min(range(3), key=lambda k: bounds[k][0])
    assert len(bounds) == 4 and "that of training" in result.out
    assert about["length"] == (0.05, 0.1, 0.25)[best] and about["validation"]["above_chosen"][best] == [0.0, 0.0]
    for k, (mean, error) in enumerate(bounds):
        assert f"{mean:.4f} ± {error:.4f}" in result.out
        if k != best:  # pairs of the same draws are closer than their spread over examples
            above, spread = about["validation"]["above_chosen"][k]
            assert above == pytest.approx(mean - bounds[best][0]) and spread < error
    for folder, bound in (("out", bounds[best]), ("kept", bounds[3])):
        nelbo = written(ndm(f"evaluate {folder} --split validation --draws 8"))["nelbo"]
        assert [nelbo["total"], nelbo["standard_error"]] == pytest.approx(bound)


def test_every_reader_of_runs_takes_the_folder_and_training_does_not(kept):
    before = content(kept)
    assert ndm("average kept out --lengths 0.07").code == 0
    for words in (
        "evaluate out --draws 2",
        "sample out --num 3 --steps 2 --out x.npz",
        "report out --steps 2",
        "publish out shared",
    ):
        assert ndm(words).code == 0, words
    with np.load("x.npz") as samples:
        assert np.isfinite(samples["x"]).all()
    model, shared = (NeuralDiffusion.from_pretrained(folder).state_dict() for folder in ("out/model", "shared"))
    assert all(torch.equal(value, shared[name]) for name, value in model.items())
    assert content(kept) == before
    out = content(Path("out"))
    result = ndm(TRAIN.replace("--run kept", "--run out"))
    assert result.code == 2 and "out, the average of another run" in result.err and result.err.count("\n") == 1
    assert content(Path("out")) == out


def test_an_average_may_end_at_an_earlier_step(kept):
    result = ndm("average kept out --lengths 0.1 0.1 --at 6")  # two that are alike: the first
    assert result.code == 0 and "that of training" not in result.out
    state = load_file(kept / "averages" / "00000006" / "averages.safetensors")
    for name, value in NeuralDiffusion.from_pretrained("out/model").state_dict().items():
        torch.testing.assert_close(value, state[f"0.1:{name}"], rtol=1e-5, atol=1e-6)
    assert ndm("evaluate out --draws 2").code == 0
    assert json.loads(Path("out/evaluation.json").read_text())["training"]["step"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("points out", "which kept no averages"),
        ("nowhere out", "nowhere"),
        ("kept out --at 7", "one of 2, 4, 6, 8"),
        ("kept out --lengths 0.5", "relative length 0.5"),
        ("kept out --lengths nan", "relative length nan"),
        ("kept out --limit 0", "limit = 0"),
        ("kept out --draws 1", "draws = 1"),
        ("kept out --seed -1", "seed = -1"),
        ("kept points", "points, which is there already"),
        ("kept points.npz/out", "cannot be made"),
    ],
)
def test_what_cannot_be_is_a_line_and_writes_nothing(kept, words, said):
    before = content(Path())
    result = ndm(f"average {words}")
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1, result.err
    assert content(Path()) == before


def test_a_damaged_snapshot_is_a_line(kept):
    path = kept / "averages" / "00000004" / "averages.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    result = ndm("average kept out")
    assert result.code == 2 and re.search(r"kept/averages/00000004/averages.safetensors, altered", result.err)
    assert not Path("out").exists()


def test_lengths_of_a_run_are_checked_before_it_starts(workplace):
    result = ndm(TRAIN.replace("0.05 0.1", "0.05 0.05"))
    assert result.code == 2 and "each of them once" in result.err and not Path("kept").exists()


def test_several_processes_choose_and_write_what_one_does(kept):
    options = ["--lengths", "0.05", "0.25", "--draws", "4"]
    assert ndm(" ".join(["average", "kept", "alone", *options])).code == 0
    ends = together(2, ["-m", "ndm.cli", "average", "kept", "together", *options], ["."] * 2)
    assert [code for code, *_ in ends] == [0, 0], ends
    assert "next: ndm evaluate together" in ends[0][1] and ends[1][1] == ""
    one, two = (json.loads(Path(folder, "average.json").read_text()) for folder in ("alone", "together"))
    assert one["length"] == two["length"]
    assert np.allclose(one["validation"]["bounds"], two["validation"]["bounds"], rtol=1e-6)
    ours, theirs = (load_file(Path(folder, "model", "model.safetensors")) for folder in ("alone", "together"))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
