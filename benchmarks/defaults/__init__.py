"""Defaults that fit: a search on real data for networks, sizes and rates, which the rules of `ndm train` are made by.

Trial `rules` is what the rules choose for a set; every other trial has one of its settings changed to another value of
a written space (`space`). All are trained for a minute on the first image sets and on all tables, whose minute is
shorter, and those that were better than the rules on most of these images, and clearly on one, on all other images. On
the first sets what the rules choose, the best two changes, and all changes together that are clearly better are trained
for two minutes, and the best two of these for ten; of images also the best of them with a larger network. Each training
is a new one from the start, as its learning rate decays over its budget, and it has all cores. Validation decides; test
is evaluated from the second budget on, and decides nothing.

The rules get a minute on the clock. All other budgets are numbers of steps: as many as they would hold at that pace, by
steps of both timed in turns (`trials.Pace`).

Then the last image sets are left out in turn: the changes that the rows of the others choose (`search.refit`) are
trained on the set that had no part in the choice, for two minutes in a chain of 8 steps too, and on some of these for
an hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.defaults.output import of_sets, picture, seconds_of, sections
from benchmarks.defaults.search import best, changes, combined, helpful, ruled
from benchmarks.defaults.space import (
    CHAIN,
    LONG,
    MINUTES,
    RULES,
    SETS_BY_DEFAULT,
    SPACE,
    larger,
    name_of,
    network_of,
    size_of,
)
from benchmarks.defaults.trials import Pace, SetJob, TrialJob, about, execute
from benchmarks.engine.rows import Row
from benchmarks.engine.study import Report, Stage, Study
from benchmarks.sets.catalogue import SETS
from benchmarks.sets.real_set import CACHE, RealSet, Result, build
from ndm.base.errors import InputError
from ndm.base.registry import choose

_SETS = "sets"
_OF_RULES = f"{MINUTES[0]} min, {RULES}"
_OTHERS = f"{MINUTES[0]} min, other sets"
_ROUNDS = tuple(f"{minutes} min" for minutes in MINUTES)
_LARGER = f"{MINUTES[-1]} min, larger networks"
_SEARCH = (_OF_RULES, _OTHERS, *_ROUNDS, _LARGER)
_OF_TRIAL = ("data", "kind", "trial", "seconds", "timesteps", "settings", "machine")
_FIGURES = (
    *("validation", "unit", "levels", "examples", "dimensions"),
    *("steps_trained", "ms_per_step", "parameters", "whole_seconds"),
)


@dataclass(frozen=True)
class Defaults(Study):
    """Which settings are best on many real data sets in the same time, and how good are they on sets left out?

    One training after the other has the whole machine. The trials follow from the space and from what the rules choose.
    """

    only: tuple[str, ...] = SETS_BY_DEFAULT
    """names of sets; the last image sets are left out"""
    made_only: bool = False
    """make the sets, say what they are and what codecs take for them, and train nothing"""
    further: int = 3
    """sets of each kind, the first, that are trained for longer than a minute; of images all trials on these alone"""
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
        if min(self.further, self.left_out, self.long) < 0:
            raise InputError(f"further = {self.further}, left_out = {self.left_out}, long = {self.long}", "at least 0")
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
        if self.made_only:
            return

        def stage(name: str, jobs: Iterable[TrialJob]) -> Stage:
            return Stage(name, partial(execute, sets=SETS, cache=cache), list(jobs), _OF_TRIAL, _FIGURES)

        def found(jobs: Iterable[TrialJob]) -> list[Row]:
            return [rows[job.key] for job in jobs if job.key in rows]

        first, second, third = MINUTES
        of_rules = [self.job(each, RULES, first, tested=False) for each in sets]
        yield stage(_OF_RULES, of_rules)
        paces = {job.data: pace_of(rows.get(job.key)) for job in of_rules}
        asked = [
            replace(job, trial=trial, pace=paces[each.name])
            for each, job in zip(sets, of_rules, strict=True)
            for trial in (changes(rows.get(job.key)) if rows else _expected(each))
        ]
        firsts = self._further(sets)
        names = [each.name for each in sets if each in firsts or each.kind == "table"]
        one = [job for job in asked if job.data in names]
        yield stage(_ROUNDS[0], one)
        done = found([*of_rules, *one])
        go_on = helpful(row for row in done if row["kind"] == "image")
        others = [job for job in asked if job.data not in names and job.trial in go_on]
        if not rows:  # a third of them, say
            others = [job for job in asked if job.data not in names][::3]
        yield stage(_OTHERS, others)
        one += others

        two: list[TrialJob] = []
        for each in firsts:
            done = found(job for job in [*of_rules, *one] if job.data == each.name)
            singles = [row for row in done if row["trial"] != RULES]
            trials = [*best(singles, 2), combined(done)] if rows else _expected(each)[:3]
            two += [self.job(each, trial, second, paces[each.name]) for trial in dict.fromkeys([RULES, *trials])]
        yield stage(_ROUNDS[1], two)
        left: list[TrialJob] = []
        for each in firsts:
            jobs = [job for job in two if job.data == each.name]
            trials = best(found(jobs), 2) if rows else [job.trial for job in jobs[:2]]
            left += [job for job in jobs if job.trial in trials]
        longer = [replace(job, seconds=seconds_of(job.kind, third, self.scale)) for job in left]
        yield stage(_ROUNDS[2], longer)
        yield stage(_LARGER, self._larger(longer, found(longer)) if rows else longer[: self.further])

        of_images = [row for row in found([*of_rules, *one]) if row["kind"] == "image"]
        left_out = partial(self._left_out, self._last_images(sets), of_images, paces)
        shorter = [job for minutes in MINUTES[1:] for job in left_out(minutes)]
        chains = [replace(job, timesteps=CHAIN) for job in shorter if job.seconds == shorter[0].seconds]
        yield stage("left out", [*shorter, *chains])
        yield stage(f"left out, {LONG} min", left_out(LONG)[: self.long])

    def job(
        self, chosen: RealSet, trial: str, minutes: float, pace: Pace | None = None, tested: bool = True
    ) -> TrialJob:
        """A training of what stands for so many minutes, in continuous time."""
        draws = TrialJob.draws if chosen.kind == "image" else 16
        seconds = seconds_of(chosen.kind, minutes, self.scale)
        return TrialJob(chosen.name, chosen.kind, trial, seconds, pace=pace, tested=tested, draws=draws)

    def _further(self, sets: Sequence[RealSet]) -> list[RealSet]:
        """The first sets of each kind, in the order in which they are asked for."""
        kinds = [each.kind for each in sets]
        return [each for place, each in enumerate(sets) if kinds[:place].count(each.kind) < self.further]

    def _larger(self, jobs: Sequence[TrialJob], rows: Sequence[Row]) -> list[TrialJob]:
        """The best of these jobs of each image set, with the next larger network: a minute says nothing of it."""
        found = []
        for name in dict.fromkeys(job.data for job in jobs if job.kind == "image"):
            own = {row["trial"]: row for row in rows if row["data"] == name}
            for trial in best(own.values(), 1):
                if (other := larger(trial, own[trial]["settings"], network_of("image"))) is not None:
                    found.append(next(replace(job, trial=other) for job in jobs if job.data == name))
        return found

    def _left_out(
        self, sets: Sequence[RealSet], rows: Sequence[Row], paces: Mapping[str, Pace | None], minutes: int
    ) -> list[TrialJob]:
        """The jobs of these sets, with the changes that the rows of the others choose; `rules` in a dry run."""
        return [self.job(each, name_of(ruled(rows, minutes, each.name)), minutes, paces[each.name]) for each in sets]

    def _last_images(self, sets: Sequence[RealSet]) -> list[RealSet]:
        """The image sets that are left out; none where there is no other that could choose."""
        images = [each for each in sets if each.kind == "image"]
        return images[max(0, len(images) - self.left_out) :] if len(images) > 1 else []

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
        searched = [row for name in _SEARCH if name in rows for row in rows[name]]
        others = [row for name, own in rows.items() if name not in (_SETS, *_SEARCH) for row in own]
        paragraphs = ["## The sets", of_sets(sets)]
        if not searched:
            return paragraphs, {}
        left_out = [each.name for each in self._last_images(self.sets())] if others else []
        told = sections(searched, others, sets, left_out, self.scale)
        return [*paragraphs, *told], {"bits.png": picture([*searched, *others], sets)}

    def summary(self) -> str:
        """The jobs of each stage and their time: all is done one after the other, with what comes on top."""
        loads = self.loads()
        lines = [f"{name}: {jobs} jobs, {seconds / 60:.0f} minutes" for name, jobs, seconds in loads]
        whole = sum(seconds for *_, seconds in loads)
        last = f"all: {whole / 3600:.1f} hours at most, where the rules' own values are of the space"
        return "\n".join([*lines, f"{last}; evaluation included"])


def pace_of(rules: Row | None) -> Pace | None:
    """The pace of the machine by a row of what the rules choose; None where that failed or is not there."""
    if rules is None or "failed" in rules:
        return None
    return Pace(rules["seconds"], rules["steps_trained"], rules["settings"][size_of(network_of(rules["kind"]))])


def _expected(chosen: RealSet) -> list[str]:
    """The trials of one change that a set has at most, where of each setting one value is the rules' own."""
    space = SPACE[network_of(chosen.kind)]
    return [name_of({name: value}) for name, values in space.items() for value in values[1:]]


def said(chosen: RealSet, result: Result) -> Iterator[str]:
    """Lines on whose data they are, what is done to them, and what was left out."""
    yield f"{chosen.name}: {chosen.whose}; {chosen.done}"
    if chosen.archives:
        yield f"  from {', '.join(f'{each.title} ({each.registry})' for each in chosen.archives)}"
    if result.notes:
        yield f"  left out: {', '.join(result.notes)}"
