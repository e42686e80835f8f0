"""Seeds: which are taken, and one for each step or sample from a single one."""

from numbers import Integral
from typing import Any

import numpy as np

from ndm.base.errors import InputError


def check_seed(seed: Any) -> None:
    """Raise `InputError` for a seed that generators do not take."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise InputError(f"seed = {seed!r}", "a whole number, 0 <= seed < 2^63")


def mix(seed: int, index: int) -> int:
    """Mix a seed and an index to a seed of 63 bits; neighbours in either argument give unrelated streams."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> np.uint64(1))
