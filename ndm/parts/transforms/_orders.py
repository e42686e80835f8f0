"""Initial orders of the dimensions, with neighbours far apart."""

import torch
from torch import Tensor

_CELL = ((0, 2), (3, 1))  # the 2 x 2 matrix of ordered dithering: diagonal neighbours first


def interleaved(event_shape: tuple[int, ...]) -> Tensor:
    """Rank the dimensions in (0, 1), (*event): of each 2 x 2 cell of an image one pixel after the other.

    Dimensions that depend on each other are then in different groups, and each is known when the next is revealed.
    Dimensions that are no image are ranked as they come.
    Source of the matrix: Bayer, An optimum method for two-level rendition of continuous-tone pictures (1973).
    """
    if len(event_shape) < 2:
        ranks, number = torch.arange(event_shape[-1]), event_shape[-1]
    else:
        cell, (height, width) = torch.tensor(_CELL), event_shape[-2:]
        ranks, number = cell.repeat(-(-height // 2), -(-width // 2))[:height, :width], cell.numel()
    return ((ranks + 0.5) / number).expand(event_shape).clone()
