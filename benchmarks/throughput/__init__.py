"""How fast training is: our networks beside others' of the same FLOPs, in either precision, on one process or two."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch

from benchmarks.engine.aggregate import Cell, Row, cells
from benchmarks.engine.output import table
from benchmarks.engine.study import Report, Stage, Study
from benchmarks.peers.unets import PEERS
from benchmarks.throughput.measure import CASES, Case, SpeedJob, entries, execute
from ndm.base.errors import InputError
from ndm.base.registry import choose

_SCALED = ("identity", "series")  # what is trained on two processes too
_PEERS = tuple(PEERS)
_LEARNED = ("scaling", "series", "residual")


@dataclass(frozen=True)
class Throughput(Study):
    """Images and FLOPs a second of training, against diffusers' and azula's U-Nets at equal FLOPs of an image.

    Everything is trained by the same loop, each in fresh processes of one thread, in turn: A B C A B C ... With a GPU
    the network of the CIFAR-10 recipe is measured too. The same command goes on where it was stopped.
    """

    plan: ClassVar[dict[str, Case]] = CASES

    repeats: int = 3
    """How often each is trained."""
    steps: int = 4
    """Steps that are timed in each training, after two that are not."""
    processes: int = 2
    """The most processes: 1 leaves the scaling out."""
    only: tuple[str, ...] = ()
    """Only these entries, e.g. identity azula."""
    precisions: tuple[str, ...] = ("float32", "bf16")
    """Of float32 and bf16."""

    def check(self) -> None:
        if min(self.repeats, self.steps, self.processes) < 1:
            got = f"{self.repeats} repeats of {self.steps} steps on {self.processes} processes"
            raise InputError(got, "at least 1 of each")
        for name in self.precisions:
            choose("precision", name, {"float32": None, "bf16": None})
        known = {entry for case in self.plan.values() for entry in entries(case)}
        for entry in self.only:
            choose("entry", entry, dict.fromkeys(known))

    def stages(self, rows: Mapping[str, Row]) -> Iterable[Stage]:
        """Repetitions come last: what is done is always balanced."""
        has_gpu = torch.cuda.is_available()
        most = min(self.processes, torch.cuda.device_count()) if has_gpu else self.processes
        jobs = [
            SpeedJob(name, entry, precision, processes, repeat, self.steps)
            for repeat in range(self.repeats)
            for name, case in self.plan.items()
            if case.peers or has_gpu
            for precision in self.precisions
            for entry in entries(case)
            if entry in self.only or not self.only
            for processes in range(1, 1 + (most if entry in _SCALED else 1))
        ]
        return [
            Stage("throughput", partial(execute, self.plan), jobs, ("step_seconds", "images_per_second", "machine"))
        ]

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        found = cells(rows["throughput"], "case", "entry", "precision", "processes")
        return [markdown(found)], {}


def ratios(cells: Sequence[Cell]) -> dict[str, list[float]]:
    """What the targets are about: [median, lowest, highest] over repetitions, by what it is a ratio of."""
    at = {tuple(cell.of[name] for name in ("case", "precision", "processes", "entry")): cell for cell in cells}
    found = {}
    for (case, precision, processes, entry), cell in at.items():
        where, alone = f"{case}, {precision}", at.get((case, precision, 1, entry))
        peers = [
            other for key, other in at.items() if key[:3] == (case, precision, processes) and key[3].startswith(_PEERS)
        ]
        if entry == "identity" and processes == 1 and peers:
            best = max(peers, key=lambda other: _median(other, "flops_per_second"))
            what = f"FLOP/s of ours over the best peer ({best.of['entry']})"
            found[f"{where}: {what}"] = _over(cell, best, "flops_per_second")
        if processes > 1 and alone:
            what = f"images/s of {entry} on {processes} processes over one"
            found[f"{where}: {what}"] = _over(cell, alone, "images_per_second")
        identity = at.get((case, precision, processes, "identity"))
        if processes == 1 and identity and entry in _LEARNED:
            found[f"{where}: time of a step of {entry} over identity's"] = _over(cell, identity, "step_seconds")
    return found


def _median(cell: Cell, name: str) -> float:
    return float(statistics.median(row[name] for row in cell.rows))


def _over(cell: Cell, other: Cell, name: str) -> list[float]:
    beside = {row["repeat"]: row[name] for row in other.rows}
    values = [row[name] / beside[row["repeat"]] for row in cell.rows if row["repeat"] in beside] or [float("nan")]
    return [statistics.median(values), min(values), max(values)]


def markdown(cells: Sequence[Cell]) -> str:
    """The ratios, then every kind of training: medians, the lowest and highest images/s, shares of the peak."""
    spread = [
        [name, f"**{middle:.2f}**", f"{low:.2f} to {high:.2f}"] for name, (middle, low, high) in ratios(cells).items()
    ]
    heads = ["entry", "precision", "processes", "images/s", "lowest to highest", "GFLOP an image", "GFLOP/s"]
    heads += ["of measured peak", "of stated peak", "waiting for data", "MiB", "parameters", "device"]
    return (
        f"{table('ratio', ['median', 'lowest to highest'], spread)}\n\n{table('case', heads, list(map(_line, cells)))}"
    )


def _line(cell: Cell) -> list[str]:
    def median(name: str) -> float:
        return _median(cell, name)

    speeds, processes = [row["images_per_second"] for row in cell.rows], cell.of["processes"]
    stated, of_one = cell.rows[0]["peak_stated"], median("flops_per_second") / processes
    return [
        *(cell.of["case"], cell.of["entry"], cell.of["precision"], str(processes)),
        *(f"{median('images_per_second'):.1f}", f"{min(speeds):.1f} to {max(speeds):.1f}"),
        *(f"{median('flops_per_image') / 1e9:.2f}", f"{median('flops_per_second') / 1e9:.1f}"),
        *(f"{of_one / median('peak_measured'):.1%}", f"{of_one / stated:.1%}" if stated else ""),
        *(f"{median('waiting_share'):.2%}", f"{median('memory_mib'):.0f}", f"{median('parameters'):,.0f}"),
        cell.rows[0]["device"],
    ]
