"""What users do: train, evaluate, sample, report, resume."""

import json
import math
import os
import re
import shutil
import signal
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from calling import TINY_MLP, TINY_UNET, content, ndm, write_data, written

from ndm import data
from ndm.training.trainer import Trainer

# DATA, options of a small network, event shape, number of levels
JOURNEYS = {
    "images.npz": (TINY_UNET, (1, 8, 8), 256),
    "points.npz": (TINY_MLP, (2,), None),
    "digits": (TINY_UNET, (1, 8, 8), 17),
    "cities": (TINY_MLP, (2,), None),
}


OF_ALL = ["data", "samples", "neighbours", "training", "times"]  # pictures


def check_report(pictures: list[str]) -> str:
    """The page, which must hold these pictures and no other, none of them blank."""
    page = Path("run/report/index.html").read_text()
    for picture in pictures:
        assert matplotlib.image.imread(f"run/report/{picture}.png").std() > 0.01
    assert page.count("data:image/png;base64,") == len(pictures)
    return page


def check_evaluation(result: dict, levels: int | None) -> None:
    """The documented contract of evaluation.json."""
    for key, kind in (
        ("data", str),
        ("split", str),
        ("num_examples", int),
        ("unit", str),
        ("nelbo", dict),
        ("seconds", float),
        ("parameters", int),
        ("seed", int),
    ):
        assert isinstance(result[key], kind), key
    assert result["unit"] == ("nats" if levels is None else "bits/dim")
    assert "ode" in result and isinstance(result["ode"], dict | None)
    assert result["num_examples"] > 0 and result["parameters"] > 0 and result["seconds"] > 0
    terms = result["nelbo"]
    for term in ("total", "prior", "diffusion", "reconstruction", "standard_error"):
        assert isinstance(terms[term], float) and math.isfinite(terms[term]), term
    parts = terms["prior"] + terms["diffusion"] + terms["reconstruction"]
    assert terms["total"] == pytest.approx(parts, rel=1e-5, abs=1e-5)  # which cancel, for real values
    assert terms["standard_error"] > 0 and "timesteps" in terms and isinstance(terms["timesteps"], int | None)


