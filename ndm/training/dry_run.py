"""Dry runs: what a configuration means and costs."""

from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.nn.embeddings import ConditionEmbedding
from ndm.training.defaults import Plan
from ndm.training.pace import TrialStep, device
from ndm.training.source import begin
from ndm.training.start import check, new_model


def dry_run(plan: Plan, data: DataSet, console: Console) -> None:
    """Print the resolved configuration, what was chosen and why, parameters, FLOPs of a step, and the expected time."""
    config = plan.config
    check(config)
    model = new_model(config, data)
    begun = [] if config.from_model is None else begin(model, config, data)
    step = TrialStep(model, config, data)
    print("\n".join([config.to_yaml(data, data.name).rstrip(), *begun]))

    if plan.choice is not None:
        chosen = Table("chosen", "value", "reason")
        for name, (value, reason) in plan.choice.settings.items():
            chosen.add_row(name, str(value), reason)
        console.print(chosen)
    table = Table("part", "class", "parameters")
    for name, part in model.named_children():
        table.add_row(name, type(part).__name__, f"{sum(p.numel() for p in part.parameters()):,}")
    table.add_row("all", "", f"{sum(p.numel() for p in model.parameters()):,}")
    console.print(table)

    if (told := _who_is_told(model)) is not None:
        console.print(told, highlight=False)
    with FlopCounterMode(display=False) as counter:
        step()
    seconds = step.seconds()
    budget = [f"{config.max_seconds:g} s"] if config.max_seconds is not None else []
    budget += [f"{config.max_steps} steps, about {config.max_steps * seconds:.0f} s"] if config.max_steps else []
    console.print(
        f"matrix FLOPs of a step (forward and backward, batch {config.batch_size}): "
        f"{counter.get_total_flops() / 1e9:.3f} G",
        highlight=False,
    )
    console.print(
        f"step: {seconds * 1e3:.1f} ms, {config.batch_size / seconds:.0f} examples/s, "
        f"{counter.get_total_flops() / seconds / 1e9:.0f} GFLOP/s on this machine "
        f"({device()})",
        highlight=False,
    )
    console.print(f"budget: {' or '.join(budget) or 'none'}", highlight=False)


def _who_is_told(model: NeuralDiffusion) -> str | None:
    """Describe the condition, and which of F and the predictor have a network that takes it."""
    condition = model.condition
    if condition is None:
        return None
    what = ", ".join(condition.names) + f" ({condition.sizes[0]} classes)" * bool(condition.sizes[0])
    parts = {"F": model.transform, "the predictor": model.predictor}
    takes = {name: any(isinstance(each, ConditionEmbedding) for each in part.modules()) for name, part in parts.items()}
    deaf = [f"{name} ({type(parts[name]).__name__}) does not depend on it" for name in takes if not takes[name]]
    return "; ".join([f"condition: {what}, given to {' and '.join(name for name in takes if takes[name])}", *deaf])
