"""ndm report"""

from dataclasses import dataclass

import numpy as np
import torch

from ndm.base.files import make_folder, require_writable, write_atomically
from ndm.base.processes import Processes
from ndm.cli.arguments import RunFolder
from ndm.cli.sample import draw
from ndm.data import DataSet
from ndm.evaluation.figures import check_picture, comparison, filmstrip, order, training_curve
from ndm.evaluation.kept import of_other_weights, of_the_model
from ndm.evaluation.progress import paths
from ndm.evaluation.report import page
from ndm.runs.metrics import read_metrics
from ndm.runs.run import Run, open_run

_TIMES = [0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0]
_TIMES_OF_POINTS = [0.0, 0.25, 0.5, 0.75, 1.0]
_IMAGES, _ROWS, _MOST_POINTS = 64, 4, 10_000
_MOST_PANELS = 8


@dataclass(frozen=True)
class Report:
    """Make RUN/report: samples beside data, a filmstrip of a learned F(x, t), the training curve, one page of all."""

    run_folder: RunFolder
    """The folder of the run."""
    seed: int = 0
    """Of the samples."""
    steps: int | None = None
    """Steps of the sampler; by default the T that the model was trained with, or 50."""

    def run(self) -> int:
        """Draw, picture, write."""
        with Processes() as processes:
            with processes.agreed():
                run = open_run(self.run_folder)
                require_writable(self.run_folder / "report" / "index.html")
                data = run.data()
                check_picture(run.event_shape, run.config["data"]["num_levels"])
            num = _IMAGES if run.is_image else min(_MOST_POINTS, len(data.train))
            x = draw(run, num, processes, steps=self.steps, seed=self.seed)
            processes.by_first(lambda: self._write(run, data, x))
        return 0

    def _write(self, run: Run, data: DataSet, x: np.ndarray) -> None:
        """Picture the run and its samples, and say where."""
        pictures = self._pictures(run, data, x)
        folder = self.run_folder / "report"
        make_folder(folder)
        for name, content in pictures.items():
            write_atomically(folder / f"{name}.png", content)
        found = of_the_model(run)
        stale = None if found is None else of_other_weights(run, found)
        write_atomically(folder / "index.html", page(run, found, stale, pictures).encode())
        print(f"report: {folder / 'index.html'} ({', '.join(f'{name}.png' for name in pictures)})")

    def _pictures(self, run: Run, data: DataSet, x: np.ndarray) -> dict[str, bytes]:
        about = run.config["data"]
        beside = (data.test if run.is_image else data.train).x[: len(x)]
        pictures = {"samples": comparison(beside, x, about)}
        shown = run.examples(data, "test")[: _ROWS if run.is_image else _MOST_POINTS]
        times = _TIMES if run.is_image else _TIMES_OF_POINTS
        if ((frames := paths(run.model, shown, times)) != frames[0]).any():  # F = x is no sight
            pictures["filmstrip"] = filmstrip(frames, times)
        steps = min(run.config["timesteps"] or _MOST_PANELS, _MOST_PANELS)
        falling = [1 - k / steps for k in range(steps + 1)]
        if run.is_image and (gammas := _clocks(run, falling)) is not None:
            pictures["order"] = order(gammas, falling)
        lines = read_metrics(self.run_folder / "metrics.jsonl")
        if lines:
            pictures["training"] = training_curve(lines)
        return pictures


@torch.no_grad()
def _clocks(run: Run, times: list[float]) -> np.ndarray | None:
    """gamma_i(t) of every dimension, (len(times), *event), where F gives each a noise schedule of its own."""
    t = torch.tensor(times, device=run.device)
    gamma = run.model.transform.seen(run.model.schedule(t), t).gamma
    return gamma.cpu().numpy() if gamma.ndim > 1 else None
