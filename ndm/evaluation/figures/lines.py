"""Signals, as lines over their places."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ndm.evaluation.figures.drawing import Drawing, Neighbours, about_change
from ndm.evaluation.figures.paper import DATA, INK, MODEL, PALETTE, limits, plain, png, short, wider

_CERTAIN = 8.0  # of gamma: all signal, or all noise


class SignalDrawing(Drawing):
    """Signals (L,) or (C, L): a line for each channel, of many channels the first."""

    shown, beside, followed, of_a_class = 8, "test", 2, 3
    most = 16

    def examples(self, x: np.ndarray, title: str = "", is_data: bool = False) -> bytes:
        x = self._laid_out(x[: self.most])
        figure, axes = self._column(len(x), self._ends(x))
        for axis, each in zip(axes, x, strict=True):
            self._lines(axis, each, DATA if is_data else MODEL)
        axes[0].set_title(title + self._channels(), color=INK, fontsize=10)
        return png(figure)

    def by_class(self, parts: Sequence[tuple[str, np.ndarray]]) -> bytes:
        rows = [(name, self._laid_out(x[: self.of_a_class])) for name, x in parts]
        figure, axes = self._column(len(rows), self._ends(np.concatenate([x for _, x in rows])))
        for axis, (name, x) in zip(axes, rows, strict=True):
            for k, each in enumerate(x):
                self._lines(axis, each, PALETTE[k % len(PALETTE)], alpha=0.7)
            axis.set_title(short(name), color=INK, fontsize=9, loc="left")
        return png(figure)

    def neighbours(self, found: Neighbours) -> bytes:
        samples, nearest = self._laid_out(found.samples[: self.shown]), self._laid_out(found.nearest[: self.shown])
        figure, axes = self._column(len(samples), self._ends(np.stack([samples, nearest])))
        for axis, sample, other in zip(axes, samples, nearest, strict=True):
            axis.plot(other[0], color=DATA, linewidth=0.8, label="nearest training example")
            axis.plot(sample[0], color=MODEL, linewidth=0.8, label="sample")
        axes[0].legend(fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
        if self.event.channels > 1:
            axes[0].set_title("channel 0", color=INK, fontsize=9, loc="left")
        return png(figure)

    def filmstrip(self, frames: np.ndarray, times: list[float]) -> bytes:
        count, number = frames.shape[:2]
        changes = frames - frames[:1]
        figure = Figure(figsize=(1.4 * count, 2.4 * number + 0.9), layout="constrained")
        axes: Any = figure.subplots(2 * number, count, squeeze=False, sharex=True, sharey="row")
        for column, row in np.ndindex(count, number):
            path, change = (self._laid_out(each[column, row][None])[0] for each in (frames, changes))
            self._lines(axes[2 * row, column], path, DATA)
            self._lines(axes[2 * row + 1, column], change, MODEL)
        for axis in axes.flat:
            plain(axis)
        for row in range(number):
            axes[2 * row, 0].set_ylabel("F(x, t)", fontsize=8)
            axes[2 * row + 1, 0].set_ylabel("F(x, t) - x", fontsize=8)
        for axis, t in zip(axes[0], times, strict=True):
            axis.set_title(f"t = {t:.2f}", fontsize=9, color=INK)
        figure.supxlabel("place", fontsize=9)
        figure.suptitle(about_change(frames), fontsize=10, color=INK)
        return png(figure)

    def order(self, gammas: np.ndarray, times: list[float]) -> bytes:
        figure = Figure(figsize=(6, 3), layout="constrained")
        axis = figure.subplots()
        gamma = self._laid_out(gammas).mean(1)
        extent = (-0.5, gamma.shape[1] - 0.5, len(times) - 0.5, -0.5)
        shown = axis.imshow(gamma, cmap="RdBu_r", vmin=-_CERTAIN, vmax=_CERTAIN, aspect="auto", extent=extent)
        axis.set(xlabel="place", ylabel="t", yticks=range(len(times)), yticklabels=[f"{t:.2f}" for t in times])
        figure.colorbar(shown, ax=axis, label="gamma")
        axis.set_title("gamma = log(noise / signal) of each place: blue is known", fontsize=10, color=INK)
        return png(figure)

    def _laid_out(self, x: np.ndarray) -> np.ndarray:
        """Give examples their axis of channels."""
        return x.reshape(len(x), self.event.channels, *self.event.sizes)

    def _ends(self, x: np.ndarray) -> tuple[float, float]:
        """The ends of a scale that holds all values of x, and what most training examples have."""
        low, high = limits(x if self.like is None else self.like)
        return wider((min(low, float(x.min())), max(high, float(x.max()))))

    def _channels(self) -> str:
        shown, all_ = min(self.event.channels, len(PALETTE)), self.event.channels
        return "" if all_ == 1 else f", {all_} channels" if shown == all_ else f", the first {shown} of {all_} channels"

    def _lines(self, axis: Axes, x: np.ndarray, colour: str, alpha: float = 1.0) -> None:
        """Draw the channels of one signal (C, L): the only one in `colour`, several in their own."""
        several = len(x) > 1
        for k, channel in enumerate(x[: len(PALETTE)]):
            axis.plot(channel, color=PALETTE[k] if several else colour, linewidth=0.8, alpha=alpha)

    @staticmethod
    def _column(number: int, ends: tuple[float, float]) -> tuple[Figure, Any]:
        """Axes below each other, with one scale."""
        figure = Figure(figsize=(6, 0.9 * number + 0.8), layout="constrained")
        axes: Any = figure.subplots(number, 1, squeeze=False, sharex=True, sharey=True)[:, 0]
        for axis in axes:
            plain(axis)
        axes[0].set_ylim(*ends)
        axes[-1].set_xlabel("place")
        figure.supylabel("value", fontsize=10)
        return figure, axes
