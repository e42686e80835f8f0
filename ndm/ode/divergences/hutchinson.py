"""The divergence estimated with probes of random signs."""

import torch
from torch import Tensor

from ndm.base.noise import Noise
from ndm.base.ranges import check_count
from ndm.ode.divergences.divergence import Divergence

_MOST_PROBES = 10_000


class Hutchinson(Divergence):
    """The divergence estimated with Rademacher probes, e_i = +-1: the least variance of all independent probes.

    Sources: Hutchinson (1989), https://doi.org/10.1080/03610918908812806; Grathwohl et al., FFJORD (2018),
    https://arxiv.org/abs/1810.01367.

    Args:
        num_probes: K, each with its estimate, so that their spread gives the error; one alone has none. For
            dequantised data each estimate also has its draws, and so its path.
    """

    name = "hutchinson, Rademacher"
    num_probes: int

    def __init__(self, num_probes: int = 2) -> None:
        check_count("num_probes", num_probes, 1, _MOST_PROBES)
        self.num_probes = num_probes

    def check(self, event_shape: tuple[int, ...]) -> None:
        """Accept any event."""

    def probes(self, noise: Noise, like: Tensor) -> Tensor:
        return torch.stack([self.draw(noise) for _ in range(self.num_probes)], 1)

    def draw(self, noise: Noise) -> Tensor:
        """One probe for each example, (B, *event)."""
        return noise.signs()

    def apart(self) -> list[Divergence]:
        return [type(self)(1) for _ in range(self.num_probes)]

    def collect(self, forms: Tensor) -> Tensor:
        return forms
