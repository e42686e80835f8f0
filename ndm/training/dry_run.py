"""Dry runs: what a configuration means and costs."""

import time

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from ndm.base.noise import BatchSlice
from ndm.bounds.bound import bound
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.batches import batches_of
from ndm.model import NeuralDiffusion
from ndm.nn.embeddings import ConditionEmbedding
from ndm.training.build import make_time_sampler
from ndm.training.objective import as_piece
from ndm.training.optimizer import make_optimizer
from ndm.training.room import require_room
from ndm.training.source import begin
from ndm.training.start import check, new_model

_TIMED_STEPS = 5


def dry_run(config: Config, data: DataSet, console: Console) -> None:
    """Print the resolved configuration, the parameters of each part, the FLOPs of a step and the expected time."""
    check(config)
    model = new_model(config, data)
    begun = [] if config.from_model is None else begin(model, config, data)
    require_room(model, config, data, [BatchSlice(0, config.batch_size, config.batch_size)])
    print("\n".join([config.to_yaml(data, data.name).rstrip(), *begun]))

    table = Table("part", "class", "parameters")
    for name, part in model.named_children():
        table.add_row(name, type(part).__name__, f"{sum(p.numel() for p in part.parameters()):,}")
    table.add_row("all", "", f"{sum(p.numel() for p in model.parameters()):,}")
    console.print(table)

    optimizer = make_optimizer(model, config)
    times = make_time_sampler(config)
    if (told := _who_is_told(model)) is not None:
        console.print(told, highlight=False)
    x, cond = as_piece(model, *batches_of(data.train, config.batch_size, config.seed)[0])

    def step() -> None:
        optimizer.zero_grad()
        bound(model, x, cond, config.timesteps, times).total.mean().backward()
        optimizer.step()

    with FlopCounterMode(display=False) as counter:
        step()
    began = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        step()
    seconds = (time.perf_counter() - began) / _TIMED_STEPS
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
        f"(CPU, {torch.get_num_threads()} threads)",
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