@pytest.mark.parametrize("source", JOURNEYS)
def test_from_data_to_report(empty, source):
    options, event_shape, levels = JOURNEYS[source]
    write_data(empty)

    result = ndm(f"train {source} --run run --max-steps 3 {options}")
    assert result.code == 0 and result.err == "" and "ndm evaluate" in result.out
    steps = [json.loads(line)["step"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3] and list(Path("run/tensorboard").iterdir())

    result = ndm("evaluate run --draws 4 --limit 6")
    assert result.code == 0 and result.err == ""
    evaluation = json.loads(Path("run/evaluation.json").read_text())
    check_evaluation(evaluation, levels)
    assert evaluation["num_examples"] == 6 and evaluation["split"] == "test" and evaluation["seed"] == 0
    assert evaluation["data"] == source and evaluation["nelbo"]["timesteps"] is None
    for term in ("prior", "diffusion", "reconstruction", "total"):
        assert f"{evaluation['nelbo'][term]:.4f}" in result.out

    assert ndm("sample run --num 5 --steps 3 --out samples.npz").code == 0
    with np.load("samples.npz") as samples:
        x = samples["x"]
    assert x.shape == (5, *event_shape) and x.dtype == (np.float32 if levels is None else np.uint8)
    assert np.isfinite(x).all() and (levels is None or x.max() < levels)

    assert ndm("sample run --num 5 --steps 3 --out samples.png").code == 0
    assert matplotlib.image.imread("samples.png").ndim == 3

    assert ndm("report run --steps 3").code == 0
    page = check_report(OF_ALL)  # F = x: there is no path to show
    assert f"{evaluation['nelbo']['total']:.4f}" in page
    assert source in page and evaluation["unit"] in page and '="http' not in page  # it stands on its own


@pytest.mark.parametrize("source", JOURNEYS)
def test_few_steps_from_data_to_samples(empty, source):
    """What --timesteps chooses by default serves the same T, any other T, and continuous time, without a warning."""
    options, event_shape, levels = JOURNEYS[source]
    write_data(empty)
    result = ndm(f"train {source} --run run --timesteps 4 --max-steps 3 {options}")
    assert result.code == 0 and result.err == ""

    for words, timesteps in (("", 4), ("--timesteps 1", 1), ("--timesteps 0", None)):
        result = ndm(f"evaluate run --draws 4 --limit 6 {words}")
        assert result.code == 0 and result.err == ""
        evaluation = written(result)
        check_evaluation(evaluation, levels)
        assert evaluation["nelbo"]["timesteps"] == timesteps

    for steps in (4, 7):
        result = ndm(f"sample run --num 5 --steps {steps} --out samples.npz")
        assert result.code == 0 and result.err == ""
        with np.load("samples.npz") as samples:
            x = samples["x"]
        assert x.shape == (5, *event_shape) and np.isfinite(x).all() and (levels is None or x.max() < levels)
    assert ndm("report run --steps 4").code == 0
    check_report([*OF_ALL, "filmstrip", *(["order"] if len(event_shape) == 3 else [])])

    command = f"train {source} --run run --timesteps 4 --max-steps 5 {options}"
    assert "resuming run at step 3" in ndm(command).out
    config = json.loads(Path("run/model/config.json").read_text())
    parts = (config["schedule"], config["reverse_step"], config["predictor"]["parameterisation"])
    of_levels = {"digits": "Categorical", "images.npz": "DiscreteGaussian"}  # the recipe's, and the rules'
    form = of_levels.get(source, "GaussianMixture") + "Parameterisation"
    assert [part["class"] for part in parts] == ["LearnedSchedule", "MixtureReverseStep", form]


def test_the_same_command_resumes(workplace):
    command = f"train points.npz --run points --max-steps 4 {TINY_MLP}"
    assert ndm(command).code == 0
    result = ndm(command.replace("--max-steps 4", "--max-steps 6"))
    assert result.code == 0 and "resuming points at step 4" in result.out
    assert json.loads(Path("points/state/progress.json").read_text())["step"] == 6
    assert [json.loads(line)["step"] for line in Path("points/metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


def test_an_interrupted_command_saves_and_says_how_to_go_on(workplace, monkeypatch):
    original, command = Trainer._train_step, f"train points.npz --run new --max-steps 5 {TINY_MLP}"

    def interrupted(trainer, pieces):
        if trainer.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return original(trainer, pieces)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", interrupted)
        result = ndm(command)
    assert result.code == 1 and "stopped and saved at step 3: the same command resumes" in result.out
    result = ndm(command)
    assert result.code == 0 and "resuming new at step 3" in result.out


def test_a_run_has_a_folder_by_default(workplace):
    assert ndm(f"train points.npz --max-steps 1 {TINY_MLP}").code == 0
    assert yaml.safe_load(Path("runs/points/config.yaml").read_text())["data"]["name"] == "points.npz"


def test_what_is_given_goes_on_top_of_the_recipe(workplace):
    assert (
        ndm(
            "train points.npz --run new --recipe cities --max-steps 1 --seed 3 --predictor-options width=16 depth=1"
        ).code
        == 0
    )
    config = yaml.safe_load(Path("new/config.yaml").read_text())
    assert config["schedule_options"] == {"gamma_min": -12.0, "gamma_max": 6.0}  # the recipe's
    assert config["predictor_options"].items() >= {"width": 16, "depth": 1}.items() and config["seed"] == 3


@pytest.mark.parametrize(
    "options",
    [
        "--transform identity",
        "--transform scaling --transform-options num_functions=1",
        "--transform series",
        "--transform residual --transform-options width=8 depth=1 gate=interpolation",
        "--schedule cosine --timesteps 3",
        "--schedule flow --schedule-options sigma_min=0.05",
        "--predictor plug_in",
        "--volatility best",
        "--transform scaling --transform-options num_functions=2 functions=monomials --volatility constant "
        "--volatility-options value=0.5",
        "--timesteps 3 --reverse-step analytic",
        "--timesteps 3 --reverse-step moments",
        "--timesteps 3 --predictor plug_in",
        "--timesteps 3 --transform identity",
        "--timesteps 3 --transform series",
        "--reverse-step mixture",
        "--timesteps 3 --precision bf16",
        "--precision bf16",
        "--time-sampler low_discrepancy --decay constant",
    ],
)
def test_every_choice_trains_evaluates_and_samples(workplace, options):
    result = ndm(f"train points.npz --run new --max-steps 2 {TINY_MLP} {options}")
    assert result.code == 0, result.err
    assert ndm("evaluate new --draws 2 --limit 3").code == 0
    check_evaluation(json.loads(Path("new/evaluation.json").read_text()), None)
    table = "--timesteps" in options and ("analytic" in options or "plug_in" in options)  # for the grid of time alone
    searched = "optimised" if table or options.startswith(("--transform", "--predictor")) else "time"  # takes seconds
    for grid in dict.fromkeys(("time", "gamma", searched)):
        expected = 2 if table and grid != "time" else 0
        assert ndm(f"sample new --num 2 --steps 3 --grid {grid} --out samples.npz").code == expected


@pytest.mark.parametrize("name", ["cube.npz", "small.npz", "colour.npz", "points.npy", "grey.npy", "odd.npy"])
def test_any_array_trains_with_the_recipe_of_its_kind(empty, name):
    """uint8 (N, H, W) or (N, C, H, W) are images, floats of any event shape are real-valued."""
    rng = np.random.default_rng(0)
    x = {
        "cube.npz": rng.normal(size=(40, 1, 8, 8)),
        "small.npz": rng.integers(0, 256, (40, 4, 4)).astype(np.uint8),
        "colour.npz": rng.integers(0, 256, (40, 3, 8, 8)).astype(np.uint8),
        "points.npy": rng.normal(size=(40, 2, 3)),
        "grey.npy": rng.integers(0, 256, (40, 8, 8)).astype(np.uint8),
        "odd.npy": rng.integers(0, 256, (40, 9, 11)).astype(np.uint8),
    }[name]
    np.save(name, x) if name.endswith(".npy") else np.savez(name, x=x)
    result = ndm(f"train {name} --run run --max-steps 1 --batch-size 4")
    assert result.code == 0, result.err
    assert ndm("sample run --num 2 --steps 1 --out samples.npz").code == 0
    with np.load("samples.npz") as samples:
        assert samples["x"].size == 2 * x[0].size
        assert samples["x"].dtype == (np.uint8 if x.dtype == np.uint8 else np.float32)


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 8, 8), (4, 8, 8), (5, 8, 8), (1, 1, 1), (2, 1, 4)], ids=str)
def test_images_of_any_number_of_channels_are_pictured(empty, shape):
    np.savez("images.npz", x=np.random.default_rng(0).integers(0, 256, (40, *shape)).astype(np.uint8))
    options = TINY_UNET if shape[-2:] == (8, 8) else "--predictor-options network=mlp width=8 depth=1 --batch-size 16"
    result = ndm(f"train images.npz --run run --max-steps 2 --pictures-every 1 --transform scaling {options}")
    assert result.code == 0 and "cannot" not in result.err, result.err
    for words, picture in (
        ("sample run --num 3 --steps 1 --out x.png", "x.png"),
        ("report run --steps 1", "run/report/samples.png"),
    ):
        result = ndm(words)
        assert result.code == 0, result.err
        assert matplotlib.image.imread(picture).std() > 0.01
    for picture in ("pictures/00000001-samples", "pictures/00000002-filmstrip", "report/filmstrip", "report/order"):
        assert matplotlib.image.imread(f"run/{picture}.png").std() > 0.01


