"""`ndm data check`, `list` and `--data-options`, from the command line."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from calling import TINY_MLP, TINY_UNET, content, ndm
from launching import together
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
    assert ndm("evaluate r --draws 2 --data t.csv").code == 0  # whose columns a and b are those of the run
    assert "digits" in ndm("data list").out


def test_check_remarks_on_what_training_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.RandomState(0).standard_normal((40, 4)).astype(np.float32)
    np.save("varies.npy", x)
    x[:, 1:3] = 0.1
    np.save("constant.npy", x)
    np.save("black.npy", np.zeros((40, 4, 4), np.uint8))
    assert "note" not in ndm("data check varies.npy").out
    assert "note: all images of train are the same" in ndm("data check black.npy").out
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
    for options, said in (
        ("", "12 of 12 files of several frames, the first icons/00.png of 3"),
        ("--data-options frames=all", "36 of 36 images, the first icons/00.png, with transparent"),
        ("--data-options frames=both", "frames=both; expected one of frames=all, frames=first"),
    ):
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


def test_check_counts_the_unlabelled_apart_and_says_what_is_missing(empty):
    x = np.random.RandomState(0).standard_normal((40, 2))
    rows = [f"{a},{b},{'' if i % 4 == 1 else i % 3}\n" for i, (a, b) in enumerate(x)]
    Path("t.csv").write_text("a,b,k\n" + "".join(rows))
    refused = ndm("data check t.csv --data-options label=k")
    assert refused.code == 2 and "t.csv, column 'k', row 2: '', a missing label" in refused.err
    assert refused.err.count("\n") == 1
    kept = ndm("data check t.csv --data-options label=k unlabelled=keep")
    assert kept.code == 0 and "3 of 3, " in kept.out and " unlabelled" in kept.out
    assert "note: 10 of 40 examples have no label" in kept.out
    words = "--data-options label=k unlabelled=keep --run r --max-steps 2"
    assert ndm(f"train t.csv {words} {TINY_MLP}").code == 0 and ndm("evaluate r --draws 2").code == 0


def saved_with_remarks() -> None:
    """remarked.npy: three columns, of which one holds counts and one is another again."""
    x = np.random.RandomState(0).standard_normal((60, 3))
    x[:, 1] = np.random.RandomState(1).poisson(3, 60)
    np.save("remarked.npy", np.c_[x, x[:, 0]])


REMARKS = [
    "ndm: note: remarked.npy: dimensions [0] and [3] are the same",
    "ndm: note: remarked.npy: dimension [1] holds integers: a density is infinite there without dequantise=true",
]


def test_training_and_evaluation_say_what_check_says_once_and_before_the_first_step(empty):
    saved_with_remarks()
    for words in (f"train remarked.npy --run r --max-steps 2 {TINY_MLP}", "evaluate r --draws 2"):
        result = ndm(words)
        assert result.code == 0 and "note" not in result.out
        assert [line for line in result.err.splitlines() if "note" in line] == REMARKS
        assert result.err.startswith(REMARKS[0])
    assert all(line.removeprefix("ndm: note: remarked.npy: ") in ndm("data check remarked.npy").out for line in REMARKS)
    assert ndm(f"train remarked.npy --run r --max-steps 2 --dry-run {TINY_MLP}").err.splitlines() == REMARKS
    result = ndm(f"train remarked.npy --data-options dequantise=true --run s --max-steps 2 {TINY_MLP}")
    assert [line for line in result.err.splitlines() if "note" in line] == REMARKS[:1]
    assert yaml.safe_load(Path("s/config.yaml").read_text())["data"]["source"].endswith("noise on 1 of its dimensions")


def test_the_first_process_alone_says_it(empty):
    saved_with_remarks()
    words = f"train remarked.npy --run r --max-steps 2 --threads 1 {TINY_MLP}".split()
    said = [error for code, _, error in together(2, ["-m", "ndm.cli", *words], [str(empty)] * 2)]
    assert [sum("note" in line for line in error.splitlines()) for error in said] == [2, 0]


def test_data_without_remarks_are_trained_on_without_a_word(empty):
    assert "note" not in ndm(f"train moons --run r --max-steps 2 {TINY_MLP}").err


@pytest.mark.parametrize(
    "words, message",
    [
        ("width=", "width= has no value"),
        ("width=#3", "width=#3 has no value"),
        ("width=[3", "cannot be read"),
        ("width=3 width=4", "the option width is given twice"),
        ("width=3_2", "'3_2'"),
        ("width=1:30", "'1:30'"),
        ("width=017", "'017'"),
        ("width=0x11", "'0x11'"),
        ("width=\uff13", "'\uff13'"),
        ("width=yes", "'yes'"),
    ],
)
def test_options_mean_what_they_say_or_are_refused(empty, words, message):
    result = ndm(f"train moons --run r --max-steps 1 --predictor-options {words}")
    assert result.code == 2 and message in result.err and result.err.count("\n") == 1 and not Path("r").exists()


def test_columns_called_by_numbers_and_words_of_yaml_are_found(empty):
    x = np.random.RandomState(0).standard_normal((20, 5)).tolist()
    Path("t.csv").write_text("3_21,yes,017,2024-01-02,k\n" + "".join(",".join(map(str, row)) + "\n" for row in x))
    for name in ("3_21", "yes", "017", "2024-01-02"):
        words = f"train t.csv --data-options columns=[k,{name}] --run r{name} --max-steps 1"
        assert ndm(f"{words} {TINY_MLP}").code == 0 and ndm(f"evaluate r{name} --draws 2").code == 0
        assert yaml.safe_load(Path(f"r{name}/config.yaml").read_text())["data_options"] == {"columns": ["k", name]}
