"""`ndm data check`, `list` and `--data-options`, from the command line."""

import numpy as np
import pytest
from calling import TINY_MLP, ndm


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
