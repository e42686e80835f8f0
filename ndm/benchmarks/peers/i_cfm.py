"""Independent coupling."""

from dataclasses import dataclass
from typing import Any

from ndm.benchmarks.peers import flow_matching


@dataclass(frozen=True)
class IndependentFlowMatching(flow_matching.FlowMatching):
    """`torchcfm.ConditionalFlowMatcher`: straight paths from noise to data, drawn independently.

    Lipman et al. (2022), https://arxiv.org/abs/2210.02747; Liu et al. (2022), https://arxiv.org/abs/2209.03003.
    """

    def matcher(self) -> Any:
        return flow_matching.torchcfm.ConditionalFlowMatcher(self.sigma)
