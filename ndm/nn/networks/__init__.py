"""Networks of an event and a time, one file each."""

from ndm.nn.networks.full_resolution import FullResolution
from ndm.nn.networks.mlp import MLP
from ndm.nn.networks.unet import UNet

__all__ = ["MLP", "FullResolution", "UNet"]
