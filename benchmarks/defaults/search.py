"""What trials say: which go on, what a set combines, and the rule that other sets choose. Functions of rows alone.

A row of a trial has its `data`, `kind`, `trial`, `seconds`, `timesteps`, its `settings` in the words of the space, and
`validation` or `failed`. Rows that are compared have one budget and are of continuous time.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from benchmarks.defaults.space import (
    RULES,
    SIZES,
    SIZES_UNTIL,
    SPACE,
    changes_of,
    is_own,
    name_of,
    network_of,
    single,
)
from benchmarks.engine.rows import Row


def bound(row: Row) -> float:
    """The bound on validation; infinity where the training failed."""
    return math.inf if "failed" in row else float(row["validation"]["total"])


def best(rows: Iterable[Row], number: int) -> list[str]:
    """The trials of the best `number` rows of one set, from the best on; those that failed are none."""
    found = sorted((row for row in rows if "failed" not in row), key=lambda row: (bound(row), row["trial"]))
    return [row["trial"] for row in found[:number]]


def changes(rules: Row | None) -> list[str]:
    """The trials of one change for the set of this row, which is of what the rules choose; none where that failed."""
    if rules is None or "failed" in rules:
        return []
    found = single(network_of(rules["kind"]), rules["settings"], rules["levels"], rules["examples"])
    return [name_of({name: value}) for name, value in found]


def combined(rows: Sequence[Row]) -> str:
    """The trial of all settings of one set whose best value is clearly better than what the rules choose.

    It is better by more than two standard errors of the paired difference, over groups of validation examples. The
    trial is `rules` where no setting has such a value.
    """
    rules = of_rules(rows)
    if rules is None:
        return RULES
    chosen: dict[str, tuple[float, Any]] = {}
    for row in rows:
        found = changes_of(row["trial"], network_of(row["kind"]))
        if len(found) == 1 and _is_clear(row, rules):
            ((name, value),) = found.items()
            if name not in chosen or bound(row) < chosen[name][0]:
                chosen[name] = bound(row), value
    return name_of({name: chosen[name][1] for name in SPACE[network_of(rules["kind"])] if name in chosen})


def _is_clear(row: Row, rules: Row) -> bool:
    """Whether the bound is lower than that of the rules by more than two standard errors of the difference."""
    if "failed" in row:
        return False
    pairs = zip(rules["validation"]["groups"], row["validation"]["groups"], strict=True)
    differences = [before - after for before, after in pairs]
    error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.inf
    return bound(rules) - bound(row) > 2 * error


def of_rules(rows: Iterable[Row]) -> Row | None:
    """The row of one set that is of what the rules choose; None where that failed or is not there."""
    return next((row for row in rows if row["trial"] == RULES and "failed" not in row), None)


def excess(row: Row, rules: Row) -> float:
    """How much worse a trial is than the rules: log(bits / bits of the rules), infinity where it failed.

    Bounds in nats, of real values, have no zero: the excess is their difference in nats per dimension.
    """
    if "failed" in row:
        return math.inf
    if rules["unit"] == "bits/dim":
        return math.log(bound(row) / bound(rules))
    return (bound(row) - bound(rules)) / float(rules["dimensions"])


def excesses(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """The excess of each value of each setting, by its name as a trial and by the set.

    It is 0 where the value is the rules' own, and where the data cannot have it, so that the rules' own is taken. A
    trial that has no row yet has no excess, and neither has a set on which the rules failed.
    """
    by_set: dict[str, list[Row]] = {}
    for row in rows:
        by_set.setdefault(row["data"], []).append(row)
    found: dict[str, dict[str, float]] = {}
    for data, own in by_set.items():
        if (rules := of_rules(own)) is None:
            continue
        of_trial, asked = {row["trial"]: row for row in own}, set(changes(rules))
        for trial in every(network_of(rules["kind"])):
            if trial in of_trial:
                found.setdefault(trial, {})[data] = excess(of_trial[trial], rules)
            elif trial not in asked:
                found.setdefault(trial, {})[data] = 0.0
    return found


def every(network: str) -> Iterator[str]:
    """The name of each value of each setting of the space, as a trial."""
    yield from (name_of({name: value}) for name, values in SPACE[network].items() for value in values)


def helpful(rows: Iterable[Row]) -> set[str]:
    """The trials that were better than what the rules choose on most sets that had them, and clearly so on one.

    That is by more than two standard errors, as in `combined`.
    """
    rows = list(rows)
    rules = {row["data"]: row for row in rows if row["trial"] == RULES and "failed" not in row}
    of_trial: dict[str, list[Row]] = {}
    for row in rows:
        if row["data"] in rules and row["trial"] != RULES:
            of_trial.setdefault(row["trial"], []).append(row)
    return {
        trial
        for trial, own in of_trial.items()
        if 2 * sum(bound(row) < bound(rules[row["data"]]) for row in own) > len(own)
        and any(_is_clear(row, rules[row["data"]]) for row in own)
    }


def own_values(rows: Iterable[Row], network: str) -> dict[str, list[str]]:
    """The sets whose rules chose a value of the space themselves, by its name as a trial."""
    rules = [row for row in rows if row["trial"] == RULES and "failed" not in row]
    return {
        name_of({name: value}): [row["data"] for row in rules if is_own(name, value, row["settings"])]
        for name, values in SPACE[network].items()
        for value in values
    }


def refit(rows: Sequence[Row], without: str = "") -> dict[str, Any]:
    """What the other sets change of the rules: of each setting the value of the least mean excess, if it is below 0.

    The rows are of one network and one budget. A value counts only where all the other sets have its excess.
    """
    others = [row for row in rows if row["data"] != without]
    sets = {row["data"] for row in others if row["trial"] == RULES and "failed" not in row}
    means: Mapping[str, float] = {
        trial: fmean(own.values()) for trial, own in excesses(others).items() if own.keys() == sets
    }
    found = {}
    for network in dict.fromkeys(network_of(row["kind"]) for row in others):
        for name, values in SPACE[network].items():
            least, _, value = min(
                (means.get(name_of({name: value}), math.inf), place, value) for place, value in enumerate(values)
            )
            if least < 0:
                found[name] = value
    return found


def ruled(rows: Sequence[Row], minutes: float, without: str = "") -> dict[str, Any]:
    """What the other sets change of the rules for a training of so many minutes.

    The rows are of one minute. A network that is best then is too small for an hour: beyond two minutes its size is
    the one that the rules choose.
    """
    found = refit(rows, without)
    return {name: value for name, value in found.items() if minutes <= SIZES_UNTIL or name not in SIZES}