def test_evaluate_takes_the_number_of_steps_of_training_unless_told(workplace):
    for words, expected in (("", 4), ("--timesteps 4", 4), ("--timesteps 0", None)):
        assert written(ndm(f"evaluate chain --draws 2 --limit 3 {words}"))["nelbo"]["timesteps"] == expected
    assert written(ndm("evaluate points --draws 2 --limit 3 --timesteps 7"))["nelbo"]["timesteps"] == 7


def test_an_evaluation_is_a_function_of_its_seed(workplace):
    totals = []
    for seed in (0, 0, 1):
        evaluation = written(ndm(f"evaluate points --draws 2 --limit 5 --seed {seed} --split validation"))
        totals.append(evaluation["nelbo"]["total"])
        assert evaluation["seed"] == seed and evaluation["split"] == "validation"
    assert totals[0] == totals[1] != totals[2]


def test_other_data_are_evaluated_by_name(workplace):
    rng = np.random.default_rng(5)
    np.savez("others.npz", x=rng.normal(size=(30, 2)).astype(np.float32))
    evaluation = written(ndm("evaluate points --data others.npz --draws 2"))
    assert evaluation["data"] == "others.npz" and not Path("points/evaluation.json").exists()


def test_samples_are_a_function_of_seed_and_number(workplace):
    def draw(words: str) -> np.ndarray:
        assert ndm(f"sample points --out x.npz {words}").code == 0
        with np.load("x.npz") as samples:
            return samples["x"]

    together = draw("--steps 3 --num 5 --seed 2")
    assert np.array_equal(draw("--steps 3 --num 5 --seed 2"), together)
    np.testing.assert_allclose(draw("--steps 3 --num 3 --seed 2"), together[:3], rtol=1e-4, atol=1e-5)
    for other in ("--steps 3 --seed 3", "--steps 3 --seed 2 --eta 0", "--steps 4 --seed 2"):
        assert not np.allclose(draw(f"--num 5 {other}"), together)


