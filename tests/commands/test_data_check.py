"""`ndm data check`, `list` and `--data-options`, from the command line."""

import numpy as np
import pytest
from calling import TINY_MLP, TINY_UNET, content, ndm
from PIL import Image


def test_check_says_what_was_found_and_training_takes_the_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.RandomState(0).standard_normal((40, 2))
    with open("t.csv", "w") as file:
        file.write("a,b,k\n" + "".join(f"{a},{b},{i % 5}\n" for i, (a, b) in enumerate(x)))
    result = ndm("data check t.csv")
    assert result.code == 0 and "column k holds integers" in result.out and "fingerprint" in result.out
    assert ndm("data check t.csv --data-options columns=[a,z]").code == 2
    assert ndm("data check imagenet32").code == 2
    assert ndm(f"train t.csv --data-options columns=[a,b] --run r --max-steps 2 {TINY_MLP}").code == 0
    result = ndm("evaluate r --draws 2")
    assert result.code == 0, result.err
    assert "columns a, b" in (tmp_path / "r" / "config.yaml").read_text()
    assert ndm("evaluate r --draws 2 --data t.csv").code == 2  # three columns without the option
    assert "digits" in ndm("data list").out


def test_check_remarks_on_what_training_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.RandomState(0).standard_normal((40, 4)).astype(np.float32)
    np.save("varies.npy", x)
    x[:, 1:3] = 0.1
    np.save("constant.npy", x)
    np.save("black.npy", np.zeros((40, 4, 4), np.uint8))
    assert "note" not in ndm("data check varies.npy").out + ndm("data check black.npy").out
    result = ndm("data check constant.npy")
    assert result.code == 0 and "note: dimension [1] of train (of 2 such) never changes: ndm train ref" in result.out
    refused = ndm(f"train constant.npy --run r --max-steps 1 {TINY_MLP}")
    assert refused.code == 2 and "dimension [1]" in refused.err


@pytest.mark.parametrize("words", ["points.npz", "--data-options size=3"])
def test_a_list_of_something_is_refused(empty, words):
    result = ndm(f"data list {words}")
    assert result.code == 2 and "to read data: ndm data check DATA" in result.err


@pytest.mark.parametrize("command", ["train", "data check"])
def test_a_disk_is_refused_in_one_line_that_advises_no_harm(empty, command):
    result = ndm(f"{command} /")
    assert result.code == 2 and result.err.count("\n") == 1 and "the folder /, which" in result.err
    assert "remove" not in result.err and not any(empty.iterdir())


def test_pictures_that_would_lose_something_are_refused_until_an_option_decides(empty):
    """Then a run remembers the option: what evaluates it reads the same data."""
    rng = np.random.default_rng(0)
    (empty / "icons").mkdir()
    for i in range(12):
        first, *others = (Image.fromarray(x, "RGBA") for x in rng.integers(0, 256, (3, 8, 8, 4)).astype(np.uint8))
        first.save(empty / "icons" / f"{i:02d}.png", save_all=True, append_images=others)
    before = content(empty)
    for options, said in (("", "12 of 12 files of several frames, the first icons/00.png of 3"),
                          ("--data-options frames=all", "36 of 36 images, the first icons/00.png, with transparent"),
                          ("--data-options frames=both", "frames=both; expected one of frames=all, frames=first")):
        result = ndm(f"train icons --run run {options}")
        assert result.code == 2 and result.err.count("\n") == 1 and said in result.err
    assert content(empty) == before
    options = "--data-options frames=all background=white"
    checked = ndm(f"data check icons {options}")
    assert "note: 36 of 36 images have an alpha channel and are laid on white" in " ".join(checked.out.split())
    assert ndm(f"train icons --run run --max-steps 1 {TINY_UNET} {options}").code == 0
    result = ndm("evaluate run --draws 2 --limit 2")
    assert result.code == 0, result.err


def test_a_run_within_its_data_is_refused(empty, monkeypatch):
    for i in range(12):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(empty / f"{i}.png")
    before = content(empty)
    for words in (".", f"{empty} --run {empty}/run"):
        result = ndm(f"train {words} --max-steps 1 {TINY_UNET}")
        assert result.code == 2 and "within the data" in result.err and content(empty) == before
    monkeypatch.chdir(empty.parent)
    assert ndm(f"train {empty.name} --run run-beside --max-steps 1 {TINY_UNET}").code == 0
