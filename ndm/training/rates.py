"""The learning rate over the course of training."""

import math

import torch

from ndm.config import Config


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, step: int, fraction: float) -> float:
    """Set the learning rate of every group, for this step and fraction of the budget; returns the rate."""
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
    """The factor on the learning rate that falls to 0 over the budget, (1 + cos(pi fraction)) / 2."""
    return (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
