"""Compare a run's bound at the end of its training with yardsticks, which are kept in RUN/yardsticks.json."""

import json
import math
import time
from pathlib import Path
from typing import Any

from ndm.base.errors import InputError
from ndm.base.files import read_json, write_atomically
from ndm.bounds.units import unit
from ndm.data import DataSet
from ndm.data.yardsticks import yardsticks
from ndm.runs.writing import saving

FILE, _SPLIT = "yardsticks.json", "validation"


def measured(run: Path, data: DataSet, limit: int) -> dict[str, Any]:
    """The yardsticks of the first `limit` validation examples: those that `run` has, or new ones, in a second or two.

    JSON: data, fingerprint, split, num_examples, num_coded, num_fitted, limit, unit, yardsticks (by name), absent (why,
    by name), seconds.
    """
    about = {"data": data.name, "fingerprint": data.fingerprint(), "split": _SPLIT, "limit": limit, "unit": unit(data)}
    found = there(run)
    if found is not None and all(found.get(name) == value for name, value in about.items()):
        return found
    began = time.monotonic()
    new = yardsticks(data, limit, _SPLIT)
    return about | {
        "num_examples": new.num_examples,
        "num_coded": new.num_coded,
        "num_fitted": new.num_fitted,
        "yardsticks": new.values,
        "absent": new.absent,
        "seconds": time.monotonic() - began,
    }


def keep(run: Path, found: dict[str, Any], step: int, value: float) -> None:
    """Write RUN/yardsticks.json, whole, with the bound of the run's model at `step`."""
    model = {"step": step, "nelbo": value}
    with saving(str(run / FILE)):
        write_atomically(run / FILE, (json.dumps(found | {"model": model}, indent=2, allow_nan=False) + "\n").encode())


def bound_at(found: dict[str, Any], step: int) -> float | None:
    """The bound of the model at `step` that was kept with these yardsticks; None where there is none."""
    model = found.get("model") or {}
    value: float | None = model.get("nelbo") if model.get("step") == step else None
    return value


def summary(found: dict[str, Any], value: float) -> str:
    """Say in one line what the model takes of the validation examples, and what the yardsticks take."""
    others = sorted(found["yardsticks"].items(), key=lambda each: each[1])
    listed = "".join(f", {name} {number:.3f}" for name, number in others)
    measured_on = f"{value:.3f} {found['unit']} for {found['num_examples']:,} validation examples"
    return f"{measured_on}{';' * bool(others)}{listed[1:]}{_coded(found)}{_absent(found)}"


def verdict(found: dict[str, Any], value: float) -> str | None:
    """Say in one line which yardsticks are better than the model's bound `value`; None where none is."""
    better = {name: number for name, number in found["yardsticks"].items() if not value <= number}
    if not better:
        return None
    listed = [f"{name} ({number:.3f})" for name, number in sorted(better.items(), key=lambda each: each[1])]
    words = " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
    return (
        f"the model takes {value:.3f} {found['unit']} for {found['num_examples']:,} validation examples, more than "
        f"{words}{_coded(found)}: train longer (a longer --budget goes on), or a smaller network, whose steps are "
        f"faster (another --run){_absent(found)}"
    )


def _coded(found: dict[str, Any]) -> str:
    """Say on how many of the examples codecs were measured, where these are not all."""
    some = 0 < found["num_coded"] < found["num_examples"]
    return f", codecs on the first {found['num_coded']:,}" if some else ""


def _absent(found: dict[str, Any]) -> str:
    """Say which yardsticks are not measured, and why."""
    return "".join(f"; {name} is not measured ({why})" for name, why in found["absent"].items())


def there(run: Path) -> dict[str, Any] | None:
    """What RUN/yardsticks.json holds; None where it is absent or was not written by `keep`."""
    path = run / FILE
    try:
        found = read_json(path, "what ndm train wrote") if path.exists() else None
    except InputError:
        return None
    values, absent = (found.get(name) if isinstance(found, dict) else None for name in ("yardsticks", "absent"))
    is_whole = isinstance(values, dict) and all(isinstance(v, float) and math.isfinite(v) for v in values.values())
    is_whole = is_whole and isinstance(absent, dict)
    return found if is_whole else None
