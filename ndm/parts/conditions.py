"""Conditions of a model's density p(x | cond): the class of an example, or real values."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.nn.embeddings import (
    NO_LABEL,
    ConditionEmbedding,
    check_labels_in_range,
    check_labels_kind,
    check_values_finite,
    check_values_kind,
)

_NAMED = 20  # classes that a message lists


class Condition(Part, ABC):
    """Names and units of a condition, so that users give it as it is in their data.

    Attributes:
        names: what the condition consists of, as `label` or columns of a table.
        sizes: how many classes it has, and how many real values, as of the `ConditionEmbedding` of a network.
    """

    names: tuple[str, ...]
    sizes: tuple[int, int]

    @abstractmethod
    def check(self, cond: Tensor, number: int) -> None:
        """Raise `InputError` unless cond is that of `number` examples."""

    def check_fit(self, parts: Mapping[str, Any]) -> None:
        for network in (module for part in parts.values() for module in part.modules()):
            if isinstance(network, ConditionEmbedding) and network.sizes != self.sizes:
                raise InputError(
                    f"a network for {network.sizes[0]} classes and {network.sizes[1]} values",
                    f"one for {self.sizes[0]} and {self.sizes[1]}, as the condition {self.names} has",
                    "make it with these num_classes and num_values",
                )

    @abstractmethod
    def forward(self, cond: Tensor) -> Tensor:
        """The condition as the networks of the model take it."""


class LabelCondition(Condition):
    """The class of an example: cond is its number (B,), int64, or -1 for an example without a class.

    Args:
        classes: the name of each class, as in the data.
        frequencies: how often each was trained on, and last how often no class was, (K + 1); not known if not given.
    """

    names = ("label",)

    def __init__(self, classes: Sequence[str], frequencies: Sequence[float] = ()) -> None:
        super().__init__()
        self.classes, self.frequencies = tuple(classes), tuple(frequencies)
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise InputError(f"classes {self.classes}", "different names, at least one")
        if self.frequencies and len(self.frequencies) != len(self.classes) + 1:
            raise InputError(
                f"{len(self.frequencies)} frequencies", f"{len(self.classes) + 1}, the last that of no class"
            )
        self.sizes = (len(self.classes), 0)

    @property
    def knows_none(self) -> bool:
        """Whether the model was trained on examples without a class, so that it is a model without one as well."""
        return bool(self.frequencies) and self.frequencies[-1] > 0

    def numbers(self, names: Sequence[str]) -> Tensor:
        """The numbers of classes by name, (n,) int64; raises `InputError` for a name that is none."""
        places = {name: number for number, name in enumerate(self.classes)}
        if unknown := [name for name in names if name not in places]:
            known = ", ".join(self.classes[:_NAMED]) + f" and {len(places) - _NAMED} more" * (len(places) > _NAMED)
            raise InputError(f"the label {unknown[0]!r}", f"one of {known}")
        return torch.tensor([places[name] for name in names], dtype=torch.int64)

    def named(self, cond: Tensor) -> list[str]:
        """The names of numbers (n,); that of no class is empty."""
        return [self.classes[number] if number != NO_LABEL else "" for number in cond.tolist()]

    def check(self, cond: Tensor, number: int) -> None:
        check_labels_kind(cond, number)
        check_labels_in_range(cond, len(self.classes))

    def forward(self, cond: Tensor) -> Tensor:
        return cond


class ValueCondition(Condition):
    """Real values of an example: cond (B, C) in the units of the data; the networks see (cond - loc) / scale.

    Args:
        names: of the C values.
        loc, scale: of each, such as mean and standard deviation of the training data.
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, names: Sequence[str], loc: Sequence[float] | Tensor, scale: Sequence[float] | Tensor) -> None:
        super().__init__()
        self.names = tuple(names)
        self.sizes = (0, len(self.names))
        self.register_constant("loc", torch.as_tensor(loc, dtype=torch.float64))
        self.register_constant("scale", torch.as_tensor(scale, dtype=torch.float64))
        if not self.names or self.loc.shape != (len(self.names),) or self.scale.shape != self.loc.shape:
            raise InputError(
                f"names {self.names}, loc {tuple(self.loc.shape)} and scale {tuple(self.scale.shape)}",
                "a loc and a scale for each name, at least one",
            )
        if not (torch.isfinite(self.loc).all() and torch.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise InputError("a loc or scale that is not finite or not positive", "a finite loc and a scale > 0")

    def check(self, cond: Tensor, number: int) -> None:
        check_values_kind(cond, number, len(self.names))
        check_values_finite(cond)

    def forward(self, cond: Tensor) -> Tensor:
        return (cond - self.loc) / self.scale
