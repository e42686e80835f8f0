"""One self-contained HTML page about a run."""

import base64
import html
from typing import Any

from ndm.base.files import read_text
from ndm.runs.run import Run

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%;display:block;margin:.5rem 0 1.5rem}table{border-collapse:collapse}
td,th{padding:.2rem 1rem .2rem 0;text-align:left;border-bottom:1px solid #ddd}pre{background:#f6f6f4;padding:1rem}"""

_CAPTIONS = {
    "samples": "Real examples and samples of the model",
    "filmstrip": "The learned path F(x, t) of held-out examples",
    "order": "When each pixel is revealed",
    "training": "The training data's bound over the course of training (weights not averaged, with dropout)",
}


def page(run: Run, evaluation: dict[str, Any] | None, stale: str | None, pictures: dict[str, bytes]) -> str:
    """The page; pictures are PNG by name. `stale` says why the evaluation is not of these weights."""
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
    return f"<table><tr><th>{html.escape(about)}</th><th>{evaluation['unit']}</th></tr>{body}</table>"
