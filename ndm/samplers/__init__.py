"""Samplers, one file each: ways to walk from noise to data."""

from ndm.base.registry import choose, discover
from ndm.samplers.sampler import Sampler

__all__ = ["Sampler", "sampler_for"]


def sampler_for(name: str) -> type[Sampler]:
    """The sampler in the file of that name; raises `InputError` for a name that is unknown."""
    kind: type[Sampler] = choose("sampler", name, discover(__name__, Sampler))
    return kind
