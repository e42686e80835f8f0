"""Does the learned path pay? The default against F = identity and other contenders, at equal budgets."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ndm.benchmarks.comparison.command import Comparison
from ndm.benchmarks.comparison.plan import Block, Plan, Study

PAIR = ("default", "identity")
PATHS = ("time_basis", "time_basis_control")
OTHERS = ("control", "order_given", "order_found", "identity_equal_parameters", "identity_equal_time", *PATHS,
          "time_basis_linear", "frequencies", "residual")
TABLES = ("default_table", "identity_table", "time_basis_table", "time_basis_control_table")

PLAN: Plan = (
    Study("digits", draws=64, limit=297, num_samples=256, reference=4, tuning_seconds=25, blocks=(
        Block((1, 2, 4, 8, 16, 32, 64, 256, None), PAIR, seeds=3, seconds=25),
        Block((4, None), OTHERS, seeds=3, seconds=25),
        Block((8,), ("control", "identity_equal_parameters", "identity_equal_time"), seeds=3, seconds=25),
        Block((4,), TABLES, seeds=3, seconds=25),
        Block((4, None), PAIR, seeds=3, seconds=50),
        Block((4,), PAIR, seeds=3, steps=1000),
    )),
    Study("fashion_mnist_16", draws=16, limit=500, num_samples=0, reference=4, tuning_seconds=30, blocks=(
        Block((4, 8, 64, None), PAIR, seeds=3, seconds=60),
        Block((4,), ("control", "identity_equal_parameters", "time_basis"), seeds=3, seconds=60),
        Block((4,), PAIR, seeds=3, seconds=150),
    )),
    Study("fashion_mnist", draws=16, limit=256, num_samples=0, reference=4, tuning_seconds=20, blocks=(
        Block((4, None), PAIR, seeds=3, seconds=90),
    )),
    Study("cities", draws=64, limit=1000, num_samples=0, reference=4, tuning_seconds=8, blocks=(
        Block((4, 8, None), PAIR, seeds=5, seconds=20),
        Block((4,), PATHS, seeds=5, seconds=20),
        Block((4, None), PAIR, seeds=5, seconds=8),
    )),
    Study("checkerboard", draws=64, limit=1000, num_samples=0, reference=4, tuning_seconds=8, blocks=(
        Block((4, 8, None), PAIR, seeds=5, seconds=20),
        Block((4,), PATHS, seeds=5, seconds=20),
        Block((4, None), PAIR, seeds=5, seconds=8),
    )),
)


@dataclass(frozen=True)
class Pays(Comparison):
    """Does the learned path pay? Compares bounds on test of contenders trained for equal CPU time, tuned alike."""

    plan: ClassVar[Plan] = PLAN

    out: Path = Path("benchmarks/pays")
    """Folder of rows.jsonl, results.json, tables.md and figure.png."""
