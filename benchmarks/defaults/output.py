"""Tables and the figure of the study of defaults, made from its rows alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.defaults.halving import bound, orders, refit
from benchmarks.defaults.space import CHAIN, LONG, MINUTES, SHARE, TARGETS, network_of
from benchmarks.engine.figure import INK, legend, style, subplots, tidy
from benchmarks.engine.rows import Row
from benchmarks.engine.tables import table
from ndm.data.yardsticks import GAUSSIAN, INDEPENDENT
from ndm.evaluation.figures import png

Sets = Mapping[str, Row]  # what is known of each set, by its name

_ALL = (
    "Every training, those that lost included. Bounds are in bits/dim of images and in nats of others, ± their "
    "standard error over examples; by WebP: those on test by the bits of lossless WebP for the same images. The "
    "settings are those of the search space; trial 0 is what the rules chose."
)
_PLACES = (
    "Mean place of trials with a value of a setting, and of those without it, after the first budget: 1 is the best. "
    "Places are those of continuous time on validation; values of trial 0 are the rules'."
)
_BEST = (
    "Of the trials that were trained longest the best on validation, and beside it the bound on validation of the "
    "rules as they are (trial 0), where they came so far."
)
_CHOSEN = (
    "The trial of the least mean place on all sets of a kind, by what is known after so many minutes. On each set "
    "those that got further come first, then those of a lower bound."
)
_LEFT_OUT = (
    "Test bits/dim by those of lossless WebP for the same images as one tiled picture, after training the trial of the "
    "least mean place on all other image sets: that set had no part in the choice."
)


def of_sets(sets: Sets) -> str:
    """What the sets are, and what codecs and simple models take for their test examples."""
    heads = ("kind", "train, validation, test", "event", "unit", "WebP", "WebP each", "PNG", "PNG each", "zlib", "xz")
    codecs = ("webp", "webp_each", "png", "png_each", "zlib", "xz")
    lines = []
    for name, row in sets.items():
        sizes = ", ".join(f"{size:,}" for size in row["sizes"])
        found = [_number(_codec(row, codec)) for codec in codecs]
        simple = [_number(row["yardsticks"].get(each)) for each in (INDEPENDENT, GAUSSIAN)]
        lines.append([name, row["kind"], sizes, row["event"], row["unit"], *found, *simple, row["licence"]])
    return table("set", [*heads, INDEPENDENT, GAUSSIAN, "licence"], lines)


def sections(
    halving: Sequence[Row], others: Sequence[Row], sets: Sets, left_out: Sequence[str], scale: float
) -> Iterator[str]:
    """The paragraphs on the trials: those of the halving, by which all is chosen, and what was trained after it."""
    rows = [*halving, *others]
    yield "## The best trial of each set"
    yield _BEST
    yield _winners(halving, sets)
    yield "## The trial that all sets choose"
    yield _CHOSEN
    yield _chosen(halving, scale)
    if left_out:
        yield "## Sets that are left out"
        yield _LEFT_OUT
        yield of_left_out(halving, rows, sets, left_out, scale)
    yield "## Which settings matter"
    yield _PLACES
    for network in dict.fromkeys(network_of(row["kind"]) for row in rows):
        yield f"### {network}"
        yield of_settings([row for row in halving if network_of(row["kind"]) == network])
    yield "## All trainings"
    yield _ALL
    yield _every(rows, sets)
    seconds = sum(row.get("whole_seconds", 0.0) for row in rows)
    failed = sum("failed" in row for row in rows)
    yield f"{len(rows)} trainings, {failed} of which failed, in {seconds / 3600:.2f} hours with their evaluation."


def ratio(row: Row, sets: Sets, split: str = "test") -> float | None:
    """The bits/dim of a row by those of WebP for the same images; None for other data, and where it has none."""
    webp = _codec(sets.get(row["data"], {}), "webp", split)
    return None if webp is None or split not in row else float(row[split]["total"]) / webp


def _winners(rows: Sequence[Row], sets: Sets) -> str:
    heads = (
        "trial",
        "minutes",
        "validation",
        "validation of the rules",
        "test",
        "WebP",
        "by WebP",
        "PNG",
        "xz",
        GAUSSIAN,
    )
    lines = []
    for name, own in _by_set(_continuous(rows)).items():
        longest = max((row["seconds"] for row in own if "failed" not in row), default=None)
        if longest is None:
            continue
        best = min((row for row in own if row["seconds"] == longest), key=lambda row: (bound(row), row["trial"]))
        rules = _found(own, trial=0, seconds=longest)
        about = sets.get(name, {})
        codecs = [_number(_codec(about, codec)) for codec in ("webp", "png", "xz")]
        cells = [str(best["trial"]), _minutes(longest), _bound(best, "validation"), _bound(rules or {}, "validation")]
        cells += [_bound(best, "test"), codecs[0], _number(ratio(best, sets)), *codecs[1:]]
        cells += [_number(about.get("yardsticks", {}).get(GAUSSIAN)), words(best["settings"])]
        lines.append([name, *cells])
    return table("set", (*heads, "settings"), lines)


def _chosen(rows: Sequence[Row], scale: float) -> str:
    heads = ("minutes", "trial", "settings")
    lines = []
    for kind, own in _by(_continuous(rows), "kind").items():
        for minutes in (*MINUTES, *([LONG] if kind == "image" else [])):
            seconds = seconds_of(kind, minutes, scale)
            trial = refit(own, seconds)
            found = [row["settings"] for row in own if row["trial"] == trial and "failed" not in row]
            if trial is not None:
                said = "what the rules choose" if trial == 0 else words(found[0]) if found else ""
                lines.append([kind, _minutes(seconds), str(trial), said])
    return table("kind", heads, lines)


def of_left_out(halving: Sequence[Row], rows: Sequence[Row], sets: Sets, left_out: Sequence[str], scale: float) -> str:
    """Bits by WebP's of each set that is left out, their mean and range, and the targets."""
    images = [row for row in halving if row["kind"] == "image"]
    lines = []
    for timesteps in (None, CHAIN):
        for minutes, target in TARGETS.items():
            seconds, found, cells = seconds_of("image", minutes, scale), [], []
            for name in left_out:
                trial = refit(images, seconds, name)
                own = _found(rows, data=name, trial=trial, seconds=seconds, timesteps=timesteps)
                value = None if own is None else ratio(own, sets)
                found += [] if value is None else [value]
                why = f"failed ({trial})" if own is not None and "failed" in own else ""
                cells.append(f"{value:.3f} ({trial})" if value is not None else why)
            if found:
                mean = f"{fmean(found):.3f} ({min(found):.3f} to {max(found):.3f})"
                lines.append([_steps(timesteps), _minutes(seconds), *cells, mean, f"{target:g}"])
    heads = ["minutes", *(f"{name} (trial)" for name in left_out), "mean (range)", "target"]
    return table("T", heads, lines)


