"""Does the learned path pay? The default against F = identity and other contenders, at equal budgets."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ndm.benchmarks.comparison.command import Comparison
from ndm.benchmarks.comparison.plan import Block, Plan, Study

PAIR = ("default", "identity")
IN_THE_LIMIT = ("scaling", "identity")  # of many steps, where the default is F = x itself
LARGER = ("control", "identity_larger")
PATHS = ("series", "time_basis_control")

PLAN: Plan = (
    Study(
        "digits",
        draws=64,
        limit=297,
        num_samples=256,
        reference=4,
        tuning_seconds=20,
        blocks=(
            Block((1, 2, 4, 8), PAIR, seeds=3, seconds=20),
            Block((16, 64, None), IN_THE_LIMIT, seeds=3, seconds=20),
            Block((32, 256), ("identity",), seeds=3, seconds=20),
            Block((4,), (*LARGER, *PATHS, "time_basis_linear", "residual"), seeds=3, seconds=20),
            Block((8,), LARGER, seeds=3, seconds=20),
            Block((None,), ("identity_larger", *PATHS, "residual"), seeds=3, seconds=20),
            Block((4,), PAIR, seeds=3, seconds=40),
            Block((None,), IN_THE_LIMIT, seeds=3, seconds=40),
            Block((4,), PAIR, seeds=3, steps=1000),
        ),
    ),
    Study(
        "fashion_mnist_16",
        draws=16,
        limit=500,
        num_samples=0,
        reference=4,
        tuning_seconds=30,
        tuning_seeds=2,
        blocks=(
            Block((4, 8), PAIR, seeds=3, seconds=45),
            Block((64,), ("identity",), seeds=3, seconds=45),
            Block((16, None), IN_THE_LIMIT, seeds=3, seconds=45),
            Block((4,), (*LARGER, "series"), seeds=3, seconds=45),
            Block((4,), PAIR, seeds=3, seconds=100),
        ),
    ),
    Study(
        "fashion_mnist",
        draws=16,
        limit=256,
        num_samples=0,
        reference=4,
        tuning_seconds=30,
        blocks=(
            Block((4, 8), PAIR, seeds=3, seconds=60),
            Block((None,), IN_THE_LIMIT, seeds=3, seconds=60),
        ),
    ),
    *(
        Study(
            data,
            draws=64,
            limit=1000,
            num_samples=0,
            reference=4,
            tuning_seconds=15,
            tuning_seeds=2,
            blocks=(
                Block((4, 8), PAIR, seeds=5, seconds=15),
                Block((None,), IN_THE_LIMIT, seeds=5, seconds=15),
                Block((4,), PATHS, seeds=5, seconds=15),
                Block((4,), PAIR, seeds=5, seconds=6),
                Block((None,), IN_THE_LIMIT, seeds=5, seconds=6),
            ),
        )
        for data in ("cities", "checkerboard")
    ),
)


@dataclass(frozen=True)
class Pays(Comparison):
    """Does the learned path pay? Compares bounds on test of contenders trained for equal CPU time, tuned alike."""

    plan: ClassVar[Plan] = PLAN

    out: Path = Path("benchmarks/pays")
    """Folder of rows.jsonl, results.json, tables.md and figure.png."""
