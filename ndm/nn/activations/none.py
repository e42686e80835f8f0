"""No activation: a layer that is linear."""

from torch import Tensor

from ndm.nn.activations.activation import Activation


class NoActivation(Activation):
    """f(h) = h."""

    def forward(self, h: Tensor) -> Tensor:
        return h
