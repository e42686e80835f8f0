"""Predictors, one file each: the model's prediction of the curve of x from z_t."""

from ndm.parts.predictors._callable import CallablePredictor
from ndm.parts.predictors.direct import DirectPredictor
from ndm.parts.predictors.encoded import EncodedPredictor
from ndm.parts.predictors.plug_in import PlugInPredictor
from ndm.parts.predictors.predictor import Predictor

__all__ = [
    "CallablePredictor",
    "DirectPredictor",
    "EncodedPredictor",
    "PlugInPredictor",
    "Predictor",
]
