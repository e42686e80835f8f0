"""RUN/report: pictures of a run, and one self-contained HTML page about it."""

import base64
import html
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ndm.base.files import make_folder, read_text, require_writable, write_atomically
from ndm.base.processes import Processes
from ndm.bounds.units import in_unit, unit
from ndm.data import DataSet
from ndm.data.codecs import bits, first_examples, first_images, level_bits
from ndm.data.event import event_of, event_of_run
from ndm.data.levels import levels_of
from ndm.evaluation.conditions import given_words
from ndm.evaluation.figures import Drawing, bound_over_time, drawing_of, training_curve
from ndm.evaluation.kept import of_other_weights, of_the_model
from ndm.evaluation.neighbours import in_words, neighbours
from ndm.evaluation.progress import TIMES, paths, rows_of_classes
from ndm.evaluation.samples import draw
from ndm.evaluation.yardsticks import bound_at, there
from ndm.runs.metrics import read_metrics
from ndm.runs.run import Run, open_run

_LIKE = 1000  # training examples that fix the scale of pictures
_MOST_PANELS = 8

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
h1,h2,p,td,th,pre{overflow-wrap:anywhere}img{max-width:100%;display:block;margin:.5rem 0 1.5rem}
.pair{display:flex;flex-wrap:wrap;gap:0 1rem}.pair img{flex:1 1 20rem;min-width:0;height:100%}
table{border-collapse:collapse;margin:0 0 1.5rem}td,th{padding:.2rem 1rem .2rem 0;text-align:left}
td,th{border-bottom:1px solid #ddd}td+td,th+th{white-space:nowrap}
pre{background:#f6f6f4;padding:1rem;white-space:pre-wrap}"""

_CAPTIONS = {
    "samples": "Real examples and samples of the model",
    "classes": "Samples of each class",
    "neighbours": "Samples and their nearest training examples",
    "filmstrip": "The learned path F(x, t) of held-out examples",
    "order": "When each place is revealed",
    "training": "The bound over the course of training",
    "times": "Where on t the bound is",
}
_REMARKS = {
    "training": "Of training data by weights that are not averaged{dropout}; of validation data by averaged weights.",
    "times": "The diffusion term of training data, in the later half of training.",
}
_CODECS = {
    "webp": "lossless WebP, one tiled picture",
    "webp_each": "lossless WebP, a file for each",
    "png": "PNG, one tiled picture",
    "png_each": "PNG, a file for each",
    "zlib": "zlib, all bytes together",
    "xz": "xz, all bytes together",
    "stream": "FLAC, all in one stream",
    "blocks": "FLAC, a block for each",
}


def page(
    run: Run,
    evaluation: dict[str, Any] | None,
    stale: str | None,
    pictures: dict[str, bytes],
    validated: list[tuple[str, str]],
    compressed: list[tuple[str, str]],
    remarks: dict[str, str],
) -> str:
    """Write the page.

    pictures    PNG by name; `data` is shown beside `samples`
    stale       why the evaluation is not of these weights
    validated   rows of a table of the bound at the end of training beside yardsticks, its head first; none without
    compressed  the same of codecs; none for data without
    remarks     words below a picture, by its name
    """
    name = html.escape(run.config["data"]["name"])
    parts = [
        f"<h1>{name}</h1>",
        f"<p>{run.progress['step']:,} steps, {run.progress['examples']:,} examples, "
        f"{run.progress['seconds']:.0f} s of training, seed {run.config['seed']}.</p>",
    ]
    parts += _evaluated(evaluation, stale, f"ndm evaluate {shlex.quote(str(run.folder))}")
    if validated:
        parts.append(_rows(validated))
    if compressed:
        parts += ["<h2>What lossless codecs take for test examples</h2>", _rows(compressed)]
    for each, content in pictures.items():
        caption = html.escape(_CAPTIONS.get(each, ""))
        shown = _image(f"{caption}: {each}" if each == "samples" else caption, content)
        if each == "samples":
            shown = f'<div class="pair">{_image(f"{caption}: data", pictures["data"])}{shown}</div>'
        if each != "data":
            parts.append(f"<h2>{caption}</h2>{shown}")
        if each in remarks:
            parts.append(f"<p>{html.escape(remarks[each])}</p>")
    configuration = html.escape(read_text(run.folder / "config.yaml", "the file that ndm train wrote"))
    parts.append(f"<h2>Configuration</h2><pre>{configuration}</pre>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>ndm: {name}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _image(words: str, content: bytes) -> str:
    return f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """A table of two columns, whose first row is its head."""
    cells = [[html.escape(cell) for cell in row] for row in rows]
    (head, unit), *body = cells
    return (
        f"<table><tr><th>{head}</th><th>{unit}</th></tr>"
        + "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in body)
        + "</table>"
    )


def _evaluated(evaluation: dict[str, Any] | None, stale: str | None, command: str) -> list[str]:
    command = f"<code>{html.escape(command)}</code>"
    if evaluation is None:
        return [f"<p>Not evaluated yet: {command} does so, on test.</p>"]
    again = f"<p><b>An evaluation {stale}:</b> {command} again.</p>"
    return [again] * (stale is not None) + [_table(evaluation)]


def _validated(found: dict[str, Any], value: float) -> list[tuple[str, str]]:
    """The bound at the end of training beside yardsticks, as rows of a table."""
    entries = {"this model": value} | found["yardsticks"]
    rows = [(name, f"{entry:.4f}") for name, entry in sorted(entries.items(), key=lambda each: each[1])]
    rows += [(name, f"not measured ({why})") for name, why in found["absent"].items()]
    about = f"validation, {found['num_examples']:,} examples, at the end of training"
    return [(about, found["unit"]), *rows]


def _table(evaluation: dict[str, Any]) -> str:
    terms = evaluation["nelbo"]
    kind = "continuous time" if terms["timesteps"] is None else f"T = {terms['timesteps']}"
    rows = [("NELBO", f"{terms['total']:.4f} ± {terms['standard_error']:.4f}")]
    from_draws = min(terms["standard_error_of_draws"], terms["standard_error"])  # the draws' alone is conservative
    rows += [("of that error, from the draws, at most", f"{from_draws:.4f}")]
    rows += [(name, f"{terms[name]:.4f}") for name in ("prior", "diffusion", "reconstruction")]
    rows += [("parameters", f"{evaluation['parameters']:,}")]
    some = "the first " * (evaluation["limit"] is not None)
    about = f"{evaluation['split']}, {some}{evaluation['num_examples']} examples, {kind}, {terms['draws']} draws"
    return _rows([(about + given_words(evaluation), evaluation["unit"]), *rows])


def _compressed(data: DataSet) -> list[tuple[str, str]]:
    """What codecs take for the test examples, or the first of them, as rows of a table; none for values without levels.

    Of levels to which noise was added, in nats of their density, as the bound is, with the bits per dimension.
    """
    x = np.asarray(first_images(data.test.x)) if data.is_image else first_examples(data.test.x)
    if data.is_image:
        cells = {_CODECS[name]: f"{value:.4f}" for name, value in bits(x)._asdict().items()}
    elif (levels := levels_of(x, data.reading)) is not None:
        found = level_bits(levels.k, event_of(data.event_shape, None, data.columns))
        cells = {
            _CODECS[name]: f"{levels.nats(value):.4f} ({value:.4f} bits/dim)" for name, value in found.values.items()
        }
        cells |= {"FLAC": f"not measured ({found.absent})"} if found.absent else {}
    else:
        return []
    some = f"the first {len(x):,} of {len(data.test):,}" if len(x) < len(data.test) else f"{len(x):,}"
    return [(f"test, {some} examples", unit(data)), *cells.items()]


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
    drawing = drawing_of(event_of_run(run.config), data.train.x[:_LIKE])
    beside = data.split(drawing.beside).take(slice(drawing.shown))
    cond = run.told(data, beside.cond)  # that of the examples which samples are shown beside
    x = draw(run, len(beside), processes, steps=steps, seed=seed, cond=cond)
    rows = rows_of_classes(run.model, drawing)
    of_classes = [
        (name, draw(run, len(own), processes, steps=steps, seed=seed, cond=own)) for name, own in rows.items()
    ]
    return processes.by_first(lambda: _write(run, data, drawing, beside.x[:], x, of_classes))


def _write(
    run: Run,
    data: DataSet,
    drawing: Drawing,
    beside: np.ndarray,
    x: np.ndarray,
    of_classes: list[tuple[str, np.ndarray]],
) -> dict[str, Path]:
    """Picture the run, its samples x with the examples `beside` them, and those of its classes."""
    pictures = {
        "data": drawing.examples(beside, f"data ({len(beside):,})", is_data=True),
        "samples": drawing.examples(x, f"samples ({len(x):,})"),
    }
    if of_classes:
        pictures["classes"] = drawing.by_class(of_classes)
    near = neighbours(run, data, x)
    pictures["neighbours"] = drawing.neighbours(near)
    pictures |= _paths(run, data, drawing)
    compared, step = there(run.folder) or {}, run.progress["step"]
    last = bound_at(compared, step)
    if lines := read_metrics(run.folder / "metrics.jsonl"):
        lines[-1] |= {"validation": last} if last is not None and lines[-1]["step"] == step else {}
        pictures["training"] = training_curve(lines)
        if (times := bound_over_time(lines, in_unit(1.0, run))) is not None:
            pictures["times"] = times
    folder = run.folder / "report"
    make_folder(folder)
    written = {"index": folder / "index.html"} | {name: folder / f"{name}.png" for name in pictures}
    for name, content in pictures.items():
        write_atomically(written[name], content)
    found = of_the_model(run)
    stale = None if found is None else of_other_weights(run, found)
    dropout = ", with dropout" if any(isinstance(part, nn.Dropout) and part.p for part in run.model.modules()) else ""
    remarks = {name: words.format(dropout=dropout) for name, words in _REMARKS.items()}
    remarks |= {"neighbours": in_words(near, len(data.train))}
    validated = [] if last is None else _validated(compared, last)
    whole = page(run, found, stale, pictures, validated, _compressed(data), remarks)
    write_atomically(written["index"], whole.encode())
    return written


def _paths(run: Run, data: DataSet, drawing: Drawing) -> dict[str, bytes]:
    """Pictures of what the transform has learned: of its path where it is not F = x, and of what it reveals first."""
    pictures = {}
    frames = paths(run.model, *run.examples(data, "test", drawing.followed), TIMES)
    if (frames != frames[0]).any():
        pictures["filmstrip"] = drawing.filmstrip(frames, TIMES)
    steps = min(run.config["timesteps"] or _MOST_PANELS, _MOST_PANELS)
    falling = [1 - k / steps for k in range(steps + 1)]
    if (gammas := _clocks(run, falling)) is not None and (shown := drawing.order(gammas, falling)) is not None:
        pictures["order"] = shown
    return pictures


@torch.no_grad()
def _clocks(run: Run, times: list[float]) -> np.ndarray | None:
    """Compute gamma_i(t) of every dimension, (len(times), *event), where F gives each its noise schedule."""
    t = torch.tensor(times, device=run.device)
    gamma = run.model.transform.seen(run.model.schedule(t), t).gamma
    return gamma.cpu().numpy() if gamma.ndim > 1 else None
