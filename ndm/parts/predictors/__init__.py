"""Predictors, one file each: the model's guess of the curve of x, from z_t."""

from ndm.parts.predictors.predictor import Predictor

__all__ = ["Predictor"]
