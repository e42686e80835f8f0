"""Moving averages of a model's weights."""

import copy
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from torch import nn

from ndm.training.parallel import own

Model = TypeVar("Model", bound=nn.Module)


class MovingAverage(ABC, Generic[Model]):
    """m <- d m + (1 - d) w after every step n = 0, 1, ..., d = `kept(n)`. Buffers (running estimates) are copied."""

    def __init__(self, model: Model) -> None:
        self.model: Model = copy.deepcopy(model).eval().requires_grad_(False)

    @abstractmethod
    def kept(self, step: int) -> float:
        """d of step n."""

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take the weights of `model` after step n."""
        averages, weights = ([own(p) for p in module.parameters()] for module in (self.model, model))
        torch._foreach_lerp_(averages, weights, 1 - self.kept(step))
        for average, value in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(value)


class ExponentialMovingAverage(MovingAverage[Model]):
    """d = min(decay, (1 + n) / (10 + n)). The warm-up forgets the first weights as fast as they change."""

    def __init__(self, model: Model, decay: float) -> None:
        super().__init__(model)
        self.decay = decay

    def kept(self, step: int) -> float:
        return min(self.decay, (1 + step) / (10 + step))
