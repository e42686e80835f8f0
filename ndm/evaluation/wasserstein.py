"""The exact optimal transport between two samples, by Python Optimal Transport."""

from torch import Tensor

from ndm.base.registry import optional

_MOST_ITERATIONS = 10_000_000


def require_transport() -> None:
    """Raise `InputError` where Python Optimal Transport is not installed."""
    optional("ot", "peers")


def squared_wasserstein(x: Tensor, y: Tensor) -> float:
    """W_2^2 = min over couplings of E|X - Y|^2, between the empirical laws of x (N, D) and y (M, D).

    Two samples of one law are some way apart too: compare with such a floor, of the same sizes.
    Source: Flamary et al., POT (2021), https://jmlr.org/papers/v22/20-451.html.
    """
    ot = optional("ot", "peers")
    cost = ot.dist(x.double().cpu().numpy(), y.double().cpu().numpy())
    return float(ot.emd2([], [], cost, numItermax=_MOST_ITERATIONS))
