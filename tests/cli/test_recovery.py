"""What a user met who tried to break it: parts of one's own, two trainings at once, damaged and odd files."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from PIL import Image

import ndm.parts.transforms
from ndm.base.part import Part
from ndm.cli import main
from ndm.training.trainer import Trainer

DOCS = Path(__file__).parent.parent.parent / "docs"
TINY = ["--predictor-options", "network=mlp", "width=8", "depth=1", "--max-steps", "3", "--threads", "1"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32))
    assert main(["train", "points.npy", "--run", "run", *TINY]) == 0
    capsys.readouterr()
    return Path("run")


def refused(capsys, *words: str) -> str:
    """The one line with which a command is refused."""
    assert main(list(words)) == 2
    error = capsys.readouterr().err
    assert error.startswith("ndm: error: got ") and error.count("\n") == 1
    return error


def test_a_part_of_ones_own_is_evaluated_and_sampled_by_processes_that_never_imported_it(tmp_path, monkeypatch):
    """The example of docs/extending.md, from training to samples; every command starts without having imported it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "added"
    folder.mkdir()
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(), re.S)
    (folder / "squash.py").write_text(code)
    monkeypatch.setattr(ndm.parts.transforms, "__path__", [*ndm.parts.transforms.__path__, str(folder)])
    for words in (
        ["train", "moons", "--run", "run", "--transform", "squash", *TINY],
        ["evaluate", "run", "--draws", "2", "--limit", "4"],
        ["sample", "run", "--num", "2", "--steps", "2", "--out", "x.npz"],
    ):
        Part.known.pop("SquashTransform", None)
        sys.modules.pop("ndm.parts.transforms.squash", None)
        assert main(words) == 0
    assert np.load("x.npz")["x"].shape == (2, 2)


def test_a_folder_in_which_another_process_trains_is_refused(run, capsys):
    with FileLock(run / ".lock"):
        more = [*TINY[:-4], "--max-steps", "5", "--threads", "1"]
        assert "another process trains" in refused(capsys, "train", "points.npy", "--run", "run", *more)
    assert main(["train", "points.npy", "--run", "run", *more]) == 0


def test_a_run_is_not_made_shorter(run, capsys):
    before = (run / "config.yaml").read_bytes()
    shorter = [*TINY[:-4], "--max-steps", "2", "--threads", "1"]
    assert "max_steps = 2" in refused(capsys, "train", "points.npy", "--run", "run", *shorter)
    assert (run / "config.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["train", "points.npy", "--run", "new", "--seed", "9" * 30],
        ["evaluate", "run", "--seed", "9" * 30],
        ["evaluate", "run", "--seed", "-1"],
        ["report", "run", "--seed", "-1"],
        ["sample", "run", "--out", "x.npz", "--seed", "9" * 30],
        ["sample", "run", "--out", "x.npz", "--steps", "9" * 14],
        ["train", "points.npy", "--run", "new", "--threads", "9" * 12],
        ["train", "points.npy", "--run", "new", "--learning-rate", "inf"],
        ["train", "points.npy", "--run", "new", "--schedule-options", "gamma_min=-1000", "gamma_max=1000"],
        ["evaluate", "run", "--timesteps", "9" * 14],
    ],
    ids=lambda words: " ".join(words)[:50],
)
def test_numbers_beyond_use_are_refused(run, capsys, words):
    refused(capsys, *words)
    assert not Path("new").exists() and not Path("x.npz").exists()


@pytest.mark.parametrize(
    "change", [{"event_shape": 7}, {"event_shape": []}, {"num_levels": 17}, {"timesteps": "abc"}], ids=str
)
def test_a_configuration_that_was_edited_by_hand_is_refused(run, capsys, change):
    values = yaml.safe_load((run / "config.yaml").read_text())
    (values if "timesteps" in change else values["data"]).update(change)
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    edited = (run / "config.yaml").read_bytes()
    refused(capsys, "sample", "run", "--num", "2", "--steps", "2", "--out", "x.npz")
    refused(capsys, "train", "points.npy", "--run", "run", *TINY)
    assert (run / "config.yaml").read_bytes() == edited


