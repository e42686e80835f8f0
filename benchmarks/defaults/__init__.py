"""Defaults that fit: a search on real data for networks, sizes and rates, which the rules of `ndm train` are made by.

Trials are drawn from a written space (`space`), and halved on each set: all of them are trained for a minute, the best
quarter for two, the last two for ten. Each training is a new one from the start, as its learning rate decays over its
budget; it has all cores, and what a trial does not say the rules of `ndm train` choose. Validation decides; test is
evaluated from the second budget on, and decides nothing.

Then image sets are left out in turn: the trial that the rows of the others choose (`halving.refit`) is trained on the
set that had no part in the choice, in continuous time and in a chain of 8 steps, and on some of these for an hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.defaults.halving import best, refit
from benchmarks.defaults.output import of_sets, picture, seconds_of, sections
from benchmarks.defaults.sets import CACHE, SETS, RealSet, Result, build
from benchmarks.defaults.space import CHAIN, LONG, MINUTES, SETS_BY_DEFAULT
from benchmarks.defaults.trials import SetJob, TrialJob, about, execute, settings
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study
from ndm.base.errors import InputError
from ndm.base.registry import choose

_SETS = "sets"
_HALVING = tuple(f"{minutes} min" for minutes in MINUTES)
_OF_TRIAL = ("data", "kind", "trial", "seconds", "timesteps", "settings", "machine")
_FIGURES = ("validation", "steps_trained", "ms_per_step", "parameters", "whole_seconds")


@dataclass(frozen=True)
class Defaults(Study):
    """Which settings are best on many real data sets in the same time, and how good are they on sets left out?

    One training after the other has the whole machine. `--trials 0` only makes the sets, and says what they are and
    what codecs take for them.
    """

    only: tuple[str, ...] = SETS_BY_DEFAULT
    """names of sets; image sets are left out in this order"""
    trials: int = 8
    """of each set in the first round, 0 (what the rules choose), 1, ..."""
    left_out: int = 3
    """image sets that are left out, and trained with what the others choose"""
    long: int = 2
    """image sets of these that are trained so for an hour too"""
    scale: float = 1.0
    """factor on all budgets of training; 0.01 is a smoke test"""
    cache: Path = CACHE
    """the folder of archives and sets"""

    def check(self) -> None:
        for each in self.sets():
            print("\n".join(said(each, build(each, self.cache.expanduser()))), flush=True)

    def sets(self) -> list[RealSet]:
        """The sets that are asked for; `InputError` for wrong options."""
        if min(self.trials, self.left_out, self.long) < 0:
            raise InputError(f"trials = {self.trials}, left_out = {self.left_out}, long = {self.long}", "at least 0")
        if not 0 < self.scale <= 100:
            raise InputError(f"scale = {self.scale}", "a positive number, at most 100")
        if not self.only or len(set(self.only)) < len(self.only):
            raise InputError(f"only {', '.join(self.only) or 'nothing'}", "names of sets, each once")
        return [choose("set", name, SETS) for name in self.only]

    def stages(self, rows: Mapping[str, Row]) -> Iterator[Stage]:
        sets = self.sets()
        cache = self.cache.expanduser()
        yield Stage(
            _SETS,
            partial(about, sets=SETS, cache=cache),
            [SetJob(each.name) for each in sets],
            ("kind", "codecs", "machine"),
        )

        def stage(name: str, jobs: Sequence[TrialJob]) -> Stage:
            return Stage(name, partial(execute, sets=SETS, cache=cache), jobs, _OF_TRIAL, _FIGURES, settings)

        def found(jobs: Iterable[TrialJob]) -> list[Row]:
            return [rows[job.key] for job in jobs if job.key in rows]

        trials = {each.name: list(range(self.trials)) for each in sets}
        halving: list[TrialJob] = []
        for number, (name, minutes) in enumerate(zip(_HALVING, MINUTES, strict=True)):
            jobs = [self.job(each, trial, minutes) for each in sets for trial in trials[each.name]]
            jobs = [replace(job, tested=number > 0) for job in jobs]
            yield stage(name, jobs)
            halving += jobs
            left = max(2, self.trials // 4) if number == 0 else 2
            trials = {
                each.name: self._best([job for job in jobs if job.data == each.name], rows, left) for each in sets
            }
            if number == 1:
                images = [each for each in sets if each.kind == "image"]
                chains = [self.job(each, trial, minutes) for each in images for trial in trials[each.name]]
                yield stage(f"{minutes} min, T = {CHAIN}", [replace(job, timesteps=CHAIN) for job in chains])
        of_images = found(job for job in halving if job.kind == "image")
        yield stage(
            "left out",
            [
                replace(job, timesteps=timesteps)
                for minutes in MINUTES[1:]
                for timesteps in (None, CHAIN)
                for job in self._left_out(sets, of_images, minutes, self.left_out)
            ],
        )
        yield stage(f"left out, {LONG} min", self._left_out(sets, of_images, LONG, min(self.long, self.left_out)))

    def job(self, chosen: RealSet, trial: int, minutes: float) -> TrialJob:
        """A training of what stands for so many minutes, in continuous time."""
        draws = TrialJob.draws if chosen.kind == "image" else 16
        seconds = seconds_of(chosen.kind, minutes, self.scale)
        return TrialJob(chosen.name, chosen.kind, trial, seconds, draws=draws)

    def _best(self, jobs: Sequence[TrialJob], rows: Mapping[str, Row], number: int) -> list[int]:
        """The trials that go on; as long as there are no rows, as in a dry run, the first."""
        done = [rows[job.key] for job in jobs if job.key in rows]
        return best(done, number) if done else [job.trial for job in jobs[:number]]

    def _left_out(self, sets: Sequence[RealSet], rows: Sequence[Row], minutes: int, number: int) -> list[TrialJob]:
        """The jobs of the first image sets, with the trials that the others choose; trial 0 in a dry run."""
        images = [each for each in sets if each.kind == "image"]
        if len(images) < 2 or not self.trials:
            return []
        seconds = seconds_of("image", minutes, self.scale)
        return [self.job(each, refit(rows, seconds, each.name) or 0, minutes) for each in images[:number]]

    def has_report(self, rows: Mapping[str, list[Row]]) -> bool:
        """Whether there is something to say: as soon as a set is made."""
        return bool(rows[_SETS])

    def keep(self, rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
        """Each row once, with the first of its stages: sets that are left out may have had the training before."""
        kept, seen = {}, set()
        for name, own in super().keep(rows).items():
            kept[name] = [row for row in own if row["key"] not in seen]
            seen |= {row["key"] for row in own}
        return kept

    def report(self, rows: Mapping[str, list[Row]]) -> Report:
        sets = {row["data"]: row for row in rows[_SETS]}
        halving = [row for name in _HALVING if name in rows for row in rows[name]]
        others = [row for name, own in rows.items() if name not in (_SETS, *_HALVING) for row in own]
        paragraphs = ["## The sets", of_sets(sets)]
        if not halving:
            return paragraphs, {}
        images = [name for name, row in sets.items() if row["kind"] == "image"]
        told = sections(halving, others, sets, images[: self.left_out] if others else [], self.scale)
        return [*paragraphs, *told], {"bits.png": picture([*halving, *others], sets)}

    def summary(self) -> str:
        """The jobs of each stage and their time: all is done one after the other, with what comes on top."""
        lines, whole = [], 0.0
        for stage in self.stages({}):
            seconds = sum(job.weight for job in stage.jobs)
            whole += seconds
            lines.append(f"{stage.name}: {len(stage.jobs)} jobs, {seconds / 60:.0f} minutes")
        return "\n".join([*lines, f"all: {whole / 3600:.1f} hours at most, evaluation included"])


def said(chosen: RealSet, result: Result) -> Iterator[str]:
    """Lines on whose data they are, what is done to them, and what was left out."""
    yield f"{chosen.name}: {chosen.whose}; {chosen.done}"
    if chosen.archives:
        yield f"  from {', '.join(f'{each.title} ({each.registry})' for each in chosen.archives)}"
    if result.notes:
        yield f"  left out: {', '.join(result.notes)}"
