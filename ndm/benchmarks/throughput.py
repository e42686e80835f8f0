"""How fast training is: our networks beside others' of the same FLOPs, in either precision, on one process or two."""

import json
import shlex
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from ndm.base.errors import InputError
from ndm.base.files import write_atomically
from ndm.base.progress import ProgressBar
from ndm.base.registry import choose
from ndm.benchmarks.comparison.machine import machines
from ndm.benchmarks.comparison.rows import Rows
from ndm.benchmarks.speed.entries import CASES, Case, entries
from ndm.benchmarks.speed.measure import SpeedJob, execute
from ndm.benchmarks.speed.summary import figures, markdown, ratios

_SCALED = ("identity", "series")  # what is trained on two processes too


@dataclass(frozen=True)
class Throughput:
    """Images and FLOPs a second of training, against diffusers' and azula's U-Nets at equal FLOPs of an image.

    Everything is trained by the same loop, each in fresh processes of one thread, in turn: A B C A B C ... With a GPU
    the network of the CIFAR-10 recipe is measured too. The same command goes on where it was stopped.
    """

    cases: ClassVar[dict[str, Case]] = CASES

    out: Path = Path("benchmarks/throughput")
    """Folder of rows.jsonl, results.json and tables.md."""
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
    dry_run: bool = False
    """Print what would be trained."""

    def run(self) -> int:
        """Measure what has no row yet, write, show. Exit code 1 where something could not be measured."""
        jobs = self._jobs()
        if self.dry_run:
            print("\n".join(job.key for job in jobs))
            return 0
        with Rows(self.out) as rows:
            left = [job for job in jobs if job.key not in rows.by_key]
            with ProgressBar("throughput") as bar:
                for number, job in enumerate(left):
                    bar.update(number / len(left), job.key)
                    try:
                        rows.add({"key": job.key} | vars(job) | execute(job, self.cases[job.case]))
                    except (RuntimeError, BrokenProcessPool) as error:  # out of memory, or a kernel that is missing
                        print(f"ndm: no result for {job.key}: {str(error).splitlines()[0]}", file=sys.stderr)
            found = [rows.by_key[job.key] for job in jobs if job.key in rows.by_key]
            if found:
                self._write(found)
        return 1 if len(found) < len(jobs) else 0

    def _jobs(self) -> list[SpeedJob]:
        """Repetitions come last: what is done is always balanced."""
        if min(self.repeats, self.steps, self.processes) < 1:
            raise InputError(
                f"{self.repeats} repeats of {self.steps} steps on {self.processes} processes", "at least 1 of each"
            )
        for name in self.precisions:
            choose("precision", name, {"float32": None, "bf16": None})
        has_gpu = torch.cuda.is_available()
        most = min(self.processes, torch.cuda.device_count()) if has_gpu else self.processes
        known = {entry for case in self.cases.values() for entry in entries(case)}
        for entry in self.only:
            choose("entry", entry, dict.fromkeys(known))
        return [
            SpeedJob(name, entry, precision, processes, repeat, self.steps)
            for repeat in range(self.repeats)
            for name, case in self.cases.items()
            if case.peers or has_gpu
            for precision in self.precisions
            for entry in entries(case)
            if entry in self.only or not self.only
            for processes in range(1, 1 + (most if entry in _SCALED else 1))
        ]

    def _write(self, rows: list[dict]) -> None:
        words = [
            "ndm",
            "benchmark",
            "throughput",
            "--out",
            str(self.out),
            "--repeats",
            str(self.repeats),
            "--steps",
            str(self.steps),
            "--processes",
            str(self.processes),
            *["--only", *self.only] * bool(self.only),
            "--precisions",
            *self.precisions,
        ]
        command = shlex.join(words)
        results = {"command": command, "machines": machines(rows), "ratios": ratios(rows), "figures": figures(rows)}
        text = markdown(rows, command)
        write_atomically(self.out / "results.json", (json.dumps(results, indent=1) + "\n").encode())
        write_atomically(self.out / "tables.md", text.encode())
        print(text + f"written to {self.out}: results.json, tables.md")
