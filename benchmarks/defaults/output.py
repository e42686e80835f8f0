"""Tables and the figure of the study of defaults, made from its rows alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.defaults.search import bound, every, excesses, own_values, ruled
from benchmarks.defaults.space import CHAIN, LONG, MINUTES, RULES, SHARE, TARGETS, name_of, network_of, short, text
from benchmarks.engine.figure import INK, legend, style, subplots, tidy
from benchmarks.engine.rows import Row
from benchmarks.engine.tables import table
from ndm.data.yardsticks import GAUSSIAN, INDEPENDENT
from ndm.evaluation.figures import png

Sets = Mapping[str, Row]  # what is known of each set, by its name

_ALL = (
    "Every training, those that lost included. Bounds are in bits/dim of images and in nats of others, ± their "
    "standard error over examples; by WebP: those on test by the bits of lossless WebP for the same images. A trial is "
    "what it changes of what the rules choose; the settings are those of the search space."
)
_EFFECTS = (
    "How much worse than the rules (trial `rules`) a training of the same minute is on validation when one setting has "
    "that value: below 0 it is better. Of images it is log(bits / bits of the rules) in per cent, of others, whose "
    "bounds have no zero, the difference in hundredths of a nat per dimension. Mean and range are over all sets; it is "
    "0 where the rules chose the value themselves, and where data cannot have it."
)
_BEST = (
    "Of the trials that were trained longest the best on validation, and beside it the bound on validation of the "
    "rules as they are, where they came so far."
)
_CHOSEN = (
    "What the rows of all sets change of the rules: of each setting the value of the least mean effect, if that is "
    "below 0. The size of a network is chosen by rows of a minute up to two minutes alone."
)
_LEFT_OUT = (
    "Test bits/dim by those of lossless WebP for the same images as one tiled picture, after training with what all "
    "other image sets change of the rules: that set had no part in the choice."
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
    searched: Sequence[Row], others: Sequence[Row], sets: Sets, left_out: Sequence[str], scale: float
) -> Iterator[str]:
    """The paragraphs on the trials: those of the search, by which all is chosen, and what was trained after it."""
    rows = [*searched, *others]
    first = [row for row in searched if row["seconds"] == seconds_of(row["kind"], MINUTES[0], scale)]
    by_network = {network: own for network in ("unet", "mlp") if (own := _of_network(first, network))}
    yield "## The best trial of each set"
    yield _BEST
    yield _winners(searched, sets)
    yield "## What all sets change of the rules"
    yield _CHOSEN
    yield _chosen(by_network)
    if left_out:
        yield "## Sets that are left out"
        yield _LEFT_OUT
        yield of_left_out(by_network.get("unet", []), rows, sets, left_out, scale)
    yield "## Which settings matter"
    yield _EFFECTS
    for network, own in by_network.items():
        yield f"### {network}"
        yield of_settings(own, network)
    yield "## All trainings"
    yield _ALL
    yield _every(rows, sets)
    seconds = sum(row.get("whole_seconds", 0.0) for row in rows)
    failed = sum("failed" in row for row in rows)
    yield f"{len(rows)} trainings, {failed} of which failed, in {seconds / 3600:.2f} hours with their evaluation."


def _of_network(rows: Iterable[Row], network: str) -> list[Row]:
    return [row for row in rows if network_of(row["kind"]) == network]


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
        rules = _found(own, trial=RULES, seconds=longest)
        about = sets.get(name, {})
        codecs = [_number(_codec(about, codec)) for codec in ("webp", "png", "xz")]
        cells = [best["trial"], _minutes(longest), _bound(best, "validation"), _bound(rules or {}, "validation")]
        cells += [_bound(best, "test"), codecs[0], _number(ratio(best, sets)), *codecs[1:]]
        cells += [_number(about.get("yardsticks", {}).get(GAUSSIAN)), words(best["settings"])]
        lines.append([name, *cells])
    return table("set", (*heads, "settings"), lines)


def _chosen(by_network: Mapping[str, Sequence[Row]]) -> str:
    lines = []
    for network, own in by_network.items():
        for minutes in (*MINUTES, *([LONG] if network == "unet" else [])):
            lines.append([network, f"{minutes}", name_of(ruled(own, minutes))])
    return table("network", ("minutes", "changes"), lines)


def of_left_out(first: Sequence[Row], rows: Sequence[Row], sets: Sets, left_out: Sequence[str], scale: float) -> str:
    """Bits by WebP's of each set that is left out, their mean and range, and the targets.

    `first` are the rows of images by which all is chosen.
    """
    lines = []
    for timesteps in (None, CHAIN):
        for minutes, target in TARGETS.items():
            seconds, found, cells = seconds_of("image", minutes, scale), [], []
            for name in left_out:
                trial = name_of(ruled(first, minutes, name))
                own = _found(rows, data=name, trial=trial, seconds=seconds, timesteps=timesteps)
                value = None if own is None else ratio(own, sets)
                found += [] if value is None else [value]
                why = f"failed ({trial})" if own is not None and "failed" in own else ""
                cells.append(f"{value:.3f} ({trial})" if value is not None else why)
            if found:
                mean = f"{fmean(found):.3f} ({min(found):.3f} to {max(found):.3f})"
                lines.append([_steps(timesteps), _minutes(seconds), *cells, mean, f"{target:g}"])
    heads = ["minutes", *(f"{name} (changes)" for name in left_out), "mean (range)", "target"]
    return table("T", heads, lines)


def of_settings(rows: Sequence[Row], network: str) -> str:
    """How much worse each value of each setting is than the rules: mean and range over sets, and how many it helped.

    The rows are of one network, and of one budget for each set.
    """
    found, own = excesses(rows), own_values(rows, network)
    lines = []
    for trial in every(network):
        setting, _, value = trial.partition("=")
        effects = [100 * each for each in found.get(trial, {}).values()]
        if effects:
            cells = [f"{fmean(effects):+.2f}", f"{min(effects):+.2f} to {max(effects):+.2f}"]
            counts = [sum(each < 0 for each in effects), len(effects), len(own[trial])]
            lines.append([setting, value, *cells, *map(str, counts)])
    return table("setting", ("value", "mean", "range", "sets helped", "sets", "where it is the rules' own"), lines)


def _every(rows: Sequence[Row], sets: Sets) -> str:
    heads = ("trial", "minutes", "T", "validation", "test", "by WebP", "steps", "ms a step", "parameters", "s in all")
    lines = []
    for row in sorted(rows, key=lambda row: (list(sets).index(row["data"]), row["seconds"], row["timesteps"] or 0)):
        cells = [row["trial"], _minutes(row["seconds"]), _steps(row["timesteps"])]
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
    return ", ".join(f"{short(name)} {text(value)}" for name, value in settings.items())


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
