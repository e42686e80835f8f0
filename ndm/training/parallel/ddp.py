"""Every process has a copy of the model."""

import warnings
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from ndm.model import NeuralDiffusion
from ndm.training.parallel.parallel import Parallel


class Replicated(Parallel):
    """Distributed data parallel: every process has all parameters.

    Source: Li et al., PyTorch Distributed (2020), https://arxiv.org/abs/2006.15704.
    """

    def prepare(self, module: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)  # by Accelerate's use
            prepared: nn.Module = self.accelerator.prepare_model(module)
        return prepared

    def distribute(self, module: nn.Module) -> None:
        module.to(self.accelerator.device)

    def held_back(self, module: nn.Module) -> AbstractContextManager[Any]:
        return self.accelerator.no_sync(module)

    def norm(self, gradients: list[Tensor]) -> Tensor:
        return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))

    def plain(self, model: NeuralDiffusion) -> NeuralDiffusion:
        return model
