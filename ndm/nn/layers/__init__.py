"""The cheapest networks of an event alone, without time, one file each."""

from ndm.nn.layers.convolutional import ConvolutionalLayer
from ndm.nn.layers.hidden import HiddenLayer
from ndm.nn.layers.layer import Layer

__all__ = ["ConvolutionalLayer", "HiddenLayer", "Layer"]
