"""AdamW with a rate for each part of the model, and the learning rate over the course of training."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ndm.config import Config
from ndm.model import NeuralDiffusion
from ndm.training.parallel import own


@dataclass
class _Group:
    """The tensors of one group of parameters, listed once."""

    parameters: list[nn.Parameter]
    weights: list[Tensor]  # what this process has of them
    first: list[Tensor]  # moments
    second: list[Tensor]
    counts: Tensor  # (N,) steps of each
    steps: list[Tensor]  # () views of `counts`


class AdamW(torch.optim.AdamW):
    """PyTorch's AdamW, its fused kernel called on lists of tensors that are made once.

    Of small models `torch.optim.AdamW.step` takes four times as long as its kernel: it gathers and sorts the tensors,
    and adds 1 to a number of steps for each of them. State and results are the same. A parameter without a gradient
    stays as it is, and its step does not count.
    """

    def __init__(self, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(groups, fused=True, **options)
        self.groups: list[_Group] = []

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step along the gradients."""
        self.groups = self.groups or [self._listed(group["params"]) for group in self.param_groups]
        for options, group in zip(self.param_groups, self.groups, strict=True):
            gradients = [own(p.grad) for p in group.parameters if p.grad is not None]
            if not gradients:
                continue
            lists = [group.weights, group.first, group.second, group.steps]
            if len(gradients) == len(group.parameters):
                group.counts += 1
            else:
                there = [k for k, p in enumerate(group.parameters) if p.grad is not None]
                lists = [[tensors[k] for k in there] for tensors in lists]
                torch._foreach_add_(lists[-1], 1)
            weights, first, second, steps = lists
            torch._fused_adamw_(
                weights,
                gradients,
                first,
                second,
                [],
                steps,
                lr=options["lr"],
                beta1=options["betas"][0],
                beta2=options["betas"][1],
                weight_decay=options["weight_decay"],
                eps=options["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _listed(self, parameters: list[nn.Parameter]) -> _Group:
        """The group with its state, which a checkpoint has filled or which begins at 0."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] |= {
                    "step": torch.zeros((), device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                }
        states = [self.state[parameter] for parameter in parameters]
        counts = torch.stack([state["step"] for state in states])
        steps = list(counts.unbind())
        for state, step in zip(states, steps, strict=True):
            state["step"] = step
        first, second = ([own(state[name]) for state in states] for name in ("exp_avg", "exp_avg_sq"))
        return _Group(parameters, [own(p.detach()) for p in parameters], first, second, counts, steps)


def make_optimizer(model: NeuralDiffusion, config: Config) -> AdamW:
    """Make AdamW, with separate rates for the transform, and for schedule ends, volatility and reverse steps."""
    rates = {
        "schedule": config.schedule_rate,
        "volatility": config.schedule_rate,
        "reverse_step": config.schedule_rate,
        "transform": config.transform_rate * model.transform.rate,
    }
    groups: dict[tuple[float, float, torch.dtype], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        is_weight = parameter.ndim >= 2 and name.endswith(".weight")  # of a layer: scales and histograms do not decay
        # The end points of gamma are numbers with a clear gradient; its shape has a faint one in continuous time.
        faint = part == "schedule" and parameter.ndim > 0 and config.timesteps is None
        rate = 1.0 if faint else rates.get(part, 1.0)
        key = (rate, config.weight_decay if is_weight else 0.0, parameter.dtype)  # one kernel serves one type
        groups.setdefault(key, []).append(parameter)
    return AdamW(
        [
            {"params": parameters, "weight_decay": decay, "rate": rate}
            for (rate, decay, _), parameters in groups.items()
        ],
        lr=config.learning_rate,
        betas=config.betas,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, step: int, fraction: float) -> float:
    """Set the learning rate of every group, for this step and fraction of the budget; returns the rate."""
    rate = config.learning_rate * warm_up(step, config.warmup_steps)
    if config.decay == "cosine":
        rate *= cosine(fraction)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate"]
    return rate


def warm_up(step: int, steps: int) -> float:
    """The factor on the learning rate that rises to 1 over so many steps."""
    return min(1.0, (step + 1) / (steps + 1))


def cosine(fraction: float) -> float:
    """The factor on the learning rate that falls to 0 over the budget, (1 + cos(pi fraction)) / 2."""
    return (1 + math.cos(math.pi * min(fraction, 1.0))) / 2
