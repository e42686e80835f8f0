"""Where evaluations of a run are written, and which of them is that of its model.

    RUN/evaluation.json                                 the test split of the run's own data at its own T
    RUN/evaluations/DATA-SPLIT-T-CHECKPOINT.json        every other

Of two on the test split, that of the latest checkpoint, and then of more examples, is RUN/evaluation.json; the other
one is kept among the others.
"""

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from ndm.base.errors import InputError
from ndm.base.files import make_folder, read_json, write_atomically
from ndm.base.pretrained import weights_of
from ndm.evaluation.conditions import as_words
from ndm.runs.checkpoint import newest
from ndm.runs.run import Run

_LONGEST = 64  # bytes of a part of the name of a file; two parts and the rest are within 255
_NUMBER: Any = int | float
_ESTIMATE = {"total": _NUMBER, "standard_error": _NUMBER | None}
_EVALUATED = {  # what the page and the card show of it
    "data": str,
    "fingerprint": str,
    "unit": str,
    "split": str,
    "num_examples": int,
    "limit": int | None,
    "parameters": int,
    "training": {"step": int, "weights": str},
    "nelbo": dict.fromkeys(
        ("total", "standard_error", "standard_error_of_draws", "prior", "diffusion", "reconstruction"), _NUMBER
    )
    | {"timesteps": int | None, "draws": int},
    "importance": [_ESTIMATE],
    "ode": [_ESTIMATE],
}


def keep(run: Run, result: dict[str, Any]) -> Path:
    """Write an evaluation to its place, which is returned."""
    path = run.folder / "evaluation.json"
    if other_than_own(run, result) is not None or _standing(run, _there(path)) > _standing(run, result):
        path = _place(run.folder / "evaluations", result)
        make_folder(path.parent)
    write_atomically(path, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())
    return path


def of_the_model(run: Run) -> dict[str, Any] | None:
    """Read RUN/evaluation.json; None where it is absent or, with a warning, not of the run's own test split.

    Raises `InputError` for a file that is not an evaluation.
    """
    path = run.folder / "evaluation.json"
    if not path.exists():
        return None
    evaluation = _read(path)
    if (why := other_than_own(run, evaluation)) is not None:
        print(f"ndm: {path} is {why}, and is left out", file=sys.stderr)
        return None
    return evaluation


def other_than_own(run: Run, evaluation: dict[str, Any]) -> str | None:
    """Say why an evaluation is not of the test split of the run's own data at its own T; None where it is."""
    timesteps = evaluation["nelbo"]["timesteps"]
    if evaluation["fingerprint"] != run.config["data"]["fingerprint"]:
        return f"an evaluation of other data ({evaluation['data']})"
    if evaluation["split"] != "test":
        return f"an evaluation of {evaluation['split']}, not of test"
    if (given := evaluation.get("given")) is not None:
        return f"an evaluation given {as_words(given) or 'no label'}"
    if timesteps != run.config["timesteps"]:
        return f"an evaluation {'in continuous time' if timesteps is None else f'at T = {timesteps}'}"
    return None


def of_other_weights(run: Run, evaluation: dict[str, Any]) -> str | None:
    """Say why an evaluation is not of the weights of the run as it was opened; None where it is."""
    then, now = evaluation["training"]["step"], run.progress["step"]
    if then != now:
        return f"of step {then:,} alone, not {now:,}"
    return None if evaluation["training"]["weights"] == run.weights else f"of other weights of step {now:,}"


def _standing(run: Run, evaluation: dict[str, Any] | None) -> tuple[bool, int]:
    """Rank evaluations of the run's model: the larger, the more one says."""
    if evaluation is None or other_than_own(run, evaluation) is not None:
        return False, 0
    latest = newest(run.folder)
    is_latest = latest is not None and evaluation["training"]["weights"] == weights_of(latest / "model")
    return is_latest, evaluation["num_examples"]


def _there(path: Path) -> dict[str, Any] | None:
    """Read an evaluation; None where the file is absent or not an evaluation."""
    try:
        return _read(path) if path.exists() else None
    except InputError:
        return None


def _read(path: Path) -> dict[str, Any]:
    """Read what `ndm evaluate` wrote; raises `InputError` for a file that is not an evaluation."""
    expected, advice = "what ndm evaluate wrote", "evaluate it again"
    evaluation: dict[str, Any] = read_json(path, expected, advice)
    if (lacking := _lacking(evaluation, _EVALUATED)) is not None:
        raise InputError(f"{path}, which cannot be read (no {lacking or 'evaluation'})", expected, advice)
    return evaluation


def _lacking(value: Any, shape: Any, name: str = "") -> str | None:
    """Find the first field of a JSON value that is not of this shape, a type or a dictionary of shapes."""
    if isinstance(shape, list):  # or nothing
        return None if value is None else _lacking(value, shape[0], name)
    if not isinstance(shape, dict):
        return None if isinstance(value, shape) else name
    if not isinstance(value, dict):
        return name
    found = (_lacking(value.get(key), each, f"{name}.{key}".strip(".")) for key, each in shape.items())
    return next((each for each in found if each is not None), None)


def _place(folder: Path, result: dict[str, Any]) -> Path:
    """The file name DATA-SPLIT-T-CHECKPOINT.json, and after it what was given in place of each example's condition.

    A digest is added where other data, or another condition, of the same name have that file.
    """
    timesteps, given = result["nelbo"]["timesteps"], result.get("given")
    words = "" if given is None else as_words(given, "=") or "no_label"
    part = result["split"] + ("" if result["limit"] is None else f"_first{result['num_examples']}")
    rest = f"{part}-{'continuous' if timesteps is None else f'T{timesteps}'}-{result['checkpoint']}"
    name, told = _safe(result["data"]) or "data", f"-given_{_safe(words)}" if words else ""
    path = folder / f"{name}-{rest}{told}.json"
    there = _there(path)
    if path.exists() and (there is None or there["fingerprint"] != result["fingerprint"]):
        path = folder / f"{name}_{result['fingerprint']}-{rest}{told}.json"
        there = _there(path)
    if there is not None and there.get("given") != given:
        path = path.with_name(f"{path.stem}_{_digest(words)}.json")
    return path


def _safe(words: str) -> str:
    """The words as a part of a name of a file, cut, with a digest, where a file system might refuse its length."""
    safe = re.sub(r"[^\w.]+", "_", words).strip("_.")
    if len(safe.encode()) <= _LONGEST:
        return safe
    return f"{safe.encode()[:_LONGEST].decode(errors='ignore')}_{_digest(words)}"


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]
