"""All contenders by name: our configurations, and the peers by the name of their file."""

from functools import cache

from ndm.benchmarks import discover
from ndm.benchmarks.densities.contender import Contender
from ndm.benchmarks.densities.ours import OURS, NeuralDiffusionContender


@cache
def contenders() -> dict[str, Contender]:
    """Found when they are asked for: importing other libraries takes its time."""
    ours = {name: NeuralDiffusionContender(name) for name in OURS}
    return ours | {name: kind() for name, kind in discover("ndm.benchmarks.peers", Contender).items()}
