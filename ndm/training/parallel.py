"""Training in several processes: each has a copy of the model, or a part of its parameters."""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.processes import Processes
from ndm.model import NeuralDiffusion


def make_accelerator() -> Accelerator:
    """Make the accelerator: the processes that `torchrun` or `accelerate launch` started, and the device."""
    # Several processes without an accelerator must say that they want the CPU, or each would be alone.
    cpu = Processes().number > 1 and not torch.accelerator.is_available()
    # Precision is the configuration's, not the launcher's. Buffers are statistics that all processes agree on already.
    return Accelerator(
        cpu=cpu, mixed_precision="no", kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)]
    )


TINY = 1e-6  # beside the norm of a gradient, as in `torch.nn.utils.clip_grad_norm_`


class Parallel(ABC):
    """A way to train in several processes; gradients are means over them."""

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator

    @abstractmethod
    def prepare(self, module: nn.Module) -> nn.Module:
        """Put the module on its device and distribute it; its parameters are those to be optimised from now on."""

    @abstractmethod
    def distribute(self, module: nn.Module) -> None:
        """Distribute a module that is not trained like `prepare` one that is."""

    @abstractmethod
    def held_back(self, module: nn.Module) -> AbstractContextManager[Any]:
        """Let gradients of a prepared module add up in each process, without averaging them yet."""

    def gradients(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        """The gradients that parameters of a prepared module have after a step, each the mean over the processes."""
        return [p.grad for p in parameters if p.grad is not None]

    @abstractmethod
    def norm(self, gradients: list[Tensor]) -> Tensor:
        """The norm of `gradients` together, ()."""

    @abstractmethod
    def plain(self, model: NeuralDiffusion) -> NeuralDiffusion:
        """Give the model with whole parameters, outside of a training step; all processes call it together."""


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


class Sharded(Parallel):
    """FSDP2: every process keeps a part of the parameters, gradients, moments and averages.

    The whole model is one unit, gathered before a step and freed after it: its parts are called with dual numbers, and
    the hooks of smaller units have no forward derivative.
    Source: Zhao et al., PyTorch FSDP (2023), https://arxiv.org/abs/2304.11277.
    """

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


@torch.no_grad()
def clip(gradients: list[Tensor], norm: Tensor, largest: float) -> None:
    """Scale gradients of this norm () to one of `largest` at most."""
    torch._foreach_mul_([own(gradient) for gradient in gradients], (largest / (norm + TINY)).clamp(max=1.0))


WAYS: dict[str, type[Parallel]] = {"ddp": Replicated, "fsdp": Sharded}


def _square(tensors: list[Tensor], device: torch.device) -> Tensor:
    """Compute the sum of the squares of all elements, ()."""
    norms = torch._foreach_norm(tensors) if tensors else []
    return torch.stack([torch.zeros((), device=device), *norms]).square().sum()


def own(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that this process has."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gathered(tensor: Tensor) -> Tensor:
    """Gather the whole tensor; all processes call it together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gather all of the tensors."""
    return {name: gathered(value) for name, value in state.items()}


def distributed_like(value: Tensor, like: Tensor) -> Tensor:
    """Distribute a whole tensor like `like`."""
    value = value.to(like.device)
    return distribute_tensor(value, like.device_mesh, like.placements) if isinstance(like, DTensor) else value


def load(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole tensors into a module, whatever its layout; raises as `load_state_dict` does."""
    layout = module.state_dict()
    module.load_state_dict({name: distributed_like(value, layout.get(name, value)) for name, value in state.items()})