def test_a_run_can_be_moved(workplace):
    shutil.move("points", "elsewhere")
    assert ndm("evaluate elsewhere --draws 2 --limit 2").code == 0
    assert ndm("sample elsewhere --num 2 --steps 2 --out x.png").code == 0
    assert ndm("report elsewhere --steps 2").code == 0


@pytest.mark.parametrize("run", ["a name " + 20 * "longer and ", "a name with [bold] words"], ids=["long", "markup"])
@pytest.mark.parametrize("command", ["train", "evaluate", "sample", "report"])
def test_paths_are_printed_whole_to_be_copied(workplace, monkeypatch, command, run):
    """Whatever the width of the terminal, and whatever rich takes for markup."""
    monkeypatch.setenv("COLUMNS", "60")
    shutil.move("points", run)
    options = {
        "train": f"points.npz --max-steps 4 {TINY_MLP} --run '{run}'",
        "evaluate": f"'{run}' --draws 2 --limit 2",
        "sample": f"'{run}' --num 2 --steps 2 --out '{run}/x.npz'",
        "report": f"'{run}' --steps 2",
    }
    result = ndm(f"{command} {options[command]}")
    assert result.code == 0 and run in result.out


def test_a_dry_run_tells_and_creates_nothing(workplace):
    before = content(workplace)
    result = ndm(f"train points.npz --run new --timesteps 4 --reverse-step learned --dry-run --max-steps 9 {TINY_MLP}")
    assert result.code == 0 and result.err == "" and content(workplace) == before
    for words in (
        "transform: null",
        "reverse_step: learned",
        "batch_size: 16",
        "max_steps: 9",
        "FLOPs",
        "ms",
        "examples/s",
        "9 steps",
        "about",
    ):
        assert words in result.out, words
    for part, name in (
        ("schedule", "LearnedSchedule"),
        ("transform", "ScalingTransform"),
        ("predictor", "DirectPredictor"),
        ("decoder", "GaussianDecoder"),
        ("volatility", "MarkovVolatility"),
        ("reverse_step", "LearnedReverseStep"),
        ("all", ""),
    ):
        assert re.search(rf"\b{part}\W+{name}\W+[\d,]+", result.out), part


def test_the_list_of_data_names_all(empty):
    result = ndm("data list")
    assert result.code == 0
    assert all(name in result.out for name in data.names()) and ".npz" in result.out


def test_what_opens_a_run_has_the_threads_that_it_trained_on(workplace):
    """More of them waited for each other: nine samples of signals took ten times as long."""
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            assert ndm(f"train points.npz --run of{threads} --max-steps 1 --threads {threads} {TINY_MLP}").code == 0
        for threads in (2, 1):
            assert ndm(f"sample of{threads} --num 2 --steps 2 --out {threads}.npz").code == 0
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
