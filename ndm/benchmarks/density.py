"""Densities of points at equal seconds of training: ours, a spline flow and flow matching, by held-out likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from ndm.benchmarks.comparison.aggregate import Cell, cells
from ndm.benchmarks.comparison.command import Comparison
from ndm.benchmarks.comparison.plan import Block, Plan, Study
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.comparison.stages import Outcome, collect
from ndm.benchmarks.densities.contenders import contenders
from ndm.benchmarks.densities.execute import METHOD
from ndm.benchmarks.densities.figure import picture
from ndm.benchmarks.densities.scatter import scatter
from ndm.benchmarks.densities.tables import REFERENCE, markdown, show

CONTENDERS = ("identity", "learned", "nsf", "i_cfm", "ot_cfm", "vp_cfm")

PLAN: Plan = tuple(
    # Rates are tried at the full budget: trials of five seconds chose far too high ones for it.
    Study(
        data,
        draws=0,
        limit=3000,
        num_samples=3000,
        reference=None,
        tuning_seconds=30,
        tuning_limit=1000,
        blocks=(Block((None,), CONTENDERS, seeds=3, seconds=30),),
    )
    for data in ("moons", "8gaussians", "checkerboard", "pinwheel", "cities")
)


@dataclass(frozen=True)
class Density(Comparison):
    """Held-out log-likelihood of points: ours against a spline flow and flow matching, trained for equal CPU time."""

    plan: ClassVar[Plan] = PLAN
    method = METHOD
    references: ClassVar[tuple[str, ...]] = (REFERENCE,)

    out: Path = Path("benchmarks/density")
    """Folder of rows.jsonl, results.json, tables.md, figure.png and samples.png."""
    timesteps: tyro.conf.Suppress[tuple[int, ...]] = ()  # all are models of continuous time

    def run(self) -> int:
        """As every comparison; packages that are absent are missed before anything is done."""
        if not self.dry_run:
            for name in dict.fromkeys(name for study in self.chosen() for name in study.contenders):
                contenders()[name].check()
        return super().run()

    def write(self, plan: Plan, rows: Rows) -> int:
        """The files, and a table on the screen."""
        missing = super().write(plan, rows)
        show(cells(collect(plan, rows).rows))
        return missing

    def tables(self, cells: Sequence[Cell], outcome: Outcome) -> str:
        """tables.md: likelihoods, samples and times."""
        return markdown(cells, outcome.rates)

    def pictures(self, cells: Sequence[Cell]) -> dict[str, bytes]:
        """figure.png: excess over the truth; samples.png: data and samples."""
        return {"figure.png": picture(cells), "samples.png": scatter(cells)}
