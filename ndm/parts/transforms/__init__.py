"""Transforms F(x, t), one file each: the path of the data."""

from ndm.parts.transforms._diagonal import DiagonalTransform, Scale, ScaledCurve
from ndm.parts.transforms.blurring import BlurringTransform
from ndm.parts.transforms.identity import IdentityTransform
from ndm.parts.transforms.residual import ExpandedCurve, ResidualCurve, ResidualTransform
from ndm.parts.transforms.scaling import ScalingTransform
from ndm.parts.transforms.series import SeriesTransform
from ndm.parts.transforms.transform import Transform

__all__ = [
    "BlurringTransform",
    "DiagonalTransform",
    "ExpandedCurve",
    "IdentityTransform",
    "ResidualCurve",
    "ResidualTransform",
    "Scale",
    "ScaledCurve",
    "ScalingTransform",
    "SeriesTransform",
    "Transform",
]
