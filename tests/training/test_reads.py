"""A training step reads the device once: whether it is finite. Any other read makes the host wait for the device."""

import traceback
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny import IMAGES, LABELLED, MEASURED, POINTS, images, labelled, measured, points
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ndm.training.trainer import Trainer

# What a user calls to have values on the host, and what PyTorch calls within its own functions.
READS = {"item", "tolist", "numpy", "cpu", "__bool__", "__float__", "__int__", "__index__", "__array__"}
READS |= {"allclose", "equal"}
OPERATORS = {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "_unique2", "bincount"}


def place() -> str:
    """Where in the library this is."""
    found = [frame for frame in traceback.extract_stack() if "/ndm/" in frame.filename]
    return f"{found[-1].filename.rpartition('/ndm/')[2]}:{found[-1].lineno} {found[-1].name}" if found else "autograd"


class Called(TorchFunctionMode):
    """Notes the reads that Python asks for."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(self, function, types, arguments=(), options=None) -> Any:
        if getattr(function, "__name__", "") in READS:
            self.seen.append(place())
        return function(*arguments, **(options or {}))


class Dispatched(TorchDispatchMode):
    """Notes the reads within PyTorch's functions, those of Boolean indices as well."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, function, types, arguments=(), options=None) -> Any:
        name = function.overloadpacket.__name__
        if name in OPERATORS or (name.startswith("index") and masked(arguments)):
            self.seen.append(place())
        return function(*arguments, **(options or {}))


def masked(arguments: tuple[Any, ...]) -> bool:
    indices = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], list | tuple) else ()
    return any(isinstance(index, torch.Tensor) and index.dtype == torch.bool for index in indices)


def reads(work) -> list[str]:
    """Where values are read on the host while work() runs; a read that both modes see is noted once."""
    seen: list[str] = []
    with Dispatched(inner := []), Called(seen):
        work()
    return seen + [where for where in inner if where not in seen]


@pytest.mark.parametrize(
    "work",
    [
        lambda x: float(x.sum()),
        lambda x: x.tolist(),
        lambda x: bool(x.isfinite().all()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: torch.bincount(x.long()),
        lambda x: x.numpy(),
        lambda x: torch.allclose(x, x),
    ],
)
def test_reads_are_seen(work):
    assert len(reads(lambda: work(torch.ones(3)))) == 1


def test_what_is_no_read_is_not_seen():
    assert reads(lambda: torch.ones(3).index_add(0, torch.tensor([1]), torch.ones(1)).add_(1)[torch.tensor([0])]) == []


CASES = {
    "points": (POINTS, points()),
    "images": (IMAGES, images()),
    "few steps": (replace(POINTS, timesteps=4), points()),
    "few steps of images": (replace(IMAGES, timesteps=4), images()),
    "series, the best volatility": (replace(POINTS, transform="series", volatility="best"), points()),
    "a residual path": (replace(POINTS, transform="residual", transform_options={"width": 8, "depth": 1}), points()),
    "labels": (LABELLED, labelled()),
    "values": (MEASURED, measured()),
    "shares and averages": (replace(POINTS, accumulate=2, average_lengths=(0.05, 0.1)), points()),
}


# Where the bound and what it is made of are; their reads are counted by the last test.
OF_THE_BOUND = ("bounds/", "parts/", "ode/", "process/", "nn/", "autodiff/", "model.py", "base/precision.py")


def reads_of_a_step(folder, case: str) -> list[str]:
    trainer = Trainer(*CASES[case], folder)
    trainer.terms.train()
    pieces = trainer.own_batch(0)
    trainer._train_step(pieces)  # what is made once
    return reads(lambda: trainer._train_step(pieces))


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_ahead_of_time_has_no_tensors(tmp_path, case):
    """Operations in another thread would take the cores of a step."""
    trainer, seen = Trainer(*CASES[case], tmp_path), []

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Watched():
        rows = trainer.read(0)
    assert not seen and all(isinstance(each, np.ndarray) for row in rows for each in row if each is not None)


@pytest.mark.parametrize("case", CASES)
def test_a_step_reads_the_device_once_outside_of_the_bound(tmp_path, case):
    found = [where for where in reads_of_a_step(tmp_path, case) if not where.startswith(OF_THE_BOUND)]
    found = [where for where in found if not where.endswith("_add_gradient")]  # in the backward pass of the bound
    assert len(found) == 1 and found[0].startswith("training/trainer.py"), found


@pytest.mark.parametrize("case", CASES)
def test_a_step_reads_the_device_once(tmp_path, case):
    assert len(found := reads_of_a_step(tmp_path, case)) == 1, found
