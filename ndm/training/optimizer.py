"""The optimiser of a model: a learning rate for each part, weight decay for weights of layers alone."""

import torch
from torch import nn

from ndm.base.axes import OPTIMIZERS
from ndm.config import Config
from ndm.model import NeuralDiffusion
from ndm.training.optimizers.optimizer import Optimizer


def make_optimizer(model: NeuralDiffusion, config: Config) -> Optimizer:
    """Make the optimiser, with separate rates for the transform, schedule ends, volatility and reverse steps."""
    rates = {
        "schedule": config.schedule_rate,
        "volatility": config.schedule_rate,
        "reverse_step": config.schedule_rate,
        "transform": config.transform_rate * model.transform.rate,
    }
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[float, float, bool, torch.dtype], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        is_weight = parameter.ndim >= 2 and name.endswith(".weight")  # of a layer: scales and histograms do not decay
        # The end points of gamma are numbers with a clear gradient; its shape has a faint one in continuous time.
        faint = part == "schedule" and parameter.ndim > 0 and config.timesteps is None
        rate = 1.0 if faint else rates.get(part, 1.0)
        is_matrix = is_weight and id(parameter) not in tables
        key = (rate, config.weight_decay if is_weight else 0.0, is_matrix, parameter.dtype)  # a kernel serves one type
        groups.setdefault(key, []).append(parameter)
    made: Optimizer = OPTIMIZERS.find(config.optimizer)(
        [
            {"params": parameters, "weight_decay": decay, "rate": rate, "matrices": is_matrix}
            for (rate, decay, is_matrix, _), parameters in groups.items()
        ],
        lr=config.learning_rate,
        betas=config.betas,
    )
    return made