def test_a_report_survives_a_metrics_line_cut_short_but_not_a_damaged_evaluation(run, capsys):
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "prior": 0.0')
    assert main(["report", "run", "--steps", "2"]) == 0
    (run / "evaluation.json").write_text("xx")
    capsys.readouterr()
    assert "evaluation.json" in refused(capsys, "report", "run", "--steps", "2")


@pytest.mark.parametrize("evaluation", ["[]", "{}", "3", "[" * 100_000])
def test_an_evaluation_that_is_none_is_refused(run, capsys, evaluation):
    (run / "evaluation.json").write_text(evaluation)
    assert "evaluation.json" in refused(capsys, "report", "run", "--steps", "2")


def test_a_report_says_when_its_evaluation_is_of_an_earlier_model(run):
    assert main(["evaluate", "run", "--draws", "2"]) == 0
    assert main(["report", "run", "--steps", "2"]) == 0
    page = run / "report" / "index.html"
    assert "Evaluated after" not in page.read_text()
    assert main(["train", "points.npy", "--run", "run", *TINY[:-4], "--max-steps", "5", "--threads", "1"]) == 0
    assert main(["report", "run", "--steps", "2"]) == 0
    assert "not 5:" in page.read_text()


def forge(run: Path) -> None:
    """Make the checksums those of the files as they are."""
    for path in (run / "checkpoints").glob("*/checksums.json"):
        sums = {
            str(file.relative_to(path.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in path.parent.rglob("*")
            if file.is_file() and file != path
        }
        path.write_text(json.dumps(sums))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("progress.json", b"{"),
        ("progress.json", b"{}"),
        ("progress.json", b"3"),
        ("time_sampler.safetensors", b"0" * 100),
        ("time_sampler.safetensors", None),
        ("progress.json", None),
        ("weights.safetensors", b""),
        ("optimizer.safetensors", b""),
    ],
)
def test_a_state_that_is_none_is_refused_whatever_its_checksums_say(run, capsys, name, content):
    path = (run / "state" / name).resolve()
    path.unlink() if content is None else path.write_bytes(content)
    forge(run)
    assert "state" in refused(capsys, "train", "points.npy", "--run", "run", *TINY[:-4], "--max-steps", "5")
    if name in ("progress.json", "time_sampler.safetensors"):
        assert "state" in refused(capsys, "evaluate", "run", "--draws", "2")


def test_checksums_of_brackets_are_refused(run, capsys):
    for path in (run / "checkpoints").glob("*/checksums.json"):
        path.write_text("[" * 100_000)
    assert "checksums.json" in refused(capsys, "evaluate", "run", "--draws", "2")


@pytest.mark.parametrize("name", ["progress.json", "../model/config.json"])
def test_other_json_of_brackets_is_refused(run, capsys, name):
    (run / "state" / name).resolve().write_text("[" * 100_000)
    forge(run)
    assert "cannot be read" in refused(capsys, "evaluate", "run", "--draws", "2")


def test_options_in_powers_of_ten_are_numbers(tmp_path, monkeypatch):
    """YAML 1.1 reads 1e-1 as text."""
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32))
    words = ["train", "points.npy", "--run", "run", *TINY, "--schedule-options", "gamma_min=-1e1", "gamma_max=+.5E1"]
    assert main(words) == 0 and settings("run")["schedule_options"] == {"gamma_min": -10.0, "gamma_max": 5.0}


def test_strangers_among_the_checkpoints_are_left_alone(run):
    (run / "checkpoints" / "99999999x").mkdir()
    (run / "checkpoints" / ".writing-left").write_text("a file, not a folder")
    assert main(["evaluate", "run", "--draws", "2"]) == 0
    assert main(["train", "points.npy", "--run", "run", *TINY[:-4], "--max-steps", "5", "--threads", "1"]) == 0
    assert json.loads((run / "state" / "progress.json").read_text())["step"] == 5


