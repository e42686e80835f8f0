"""Samplers of the times at which the integrand of the bound is evaluated, one file each.

Any density gives the same mean, some give less noise.
"""

from ndm.bounds.time_samplers.importance import Importance
from ndm.bounds.time_samplers.low_discrepancy import LowDiscrepancy, Stratified
from ndm.bounds.time_samplers.time_sampler import TimeSampler

__all__ = ["Importance", "LowDiscrepancy", "Stratified", "TimeSampler"]
