"""Checkpoints are whole or absent, verified when read, and plain data."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from tiny import POINTS, content, points

import ndm
from ndm.base.errors import InputError
from ndm.base.files import sha256
from ndm.base.pretrained import weights_of
from ndm.runs import checkpoint
from ndm.runs.folder import write_configuration
from ndm.runs.run import open_run
from ndm.training.trainer import Trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of six steps with checkpoints at 2, 4 and 6: copy it before you damage it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert Trainer(POINTS, points(), folder).fit()
    return folder


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run", symlinks=True))


def write(text: str) -> Callable[[Path], None]:
    """A writer of one file for `checkpoint.save`."""

    def writes(folder: Path) -> None:
        for name in ("model", "state"):
            (folder / name).mkdir()
            (folder / name / "file.txt").write_text(text)

    return writes


def test_a_run_folder_holds_what_is_documented(run):
    assert {path.name for path in run.iterdir()} == {
        "config.yaml",
        "metrics.jsonl",
        "tensorboard",
        "model",
        "state",
        "checkpoints",
        ".lock",
    }
    assert {path.name for path in (run / "model").iterdir()} >= {"config.json", "model.safetensors"}
    assert {path.name for path in (run / "state").iterdir()} == {
        "weights.safetensors",
        "optimizer.safetensors",
        "time_sampler.safetensors",
        "progress.json",
    }
    assert json.loads((run / "state" / "progress.json").read_text()).keys() >= {"step", "seconds", "examples"}


def test_the_last_two_are_kept_and_the_links_lead_to_the_latest(run):
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["00000004", "00000006"]
    for name in ("model", "state"):
        assert (run / name).is_symlink() and not (run / name).readlink().is_absolute()  # a run can be moved
        assert (run / name).resolve() == (run / "checkpoints" / "00000006" / name).resolve()


def test_what_users_share_is_the_averaged_model(trained, tmp_path):
    trainer = Trainer(POINTS, points(), Path(shutil.copytree(trained, tmp_path / "run", symlinks=True)))
    shared = ndm.NeuralDiffusion.from_pretrained(tmp_path / "run" / "model")
    averages, weights = trainer.ema.model.state_dict(), trainer.raw_model.state_dict()
    assert all((value == averages[name]).all() for name, value in shared.state_dict().items())
    assert any((value != weights[name]).any() for name, value in shared.state_dict().items())


def test_nothing_is_pickled(run):
    for path in [*(run / "state").iterdir(), *(run / "model").iterdir()]:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                assert list(file.keys())
        elif path.suffix == ".json":
            json.loads(path.read_text())
        else:
            assert path.suffix == ".md", path


def test_every_file_has_a_checksum(run):
    for folder in (run / "checkpoints").iterdir():
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert json.loads((folder / "checksums.json").read_text()).keys() == files - {"checksums.json"}


def test_an_unfinished_checkpoint_is_ignored_and_removed(run):
    unfinished = run / "checkpoints" / ".writing-00000099"
    (unfinished / "model").mkdir(parents=True)
    (unfinished / "model" / "config.json").write_text("{}")
    assert open_run(run).progress["step"] == 6
    trainer = Trainer(replace(POINTS, max_steps=7), points(), run)
    assert trainer.step == 6 and trainer.fit()
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["00000006", "00000007"]


def test_a_crash_while_writing_leaves_the_checkpoint_before(tmp_path):
    checkpoint.save(tmp_path, 1, write("one"))

    def crashes(folder: Path) -> None:
        write("two")(folder)
        raise OSError("no space left on device")

    checkpoint.save(tmp_path, 1, crashes)  # a step has one state: what is there is not written again
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tmp_path, 2, crashes)
    assert checkpoint.latest(tmp_path).name == "00000001"
    assert (tmp_path / "model" / "file.txt").read_text() == "one"


@pytest.mark.parametrize("step", [1, 2])
def test_a_crash_at_any_moment_leaves_a_whole_checkpoint(tmp_path, monkeypatch, step):
    """Each rename, removal and link in turn is one too many; the step may have a checkpoint already."""
    for allowed in range(20):
        run = tmp_path / str(allowed)
        checkpoint.save(run, 1, write("one"))
        with monkeypatch.context() as patch:
            left = iter(range(allowed))
            for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "symlink_to"), (shutil, "rmtree")):
                patch.setattr(owner, name, until_spent(left, getattr(owner, name)))
            try:
                checkpoint.save(run, step, write("two"))
            except OSError:
                finished = False
            else:
                finished = True
        latest = checkpoint.latest(run)
        assert latest is not None, f"nothing is left after {allowed} operations"
        assert (latest / "model" / "file.txt").read_text() in ("one", "two")
        assert (run / "model" / "file.txt").exists(), f"a dangling link after {allowed} operations"
        if finished:
            return
    raise AssertionError("never finished")


@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl"])
def test_a_crash_while_a_run_is_taken_up_leaves_its_files(run, monkeypatch, name):
    """Half a file is no file: what is written anew is written whole."""
    before = (run / name).read_bytes()

    def half(path: Path, text: str, *arguments, **options) -> None:
        if path.name == name:
            path.write_bytes(text.encode()[: len(text) // 2])
            raise OSError("no space left on device")

    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        patch.setattr(Path, "write_text", half)
        Trainer(replace(POINTS, max_steps=6), points(), run).fit()
    assert (run / name).read_bytes() == before


def until_spent(left: Iterator[int], function: Callable) -> Callable:
    """The function, which crashes once `left` is spent."""

    def counted(*arguments, **options):
        if next(left, None) is None:
            raise InterruptedError
        return function(*arguments, **options)

    return counted


FILES = [
    "model/config.json",
    "model/model.safetensors",
    "state/weights.safetensors",
    "state/optimizer.safetensors",
    "state/time_sampler.safetensors",
    "state/progress.json",
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_file_is_named_and_nothing_is_overwritten(run, name, damage):
    path = run / "checkpoints" / "00000006" / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        middle = len(whole) // 2
        path.write_bytes(
            whole[:-1] if damage == "truncated" else whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        )
    before = content(run)
    for use in (lambda: Trainer(replace(POINTS, max_steps=8), points(), run), lambda: open_run(run)):
        with pytest.raises(InputError) as error:
            use()
        assert str(path) in error.value.got and "00000006" in error.value.advice
    assert content(run) == before


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"model/config.json": 3}'])
def test_damaged_checksums_are_no_checksums(run, text):
    path = run / "checkpoints" / "00000006" / "checksums.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError):
        checkpoint.latest(run)


def test_the_advice_works(run):
    """Without the damaged checkpoint the run goes on from the one before it."""
    shutil.rmtree(run / "checkpoints" / "00000006")
    trainer = Trainer(POINTS, points(), run)
    assert trainer.step == 4 and trainer.fit()
    assert (run / "model").resolve().parent.name == "00000006"


def test_weights_are_hashed_once_when_a_run_is_opened(run, monkeypatch):
    hashed: list[str] = []

    def noted(path: Path) -> str:
        hashed.append(path.name)
        return sha256(path)

    monkeypatch.setattr("ndm.runs.writing.sha256", noted)
    monkeypatch.setattr("ndm.base.pretrained.sha256", noted)
    opened = open_run(run)
    assert hashed.count("model.safetensors") == 1 and opened.weights == weights_of(run / "model")


def test_a_moved_run_is_the_same_run(run):
    moved = run.rename(run.parent / "elsewhere")
    assert open_run(moved).progress["step"] == 6 and (moved / "model" / "config.json").exists()


def test_a_run_without_a_checkpoint_says_so(tmp_path):
    """Killed before its first."""
    trainer = Trainer(POINTS, points(), tmp_path / "run")
    write_configuration(trainer.run, trainer.text)
    with pytest.raises(InputError, match="no checkpoint yet"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize("text", ["", "data: 3", "[1, 2]", "a: [", "data: {}", "data: {name: points}"])
def test_a_damaged_configuration_is_no_run(run, text):
    (run / "config.yaml").write_text(text)
    with pytest.raises(InputError):
        open_run(run).data()
    with pytest.raises(InputError):
        Trainer(POINTS, points(), run)
    assert (run / "config.yaml").read_text() == text
