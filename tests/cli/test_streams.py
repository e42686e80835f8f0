"""`ndm train` from a stream: stopped and resumed bit for bit, in several processes, and all that is done with a run."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from calling import TINY_UNET, ndm, written
from launching import together
from PIL import Image

TRAIN = (
    "train hub:files --data-options streaming=true image=image validation=8 test=8 buffer=8 lanes=2 --flip "
    f"--decay constant --validate-every 0 --save-every 2 --threads 1 {TINY_UNET}"
)


@pytest.fixture
def place(empty) -> Path:
    """The current folder, with `files`: four Parquet files of 26 images each."""
    datasets.disable_progress_bars()
    x = np.random.default_rng(0).integers(0, 256, (104, 8, 8)).astype(np.uint8)
    rows = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(each) for each in x]}, datasets.Features(image=datasets.Image())
    )
    Path("files").mkdir()
    for i in range(4):
        rows.shard(4, i).to_parquet(f"files/train-{i:05d}-of-00004.parquet")
    return empty


def done(words: str) -> str:
    result = ndm(words)
    assert result.code == 0, result.err
    return result.out


def state(run: str) -> dict[str, bytes]:
    """Weights, averages, moments and statistics."""
    return {path.name: path.read_bytes() for path in sorted(Path(run).glob("[ms]*/*.safetensors"))}


def totals(run: str) -> list[float]:
    return [json.loads(line)["total"] for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]


def test_a_stopped_run_goes_on_bit_for_bit_over_two_epochs(place) -> None:
    done(f"{TRAIN} --run whole --max-steps 13")  # 88 examples are an epoch of five steps and a half
    for steps in (1, 4, 8, 13):
        done(f"{TRAIN} --run parts --max-steps {steps}")
    assert len(state("whole")) == 4 and state("parts") == state("whole") and totals("parts") == totals("whole")
    progress = json.loads(Path("parts/state/progress.json").read_text())
    assert progress["data"] == {"0": 18, "1": 18, "2": 26, "3": 26}  # lanes alike


def test_a_stream_that_breaks_off_leaves_a_run_that_goes_on(place, monkeypatch) -> None:
    done(f"{TRAIN} --run whole --max-steps 8")
    original, calls = datasets.IterableDataset.shard, []

    def shard(*arguments, **how):
        calls.append(how)
        if len(calls) > 8:  # four pieces to begin with, and two of each lane
            raise ConnectionError("the network is gone")
        return original(*arguments, **how)

    monkeypatch.setattr(datasets.IterableDataset, "shard", shard)
    result = ndm(f"{TRAIN} --run parts --max-steps 8")
    assert result.code == 2 and result.err.count("ndm: error: got files, whose piece") == 1
    assert "(ConnectionError: the network is gone)" in result.err and "the same command resumes" in result.err
    assert json.loads(Path("parts/state/progress.json").read_text())["step"] == 5  # 8 of each lane are its first epoch
    monkeypatch.setattr(datasets.IterableDataset, "shard", original)
    done(f"{TRAIN} --run parts --max-steps 8")
    assert state("parts") == state("whole")


def test_two_processes_train_as_one_and_one_goes_on(place) -> None:
    done(f"{TRAIN} --run one --max-steps 8")
    words = f"{TRAIN} --run two --max-steps 5".split()
    for code, _, error in together(2, ["-m", "ndm.cli", *words], [str(place)] * 2):
        assert code == 0, error
    progress = json.loads(Path("two/state/progress.json").read_text())
    assert {int(piece) % 2 for piece in progress["data"]} == {0, 1}  # of the lanes of both
    done(f"{TRAIN} --run two --max-steps 8")
    assert totals("two") == pytest.approx(totals("one"), rel=1e-3)


def test_a_row_that_one_of_two_processes_cannot_read_ends_both_with_the_last_step_saved(place) -> None:
    x = np.random.default_rng(1).integers(0, 256, (1600, 8, 8)).astype(np.uint8)
    encoded = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(each) for each in x]}, datasets.Features(image=datasets.Image())
    ).cast_column("image", datasets.Image(decode=False))
    damaged = [dict(row, bytes=row["bytes"][:20]) for row in encoded[1500:1600]["image"]]  # beyond what is looked at
    Path("many").mkdir()
    for i in range(4):
        encoded.select(range(400 * i, 400 * i + 400)).to_parquet(f"many/train-{i:05d}-of-00004.parquet")
    whole = Path("many/train-00003-of-00004.parquet").read_bytes()
    rows = [*encoded[1200:1500]["image"], *damaged]
    datasets.Dataset.from_dict({"image": rows}).to_parquet("many/train-00003-of-00004.parquet")
    changed = TRAIN.replace("hub:files", "hub:many").replace("--save-every 2", "--save-every 1000")
    words = f"{changed} --run two --max-steps 100".split()
    ends = together(2, ["-m", "ndm.cli", *words], [str(place)] * 2)
    assert [code for code, _, _ in ends] == [2, 2], ends
    said = "".join(error for _, _, error in ends)
    assert said.count("ndm: error: got many, piece 4, example") == 1 and "Traceback" not in said, said
    step = json.loads(Path("two/state/progress.json").read_text())["step"]
    assert 0 < step < 100
    Path("many/train-00003-of-00004.parquet").write_bytes(whole)
    assert f"resuming two at step {step}" in done(" ".join(words))


def test_a_run_of_a_stream_is_evaluated_sampled_and_reported(place) -> None:
    assert "step:" in done(f"{TRAIN} --dry-run --max-steps 2")
    done(f"{TRAIN} --run run --max-steps 2")
    for split, number in (("test", 8), ("validation", 8), ("train", 88)):
        assert written(ndm(f"evaluate run --split {split} --draws 2"))["num_examples"] == number
    result = ndm("evaluate run --split all --draws 2")
    assert result.code == 2 and "got all of a stream; expected a split of it" in result.err
    done("sample run --num 2 --steps 2 --out x.npz")
    done("report run --steps 2")
    said = done("data check hub:files --data-options streaming=true image=image validation=8 test=8")
    assert "train is a stream of 4 pieces, of which 88 examples are looked at" in said
    Path("files/train-00000-of-00004.parquet").unlink()
    result = ndm("evaluate run")
    assert result.code == 2 and "has changed since the run was started" in result.err
