"""Embeddings of the time, and of a condition: a label or real values."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ndm.autodiff.layers import Linear, silu
from ndm.base.errors import InputError
from ndm.base.precision import check_tensors
from ndm.base.ranges import check_count

NO_LABEL = -1  # among the labels of a batch; a number that no labels begin or end at by mistake

# Angular frequencies are spaced geometrically between these. The log-signal-to-noise ratio moves by a few tenths
# when t moves by 1/100: finer features would only roughen the derivative in t, which velocities need.
_LOWEST, _HIGHEST = 1.0, 100.0


class FourierFeatures(nn.Module):
    """Fourier features of the input, for structure finer than a network would learn from x alone.

    x (B, D) -> [x, sin(w_k x), cos(w_k x)]_k, (B, D (1 + 2 num)), for `num` frequencies from 1 to `highest`. Networks
    learn smooth functions first (Tancik et al., 2020, https://arxiv.org/abs/2006.10739).
    """

    frequencies: Tensor

    def __init__(self, num: int, highest: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(0, math.log10(highest), num), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        angles = (x[..., None] * self.frequencies).flatten(1)
        return torch.cat((x, angles.sin(), angles.cos()), dim=1)


class ConditionEmbedding(nn.Module, ABC):
    """A condition cond (B, ...) -> (B, width), or what broadcasts to it; None stands for no condition.

    Attributes:
        sizes: how many classes it takes, and how many real values; one of them is 0.
    """

    sizes: tuple[int, int]

    @abstractmethod
    def forward(self, cond: Tensor | None, batch: int) -> Tensor | float:
        """cond of `batch` examples, or None -> (batch, width), or what broadcasts to it."""

    @abstractmethod
    def check(self, cond: Tensor, batch: int) -> None:
        """Raise `InputError` for a condition that `forward` does not take, on any device."""


def condition_embedding(num_classes: int, num_values: int, width: int) -> ConditionEmbedding:
    """Make the embedding of labels or of real values; without both, one that takes no condition."""
    check_count("num_classes", num_classes, 0)
    check_count("num_values", num_values, 0)
    if num_classes and num_values:
        raise InputError(f"num_classes = {num_classes} and num_values = {num_values}", "one of them above 0")
    return ValueEmbedding(num_values, width) if num_values else LabelEmbedding(num_classes, width)


class LabelEmbedding(ConditionEmbedding):
    """Embed labels (B,), int64 in 0..num_classes-1, as (B, width); no label, None or -1, is a learned row too.

    The learned row for "no label" lets one network be both conditional and unconditional, as classifier-free
    guidance needs (Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598). With num_classes = 0 labels are
    refused by an `InputError`, and the embedding is 0.
    """

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        self.num_classes, self.sizes = num_classes, (num_classes, 0)
        self.rows = nn.Embedding(num_classes + 1, width) if num_classes else None

    def forward(self, cond: Tensor | None, batch: int) -> Tensor | float:
        if cond is None:
            return 0.0 if self.rows is None else self.rows.weight[-1]
        self.check_kind(cond, batch)
        assert self.rows is not None
        # -1 is the last row; all else that is out of range lies beyond it, where the look-up itself refuses it: to
        # read the labels first would cost a synchronisation on an accelerator.
        index = torch.where(cond < 0, self.num_classes + NO_LABEL - cond, cond + (cond >= self.num_classes))
        try:
            return self.rows(index)
        except IndexError:
            self.check(cond, batch)
            raise

    def check(self, cond: Tensor, batch: int) -> None:
        self.check_kind(cond, batch)
        check_labels_in_range(cond, self.num_classes)

    def check_kind(self, cond: Tensor, batch: int) -> None:
        """Raise `InputError` for labels of another type or shape, without reading their values."""
        if self.rows is None:
            raise InputError(
                "labels in cond",
                "cond=None, because the network was made with num_classes=0",
                "make it with num_classes set to the number of labels",
            )
        check_labels_kind(cond, batch)


def check_labels_kind(cond: Tensor, batch: int) -> None:
    """Raise `InputError` unless cond is one integer for each example."""
    check_tensors(cond=cond)
    if cond.dtype != torch.int64 or cond.shape != (batch,):
        raise InputError(
            f"cond of shape {tuple(cond.shape)} and {cond.dtype}",
            f"labels of shape ({batch},) and torch.int64",
            "give one integer per example",
        )


def check_labels_in_range(cond: Tensor, num_classes: int) -> None:
    """Raise `InputError` for labels (B,) that are neither 0..num_classes-1 nor -1."""
    wrong = (cond < NO_LABEL) | (cond >= num_classes)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise InputError(
            f"label {int(cond[row])} of example {row}",
            f"labels from 0 to {num_classes - 1}, or {NO_LABEL} for no label",
            "number the classes from 0",
        )


class ValueEmbedding(ConditionEmbedding):
    """Real values (B, num_values) -> linear -> SiLU -> linear -> (B, width); none, None -> 0.

    The values should be of about unit variance, as `ndm.parts.conditions.ValueCondition` makes them.
    """

    def __init__(self, num_values: int, width: int) -> None:
        super().__init__()
        self.num_values, self.sizes = num_values, (0, num_values)
        self.enter, self.leave = Linear(num_values, width), Linear(width, width)

    def forward(self, cond: Tensor | None, batch: int) -> Tensor | float:
        if cond is None:
            return 0.0
        check_values_kind(cond, batch, self.num_values)
        return self.leave(silu(self.enter(cond.to(self.enter.weight.dtype))))

    def check(self, cond: Tensor, batch: int) -> None:
        check_values_kind(cond, batch, self.num_values)
        check_values_finite(cond)


def check_values_kind(cond: Tensor, batch: int, num_values: int) -> None:
    """Raise `InputError` unless cond is `num_values` floating point numbers for each example."""
    check_tensors(cond=cond)
    if not cond.is_floating_point() or cond.shape != (batch, num_values):
        raise InputError(
            f"cond of shape {tuple(cond.shape)} and {cond.dtype}",
            f"floating point numbers of shape ({batch}, {num_values})",
            f"give {num_values} for each example",
        )


def check_values_finite(cond: Tensor) -> None:
    """Raise `InputError` for values (B, C) that are NaN or infinite: nothing stands for a value that is missing."""
    wrong = ~torch.isfinite(cond)
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        raise InputError(
            f"cond[{row}, {column}] = {float(cond[row, column])}",
            "finite numbers",
            "leave out examples whose condition is not known",
        )


class TimeEmbedding(nn.Module):
    """Times t (B,) in [0, 1], and a condition, labels (B,), real values (B, num_values) or None -> (B, width).

    [sin(w_k t), cos(w_k t)]_k -> linear -> + condition -> SiLU -> linear -> SiLU: the sinusoidal features of Vaswani
    et al. (2017, https://arxiv.org/abs/1706.03762), with w_k for times in [0, 1].
    """

    frequencies: Tensor

    def __init__(self, width: int, num_classes: int = 0, num_frequencies: int = 32, num_values: int = 0) -> None:
        super().__init__()
        frequencies = torch.logspace(math.log10(_LOWEST), math.log10(_HIGHEST), num_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.time = Linear(2 * num_frequencies, width)
        self.condition = condition_embedding(num_classes, num_values, width)
        self.mix = Linear(width, width)

    def forward(self, t: Tensor, cond: Tensor | None = None) -> Tensor:
        angles = t[:, None] * self.frequencies
        features = torch.cat((angles.sin(), angles.cos()), dim=1).to(self.time.weight.dtype)
        return silu(self.mix(silu(self.time(features) + self.condition(cond, t.shape[0]))))


def check_condition(model: nn.Module, cond: Tensor | None, number: int) -> None:
    """Raise `InputError` unless there is one condition for each of `number` examples, or None for all.

    The networks of the model say what they take; what else a callable takes for each example is its own.
    """
    if cond is None:
        return
    check_tensors(cond=cond)
    if cond.shape[:1] != (number,):
        raise InputError(
            f"cond of shape {tuple(cond.shape)} for {number} examples",
            f"labels of shape ({number},), or values of shape ({number}, C)",
            "give one for each example",
        )
    for module in model.modules():
        if isinstance(module, ConditionEmbedding):
            module.check(cond, number)
