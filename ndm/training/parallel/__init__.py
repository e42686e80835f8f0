"""Ways to train in several processes, one file each."""

from ndm.training.parallel.parallel import (
    TINY,
    Parallel,
    clip,
    distributed_like,
    gathered,
    load,
    make_accelerator,
    own,
    whole,
)

__all__ = [
    "TINY",
    "Parallel",
    "clip",
    "distributed_like",
    "gathered",
    "load",
    "make_accelerator",
    "own",
    "whole",
]
