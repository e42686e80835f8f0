"""The start of a training: settings are checked, the model is made, and its networks are prepared."""

import shutil

import torch

from ndm.autodiff.checkpointed import checkpoint_activations
from ndm.base.axes import SAMPLERS
from ndm.base.errors import InputError
from ndm.base.kinds import a
from ndm.bounds.bound import MOST_TIMESTEPS
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.nn.network import Network
from ndm.training.averages.power import exponent
from ndm.training.build import assemble, fit_to
from ndm.training.room import parameters_fit


def check(config: Config) -> None:
    """Raise `InputError` for a setting that cannot be, by itself or for what it names."""
    config.check()
    if config.timesteps is not None and config.timesteps > MOST_TIMESTEPS:
        raise InputError(
            f"timesteps = {config.timesteps}",
            f"at most {MOST_TIMESTEPS}",
            "leave it out for infinitely many: continuous time",
        )
    SAMPLERS.find(config.sampler)
    for length in config.average_lengths:
        exponent(length)


def new_model(config: Config, data: DataSet) -> NeuralDiffusion:
    """Make the model at the start of a training from configuration and data; sets threads and seeds torch.

    Raises `InputError` for names that are unknown, and for a model that memory does not hold.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    with parameters_fit(config):
        model = assemble(config, data)
    fit_to(model, data)
    return model


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
                f"compile for {a(model.predictor)}",
                "a predictor with a network of ndm.nn",
                "leave it out",
            )
        on_cpu = not torch.accelerator.is_available()
        if on_cpu and not any(map(shutil.which, ("g++", "c++", "clang++"))):
            raise InputError(
                "compile without a C++ compiler", "g++ or clang++ on the PATH", "install one, or leave it out"
            )
        network.compile()
