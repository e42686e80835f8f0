"""The model card of a published model: its README.md, with the fields that the Hugging Face hub reads."""

from dataclasses import dataclass
from typing import Any

import yaml

_PAPER = "https://arxiv.org/abs/2310.08337"
_METRICS = {"bits/dim": "bits_per_dim", "nats": "nats"}


@dataclass(frozen=True)
class Facts:
    """What is known about a model's training and evaluation; None where unknown."""

    name: str = "FOLDER"
    """Where it is loaded from: a folder, or a name of the hub."""
    data: str | None = None
    event_shape: tuple[int, ...] | None = None
    steps: int = 100
    """To sample with."""
    command: str | None = None
    """That trained it."""
    evaluation: dict[str, Any] | None = None
    """As `ndm evaluate` wrote it."""
    licence: str | None = None
    """An identifier of the hub, e.g. apache-2.0."""


def model_card(parts: dict[str, str], facts: Facts) -> str:
    """Write the card of a model of these parts (class names by kind): YAML between two rules, then Markdown."""
    return f"---\n{yaml.safe_dump(_fields(facts), sort_keys=False)}---\n\n{_text(parts, facts)}"


def _fields(facts: Facts) -> dict[str, Any]:
    fields: dict[str, Any] = {"library_name": "ndm", "tags": ["neural-diffusion-model", "diffusion"]}
    if facts.licence is not None:
        fields["license"] = facts.licence
    if facts.data is not None:
        fields["datasets"] = [facts.data]
    if facts.evaluation is not None:
        found = facts.evaluation
        metric = {
            "type": _METRICS.get(found["unit"], found["unit"]),
            "value": found["nelbo"]["total"],
            "name": f"bound, {found['unit']}",
        }
        fields["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": "density-estimation"},
                        "metrics": [metric],
                        "dataset": {"type": found["data"], "name": found["data"], "split": found["split"]},
                    }
                ],
            }
        ]
    return fields


def _text(parts: dict[str, str], facts: Facts) -> str:
    table = "\n".join(f"| {kind} | {name} |" for kind, name in parts.items())
    trained = "It is not recorded how this model was trained."
    if facts.command is not None:
        trained = f"```\n{facts.command}\n```"
    shape = "(16, *event_shape)" if facts.event_shape is None else (16, *facts.event_shape)
    data = "unknown" if facts.data is None else facts.data
    return f"""# A Neural Diffusion Model

Made with the library `ndm`, after [Neural Diffusion Models]({_PAPER}). Data: {data}.

| part | class |
|---|---|
{table}

## Figures

{_figures(facts.evaluation)}

## Training

{trained}

## Use

```python
import ndm

model = ndm.NeuralDiffusion.from_pretrained("{facts.name}")
samples = ndm.samplers.Ancestral(model, steps={facts.steps})({shape}, seed=0)
```

## Limits

It is a model of its data, with their faults. Its licence: {facts.licence or "not stated"}.
"""


def _figures(evaluation: dict[str, Any] | None) -> str:
    if evaluation is None:
        return "This model has not been evaluated."
    bound, unit = evaluation["nelbo"], evaluation["unit"]
    time = "continuous time" if bound["timesteps"] is None else f"T = {bound['timesteps']}"
    some = "the first " * (evaluation.get("limit") is not None)
    condition = evaluation.get("condition")
    given = "" if condition is None else f", given {', '.join(condition)} of each"
    lines = [
        f"| {evaluation['data']}, {evaluation['split']}, {some}{evaluation['num_examples']} examples{given} | {unit} |",
        "|---|---|",
        f"| bound on -log p, {time} | {bound['total']:.4f} ± {bound['standard_error']:.4f} |",
    ]
    for kind, name in (("importance", "importance-weighted bound"), ("ode", "-log p of the ODE")):
        if (found := evaluation.get(kind)) is not None:
            error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.4f}"
            lines.append(f"| {name} | {found['total']:.4f}{error} |")
    return "\n".join(lines) + "\n\nThe mean over examples, ± its standard error; less is better."
