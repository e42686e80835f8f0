"""Images, and volumes by their middle slices: a panel for each example."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ndm.evaluation.figures.drawing import Drawing, Neighbours, about_change
from ndm.evaluation.figures.paper import INK, limits, png, short, tiles

_CERTAIN = 8.0  # of gamma: all signal, or all noise
_COLOURS = (1, 3, 4)  # channels of grey, RGB and RGBA
_COLUMNS = 5  # panels over t beside each other
_AXES = ("depth", "height", "width")
_BETWEEN = 0.85  # the grey between examples, and of places without one: neither dark as most data, nor white as paper


class ImageDrawing(Drawing):
    """Images (C, H, W) of levels or real values: grey, RGB, RGBA, or each channel in grey."""

    shown, beside, followed, of_a_class = 64, "test", 4, 16
    pairs = 8
    what = ""

    @property
    def gap(self) -> int:
        """Pixels between examples: more than between the panels of one."""
        return 1 if self.event.channels in _COLOURS else 3

    def panel(self, x: np.ndarray) -> np.ndarray:
        """Lay one example with its channels out as (H', W', 1 | 3 | 4)."""
        if len(x) in _COLOURS:
            return np.moveaxis(x, 0, -1)
        return tiles(list(x[..., None]), 1, 0.5)

    def examples(self, x: np.ndarray, title: str = "", is_data: bool = False) -> bytes:
        ends = self._ends(x)
        sheet = tiles(self._panels(x, ends), self.gap, _BETWEEN)
        figure = Figure(figsize=(6, 0.5 + 6 * min(sheet.shape[0] / sheet.shape[1], 2.0)), layout="constrained")
        axis = figure.subplots()
        drawn = axis.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_title(title, color=INK)
        axis.set_xlabel(self.what, color=INK)
        if self.event.kind != "image" and sheet.shape[2] == 1:
            bar = figure.colorbar(drawn, ax=axis, shrink=0.6, label="value", ticks=[0, 0.5, 1])
            bar.ax.set_yticklabels([f"{ends[0] + share * (ends[1] - ends[0]):.3g}" for share in (0, 0.5, 1)])
        return png(figure)

    def by_class(self, parts: Sequence[tuple[str, np.ndarray]]) -> bytes:
        rows = [(name, x[: self.of_a_class]) for name, x in parts]
        return self._rows(rows, self._ends(np.concatenate([x for _, x in rows])), self.of_a_class)

    def neighbours(self, found: Neighbours) -> bytes:
        samples, nearest = found.samples[: self.pairs], found.nearest[: self.pairs]
        return self._rows([("samples", samples), ("nearest", nearest)], self._ends(nearest), self.pairs)

    def filmstrip(self, frames: np.ndarray, times: list[float]) -> bytes:
        count, number = frames.shape[:2]
        frames = self._laid_out(frames.reshape(-1, *frames.shape[2:])).reshape(
            count, number, self.event.channels, *self.event.sizes
        )
        low, high = (-1.0, 1.0) if self.event.kind == "image" else limits(frames[0])
        changes = frames - frames[:1]
        largest = max(float(np.abs(changes).max()), 1e-6)
        figure = Figure(figsize=(1.3 * count, 2.6 * number * self._aspect + 0.7), layout="constrained")
        axes: Any = figure.subplots(2 * number, count, squeeze=False)
        for column, row in np.ndindex(count, number):
            # One grey scale for all paths and one colour scale for all changes: they are to be compared.
            shown = ((frames[column, row] - low) / (high - low)).clip(0, 1)
            axes[2 * row, column].imshow(self.panel(shown), cmap="gray", vmin=0, vmax=1)
            change = self.panel(changes[column, row].mean(0, keepdims=True))
            axes[2 * row + 1, column].imshow(change[..., 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
        for axis in axes.flat:
            axis.set_axis_off()
        for axis, t in zip(axes[0], times, strict=True):
            axis.set_title(f"t = {t:.2f}", fontsize=9, color=INK)
        figure.suptitle(about_change(frames), fontsize=10, color=INK)
        return png(figure)

    def order(self, gammas: np.ndarray, times: list[float]) -> bytes:
        rows = -(-len(times) // _COLUMNS)
        figure = Figure(figsize=(6.6, (1.2 * self._aspect + 0.3) * rows + 0.7), layout="constrained")
        axes: Any = figure.subplots(rows, _COLUMNS, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for axis, gamma, t in zip(axes.flat, self._laid_out(gammas), times, strict=False):
            panel = self.panel(gamma.mean(0, keepdims=True))[..., 0]
            shown = axis.imshow(panel, cmap="RdBu_r", vmin=-_CERTAIN, vmax=_CERTAIN)
            axis.set_title(f"t = {t:.2f}", fontsize=9, color=INK)
        figure.colorbar(shown, ax=axes, shrink=0.8, label="gamma").ax.tick_params(labelsize=7)
        figure.suptitle("gamma = log(noise / signal) of each place: blue is known", fontsize=10, color=INK)
        return png(figure)

    @property
    def _aspect(self) -> float:
        """Height by width of a panel of one channel."""
        height, width, _ = self.panel(np.zeros((1, *self.event.sizes))).shape
        return min(height / width, 4.0)

    def _laid_out(self, x: np.ndarray) -> np.ndarray:
        """Give examples their axis of channels."""
        return x.reshape(len(x), self.event.channels, *self.event.sizes)

    def _ends(self, x: np.ndarray) -> tuple[float, float]:
        """The values that are black and white."""
        if self.event.num_levels is not None:
            return 0.0, float(max(self.event.num_levels - 1, 1))
        return limits(x if self.like is None else self.like)

    def _panels(self, x: np.ndarray, ends: tuple[float, float]) -> list[np.ndarray]:
        low, high = ends
        return [self.panel(each) for each in ((self._laid_out(x) - low) / (high - low)).clip(0, 1)]

    def _rows(self, rows: list[tuple[str, np.ndarray]], ends: tuple[float, float], columns: int) -> bytes:
        """Draw each group as a row under its name."""
        sheets = [(name, tiles(self._panels(x, ends), self.gap, _BETWEEN, columns=columns)) for name, x in rows]
        height = sum(sheet.shape[0] for _, sheet in sheets) / max(sheet.shape[1] for _, sheet in sheets)
        figure = Figure(figsize=(8, 0.35 + 7 * height + 0.1 * len(rows)), layout="constrained")
        axes: Any = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axis, (name, sheet) in zip(axes, sheets, strict=True):
            axis.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_ylabel(short(name), rotation=0, ha="right", va="center", fontsize=9, color=INK)
            axis.spines[:].set_visible(False)
        return png(figure)


class VolumeDrawing(ImageDrawing):
    """Volumes (D, H, W), with channels or without: their middle slices across each axis, beside each other."""

    shown, followed, of_a_class = 16, 2, 3
    pairs, gap = 3, 4
    what = "of each its middle slices across " + ", ".join(_AXES)

    def panel(self, x: np.ndarray) -> np.ndarray:
        """Lay the middle slices of each channel out in a row: grey, a row for each channel."""
        slices = [np.take(x, x.shape[axis] // 2, axis) for axis in (1, 2, 3)]
        height, width = (max(each.shape[side] for each in slices) for side in (1, 2))
        canvas = np.full((len(x), height, 3 * width + 2), np.nan)
        for k, each in enumerate(slices):
            left = k * (width + 1)
            canvas[:, : each.shape[1], left : left + each.shape[2]] = each
        return canvas.reshape(-1, canvas.shape[2], 1)
