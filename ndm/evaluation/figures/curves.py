"""The bound over the course of training, and over t, from the lines of metrics.jsonl."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ndm.evaluation.figures.paper import DATA, MODEL, plain, png

_AT = "diffusion_at/"


def training_curve(lines: list[dict[str, Any]]) -> bytes:
    """Draw the training and the validation bound over steps, and over seconds."""
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes: Any = figure.subplots(2, 1, sharey=True)
    validated = [line for line in lines if "validation" in line]
    for axis, name in zip(axes, ("step", "seconds"), strict=True):
        axis.plot([line[name] for line in lines], [line["total"] for line in lines], color=MODEL, label="training")
        if validated:
            x, y = ([line[key] for line in validated] for key in (name, "validation"))
            axis.plot(x, y, "o-", color=DATA, markersize=3, label="validation")
        axis.set(xlabel={"step": "steps", "seconds": "seconds of training"}[name], ylabel=f"bound, {lines[0]['unit']}")
        plain(axis)
    axes[0].legend(fontsize=8, frameon=False)
    last = [line["total"] for line in lines[len(lines) // 10 :]] + [
        line["validation"] for line in validated[len(validated) // 10 :]
    ]
    margin = 0.05 * (max(last) - min(last)) + 1e-3
    axes[0].set_ylim(min(last) - margin, max(last) + margin)
    return png(figure)


def bound_over_time(lines: list[dict[str, Any]], scale: float) -> bytes | None:
    """Draw the diffusion term on each bin of t, in the mean over the last half of the lines; None without any.

    `scale` converts nats to the unit of the lines.
    """
    bins: dict[tuple[float, float], list[float]] = {}
    for line in lines[len(lines) // 2 :]:
        for name, value in line.items():
            if name.startswith(_AT):
                begin, _, end = name.removeprefix(_AT).partition("-")
                bins.setdefault((float(begin), float(end)), []).append(scale * value)
    if not bins:
        return None
    ends = sorted(bins)
    figure = Figure(figsize=(6, 3), layout="constrained")
    axis = figure.subplots()
    heights = [float(np.mean(bins[each])) for each in ends]
    axis.bar(
        [begin for begin, _ in ends],
        heights,
        [end - begin for begin, end in ends],
        align="edge",
        color=MODEL,
        edgecolor="white",
    )
    axis.set(xlabel="t (0: data, 1: noise)", ylabel=f"diffusion term, {lines[0]['unit']} per unit of t", xlim=(0, 1))
    plain(axis)
    return png(figure)
