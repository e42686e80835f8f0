"""The end of a training compares the model with simple models and codecs, and keeps the numbers with the run."""

import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from calling import TINY_MLP, TINY_UNET, ndm
from PIL import Image

from ndm.data import load
from ndm.data.yardsticks import yardsticks


def kept(run: str) -> dict:
    found: dict = json.loads(Path(run, "yardsticks.json").read_text())
    return found


def warnings(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("warning: the model takes ")]


def test_a_model_worse_than_codecs_says_so_in_one_line_and_keeps_the_numbers(workplace):
    np.savez("flat.npz", x=(np.arange(60) % 3 * np.ones((8, 8, 1))).T.astype(np.uint8))
    result = ndm(f"train flat.npz --run new --max-steps 2 {TINY_UNET}")
    (line,) = warnings(result.out)
    found = kept("new")
    assert result.code == 0 and result.err.count("warning") == 0
    assert found["yardsticks"] == yardsticks(load("flat.npz"), 256).values
    assert found["yardsticks"]["uniform"] == 8 and found["unit"] == "bits/dim" and found["num_examples"] == 6
    assert found["model"]["step"] == 2 and f"{found['model']['nelbo']:.3f} bits/dim for 6 validation" in line
    for name, value in found["yardsticks"].items():
        assert (f"{name} ({value:.3f})" in line) == (value < found["model"]["nelbo"])


def test_a_model_better_than_all_is_said_beside_them(workplace):
    """Half of the dimension's values lie at -1 and half at 1: a Gaussian does badly."""
    rng = np.random.default_rng(0)
    np.savez("two.npz", x=(rng.choice([-1, 1], (2000, 1)) + 0.02 * rng.normal(size=(2000, 1))).astype(np.float32))
    words = "--predictor-options width=32 depth=2 --batch-size 256 --learning-rate 0.01 --warmup-steps 20"
    result = ndm(f"train two.npz --run new --max-steps 300 {words}")
    assert result.code == 0 and warnings(result.out) == []
    found = kept("new")
    assert found["model"]["nelbo"] < found["yardsticks"]["independent dimensions"] and found["unit"] == "nats"
    others = [f"{name} {value:.3f}" for name, value in sorted(found["yardsticks"].items(), key=lambda each: each[1])]
    number = found["num_examples"]
    said = f"{found['model']['nelbo']:.3f} nats for {number} validation examples; {', '.join(others)}"
    assert result.out.splitlines()[-2] == said
    # The page has the same before an evaluation, whose command it gives.
    assert ndm("report new --steps 2").code == 0
    page = Path("new/report/index.html").read_text()
    assert "<td>this model</td>" in page and f"validation, {number} examples, at the end of training" in page
    assert f"<td>{found['yardsticks']['independent dimensions']:.4f}</td>" in page
    assert "<code>ndm evaluate new</code>" in page and "with dropout" not in page


