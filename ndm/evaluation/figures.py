"""Pictures of data, samples and learned paths, as PNG bytes. Colours are the same for data and model throughout."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ndm.base.errors import InputError

_CERTAIN = 8.0  # of gamma: all signal, or all noise
_COLOURS = (1, 3, 4)  # channels of grey, RGB and RGBA
_IN_A_ROW = 16  # images of one class
_LONGEST_NAME = 24  # letters of a class
_PALETTE = ("#1f6f8b", "#c8553d", "#588b3c", "#8a5fa8", "#d09a2c", "#3b4a6b", "#c06c9b", "#6b8e9b", "#7a5c43")
_DATA, _MODEL, _SEA, _INK = "#1f6f8b", "#c8553d", "#0b1f2e", "#222222"


def picture_of(x: np.ndarray, about: dict[str, Any]) -> bytes:
    """Draw examples (N, *event): a grid of images, a map of cities, or a scatter of points."""
    figure = Figure(figsize=(10, 4) if about["name"] == "cities" else (6, 6), layout="constrained")
    _draw(figure.subplots(), x, about, _MODEL)
    return png(figure)


def comparison(data: np.ndarray, samples: np.ndarray, about: dict[str, Any]) -> bytes:
    """Draw real examples beside samples."""
    wide = about["name"] == "cities"
    figure = Figure(figsize=(10, 8.6) if wide else (11.4, 5.8), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.15)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(2, 1) if wide else figure.subplots(1, 2)
    for axis, x, colour, title in zip(axes, (data, samples), (_DATA, _MODEL), ("data", "samples"), strict=True):
        _draw(axis, x, about, colour)
        axis.set_title(f"{title} ({len(x):,})", color=_INK)
    return png(figure)


def by_class(parts: Sequence[tuple[str, np.ndarray]], about: dict[str, Any]) -> bytes:
    """Samples (N, *event) of several conditions, each under its name: rows of images, or points in colours."""
    for _, x in parts:
        check_picture(x.shape[1:], about["num_levels"])
    if about["num_levels"] is None:
        figure = Figure(figsize=(10, 4) if about["name"] == "cities" else (6.6, 6), layout="constrained")
        axis = figure.subplots()
        for k, (name, x) in enumerate(parts):
            axis.scatter(
                x[:, 0], x[:, 1], s=3, color=_PALETTE[k % len(_PALETTE)], alpha=0.6, linewidths=0, label=_short(name)
            )
        axis.set_aspect("equal")
        axis.legend(markerscale=3, fontsize=8, loc="upper right")
        return png(figure)
    figure = Figure(figsize=(8, 0.35 + 1.0 * len(parts)), layout="constrained")
    axes: Any = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    for axis, (name, x) in zip(axes, parts, strict=True):
        row = _tiles([_panel(image) for image in x[:_IN_A_ROW] / (about["num_levels"] - 1)], 1, 0.0, columns=len(x))
        axis.imshow(row, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(_short(name), rotation=0, ha="right", va="center", fontsize=9, color=_INK)
        axis.spines[:].set_visible(False)
    return png(figure)


def _short(name: str) -> str:
    """A name that leaves room for a picture: what is cut off is an ellipsis."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def filmstrip(frames: np.ndarray, times: list[float]) -> bytes:
    """Draw F(x, t) over t, and below it F(x, t) - x: frames (len(times), N, *event), in the model's scale."""
    figure = _image_strip(frames) if frames.ndim == 5 else _plane_strip(frames)
    for axis, t in zip(figure.axes, times, strict=False):
        axis.set_title(f"t = {t:.2f}", fontsize=9, color=_INK)
    largest = float(np.abs(frames - frames[:1]).max())
    figure.suptitle(
        f"The learned path F(x, t), and F(x, t) - x below it, which is {largest:.2g} at most", fontsize=10, color=_INK
    )
    return png(figure)


