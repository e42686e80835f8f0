"""Time grids: the times that a sampler visits."""

from ndm.samplers.grids.optimised import Optimised

__all__ = ["Optimised"]
