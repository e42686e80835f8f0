"""What each part of the default is worth: it is left out or replaced, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ndm.benchmarks.comparison.ablated import IN_CHAINS, IN_CONTINUOUS_TIME
from ndm.benchmarks.comparison.aggregate import Cell
from ndm.benchmarks.comparison.command import Comparison
from ndm.benchmarks.comparison.dots import dots
from ndm.benchmarks.comparison.plan import Block, Plan, Study

PLAN: Plan = (
    # All keep the recipe's learning rate: what is asked is what one change does.
    Study(
        "digits",
        draws=16,
        limit=297,
        num_samples=0,
        reference=4,
        tuning_seconds=None,
        blocks=(
            Block((4,), ("default", "identity", *IN_CHAINS), seeds=3, seconds=12),
            Block((None,), ("scaling", "identity", *IN_CONTINUOUS_TIME), seeds=3, seconds=12),
        ),
    ),
)


@dataclass(frozen=True)
class Ablations(Comparison):
    """What each part of the default is worth: leaves out or replaces one at a time, at equal CPU time."""

    plan: ClassVar[Plan] = PLAN

    out: Path = Path("benchmarks/ablations")
    """Folder of rows.jsonl, results.json, tables.md and figure.png."""

    def pictures(self, cells: Sequence[Cell]) -> dict[str, bytes]:
        """figure.png: one line for each ablation."""
        return {"figure.png": dots(cells)}
