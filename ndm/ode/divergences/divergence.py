"""The interface of a divergence: the trace of a velocity's Jacobian, from products with probes."""

import inspect
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from ndm.base.axes import DIVERGENCES
from ndm.base.errors import InputError
from ndm.base.kinds import Checked
from ndm.base.modes import outside_inference, usable
from ndm.base.noise import Noise


class Divergence(metaclass=Checked):
    """The divergence of a velocity from probes e, tr J = E[e^T J e] with E[e e^T] = I, e (B, K, *event).

    Each e^T J e is one backward pass. Reverse mode, because the velocity itself may hold a forward derivative in t:
    every layer has the gradient of a forward derivative, which training needs, but not a second forward derivative.
    """

    name: ClassVar[str]
    num_probes: int | None = None  # drawn for each example; None where the divergence is exact

    @abstractmethod
    def check(self, event_shape: tuple[int, ...]) -> None:
        """Raise `InputError` for events that are too large for it."""

    @abstractmethod
    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        """Make probes for states shaped like `like` (B, *event): (B, K, *event), or (1, K, *event) if all are alike.

        They stay the same along a path.
        """

    @abstractmethod
    def apart(self) -> list["Divergence"]:
        """Split into divergences of one estimate each, for separate paths."""

    @abstractmethod
    def collect(self, forms: Tensor) -> Tensor:
        """Combine the forms e^T J e (B, K) into estimates of the divergence, (B, number of estimates)."""


def divergence_for(name: str, num_probes: int | None = None) -> Divergence:
    """Choose a divergence: exact, hutchinson (Rademacher) or gaussian; `InputError` for other names."""
    kind = DIVERGENCES.find(name)
    if num_probes is not None and "num_probes" not in inspect.signature(kind).parameters:
        raise InputError(f"{num_probes} probes for the {name} divergence", "none", "use divergence=hutchinson")
    chosen: Divergence = kind() if num_probes is None else kind(num_probes)
    return chosen


@outside_inference()
@torch.enable_grad()
def quadratic_forms(velocity: Callable[[Tensor], Tensor], z: Tensor, probes: Tensor) -> tuple[Tensor, Tensor]:
    """Compute v = velocity(z), (B, *event), and e_k^T (dv/dz) e_k, (B, K); the velocity must not mix examples.

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
