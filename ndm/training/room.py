"""An estimate of the memory of a training before it begins: parameters are counted, a step is measured.

Source of the measure: what autograd keeps of a few examples, `torch.autograd.graph.saved_tensors_hooks`.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ndm.autodiff.checkpointed import Block
from ndm.base.axes import PARALLEL
from ndm.base.errors import is_out_of_memory
from ndm.base.memory import available, require_memory
from ndm.base.noise import BatchSlice
from ndm.config import Config
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.training.build import make_time_sampler
from ndm.training.objective import Objective, as_piece

_SOME = 2  # examples
_BESIDE = 1.4  # what a step holds for a moment, as a factor on what it keeps
_BATCHES = 5  # in memory: the one that is computed, and those that are made ahead of time
_PER_ROW = 100  # bytes of an example's place in the order of the data, while a batch is made
_SMALLER = "take a smaller model"


def free() -> float:
    """The free bytes of memory on the device of the training."""
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else available()


@contextlib.contextmanager
def parameters_fit(config: Config) -> Iterator[None]:
    """Raise `InputError` inside when modules are made whose parameters cannot be trained in the free memory.

    Memory is taken only when it is written: the hook comes before that.
    """
    left, copies, seen = free(), _copies(config), [0, 0]

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None:
            seen[0] += parameter.numel()
            seen[1] += parameter.numel() * parameter.element_size()
            require_memory(copies * seen[1], f"a model of {seen[0]:,} parameters or more", _SMALLER, left)

    handle = register_module_parameter_registration_hook(count)  # type: ignore[no-untyped-call]
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        asked = re.search(r"allocate (\d+) bytes", str(error))
        size = seen[1] + (int(asked[1]) if asked else 0)
        require_memory(copies * size, f"a model of {size // 4:,} parameters or more", _SMALLER, left)
        raise
    finally:
        handle.remove()


def _distributes(config: Config) -> bool:
    """Whether a process has a part of the weights alone."""
    return bool(PARALLEL.find(config.parallel).distributes)


def _copies(config: Config) -> int:
    """Count the copies of the weights in one process: weights, averages, and, unless distributed, gradient, moments."""
    return 2 + len(config.average_lengths) + 3 * (not _distributes(config))


def require_room(model: NeuralDiffusion, config: Config, data: DataSet, batch_slices: Sequence[BatchSlice]) -> None:
    """Raise `InputError` where a step of which this process computes `batch_slices`, in turn, would not fit."""
    number, numbers = sum(p.numel() for p in model.parameters()), [part.number for part in batch_slices]
    to_come = 3 + (2 + len(config.average_lengths)) * torch.cuda.is_available()  # weights and averages are made already
    kept = sum(numbers) / config.batch_size if _distributes(config) else 1.0
    needed = to_come * kept * sum(p.numel() * p.element_size() for p in model.parameters())
    needed += step_bytes(model, config, data, numbers)
    require_memory(
        needed,
        f"batch_size = {config.batch_size} for a model of {number:,} parameters",
        f"take a smaller --batch-size, a larger --accumulate or --checkpointing, or {_SMALLER[5:]}",
        free(),
    )


def step_bytes(model: NeuralDiffusion, config: Config, data: DataSet, numbers: Sequence[int]) -> float:
    """The bytes of a step's activations and of the batches in memory, where slices of these sizes are computed in turn.

    They are linear in the number of examples: measured for two and for four. Checkpointed blocks keep their inputs,
    and one of them at a time all that it computes.
    """
    terms = Objective(model, make_time_sampler(config), config)
    some = data.train.take(np.arange(2 * _SOME) % len(data.train))
    x, cond = as_piece(model, some.x[:], some.cond)
    was_training, blocks = model.training, [part for part in terms.modules() if isinstance(part, Block)]
    again = sum(block.checkpointed for block in blocks)

    def of_example() -> float:
        half = None if cond is None else cond[:_SOME]
        return (_kept(terms, x, cond) - _kept(terms, x[:_SOME], half)) / _SOME

    terms.eval()  # what is learned from a batch, as running means, is left as it is; and all blocks keep what they have
    try:
        with torch.random.fork_rng(devices=[]), torch.compiler.set_stance("force_eager"):
            example = of_example()
            if again:
                for block in blocks:
                    block.training = True
                example = of_example() + example / again
    finally:
        model.train(was_training)
    batch = sum(numbers) * (_BATCHES * x[0].numel() * x.element_size() + _PER_ROW)
    return _BESIDE * example * max(numbers) + batch


def _kept(terms: Objective, x: Tensor, cond: Tensor | None) -> int:
    """Bytes that autograd keeps of a step on x under cond, parameters apart."""
    own = {p.untyped_storage().data_ptr() for p in terms.parameters()}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        try:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                found[storage.data_ptr()] = storage.nbytes()
        except RuntimeError:  # a tensor within torch.func.jvp, which wraps that of the storage
            found[id(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    generator = torch.Generator(x.device).manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = terms(x, cond, BatchSlice(0, len(x), len(x)), generator)
    del result
    return sum(found.values())
