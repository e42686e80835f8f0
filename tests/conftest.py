"""What every test starts from: a seed, and for the mathematics float64."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

IN_FLOAT64 = [
    Path(__file__).parent / name
    for name in (
        "autodiff",
        "base",
        "bounds",
        "contracts/laws",
        "ode",
        "parts",
        "process",
        "samplers",
        "unification",
    )
]


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what this machine has measured out of the user's folder of caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(autouse=True)
def reproducible(request: pytest.FixtureRequest) -> Iterator[None]:
    """Seed torch, and compute in float64 where identities are checked to rounding."""
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads that share a core with another program wait for each other for seconds
    if any(folder in request.path.parents for folder in IN_FLOAT64):
        torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
