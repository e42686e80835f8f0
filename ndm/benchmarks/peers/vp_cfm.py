"""Trigonometric, variance-preserving paths."""

from dataclasses import dataclass
from typing import Any

from ndm.benchmarks.peers import flow_matching


@dataclass(frozen=True)
class VariancePreservingFlowMatching(flow_matching.FlowMatching):
    """`torchcfm.VariancePreservingConditionalFlowMatcher`: cos(pi t/2) x_0 + sin(pi t/2) x_1, drawn independently.

    Albergo and Vanden-Eijnden (2022), https://arxiv.org/abs/2209.15571.
    """

    batch_size: int = 2048  # on validation no worse than 512 on checkerboard, and better on moons

    def matcher(self) -> Any:
        return flow_matching.torchcfm.VariancePreservingConditionalFlowMatcher(self.sigma)