def _image_strip(frames: np.ndarray) -> Figure:
    count, number = frames.shape[:2]
    figure = Figure(figsize=(1.1 * count, 2.2 * number + 0.5), layout="constrained")
    axes: Any = figure.subplots(2 * number, count, squeeze=False)
    changes = frames - frames[:1]
    largest = max(float(np.abs(changes).max()), 1e-6)
    for column, row in np.ndindex(count, number):
        # One grey scale for all paths and one colour scale for all changes: they are to be compared.
        axes[2 * row, column].imshow(_panel((frames[column, row] + 1).clip(0, 2) / 2), cmap="gray", vmin=0, vmax=1)
        axes[2 * row + 1, column].imshow(changes[column, row].mean(0), cmap="RdBu_r", vmin=-largest, vmax=largest)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def _plane_strip(frames: np.ndarray) -> Figure:
    count = len(frames)
    figure = Figure(figsize=(3.2 * count, 6.6), layout="constrained")
    # A scale may stretch one dimension a hundred times at one t alone: each t has its limits, on its ticks.
    axes: Any = figure.subplots(2, count, squeeze=False, sharex="col", sharey="col")
    x, some = frames[0], slice(None, None, max(1, frames.shape[1] // 400))
    for column, points in enumerate(frames):
        axes[0, column].scatter(points[:, 0], points[:, 1], s=1, c=_DATA, linewidths=0, alpha=0.5)
        change = points[some] - x[some]
        axes[1, column].quiver(
            x[some, 0],
            x[some, 1],
            change[:, 0],
            change[:, 1],
            color=_MODEL,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.004,
        )
    for axis in axes.flat:
        axis.tick_params(labelsize=6)
    return figure


def order(gammas: np.ndarray, times: list[float]) -> bytes:
    """Draw when each pixel is revealed, by its gamma_i(t), (len(times), C, H, W), at times from noise to data."""
    figure = Figure(figsize=(1.5 * len(times), 2.2), layout="constrained")
    axes: Any = figure.subplots(1, len(times), squeeze=False)[0]
    for axis, gamma, t in zip(axes, gammas, times, strict=True):
        shown = axis.imshow(gamma.mean(0), cmap="RdBu_r", vmin=-_CERTAIN, vmax=_CERTAIN)
        axis.set_title(f"t = {t:.2f}", fontsize=9, color=_INK)
        axis.set_axis_off()
    figure.colorbar(shown, ax=axes, shrink=0.8).ax.tick_params(labelsize=7)
    figure.suptitle(
        "When pixels are revealed: gamma = log(noise / signal) of each, blue is known", fontsize=10, color=_INK
    )
    return png(figure)


def training_curve(lines: list[dict[str, Any]]) -> bytes:
    """Draw the bound over the course of training, from the lines of metrics.jsonl."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.plot([line["seconds"] for line in lines], [line["total"] for line in lines], color=_MODEL)
    axis.set(xlabel="seconds of training", ylabel=f"training bound, {lines[0]['unit']}")
    axis.spines[["top", "right"]].set_visible(False)
    last = [line["total"] for line in lines[len(lines) // 10 :]] or [0.0]
    axis.set_ylim(min(last) - 0.05 * (max(last) - min(last)) - 1e-3, max(last) + 0.05 * (max(last) - min(last)) + 1e-3)
    return png(figure)


def _draw(axis: Axes, x: np.ndarray, about: dict[str, Any], colour: str) -> None:
    check_picture(x.shape[1:], about["num_levels"])
    if about["num_levels"] is not None:
        axis.imshow(_grid(x / (about["num_levels"] - 1)), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_axis_off()
        return
    if about["name"] == "cities":
        axis.set_facecolor(_SEA)
        axis.scatter(x[:, 0], x[:, 1], s=1.6, c="#ffd98a", alpha=0.6, linewidths=0)
        axis.set(xlim=(-180, 180), ylim=(-60, 80), xticks=[], yticks=[])
    else:
        axis.scatter(x[:, 0], x[:, 1], s=2, c=colour, alpha=0.5, linewidths=0)
    axis.set_aspect("equal")


def check_picture(event_shape: Sequence[int], num_levels: int | None) -> None:
    """Raise `InputError` for examples that cannot be drawn."""
    if num_levels is None and tuple(event_shape) != (2,):
        raise InputError(
            f"a picture of events of shape {tuple(event_shape)}",
            "images or points of the plane",
            "write samples as .npz, train without --pictures-every, evaluate instead of a report",
        )


def _grid(images: np.ndarray) -> np.ndarray:
    """Lay images (N, C, H, W) of 0..1 out as one image (H', W', 1 | 3 | 4), with gaps between neighbours."""
    return _tiles([_panel(image) for image in images], 1 if images.shape[1] in _COLOURS else 3, 0.0)


def _panel(image: np.ndarray) -> np.ndarray:
    """Lay an image (C, H, W) of 0..1 out as (H', W', 1 | 3 | 4): grey, RGB, RGBA, or each channel in grey."""
    if len(image) in _COLOURS:
        return np.moveaxis(image, 0, -1)
    return _tiles(list(image[..., None]), 1, 0.5)


def _tiles(images: list[np.ndarray], gap: int, between: float, columns: int | None = None) -> np.ndarray:
    """Images (H, W, D) beside and below each other, as square as can be; `between` is the value of the gaps.

    `columns` says how many lie beside each other, at most.
    """
    height, width, depth = images[0].shape
    square = math.ceil(math.sqrt(len(images) * (height + gap) / (width + gap)))
    columns = min(len(images), columns or square)
    rows = math.ceil(len(images) / columns)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, depth), between)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def png(figure: Figure) -> bytes:
    """Draw a figure as PNG without pyplot, which has global state."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
