"""`python -m benchmarks compute`: what it counts is what a step does, and the page has what it prints."""

from pathlib import Path

import pytest

from benchmarks import compute
from benchmarks.__main__ import main
from benchmarks.engine.contenders import network_options
from benchmarks.engine.timing import noise_images
from benchmarks.peers.unets import flops
from ndm.base.spec import Spec
from ndm.config import Config
from ndm.data import DataSet
from ndm.nn.network_for import network_for
from ndm.recipes import recipe

PAGE = Path(__file__).parent.parent.parent / "docs/reproducing.md"


def small(name: str) -> tuple[Config, DataSet]:
    data = noise_images(name, (3, 16, 16), 4)
    options = {"network": "full_resolution", "channels": 16, "blocks": 1}
    return Config(transform="identity", predictor_options=options, schedule_options={"gamma_min": -13.3}), data


def test_a_step_with_f_of_x_costs_what_its_network_costs():
    """But for the gradient in the image, which the learned ends of gamma ask for: of 15 channels to 16."""
    config, data = small("any")
    network = flops(network_for(Spec((3, 16, 16)), **network_options(config)))
    assert compute.step_flops(config, data) == network + 2 * 9 * 15 * 16 * 16 * 16


def test_the_papers_f_is_counted_whole():
    """The denoiser, F with its tangent at the data and at the prediction, and the gradients of all that."""
    assert 4 < compute.factor("cifar10") < 8


@pytest.mark.parametrize(
    ("name", "blocks", "channels"), [("cifar10", 32, 128), ("imagenet32", 32, 256), ("imagenet64", 64, 256)]
)
def test_the_recipes_are_those_of_vdm(name, blocks, channels):
    config = recipe(None, noise_images(name, (3, 8, 8), 4))
    assert config.predictor_options == {
        "network": "full_resolution",
        "channels": channels,
        "blocks": blocks,
        "dropout": 0.1,
    }
    assert (config.batch_size, config.learning_rate, config.ema_decay, config.max_steps) == (128, 2e-4, 0.9999, 10**7)
    assert (config.weight_decay, config.betas, config.decay) == (0.01, (0.9, 0.99), "constant")


def test_the_page_has_the_table_that_the_command_prints(capsys):
    assert main(["compute"]) == 0
    out = capsys.readouterr().out
    assert "assumed" in out and out[out.index("| recipe") :] in PAGE.read_text()


def test_a_share_above_one_is_refused(capsys):
    assert main(["compute", "--utilisation", "2"]) == 2
    assert "utilisation = 2" in capsys.readouterr().err
