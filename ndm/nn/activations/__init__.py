"""Activations, one file each: what a layer does to its hidden units."""

from ndm.nn.activations.activation import Activation
from ndm.nn.activations.none import NoActivation
from ndm.nn.activations.silu import SiLUActivation

__all__ = ["Activation", "NoActivation", "SiLUActivation"]
