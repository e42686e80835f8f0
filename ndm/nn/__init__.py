"""Networks: an event and a time in, events out."""

from ndm.nn.full_resolution import FullResolution
from ndm.nn.mlp import MLP
from ndm.nn.network import Network
from ndm.nn.shallow import ConvolutionalLayer, HiddenLayer
from ndm.nn.unet import UNet

__all__ = ["MLP", "ConvolutionalLayer", "FullResolution", "HiddenLayer", "Network", "UNet"]
