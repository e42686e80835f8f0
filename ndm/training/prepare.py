"""How a model's networks are run while training: what is kept for the gradient, and what is compiled."""

import shutil

import torch

from ndm.autodiff.checkpointed import checkpoint_activations
from ndm.base.errors import InputError
from ndm.config import Config
from ndm.model import NeuralDiffusion
from ndm.nn.network import Network


def prepare_network(model: NeuralDiffusion, config: Config) -> None:
    """Checkpoint activations and compile where `config` says so; weights, their names and results are as before.

    Compiled is the predictor's network, which only ever meets values; that of a transformation has a derivative in
    time. It comes before anything that wraps the model, and after what copies it (the moving average).

    Raises:
        InputError: for a model without blocks to checkpoint, or without a network or a compiler to compile it, and
            for both at once: a block that is computed again is not compiled.
    """
    if config.checkpointing and config.compile:
        raise InputError("checkpointing and compile", "one of them", "blocks that are computed again are not compiled")
    if config.checkpointing:
        checkpoint_activations(model)
    if config.compile:
        network = getattr(model.predictor, "network", None)
        if not isinstance(network, Network):
            raise InputError(
                f"compile for a {type(model.predictor).__name__}",
                "a predictor with a network of ndm.nn",
                "leave it out",
            )
        on_cpu = not torch.accelerator.is_available()
        if on_cpu and not any(map(shutil.which, ("g++", "c++", "clang++"))):
            raise InputError(
                "compile without a C++ compiler", "g++ or clang++ on the PATH", "install one, or leave it out"
            )
        network.compile()
