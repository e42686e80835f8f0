"""Which examples are trained on and which are held out, where some belong together."""

from collections.abc import Sequence

import numpy as np

from ndm.base.errors import InputError


def parted(files: np.ndarray, sizes: Sequence[int], name: str) -> list[np.ndarray]:
    """Positions in random order, always the same, in parts of these sizes, or nearly: those of one file in one part.

    Frames of an animation are so alike that a model that was trained on some has seen the others. Raises `InputError`
    where there are fewer of `files` (N,) than parts.
    """
    own, inverse, counts = np.unique(files, return_inverse=True, return_counts=True)
    if len(own) < len(sizes):
        raise InputError(
            f"{name}: {len(files)} examples from {len(own)} files",
            f"{len(sizes)} files or more, as the frames of one are not divided",
            "save the frames as files of their own",
        )
    # RandomState is frozen (NEP 19): this permutation is the same under every version of numpy.
    random = np.random.RandomState(0)
    order = random.permutation(len(own))
    reached, ends = np.cumsum(counts[order]), [0]
    for k, wanted in enumerate(np.cumsum(sizes)[:-1]):  # the nearest end of a file, with one at least for each part
        free = np.arange(ends[-1] + 1, len(own) - len(sizes) + k + 2)
        ends.append(int(free[np.abs(reached[free - 1] - wanted).argmin()]))
    parts = np.split(np.argsort(np.argsort(order)[inverse], kind="stable"), reached[np.array(ends[1:]) - 1])
    return parts if len(own) == len(files) else [random.permutation(part) for part in parts]
