"""SiLU, h s(h) with the logistic function s."""

from torch import Tensor
from torch.nn import functional

from ndm.nn.activations.activation import Activation


class SiLUActivation(Activation):
    """f(h) = h s(h), s the logistic function: Elfwing et al. (2017, https://arxiv.org/abs/1702.03118)."""

    def forward(self, h: Tensor) -> Tensor:
        return functional.silu(h)
