"""What a divergence is: the trace of a velocity's Jacobian, from products with probes."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from ndm.base.axes import DIVERGENCES
from ndm.base.errors import InputError
from ndm.base.modes import outside_inference, usable
from ndm.base.noise import Noise


class Divergence(ABC):
    """tr J = E[e^T J e] over probes e with E[e e^T] = I, (B, K, *event): each e^T J e is one backward pass.

    Reverse mode, because the velocity itself may hold a forward derivative in t: a gradient through a forward
    derivative is what training needs anyway, and every layer has it; a forward derivative of one many lack.
    """

    name: ClassVar[str]
    num_probes: int | None = None  # drawn for each example; None where the trace is exact

    @abstractmethod
    def check(self, event_shape: tuple[int, ...]) -> None:
        """Raise `InputError` for events that it would take too long for."""

    @abstractmethod
    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        """e for states shaped like `like` (B, *event), (B, K, *event), or (1, K, *event) where all have the same.

        They are the same all along a path.
        """

    @abstractmethod
    def apart(self) -> list["Divergence"]:
        """Traces of one estimate each, for paths of their own, that are this one together."""

    @abstractmethod
    def collect(self, forms: Tensor) -> Tensor:
        """The estimates of the trace that the forms e^T J e (B, K) amount to, (B, number of estimates)."""


def divergence_for(name: str, num_probes: int | None = None) -> Divergence:
    """The divergence called exact, hutchinson (Rademacher) or gaussian; `InputError` for other names."""
    kind = DIVERGENCES.find(name)
    if num_probes is not None and "num_probes" not in inspect.signature(kind).parameters:
        raise InputError(f"{num_probes} probes for the {name} trace", "none", "use divergence=hutchinson")
    chosen: Divergence = kind() if num_probes is None else kind(num_probes)
    return chosen


@outside_inference()
@torch.enable_grad()
def quadratic_forms(velocity: Callable[[Tensor], Tensor], z: Tensor, probes: Tensor) -> tuple[Tensor, Tensor]:
    """v = velocity(z), (B, *event), and e_k^T (dv/dz) e_k, (B, K), for a velocity that treats examples apart.

    The probes e are (B or 1, K, *event).
    """
    z = usable(z).detach().requires_grad_()
    v = velocity(z)
    forms = []
    for k in range(probes.shape[1]):
        e = probes[:, k].expand_as(v)
        (product,) = torch.autograd.grad(v, z, e, retain_graph=k + 1 < probes.shape[1])
        forms.append((product * e).flatten(1).sum(1))
    return v.detach(), torch.stack(forms, 1)
