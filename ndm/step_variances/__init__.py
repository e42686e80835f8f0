"""Variances of p(z_s | z_t) at a finite number of steps, one file each."""

from ndm.step_variances.step_variance import StepVariance

__all__ = ["StepVariance"]
