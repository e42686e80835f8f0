"""How far samples are from data: the energy distance and the sliced Wasserstein distance."""

from torch import Tensor

from ndm.base.registry import optional
from ndm.benchmarks.comparison.quality import energy_distance

DISTANCES = {"energy_distance": "energy distance", "sliced_wasserstein": "sliced Wasserstein distance"}
"""What `distances` gives, and its names for people."""
_PROJECTIONS, _SEED = 128, 0


def distances(x: Tensor, y: Tensor) -> dict[str, float]:
    """Both distances of two samples (N, D) and (M, D).

    The energy distance is the unbiased one, 0 on average for samples of one law. The sliced Wasserstein distance is
    (mean over directions of W_2^2)^(1/2) along the same 128 directions for all, positive for any two samples, more so
    the fewer they are. Bonneel et al. (2015), https://doi.org/10.1007/s10851-014-0506-3, by POT.
    """
    sliced = optional("ot", "peers").sliced_wasserstein_distance(
        x.numpy(), y.numpy(), n_projections=_PROJECTIONS, seed=_SEED
    )
    return {"energy_distance": energy_distance(x, y), "sliced_wasserstein": float(sliced)}
