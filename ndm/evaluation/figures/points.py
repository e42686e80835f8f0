"""Points of the plane, and rows of numbers, as scatters of two dimensions at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.evaluation.figures.drawing import Drawing, Neighbours, about_change
from ndm.evaluation.figures.paper import DATA, INK, LIGHT, MODEL, PALETTE, SEA, limits, plain, png, short, wider

_MOST = 4  # dimensions that are drawn against each other
_BINS = 40


class PointDrawing(Drawing):
    """Rows of numbers (D,): a scatter of the first two dimensions, or of each two of the first four."""

    shown, beside, followed, of_a_class = 10_000, "train", 10_000, 120
    are_points = True

    def examples(self, x: np.ndarray, title: str = "", is_data: bool = False) -> bytes:
        x = x.reshape(len(x), -1)
        if self.event.is_map:
            figure = Figure(figsize=(9, 4), layout="constrained")
            axis = figure.subplots()
            axis.set_facecolor(SEA)
            axis.scatter(x[:, 0], x[:, 1], s=1.6, c=LIGHT, alpha=0.6, linewidths=0)
            axis.set(xlim=(-180, 180), ylim=(-60, 80), xlabel="longitude", ylabel="latitude", aspect="equal")
            axis.set_title(title, color=INK)
            return png(figure)
        colour, number = DATA if is_data else MODEL, self._number
        size = min(max(2.0, 2000 / len(x)), 10.0)  # of a dot: few are seen as well
        ends = [
            wider(limits((x if self.like is None else self.like.reshape(len(self.like), -1))[:, k]))
            for k in range(number)
        ]
        if number == 2:
            figure = Figure(figsize=(6, 6), layout="constrained")
            axis = figure.subplots()
            axis.scatter(x[:, 0], x[:, 1], s=size, c=colour, alpha=0.5, linewidths=0)
            self._name(axis, ends)
            axis.set_title(title, color=INK)
            return png(figure)
        figure = Figure(figsize=(6.4, 6.4), layout="constrained")
        axes: Any = figure.subplots(number, number, squeeze=False)
        for row, column in np.ndindex(number, number):
            axis = axes[row, column]
            plain(axis)
            axis.tick_params(labelsize=6)
            if row == column:
                axis.hist(x[:, row], _BINS, range=ends[row], color=colour)
                axis.set_yticks([])
            else:
                axis.scatter(x[:, column], x[:, row], s=size / 2, c=colour, alpha=0.4, linewidths=0)
                axis.set_ylim(*ends[row])
            axis.set_xlim(*ends[column])
            if column == 0:
                axis.set_ylabel(short(self.event.names[row]), fontsize=8)
            if row == number - 1:
                axis.set_xlabel(short(self.event.names[column]), fontsize=8)
        some = f", the first {number} of {len(self.event.names)} dimensions" * (len(self.event.names) > number)
        figure.suptitle(title + some, color=INK)
        return png(figure)

    def by_class(self, parts: Sequence[tuple[str, np.ndarray]]) -> bytes:
        figure = Figure(figsize=(9, 4) if self.event.is_map else (6.6, 6), layout="constrained")
        axis = figure.subplots()
        for k, (name, x) in enumerate(parts):
            x = x.reshape(len(x), -1)
            if self._number == 1:
                axis.hist(x[:, 0], _BINS, histtype="step", color=PALETTE[k % len(PALETTE)], label=short(name))
                continue
            colour = PALETTE[k % len(PALETTE)]
            axis.scatter(x[:, 0], x[:, 1], s=3, color=colour, alpha=0.6, linewidths=0, label=short(name))
        self._name(axis)
        axis.legend(markerscale=3, fontsize=8, loc="upper right")
        return png(figure)

    def neighbours(self, found: Neighbours) -> bytes:
        figure = Figure(figsize=(6, 3), layout="constrained")
        axis = figure.subplots()
        most = float(np.percentile(np.concatenate([found.distances, found.of_test]), 99)) or 1.0
        for values, colour, name in ((found.of_test, DATA, "test examples"), (found.distances, MODEL, "samples")):
            weights = np.full(len(values), 1 / len(values))
            axis.hist(values, _BINS, range=(0, most), weights=weights, histtype="step", color=colour, label=name)
        axis.set(xlabel="distance to the nearest training example", ylabel="share")
        axis.legend(fontsize=8, frameon=False)
        plain(axis)
        return png(figure)

    def filmstrip(self, frames: np.ndarray, times: list[float]) -> bytes:
        count = len(frames)
        frames = frames.reshape(count, frames.shape[1], -1)
        if self._number == 1:  # drawn against itself
            frames = np.concatenate([frames, frames], -1)
        figure = Figure(figsize=(1.5 * count, 3.8), layout="constrained")
        # A scale may stretch one dimension a hundred times at one t alone: each t has its limits, on its ticks.
        axes: Any = figure.subplots(2, count, squeeze=False, sharex="col", sharey="col")
        x, some = frames[0], slice(None, None, max(1, frames.shape[1] // 400))
        arrows: Any = {"color": MODEL, "angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006}
        for column, (points, t) in enumerate(zip(frames, times, strict=True)):
            axes[0, column].scatter(points[:, 0], points[:, 1], s=1, c=DATA, linewidths=0, alpha=0.5)
            change = points[some] - x[some]
            axes[1, column].quiver(x[some, 0], x[some, 1], change[:, 0], change[:, 1], **arrows)
            axes[0, column].set_title(f"t = {t:.2f}", fontsize=9, color=INK)
        for axis in axes.flat:
            axis.tick_params(labelsize=6)
        figure.supxlabel(short(self.event.names[0]), fontsize=8)
        figure.supylabel(short(self.event.names[min(1, self._number - 1)]), fontsize=8)
        figure.suptitle(about_change(frames), fontsize=10, color=INK)
        return png(figure)

    @property
    def _number(self) -> int:
        return min(len(self.event.names), _MOST)

    def _name(self, axis: Axes, ends: list[tuple[float, float]] | None = None) -> None:
        """Name the axes of the first two dimensions; two of the plane have one scale."""
        axis.set_xlabel(short(self.event.names[0]))
        axis.set_ylabel(short(self.event.names[1]) if self._number > 1 else "samples")
        if ends is not None:
            axis.set(xlim=ends[0], ylim=ends[1])
        if self.event.kind == "points":
            axis.set_aspect("equal")
        plain(axis)
