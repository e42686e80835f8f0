"""Seeds and generators: which are taken, and a seed for each step or sample from a single one."""

from numbers import Integral
from typing import Any

import numpy as np
import torch

from ndm.base.errors import InputError


def check_seed(seed: Any) -> None:
    """Raise `InputError` for a seed that generators do not take."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise InputError(f"seed = {seed!r}", "a whole number, 0 <= seed < 2^63")


def check_generator(generator: Any) -> None:
    """Raise `InputError` for a generator that is not PyTorch's; None stands for its global one."""
    if not isinstance(generator, torch.Generator | None):
        raise InputError(
            f"a {type(generator).__name__} for generator",
            "a torch.Generator",
            "make one: torch.Generator().manual_seed(0)",
        )


def mix(seed: int, index: int) -> int:
    """A seed of 63 bits for the index-th step or sample; neighbours in either argument give unrelated streams."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> np.uint64(1))
