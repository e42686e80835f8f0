"""Every process has a part of weights, gradients and moments."""

import contextlib
import warnings
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.model import NeuralDiffusion
from ndm.training.parallel.parallel import Parallel, own, whole


class Sharded(Parallel):
    """FSDP2: every process keeps a part of the parameters, gradients, moments and averages.

    The whole model is one unit, gathered before a step and freed after it: its parts are called with dual numbers, and
    the hooks of smaller units have no forward derivative.
    Source: Zhao et al., PyTorch FSDP (2023), https://arxiv.org/abs/2304.11277.
    """

    distributes = True

    def __init__(self, accelerator: Accelerator) -> None:
        super().__init__(accelerator)
        if accelerator.num_processes < 2:
            raise InputError(
                "parallel = fsdp in one process",
                "several, started by torchrun or accelerate launch",
                "leave it out: one process has nothing to divide",
            )
        self.mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))

    def prepare(self, module: nn.Module) -> nn.Module:
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)  # read, never changed
        self.distribute(module)
        return module

    def distribute(self, module: nn.Module) -> None:
        for parameter in module.to(self.accelerator.device).parameters():
            parameter.data = parameter.data.contiguous()  # it is cut along its first dimension
        # A single number cannot be cut: every process has it.
        numbers = {p for p in module.parameters() if p.ndim == 0}
        fully_shard(module, mesh=self.mesh, ignored_params=numbers)

    @contextlib.contextmanager
    def held_back(self, module: nn.Module) -> Any:
        assert isinstance(module, FSDPModule)
        module.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            module.set_requires_gradient_sync(True)

    def gradients(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        for parameter in parameters:
            if parameter.ndim == 0 and parameter.grad is not None:  # what is not cut is not yet a mean
                parameter.grad = self.accelerator.reduce(parameter.grad, "mean")
        return super().gradients(parameters)

    def norm(self, gradients: list[Tensor]) -> Tensor:
        cut = [own(gradient) for gradient in gradients if isinstance(gradient, DTensor)]
        numbers = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
        square = self.accelerator.reduce(_square(cut, self.accelerator.device), "sum")
        return (square + _square(numbers, self.accelerator.device)).sqrt()

    def plain(self, model: NeuralDiffusion) -> NeuralDiffusion:
        copy = Part.from_config(model.config)
        assert isinstance(copy, NeuralDiffusion)
        copy.load_state_dict(whole(model.state_dict()))
        return copy.to(self.accelerator.device).train(model.training)


def _square(tensors: list[Tensor], device: torch.device) -> Tensor:
    """Compute the sum of the squares of all elements, ()."""
    norms = torch._foreach_norm(tensors) if tensors else []
    return torch.stack([torch.zeros((), device=device), *norms]).square().sum()
