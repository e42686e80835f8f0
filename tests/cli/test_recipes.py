"""Every recipe, of data or of a known model, from data to samples."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from calling import TINY_MLP, TINY_UNET, ndm, write_data

from ndm.base.registry import modules
from ndm.data import load
from ndm.recipes import recipe

RECIPES = modules("ndm.recipes")
MODELS = [name for name, module in RECIPES.items() if hasattr(module, "MODEL")]
OF_POINTS = ("cities", "plane", "plane_edges")
OF_IMAGES = (
    "celeba_hq_256",
    "cifar10",
    "digits",
    "imagenet32",
    "imagenet64",
    "mnist",
    "small_unet",
)
SMALL = {"points.npz": (TINY_MLP, "width=8 depth=1"), "images.npz": (TINY_UNET, "channels=8 multipliers=[1,2]")}

FULL = "--predictor-options channels=8 blocks=1 --batch-size 16 --log-every 1"
SMALLER = {
    "cifar10": FULL,
    "imagenet32": FULL,
    "imagenet64": FULL,
    "celeba_hq_256": FULL.replace("blocks", "multipliers=[1,2] attention=[4] blocks"),
}


def train(source: str, name: str, words: str = "", predictor: str = "") -> dict:
    """A run of two steps of a small network, with more words and more options of its predictor; its config.yaml."""
    network, of_path = SMALL[source]
    network = SMALLER.get(name, network).replace("--predictor-options", f"--predictor-options {predictor}")
    if getattr(RECIPES[name], "MODEL", {}).get("transform") == "residual":
        words += f" --transform-options {of_path}"
    result = ndm(f"train {source} --run run --recipe {name} --max-steps 2 --threads 1 {network} {words}")
    assert result.code == 0 and result.err == "", result.err
    return yaml.safe_load(Path("run/config.yaml").read_text())


def test_every_recipe_has_one_kind():
    assert {*OF_POINTS, *OF_IMAGES, *MODELS} == set(RECIPES)
    assert {"ddpm", "ddim", "vdm", "flow_matching", "blurring", "diffenc", "pixel_schedules", "ndm"} <= set(MODELS)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *((name, "points.npz") for name in (*OF_POINTS, *MODELS)),
        *((name, "images.npz") for name in (*OF_IMAGES, *MODELS)),
    ],
)
def test_a_recipe_trains_evaluates_and_samples(empty, name, source):
    write_data(empty)
    config = train(source, name)
    for setting, value in getattr(RECIPES[name], "MODEL", {}).items():
        assert config[setting] == value or config[setting].items() >= value.items()

    assert ndm("evaluate run --draws 2 --limit 3").err == ""
    evaluation = json.loads(Path("run/evaluation.json").read_text())
    assert np.isfinite(evaluation["nelbo"]["total"]) and evaluation["nelbo"]["timesteps"] == config["timesteps"]

    result = ndm("sample run --num 3 --steps 4 --out samples.npz")
    assert result.code == 0 and result.err == ""
    with np.load("samples.npz") as samples:
        assert samples["x"].shape[0] == 3 and np.isfinite(samples["x"]).all()


@pytest.mark.parametrize(
    ("words", "budget"),
    [
        ("", (None, 600)),
        ("--recipe plane", (None, 60)),
        ("--max-steps 7", (7, None)),
        ("--max-seconds 5", (None, 5)),
        ("--max-steps 7 --max-seconds 5", (7, 5)),
    ],
)
def test_a_budget_is_that_which_is_given_or_the_recipes_or_ten_minutes(empty, words, budget):
    write_data(empty)
    result = ndm(f"train points.npz --dry-run {TINY_MLP} {words}")
    config = yaml.safe_load(result.out[: result.out.index("threads:")])
    assert result.code == 0 and (config["max_steps"], config["max_seconds"]) == budget


def test_a_model_keeps_the_network_of_its_data(empty):
    write_data(empty)
    config = train("points.npz", "ddpm")
    assert config["predictor_options"] == {"network": "mlp", "parameterisation": "eps", "width": 16, "depth": 1}
    assert config["schedule_options"] == {}
    assert (config["batch_size"], config["learning_rate"]) == (16, recipe(None, load("points.npz")).learning_rate)
    assert "learning_rate" in config["chosen"] and "batch_size" not in config["chosen"]


def test_what_is_given_goes_on_top_of_a_model(empty):
    write_data(empty)
    config = train(
        "points.npz",
        "ddpm",
        "--timesteps 7 --schedule-options gamma_min=-12",
        predictor="parameterisation=x",
    )
    assert (config["schedule"], config["timesteps"], config["schedule_options"]) == ("ddpm", 7, {"gamma_min": -12})
    assert config["predictor_options"]["parameterisation"] == "x"


def test_a_run_is_sampled_by_its_own_sampler(empty):
    """A ddim run is a ddpm run, sampled without noise; another sampler may be asked for, now or when it goes on."""
    write_data(empty)
    assert train("points.npz", "ddim")["sampler"] == "deterministic"

    def samples(words: str) -> np.ndarray:
        assert ndm(f"sample run --num 5 --steps 4 --out samples.npz {words}").code == 0
        with np.load("samples.npz") as found:
            return found["x"]

    own = samples("")
    assert np.array_equal(own, samples("--sampler deterministic"))
    np.testing.assert_allclose(own, samples("--sampler ancestral --eta 0"), rtol=1e-4, atol=1e-4)
    ancestral = samples("--sampler ancestral")
    assert not np.allclose(own, ancestral)

    assert train("points.npz", "ddim", "--sampler ancestral")["sampler"] == "ancestral"  # the same run goes on
    assert np.array_equal(ancestral, samples(""))
    assert ndm("report run --steps 2").code == 0


def test_a_sampler_that_does_not_exist_is_refused_before_training(empty):
    write_data(empty)
    result = ndm(f"train points.npz --run run --sampler unheard --max-steps 2 {TINY_MLP}")
    assert result.code == 2 and "sampler 'unheard'" in result.err and result.err.count("\n") == 1
    assert not Path("run").exists()