def test_sound_is_compared_with_flac_or_it_is_said_why_not(workplace, monkeypatch):
    """Noise, half of it quiet: each block of FLAC says how loud it is, and a model of one step does not know."""
    noise = np.random.default_rng(0).integers(-(2**13), 2**13, (600, 200))
    np.savez("sound.npz", x=np.where(np.arange(600)[:, None] % 2, noise, noise // 2**10).astype(np.int16))
    mlp = "--predictor-options network=mlp width=16 depth=1 --batch-size 16"
    words = f"train sound.npz --data-options dequantise=true --max-steps 1 {mlp}"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "soundfile", None)
        (line,) = warnings(ndm(f"{words} --run without").out)
    assert line.endswith("; FLAC is not measured (no package 'soundfile': pip install 'ndm[audio]')")
    assert "FLAC" not in kept("without")["yardsticks"] and kept("without")["absent"].keys() == {"FLAC"}
    pytest.importorskip("soundfile")
    (line,) = warnings(ndm(f"{words} --run with").out)
    assert "not measured" not in line and kept("with")["absent"] == {}
    assert f"FLAC ({kept('with')['yardsticks']['FLAC']:.3f})" in line


def test_the_same_command_again_measures_nothing_and_says_the_same(workplace, monkeypatch):
    words = f"train points.npz --run new --max-steps 2 {TINY_MLP}"
    first, before = ndm(words), kept("new")

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("ndm.evaluation.yardsticks.yardsticks", never)
    monkeypatch.setattr("ndm.training.trainer.Trainer.validated", never)
    again = ndm(words)
    assert again.code == 0 and warnings(again.out) == warnings(first.out) and kept("new") == before


def test_a_file_that_is_damaged_is_written_again(workplace):
    words = f"train points.npz --run new --max-steps 2 {TINY_MLP}"
    assert ndm(words).code == 0
    before = kept("new")
    Path("new/yardsticks.json").write_text('{"yardsticks": {"uniform": "eight"')
    assert ndm(words).code == 0
    assert kept("new")["yardsticks"] == before["yardsticks"] and kept("new")["model"] == before["model"]


def test_a_longer_training_is_measured_anew(workplace):
    for steps in (2, 4):
        assert ndm(f"train points.npz --run new --max-steps {steps} {TINY_MLP}").code == 0
        assert kept("new")["model"]["step"] == steps and math.isfinite(kept("new")["model"]["nelbo"])


@pytest.mark.parametrize("values, said", [((77,), "of one colour"), ((3, 200), "the same")])
def test_images_that_are_all_the_same_are_refused(empty, values, said):
    Path("flat").mkdir()
    image = np.resize(np.array(values, np.uint8), (8, 8))
    for i in range(12):
        Image.fromarray(image).save(f"flat/{i}.png")
    result = ndm(f"train flat --run new --max-steps 2 {TINY_UNET}")
    assert result.code == 2 and f"the folder flat, whose images are all {said}" in result.err
    assert result.err.splitlines()[-1].startswith("ndm: error: ") and not Path("new").exists()


def test_a_compressed_array_beyond_memory_is_one_line_that_names_the_file(empty, monkeypatch):
    np.savez_compressed("big.npz", x=np.zeros((2000, 8, 8), np.uint8))
    monkeypatch.setattr("ndm.base.memory.available", lambda: 1000.0)
    result = ndm(f"train big.npz --run new --max-steps 2 {TINY_UNET}")
    assert result.code == 2 and result.err.count("\n") == 1 and "np.savez" in result.err
    assert "big.npz, whose x is compressed, which takes about" in result.err and not Path("new").exists()


def test_an_array_beyond_memory_that_is_not_compressed_is_no_case_for_savez(empty, monkeypatch):
    np.savez("big.npz", x=np.zeros((2000, 8, 8), np.uint8))
    monkeypatch.setattr("ndm.base.memory.available", lambda: 1000.0)
    result = ndm("data check big.npz")
    assert result.code == 2 and result.err.count("\n") == 1 and "np.savez" not in result.err
    assert "big.npz, whose x is read at once, which takes about" in result.err


@pytest.mark.parametrize("width", [1, 5])
def test_a_table_that_memory_does_not_hold_is_one_line_that_names_the_file(empty, monkeypatch, width):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"a": np.arange(50.0).tolist(), "b": np.zeros((50, width)).tolist()}
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), "big.parquet")
    monkeypatch.setattr("ndm.base.memory.available", lambda: 1000.0)
    result = ndm("data check big.parquet")
    assert result.code == 2 and result.err.count("\n") == 1
    assert f"big.parquet of {50 + 50 * width} values, which takes about" in result.err


def test_noise_that_memory_does_not_hold_is_one_line_that_names_the_file(empty, monkeypatch):
    np.savez("big.npz", x=np.arange(64_000).reshape(2000, 32))
    monkeypatch.setattr("ndm.base.memory.available", lambda: 1e6)
    result = ndm(f"train big.npz --data-options dequantise=true --run new --max-steps 2 {TINY_MLP}")
    assert result.code == 2 and result.err.count("\n") == 1 and not Path("new").exists()
    assert "big.npz with noise, which takes about" in result.err and "save float32" in result.err


def test_an_array_that_says_it_is_larger_than_memory_is_one_line_that_names_the_file(empty):
    with zipfile.ZipFile("cut.npz", "w") as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**50, 2)})
        file.write(bytes(100))
    result = ndm(f"train cut.npz --run new --max-steps 2 {TINY_UNET}")
    assert result.code == 2 and result.err.count("\n") == 1 and "cut.npz, which memory does not hold" in result.err
