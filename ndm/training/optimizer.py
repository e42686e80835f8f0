"""AdamW with a rate for each part of the model, and the learning rate over the course of training."""

import math

import torch

from ndm.config import Config
from ndm.model import NeuralDiffusion


def make_optimizer(model: NeuralDiffusion, config: Config) -> torch.optim.AdamW:
    """AdamW; the schedule's ends, volatility and reverse steps, and the transformation, have rates of their own."""
    rates = {
        "schedule": config.schedule_rate,
        "volatility": config.schedule_rate,
        "reverse_step": config.schedule_rate,
        "transform": config.transform_rate * model.transform.rate,
    }
    groups: dict[tuple[float, float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        is_weight = parameter.ndim >= 2 and name.endswith(".weight")  # of a layer: scales and histograms do not decay
        # The end points of gamma are numbers with a clear gradient; its shape has a faint one in continuous time.
        faint = part == "schedule" and parameter.ndim > 0 and config.timesteps is None
        rate = 1.0 if faint else rates.get(part, 1.0)
        key = (rate, config.weight_decay if is_weight else 0.0, parameter.ndim > 0)  # numbers are never shared out
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": decay, "rate": rate}
            for (rate, decay, _), parameters in groups.items()
        ],
        lr=config.learning_rate,
        betas=config.betas,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, step: int, fraction: float) -> float:
    """Set that of every group, for this step and fraction of the budget; returns the rate."""
    rate = config.learning_rate * warm_up(step, config.warmup_steps)
    if config.decay == "cosine":
        rate *= cosine(fraction)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    return rate


def warm_up(step: int, steps: int) -> float:
    """The factor on the learning rate that rises to 1 over so many steps."""
    return min(1.0, (step + 1) / (steps + 1))


def cosine(fraction: float) -> float:
    """(1 + cos(pi fraction)) / 2: the factor on the learning rate that falls to 0 over the budget."""
    return (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
