"""Variances of p(z_s | z_t) at a finite number of steps, one file each."""

from ndm.parts.reverse_steps.reverse_step import StepVariance

__all__ = ["StepVariance"]
