"""Coupling by exact optimal transport within each batch."""

from dataclasses import dataclass
from typing import Any

from ndm.benchmarks.peers import flow_matching


@dataclass(frozen=True)
class OptimalTransportFlowMatching(flow_matching.FlowMatching):
    """`torchcfm.ExactOptimalTransportConditionalFlowMatcher`: straight paths between pairs of each batch's plan.

    Tong et al. (2023), https://arxiv.org/abs/2302.00482.
    """

    batch_size: int = 256  # torchcfm's own: the cost of a plan is cubic in it

    def matcher(self) -> Any:
        return flow_matching.torchcfm.ExactOptimalTransportConditionalFlowMatcher(self.sigma)
