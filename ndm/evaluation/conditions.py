"""The condition under which a run is sampled or evaluated: named by the caller, or of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.seeds import check_seed
from ndm.nn.embeddings import NO_LABEL
from ndm.parts.conditions import Condition, LabelCondition, ValueCondition
from ndm.runs.run import Run

_FARTHEST = 1000  # standard deviations: beyond, networks overflow
_CONDITIONS = 2  # tells the random numbers of conditions from others of a seed


class Told(NamedTuple):
    """A condition that is named: what it is, in words and as data, and cond (1, ...); None for no condition."""

    words: str
    given: dict[str, Any]
    cond: Tensor | None

    def each(self, number: int) -> Tensor | None:
        """The condition of each of `number` examples."""
        return None if self.cond is None else self.cond.expand(number, *self.cond.shape[1:])


@dataclass(frozen=True)
class Named:
    """The condition that a caller names; nothing leaves it to the data.

    labels          names of classes, as in the data
    values          real values by the names of their columns
    unconditional   no condition
    """

    labels: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    unconditional: bool = False

    def of(self, run: Run) -> list[Told]:
        """The conditions that are named, none if none is; raises `InputError` for what the model is not told."""
        asked = [word for word, value in self._words().items() if value]
        if not asked:
            return []
        if len(asked) > 1:
            raise InputError(f"{asked[0]} and {asked[1]}", "one of them")
        condition = run.model.condition
        if condition is None:
            raise InputError(
                f"{asked[0]} for {run.folder}, whose model is told nothing",
                "a conditional run",
                "train one: ndm train DATA --condition label",
            )
        if self.unconditional:
            return [self._nothing(run)]
        if isinstance(condition, LabelCondition):
            if self.values:
                raise InputError(
                    f"--values for {run.folder}", "its condition, the class", f"say {option_of(condition)}"
                )
            numbers = condition.numbers(self.labels)
            return [
                Told(f"label = {name}", {"label": name}, number[None])
                for name, number in zip(self.labels, numbers, strict=True)
            ]
        assert isinstance(condition, ValueCondition)
        if self.labels:
            raise InputError(
                f"--label for {run.folder}",
                f"its condition, {', '.join(condition.names)}",
                f"say {option_of(condition)}",
            )
        return [_of_values(condition, self.values)]

    def _words(self) -> dict[str, Any]:
        return {"--label": self.labels, "--values": self.values, "--unconditional": self.unconditional}

    @staticmethod
    def _nothing(run: Run) -> Told:
        condition = run.model.condition
        if not isinstance(condition, LabelCondition) or not condition.knows_none:
            raise InputError(
                f"--unconditional for {run.folder}, whose model was always told its condition",
                "a model that was also trained on examples without a label",
                "train one on data some of whose labels are missing, with --data-options unlabelled=keep",
            )
        return Told("no label", {}, None)


def option_of(condition: Condition) -> str:
    """The option that names a condition, as --values age=... sex=..."""
    if isinstance(condition, LabelCondition):
        return "--label NAME"
    return "--values " + " ".join(f"{name}=..." for name in condition.names)


def _of_values(condition: ValueCondition, values: Mapping[str, Any]) -> Told:
    if set(values) != set(condition.names):
        raise InputError(
            f"--values of {', '.join(values)}",
            f"one for each of {', '.join(condition.names)}",
            f"say {option_of(condition)}",
        )
    row = []
    for name, loc, scale in zip(condition.names, condition.loc.tolist(), condition.scale.tolist(), strict=True):
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise InputError(f"--values {name}={value}", "a finite number")
        if abs(value - loc) > _FARTHEST * scale:
            raise InputError(
                f"--values {name}={value}",
                f"at most {_FARTHEST:,} standard deviations, {scale:g}, from the mean of the training data, {loc:g}",
                "the model knows nothing of such values",
            )
        row.append(float(value))
    given = dict(zip(condition.names, row, strict=True))
    return Told(as_words(given), given, torch.tensor([row], dtype=torch.float32))


def drawn(run: Run, number: int, seed: int) -> tuple[Tensor | None, str]:
    """Conditions (number, ...) as the training data have them, and where they come from, in words; None for none.

    Classes are drawn by their frequencies, no class among them; real values are those of training examples. Condition i
    depends on the seed and i only. Raises `InputError` where the training examples are needed and not there.
    """
    condition = run.model.condition
    check_seed(seed)
    u = np.random.default_rng((seed, _CONDITIONS)).random(number)
    if isinstance(condition, LabelCondition) and condition.frequencies:
        cumulative = np.cumsum(condition.frequencies)
        places = np.searchsorted(cumulative / cumulative[-1], u, side="right").clip(max=len(condition.classes))
        return (
            torch.from_numpy(np.where(places == len(condition.classes), NO_LABEL, places)),
            "labels drawn in the proportions of the training data",
        )
    if condition is None:
        return None, ""
    data = run.data()
    cond = data.train.cond
    assert cond is not None
    places = (u * len(cond)).astype(np.int64)
    return run.told(data, cond[places]), f"{', '.join(condition.names)} of examples drawn from the training data"


@dataclass(frozen=True)
class Request:
    """The conditions of samples, in order: groups of equal ones that were named, or one group of others.

    cond     of each sample, (num, ...); None for none
    groups   how many samples there are of each group, and what their condition is, in words
    remark   where conditions come from that were not named
    """

    num: int
    cond: Tensor | None
    groups: tuple[tuple[int, str], ...]
    remark: str


def request(run: Run, num: int, named: Named, seed: int) -> Request:
    """`num` samples of each condition that is named, or `num` with conditions as the training data have them.

    Raises `InputError` for conditions that the model does not know.
    """
    told = named.of(run)
    if not told:
        cond, remark = drawn(run, num, seed)
        return Request(num, cond, ((num, ""),), remark)
    each = [one.each(num) for one in told]
    cond = None if each[0] is None else torch.cat([rows for rows in each if rows is not None])
    return Request(num * len(told), cond, tuple((num, one.words) for one in told), "")


def named_arrays(run: Run, cond: Tensor | None) -> dict[str, np.ndarray]:
    """Conditions as arrays of a file, by key: y, the names of classes, or cond, real values; none without any."""
    condition = run.model.condition
    if condition is None or cond is None:
        return {}
    if isinstance(condition, LabelCondition):
        return {"y": np.array(condition.named(cond))}
    return {"cond": cond.cpu().numpy(), "names": np.array(condition.names)}


def given_what(run: Run, told: Told | None) -> dict[str, Any]:
    """The entry of evaluation.json for the condition: its names, and what was given in place of each example's."""
    condition = run.model.condition
    return {
        "condition": None if condition is None else list(condition.names),
        "given": None if told is None else told.given,
    }


def given_words(evaluation: dict[str, Any]) -> str:
    """Describe the condition of an evaluation, to follow on other words: empty where there is none."""
    names, given = evaluation.get("condition"), evaluation.get("given")
    if names is None:
        return ""
    if given is None:
        return f", given {', '.join(names)} of each example"
    return f", given {as_words(given) or 'no label'}"


def as_words(given: dict[str, Any], equals: str = " = ") -> str:
    """A condition that was given, as label = cat."""
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in given.items()}
    return ", ".join(f"{name}{equals}{value}" for name, value in shown.items())
