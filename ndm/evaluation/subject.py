"""The examples that are evaluated: a split of the run's data, or other data, read like the run's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndm.base.errors import InputError
from ndm.data import DataSet, Split, Whole, options_of, read, source_of
from ndm.data.dataset import FEWEST, SPLITS, NoCondition
from ndm.data.formats.dequantise import Noise, listed
from ndm.data.lazy import Examples
from ndm.data.remarks import remarks
from ndm.evaluation.conditions import option_of
from ndm.runs.run import Run

ALL = "all"


@dataclass(frozen=True)
class Subject:
    """Examples on which a run is evaluated.

    is_own   whether they are of the data that the run was trained on
    how      how their columns were matched with those of the run, in words
    """

    data: Whole | DataSet
    split: str
    is_own: bool
    how: str
    limit: int | None

    @property
    def x(self) -> Examples:
        """The examples: all, or the first `limit`."""
        return self._split.x if self.limit is None else self._split.x[: self.limit]

    @property
    def cond(self) -> np.ndarray | None:
        """The condition of each example, in the numbers of the data; None without one."""
        cond = self._split.cond
        return None if cond is None else cond[: self.limit]

    @property
    def _split(self) -> Split:
        return self.data.whole().examples if self.split == ALL else self.data.divided().split(self.split)

    @property
    def num_of_split(self) -> int:
        """The number of examples without the limit."""
        return len(self._split)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the data, which tells them from others of the same name."""
        if self.split == ALL and not self.is_own:
            return self.data.whole().fingerprint()
        return self.data.divided().fingerprint()

    def others(self) -> Examples:
        """Examples of another split, in a random order, to compare with."""
        if self.split == ALL:
            raise InputError(
                "--transport for data that are not split", "another split to compare with", "say --split test"
            )
        other = self.data.divided().split("validation" if self.split == "train" else "train")
        return other.x[: len(other)][other.order()]

    def __str__(self) -> str:
        number, kind = self.num_of_split, "rows" if "columns" in self.data.reading else "examples"
        some = self.limit is not None and self.limit < number
        said = f"the first {self.limit} of {number} {kind}" if some else f"all {number} {kind}"
        where = self.data.name if self.split == ALL else f"the {self.split} split of {self.data.name}"
        return f"{said} of {where}" + f", {self.how}" * bool(self.how)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes and remarks on the data."""
        if self.split != ALL or isinstance(self.data, DataSet):
            return self.data.divided().notes
        few = self.num_of_split < FEWEST  # which are alike by chance
        return self.data.notes if few else (*self.data.notes, *remarks(self._split.x, self.data.columns))

    @property
    def remark(self) -> str | None:
        """A remark on a bound on these examples, if one is needed."""
        if not self.is_own or self.split != ALL:
            return None
        train = len(self.data.divided().train)
        return f"{train} of {self.num_of_split} are the run's own training examples, on which its bound is too good"


def subject(
    run: Run,
    name: str | None,
    options: Mapping[str, Any],
    split: str | None,
    limit: int | None,
    needs_condition: bool = True,
) -> Subject:
    """The run's own data, or those called `name`, read with `options` where they are given and like its own otherwise.

    Of the run's data it is the test split, and all of others, unless a `split` is named. Of others the condition of
    each example is read where the caller `needs_condition`. Raises `InputError` for data that cannot be had, or that
    the model cannot take.
    """
    if split not in (None, ALL, *SPLITS):
        raise InputError(f"split {split!r}", "one of " + ", ".join((*SPLITS, ALL)))
    if limit is not None and limit < 1:
        raise InputError(f"limit = {limit}", "at least 1")
    about = run.config["data"]
    if name is None and not options:
        return Subject(run.read(), split or "test", True, "", limit)
    place = name or about["from"]
    found: Whole | DataSet
    if source_of(place) == about["from"] and not options:
        found, how = read(place, run.config["data_options"], run.config["condition"]), ""
        if _is(found, about["fingerprint"]):
            return Subject(run.checked(found), split or ALL, True, how, limit)
    condition = run.config["condition"] if needs_condition else ()
    try:
        found, how = _alike(place, options, about["reading"], condition)
    except NoCondition as error:
        assert run.model.condition is not None
        raise InputError(
            error.got,
            f"the condition of the run, {', '.join(condition)}, of each example",
            f"add it to the data, or give one to all: {option_of(run.model.condition)}",
        ) from error
    return Subject(run.checked(found), split or ALL, _is(found, about["fingerprint"]), how, limit)


def _is(data: Whole | DataSet, fingerprint: str) -> bool:
    """Whether the data have that fingerprint; data that cannot be split have none."""
    try:
        return data.divided().fingerprint() == fingerprint
    except InputError:
        return False


def _alike(
    place: str, given: Mapping[str, Any], reading: Mapping[str, Any], condition: Sequence[str]
) -> tuple[Whole | DataSet, str]:
    """Read data by `reading`, the options of the run's data, except for what is `given`; and say how, in words.

    Columns are matched by name. Where names are given, or there are none, they are matched by position. Those
    of the `condition` are always matched by name.
    """
    known, own = options_of(place), reading.get("columns", [])
    options = {name: value for name, value in reading.items() if name in known}
    stands_for = dict(zip(own, own, strict=True))
    if "columns" in given and own:
        columns = given["columns"] if isinstance(given["columns"], list) else [given["columns"]]
        if len(columns) != len(own):
            raise InputError(f"columns={listed(columns)}", f"{len(own)} of them, in the places of {listed(own)}")
        stands_for = dict(zip(own, columns, strict=True))
    if noise := reading.get("dequantise", {}):
        places = {name: _renamed(name, stands_for) for name in reading.get("dimensions", [])}
        if bool(own) != ("columns" in known):  # names on one side alone: it is by their places
            options["dequantise"] = {}
            names = read(place, options | dict(given), condition).columns
            places = dict(
                zip(
                    reading.get("dimensions", []) or map(str, range(len(names))),
                    names or map(str, range(len(reading.get("dimensions", [])))),
                    strict=False,
                )
            )
        options["dequantise"] = {places.get(name, name): Noise(step, name) for name, step in noise.items()}
    found = read(place, options | dict(given), condition)
    names = found.reading.get("columns", [])
    words = []
    if names:
        words.append(f"columns {listed(names)}")
        words.append(
            f"in the places of {listed(own)}"
            if "columns" in given and own
            else "matched by name"
            if own
            else "matched by position"
        )
    elif own:
        words += [f"columns matched by position with {listed(own)}"]
    if left_out := getattr(found, "left_out", ()):
        words.append(f"left out: {listed(left_out)}")
    return found, f"{words[0]}" + f" ({'; '.join(words[1:])})" * (len(words) > 1) if words else ""


def _renamed(name: str, stands_for: Mapping[str, str]) -> str:
    """Find the column that stands for column `name`, or for the one that it is a part of, as v[0] is of v."""
    stem, bracket, place = (name, "", "") if name in stands_for else name.rpartition("[")
    return stands_for[stem] + bracket + place
