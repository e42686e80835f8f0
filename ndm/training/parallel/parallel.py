"""The interface of a way to train in several processes, and tensors that may be distributed over them."""

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from ndm.base.kinds import Checked
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


class Parallel(metaclass=Checked):
    """A way to train in several processes; gradients are means over them.

    Attributes:
        distributes: whether a process has a part of each parameter alone, and not all of it.
    """

    distributes = False

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


@torch.no_grad()
def clip(gradients: list[Tensor], norm: Tensor, largest: float) -> None:
    """Scale gradients of this norm () to one of `largest` at most."""
    torch._foreach_mul_([own(gradient) for gradient in gradients], (largest / (norm + TINY)).clamp(max=1.0))


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
