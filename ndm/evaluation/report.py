"""RUN/report: pictures of a run, and one self-contained HTML page about it."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ndm.base.files import make_folder, read_text, require_writable, write_atomically
from ndm.base.processes import Processes
from ndm.data import DataSet
from ndm.evaluation.conditions import given_words
from ndm.evaluation.figures import by_class, check_picture, comparison, filmstrip, order, training_curve
from ndm.evaluation.kept import of_other_weights, of_the_model
from ndm.evaluation.progress import paths, rows_of_classes
from ndm.evaluation.samples import draw
from ndm.runs.metrics import read_metrics
from ndm.runs.run import Run, open_run

_TIMES = [0.0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0]
_TIMES_OF_POINTS = [0.0, 0.25, 0.5, 0.75, 1.0]
_IMAGES, _ROWS, _MOST_POINTS = 64, 4, 10_000
_MOST_PANELS = 8

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%;display:block;margin:.5rem 0 1.5rem}table{border-collapse:collapse}
td,th{padding:.2rem 1rem .2rem 0;text-align:left;border-bottom:1px solid #ddd}pre{background:#f6f6f4;padding:1rem}"""

_CAPTIONS = {
    "samples": "Real examples and samples of the model",
    "classes": "Samples of each class",
    "filmstrip": "The learned path F(x, t) of held-out examples",
    "order": "When each pixel is revealed",
    "training": "The training data's bound over the course of training (weights not averaged, with dropout)",
}


def page(run: Run, evaluation: dict[str, Any] | None, stale: str | None, pictures: dict[str, bytes]) -> str:
    """Write the page; pictures are PNG by name, `stale` says why the evaluation is not of these weights."""
    parts = [
        f"<h1>{html.escape(run.config['data']['name'])}</h1>",
        f"<p>{run.progress['step']:,} steps, {run.progress['examples']:,} examples, "
        f"{run.progress['seconds']:.0f} s of training, seed {run.config['seed']}.</p>",
    ]
    parts += _evaluated(evaluation, stale)
    for name, content in pictures.items():
        source = base64.b64encode(content).decode()
        caption = html.escape(_CAPTIONS[name])
        parts.append(f'<h2>{caption}</h2><img alt="{caption}" src="data:image/png;base64,{source}">')
    configuration = html.escape(read_text(run.folder / "config.yaml", "the file that ndm train wrote"))
    parts.append(f"<h2>Configuration</h2><pre>{configuration}</pre>")
    title = f"ndm: {html.escape(run.config['data']['name'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _evaluated(evaluation: dict[str, Any] | None, stale: str | None) -> list[str]:
    if evaluation is None:
        return ["<p>Not evaluated yet: <code>ndm evaluate RUN</code>.</p>"]
    again = f"<p><b>An evaluation {stale}:</b> <code>ndm evaluate RUN</code> again.</p>"
    return [again] * (stale is not None) + [_table(evaluation)]


def _table(evaluation: dict[str, Any]) -> str:
    terms = evaluation["nelbo"]
    kind = "continuous time" if terms["timesteps"] is None else f"T = {terms['timesteps']}"
    rows = [("NELBO", f"{terms['total']:.4f} ± {terms['standard_error']:.4f}")]
    from_draws = min(terms["standard_error_of_draws"], terms["standard_error"])  # the draws' alone is conservative
    rows += [("of that error, from the draws, at most", f"{from_draws:.4f}")]
    rows += [(name, f"{terms[name]:.4f}") for name in ("prior", "diffusion", "reconstruction")]
    body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    body += f"<tr><td>parameters</td><td>{evaluation['parameters']:,}</td></tr>"
    some = "the first " * (evaluation["limit"] is not None)
    about = f"{evaluation['split']}, {some}{evaluation['num_examples']} examples, {kind}, {terms['draws']} draws"
    about += given_words(evaluation)
    return f"<table><tr><th>{html.escape(about)}</th><th>{evaluation['unit']}</th></tr>{body}</table>"


def report(
    folder: Path, processes: Processes, seed: int = 0, steps: int | None = None, allow: Sequence[str] = ()
) -> dict[str, Path]:
    """Write RUN/report for the run in `folder`; its files by name: index, the page, and the pictures.

    Args:
        seed: of the samples.
        steps: of the run's sampler; by default the T that the model was trained with, or the sampler's own number.
        allow: as in `open_run`.
    """
    with processes.agreed():
        run = open_run(folder, allow=allow)
        require_writable(folder / "report" / "index.html")
        data = run.data()
        check_picture(run.event_shape, run.config["data"]["num_levels"])
    num = _IMAGES if run.is_image else min(_MOST_POINTS, len(data.train))
    beside = (data.test if run.is_image else data.train).take(slice(num))
    some = np.arange(num) % len(beside)  # samples under the conditions of the examples that they are shown beside
    cond = run.told(data, None if beside.cond is None else beside.cond[some])
    x = draw(run, num, processes, steps=steps, seed=seed, cond=cond)
    rows = rows_of_classes(run.model, run.is_image)
    of_classes = [
        (name, draw(run, len(own), processes, steps=steps, seed=seed, cond=own)) for name, own in rows.items()
    ]
    return processes.by_first(lambda: _write(run, data, x, of_classes))


def _write(run: Run, data: DataSet, x: np.ndarray, of_classes: list[tuple[str, np.ndarray]]) -> dict[str, Path]:
    """Picture the run, its samples x, and those of its classes."""
    pictures = _pictures(run, data, x)
    if of_classes:
        pictures["classes"] = by_class(of_classes, run.config["data"])
    folder = run.folder / "report"
    make_folder(folder)
    written = {"index": folder / "index.html"} | {name: folder / f"{name}.png" for name in pictures}
    for name, content in pictures.items():
        write_atomically(written[name], content)
    found = of_the_model(run)
    stale = None if found is None else of_other_weights(run, found)
    write_atomically(written["index"], page(run, found, stale, pictures).encode())
    return written


def _pictures(run: Run, data: DataSet, x: np.ndarray) -> dict[str, bytes]:
    """The pictures of the page as PNG, by name."""
    about = run.config["data"]
    beside = (data.test if run.is_image else data.train).x[: len(x)]
    pictures = {"samples": comparison(beside, x, about)}
    shown, cond = run.examples(data, "test", _ROWS if run.is_image else _MOST_POINTS)
    times = _TIMES if run.is_image else _TIMES_OF_POINTS
    if ((frames := paths(run.model, shown, cond, times)) != frames[0]).any():  # F = x is no sight
        pictures["filmstrip"] = filmstrip(frames, times)
    steps = min(run.config["timesteps"] or _MOST_PANELS, _MOST_PANELS)
    falling = [1 - k / steps for k in range(steps + 1)]
    if run.is_image and (gammas := _clocks(run, falling)) is not None:
        pictures["order"] = order(gammas, falling)
    lines = read_metrics(run.folder / "metrics.jsonl")
    if lines:
        pictures["training"] = training_curve(lines)
    return pictures


@torch.no_grad()
def _clocks(run: Run, times: list[float]) -> np.ndarray | None:
    """Compute gamma_i(t) of every dimension, (len(times), *event), where F gives each its noise schedule."""
    t = torch.tensor(times, device=run.device)
    gamma = run.model.transform.seen(run.model.schedule(t), t).gamma
    return gamma.cpu().numpy() if gamma.ndim > 1 else None
