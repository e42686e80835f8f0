"""Networks: an event and a time in, events out."""

from ndm.nn.layers import ConvolutionalLayer, HiddenLayer
from ndm.nn.network import Network
from ndm.nn.networks.full_resolution import FullResolution
from ndm.nn.networks.mlp import MLP
from ndm.nn.networks.unet import UNet

__all__ = ["MLP", "ConvolutionalLayer", "FullResolution", "HiddenLayer", "Network", "UNet"]
