"""Transformations F(x, t), one file each: what the path of the data is."""

from ndm.parts.transforms.transform import Transform

__all__ = ["Transform"]