def of_settings(rows: Sequence[Row]) -> str:
    """The mean place of trials with each value of each setting, and without it."""
    places: list[tuple[dict[str, Any], int]] = []
    for name, own in _by_set(_continuous(rows)).items():
        seconds = min(row["seconds"] for row in own)
        found = {row["trial"]: row["settings"] for row in own if row["seconds"] == seconds}
        places += [(found[trial], place) for place, trial in enumerate(orders(own, seconds)[name], 1)]
    lines = []
    for name in dict.fromkeys(name for settings, _ in places for name in settings):
        known = [(settings[name], place) for settings, place in places if name in settings]
        for value in sorted({str(value) for value, _ in known}, key=_as_number):
            inside = [place for found, place in known if str(found) == value]
            others = [place for found, place in known if str(found) != value]
            without = f"{fmean(others):.2f}" if others else ""
            lines.append([_short(name), value, f"{fmean(inside):.2f}", without, str(len(inside))])
    return table("setting", ("value", "with", "without", "trainings"), lines)


def _every(rows: Sequence[Row], sets: Sets) -> str:
    heads = ("trial", "minutes", "T", "validation", "test", "by WebP", "steps", "ms a step", "parameters", "s in all")
    lines = []
    for row in sorted(rows, key=lambda row: (list(sets).index(row["data"]), row["seconds"], row["timesteps"] or 0)):
        cells = [str(row["trial"]), _minutes(row["seconds"]), _steps(row["timesteps"])]
        if "failed" in row:
            cells += [f"failed: {row['failed']}", *[""] * 6]
        else:
            cells += [_bound(row, "validation"), _bound(row, "test"), _number(ratio(row, sets))]
            cells += [f"{row['steps_trained']:,}", f"{row['ms_per_step']:.3g}", f"{row['parameters']:,}"]
            cells += [f"{row['whole_seconds']:.0f}"]
        lines.append([row["data"], *cells, words(row["settings"])])
    return table("set", (*heads, "settings"), lines)


def picture(rows: Sequence[Row], sets: Sets) -> bytes:
    """PNG of the best validation bound of each image set by WebP's bits, over minutes; black marks are the targets."""
    figure, ((axis,),) = subplots(1, 1, (7, 4.6))
    images = {name: own for name, own in _by_set(_continuous(rows)).items() if own[0]["kind"] == "image"}
    for index, (name, own) in enumerate(images.items()):
        points = []
        for seconds in sorted({row["seconds"] for row in own}):
            done = [row for row in own if row["seconds"] == seconds and "failed" not in row]
            found = [value for row in done if (value := ratio(row, sets, "validation")) is not None]
            points += [(seconds / 60, min(found))] if found else []
        if points:
            axis.plot(*zip(*points, strict=True), label=name, **_look(index))
    axis.scatter(list(TARGETS), list(TARGETS.values()), marker="_", s=300, color=INK, label="target on test", zorder=3)
    axis.set_xscale("log")
    axis.set_xticks(places := [MINUTES[0], *TARGETS], list(map(str, places)))
    axis.minorticks_off()
    axis.set(xlabel="minutes of training", ylabel="best bits/dim on validation by those of WebP")
    axis.axhline(1, color=INK, linewidth=0.6, linestyle=":")
    tidy(axis, "y")
    legend(figure, columns=4)
    return png(figure)


def seconds_of(kind: str, minutes: float, scale: float) -> float:
    """The budget that stands for so many minutes, for a kind of data."""
    return 60.0 * minutes * SHARE.get(kind, 1.0) * scale


def words(settings: Mapping[str, Any]) -> str:
    """The settings in a line, options by their last name."""
    return ", ".join(f"{_short(name)} {value}" for name, value in settings.items())


def _codec(about: Row, codec: str, split: str = "test") -> float | None:
    """The bits/dim of a codec for a set; None where it has none."""
    found: float | None = about.get("codecs", {}).get(split, {}).get(codec)
    return found


def _look(index: int) -> dict[str, Any]:
    return {name: value for name, value in style(index).items() if name != "capsize"}


def _continuous(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["timesteps"] is None]


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _by_set(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return _by(rows, "data")


def _found(rows: Iterable[Row], **values: Any) -> Row | None:
    return next((row for row in rows if all(row[name] == value for name, value in values.items())), None)


def _bound(row: Row, split: str) -> str:
    if split not in row:
        return ""
    return f"{row[split]['total']:.3f} ± {row[split]['standard_error']:.3f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g}"


def _steps(timesteps: int | None) -> str:
    return "∞" if timesteps is None else str(timesteps)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _as_number(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return 0.0, value
