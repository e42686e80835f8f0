"""Embeddings of the time, of the label and of fine structure of the input."""

import math

import torch
from torch import Tensor, nn

from ndm.autodiff.layers import Linear, silu
from ndm.base.errors import InputError
from ndm.base.precision import check_tensors

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


class LabelEmbedding(nn.Module):
    """Embed labels (B,), int64 in 0..num_classes-1, as (B, width); no label, None or -1, is a learned row too.

    The learned row for "no label" lets one network be both conditional and unconditional, as classifier-free
    guidance needs (Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598). With num_classes = 0 labels are
    refused by an `InputError`, and the embedding is 0.
    """

    def __init__(self, num_classes: int, width: int) -> None:
        super().__init__()
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 0:
            raise InputError(f"num_classes = {num_classes!r}", "a whole number, at least 0")
        self.num_classes = num_classes
        self.rows = nn.Embedding(num_classes + 1, width) if num_classes else None

    def forward(self, cond: Tensor | None, batch: int) -> Tensor | float:
        """Embed cond (batch,) or None as (batch, width), or as a row that broadcasts to it."""
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
        """Raise `InputError` for labels that `forward` does not take, on any device."""
        self.check_kind(cond, batch)
        wrong = (cond < NO_LABEL) | (cond >= self.num_classes)
        if wrong.any():
            row = int(wrong.nonzero()[0])
            raise InputError(
                f"label {int(cond[row])} of example {row}",
                f"labels from 0 to {self.num_classes - 1}, or {NO_LABEL} for no label",
                "number the classes from 0",
            )

    def check_kind(self, cond: Tensor, batch: int) -> None:
        """Raise `InputError` for labels of another type or shape, without reading their values."""
        if self.rows is None:
            raise InputError(
                "labels in cond",
                "cond=None, because the network was made with num_classes=0",
                "make it with num_classes set to the number of labels",
            )
        check_tensors(cond=cond)
        if cond.dtype != torch.int64 or cond.shape != (batch,):
            raise InputError(
                f"cond of shape {tuple(cond.shape)} and {cond.dtype}",
                f"labels of shape ({batch},) and torch.int64",
                "give one integer per example",
            )


class TimeEmbedding(nn.Module):
    """Embed times t (B,) in [0, 1] and labels (B,) or None as (B, width).

    [sin(w_k t), cos(w_k t)]_k -> linear -> + label -> SiLU -> linear -> SiLU: the sinusoidal features of Vaswani
    et al. (2017, https://arxiv.org/abs/1706.03762), with w_k for times in [0, 1].
    """

    frequencies: Tensor

    def __init__(self, width: int, num_classes: int = 0, num_frequencies: int = 32) -> None:
        super().__init__()
        frequencies = torch.logspace(math.log10(_LOWEST), math.log10(_HIGHEST), num_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.time = Linear(2 * num_frequencies, width)
        self.label = LabelEmbedding(num_classes, width)
        self.mix = Linear(width, width)

    def forward(self, t: Tensor, cond: Tensor | None = None) -> Tensor:
        angles = t[:, None] * self.frequencies
        features = torch.cat((angles.sin(), angles.cos()), dim=1).to(self.time.weight.dtype)
        return silu(self.mix(silu(self.time(features) + self.label(cond, t.shape[0]))))


def check_labels(model: nn.Module, cond: Tensor | None, number: int) -> None:
    """Raise `InputError` unless there is one label for each of `number` examples, or None for all.

    The networks of the model check which labels there are; a callable predictor checks its condition itself.
    """
    if cond is None:
        return
    check_tensors(cond=cond)
    if cond.shape[:1] != (number,):
        raise InputError(
            f"cond of shape {tuple(cond.shape)} for {number} examples",
            f"labels of shape ({number},)",
            "give one for each example",
        )
    for module in model.modules():
        if isinstance(module, LabelEmbedding):
            module.check(cond, number)
