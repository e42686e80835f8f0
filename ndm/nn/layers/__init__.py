"""Small networks of an event without time, one file each: the h_k of `SeriesTransform`."""

from ndm.nn.layers.convolutional import ConvolutionalLayer
from ndm.nn.layers.hidden import HiddenLayer
from ndm.nn.layers.layer import Layer

__all__ = ["ConvolutionalLayer", "HiddenLayer", "Layer"]
