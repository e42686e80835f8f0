"""ndm benchmark"""

from ndm.cli.arguments.benchmark import Benchmark


def run(told: Benchmark) -> int:
    """Run the benchmark; it is done when the same command has nothing left to do."""
    code: int = told.chosen.run()
    return code
