"""Reverse steps, one file each: the form of p(z_s | z_t) at a finite number of steps."""

from ndm.parts.reverse_steps.analytic import AnalyticReverseStep
from ndm.parts.reverse_steps.learned import LearnedReverseStep
from ndm.parts.reverse_steps.mixture import MixtureReverseStep
from ndm.parts.reverse_steps.moments import MomentsReverseStep
from ndm.parts.reverse_steps.posterior import PosteriorReverseStep
from ndm.parts.reverse_steps.reverse_step import (
    GaussianReverseStep,
    MarginalisedReverseStep,
    ReverseStep,
    TabulatedReverseStep,
)

__all__ = [
    "AnalyticReverseStep",
    "GaussianReverseStep",
    "LearnedReverseStep",
    "MarginalisedReverseStep",
    "MixtureReverseStep",
    "MomentsReverseStep",
    "PosteriorReverseStep",
    "ReverseStep",
    "TabulatedReverseStep",
]
