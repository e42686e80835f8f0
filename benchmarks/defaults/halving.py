"""Successive halving: which trials go on, and which one the rows of some sets choose. Functions of rows alone.

A row of a trial has its `data`, `trial`, `seconds`, `timesteps` and `validation`, with the `total` of its bound, or
`failed`. Only those of continuous time count here.
"""

import math
from collections.abc import Iterable, Sequence

from benchmarks.engine.rows import Row


def bound(row: Row) -> float:
    """The bound on validation; infinity where the training failed."""
    return math.inf if "failed" in row else float(row["validation"]["total"])


def best(rows: Iterable[Row], number: int) -> list[int]:
    """The trials of the best `number` rows of one set and budget, from the best on; those that failed are none."""
    found = sorted((row for row in rows if "failed" not in row), key=lambda row: (bound(row), row["trial"]))
    return [row["trial"] for row in found[:number]]


def orders(rows: Iterable[Row], seconds: float) -> dict[str, list[int]]:
    """The trials of each set from the best to the worst, after budgets of up to so many seconds.

    Those that got further come first, and among them those of a lower bound: budgets are not compared with each other.
    Those that failed come last.
    """
    latest: dict[str, dict[int, Row]] = {}
    for row in rows:
        if row["timesteps"] is None and row["seconds"] <= seconds:
            own = latest.setdefault(row["data"], {})
            if row["trial"] not in own or own[row["trial"]]["seconds"] < row["seconds"]:
                own[row["trial"]] = row
    return {
        data: sorted(own, key=lambda trial: ("failed" in own[trial], -own[trial]["seconds"], bound(own[trial]), trial))
        for data, own in latest.items()
    }


def refit(rows: Sequence[Row], seconds: float, without: str = "") -> int | None:
    """The trial that the rows of the other sets choose for a budget: the one of the least mean place in their orders.

    It is one that ran on all of them; of equal ones the first. None where there is no such trial.
    """
    others = list(orders((row for row in rows if row["data"] != without), seconds).values())
    if not others:
        return None
    common = sorted(set.intersection(*map(set, others)))
    return min(common, key=lambda trial: sum(order.index(trial) for order in others), default=None)