def test_an_interruption_is_a_line_and_exit_code_1(run, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ndm.evaluation.estimates.nelbo", interrupted)
    assert main(["evaluate", "run"]) == 1
    assert capsys.readouterr().err.endswith("ndm: interrupted\n") and not (run / "evaluation.json").exists()


def settings(run: str) -> dict:
    return yaml.safe_load((Path(run) / "config.yaml").read_text())


def test_what_the_command_does_not_say_comes_from_the_recipe_option_by_option(tmp_path, monkeypatch):
    """One option changes one option; another part, or another network, comes without the options of the old one."""
    monkeypatch.chdir(tmp_path)
    short = ["--max-steps", "1", "--batch-size", "4"]
    assert main(["train", "digits", "--run", "a", "--predictor-options", "dropout=0.3", *short]) == 0
    assert settings("a")["predictor_options"] == {
        "network": "unet",
        "channels": 16,
        "multipliers": [1, 2],
        "dropout": 0.3,
        "parameterisation": "categorical",
    }
    assert (
        main(
            [
                "train",
                "digits",
                "--run",
                "b",
                "--transform",
                "identity",
                "--predictor-options",
                "network=mlp",
                "width=8",
                *short,
            ]
        )
        == 0
    )
    assert settings("b")["transform_options"] == {} and settings("b")["schedule_options"]["gamma_min"] == -8.0
    assert settings("b")["predictor_options"] == {"network": "mlp", "width": 8}


def test_a_folder_for_samples_is_asked_for_before_they_are_drawn(run, capsys, monkeypatch):
    monkeypatch.setattr("ndm.cli.commands.sample.draw", lambda *_: pytest.fail("drawn in vain"))
    assert "make missing first" in refused(capsys, "sample", "run", "--out", "missing/x.npz")


def test_the_best_checkpoint_is_evaluated_and_pictures_are_drawn(run, capsys):
    words = ["train", "points.npy", "--run", "run", *TINY[:-4], "--threads", "1"]
    refused(capsys, "sample", "run", "--checkpoint", "best", "--num", "2", "--steps", "2", "--out", "x.npz")
    assert main([*words, "--max-steps", "6", "--validate-every", "5", "--pictures-every", "6"]) == 0
    assert (run / "pictures" / "00000006-samples.png").exists() and (run / "best").resolve().name == "00000005"
    assert main(["evaluate", "run", "--checkpoint", "best", "--draws", "2"]) == 0
    assert json.loads((run / "evaluation.json").read_text())["training"]["step"] == 5
    assert main(["sample", "run", "--checkpoint", "best", "--num", "2", "--steps", "2", "--out", "x.npz"]) == 0
    assert "tracker 'nobody'" in refused(capsys, *words, "--max-steps", "7", "--tracker", "nobody")


def test_an_image_that_is_damaged_while_training_is_named_and_nothing_saved_is_lost(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ndm.data.lazy.IN_MEMORY", 0)  # decoded when they are needed
    Path("images").mkdir()
    for i, x in enumerate(np.random.default_rng(0).integers(0, 256, (20, 4, 4)).astype(np.uint8)):
        Image.fromarray(x).save(f"images/{i:02d}.png")
    whole, original = Path("images/07.png").read_bytes(), Trainer._train_step

    def damaging(trainer, pieces):
        if trainer.step == 2:
            Path("images/07.png").write_bytes(whole[:40])
        return original(trainer, pieces)

    words = ["train", "images", "--run", "run", *TINY[:-4], "--max-steps", "30", "--threads", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", damaging)
        assert "07.png, which cannot be decoded" in refused(capsys, *words)
    Path("images/07.png").write_bytes(whole)
    step = json.loads(Path("run/state/progress.json").read_text())["step"]  # the last that was whole
    assert step > 2 and main(words) == 0 and f"resuming run at step {step}" in capsys.readouterr().out
