"""Samplers, one file each: ways to walk from noise to data."""

from ndm.samplers.sampler import Sampler

__all__ = ["Sampler"]
