"""The divergence of a velocity: the trace of its Jacobian, exactly or by random probes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.modes import outside_inference, usable
from ndm.base.noise import Noise
from ndm.base.registry import choose

_MOST_DIMENSIONS = 4096  # each costs a backward pass for every evaluation
_MOST_PROBES = 10_000


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


class Exact(Divergence):
    """e = the unit vectors: sum_i dv_i / dz_i, in d backward passes.

    Raises:
        InputError: beyond 4096 dimensions.
    """

    name = "exact"

    def check(self, event_shape: tuple[int, ...]) -> None:
        size = math.prod(event_shape)
        if size > _MOST_DIMENSIONS:
            raise InputError(
                f"an exact trace of {size} dimensions, {size} backward passes for each of the hundred or "
                "so evaluations of an example",
                f"at most {_MOST_DIMENSIONS} dimensions",
                "use divergence=hutchinson, one backward pass for each probe",
            )

    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        self.check(like.shape[1:])
        size = like[0].numel()
        units = torch.eye(size, dtype=like.dtype, device=like.device).reshape(size, *like.shape[1:])
        return units[None]

    def apart(self) -> list[Divergence]:
        return [self]

    def collect(self, forms: Tensor) -> Tensor:
        return forms.sum(1, keepdim=True)


class Hutchinson(Divergence):
    """e_i = +-1 with equal probability (Rademacher): the least variance of all independent probes.

    Sources: Hutchinson (1989), https://doi.org/10.1080/03610918908812806; Grathwohl et al., FFJORD (2018),
    https://arxiv.org/abs/1810.01367.

    Args:
        num_probes: K, each with an estimate of its own, so that their spread is the error; one alone has none. For data
            that are dequantised each estimate has draws of its own, too, and so paths.
    """

    name = "hutchinson, Rademacher"
    num_probes: int

    def __init__(self, num_probes: int = 2) -> None:
        if not 1 <= num_probes <= _MOST_PROBES:
            raise InputError(f"{num_probes} probes", f"from 1 to {_MOST_PROBES}")
        self.num_probes = num_probes

    def check(self, event_shape: tuple[int, ...]) -> None:
        """Any event will do."""

    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        return torch.stack([self.draw(noise) for _ in range(self.num_probes)], 1)

    def draw(self, noise: Noise) -> Tensor:
        """One probe for each example, (B, *event)."""
        return noise.signs()

    def apart(self) -> list[Divergence]:
        return [type(self)(1) for _ in range(self.num_probes)]

    def collect(self, forms: Tensor) -> Tensor:
        return forms


class Gaussian(Hutchinson):
    """e_i ~ N(0, 1)."""

    name = "hutchinson, Gaussian"

    def draw(self, noise: Noise) -> Tensor:
        return noise.normal()


DIVERGENCES = {"exact": Exact, "hutchinson": Hutchinson, "gaussian": Gaussian}


def divergence_for(name: str, num_probes: int | None = None) -> Divergence:
    """The trace called exact, hutchinson (Rademacher) or gaussian; `InputError` for other names."""
    kind = choose("divergence", name, DIVERGENCES)
    if kind is Exact:
        if num_probes is not None:
            raise InputError(f"{num_probes} probes for the exact trace", "none", "use divergence=hutchinson")
        return Exact()
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
