"""Leave modes of PyTorch that silently change numbers.

In `torch.inference_mode` forward derivatives are silently nothing and gradients fail: there `torch.no_grad` takes its
place. Under `torch.autocast` products are rounded to bfloat16, which is too coarse for the bound: only predictors and
networks run under the caller's autocast.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from ndm.base.errors import InputError

Autocasts = tuple[tuple[str, torch.dtype], ...]  # device and type of each that is on

_DEVICES = ("cpu", "cuda", "mps", "xpu")
_set_aside: ContextVar[Autocasts] = ContextVar("the autocast of the caller", default=())


@contextlib.contextmanager
def outside_inference() -> Iterator[None]:
    """Replace `torch.inference_mode` by `torch.no_grad`; without it, nothing changes.

    Raises:
        InputError: where a gradient, or a change in place, meets a tensor that was made in inference mode.
    """
    try:
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False), torch.no_grad():  # the first alone would record gradients
                yield
        else:
            yield
    except RuntimeError as error:
        _explain(error)
        raise


def _explain(error: RuntimeError) -> None:
    """Raise `InputError` where the error is that of a tensor that was made in inference mode."""
    if "nference tensor" in str(error):
        raise InputError(
            "a tensor that was made in torch.inference_mode, where a gradient or a new value is wanted",
            "weights, inputs and results that are made outside of it",
            "use torch.no_grad in its place, or copy them outside: copy.deepcopy(model), x.clone()",
        ) from error


def usable(x: Tensor) -> Tensor:
    """Return x, or a copy of an x that was made in inference mode: such tensors have no derivatives anywhere."""
    return x.clone() if x.is_inference() and not torch.is_inference_mode_enabled() else x


class undisturbed(contextlib.ContextDecorator):
    """Leave inference mode and autocast; `callers_autocast` switches autocast on again within.

    A class, because it surrounds every distribution: where neither mode is on, it costs a microsecond.
    """

    def _recreate_cm(self) -> "undisturbed":
        return undisturbed()

    def __enter__(self) -> None:
        self.stack = None
        if torch.is_inference_mode_enabled() or any(map(torch.is_autocast_enabled, _DEVICES)):
            with contextlib.ExitStack() as stack:
                stack.enter_context(outside_inference())
                if found := _switched_off(stack):
                    stack.enter_context(_aside(found))
                self.stack = stack.pop_all()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool | None:
        if self.stack is not None:
            return self.stack.__exit__(kind, error, trace)
        if isinstance(error, RuntimeError):
            _explain(error)
        return None


@contextlib.contextmanager
def unmixed() -> Iterator[None]:
    """Leave inference mode and autocast, networks included."""
    with outside_inference(), contextlib.ExitStack() as stack, _aside(()):
        _switched_off(stack)
        yield


@contextlib.contextmanager
def callers_autocast() -> Iterator[None]:
    """Switch on again the autocast that `undisturbed` switched off."""
    with contextlib.ExitStack() as stack:
        if autocasts := _set_aside.get():
            for device, dtype in autocasts:
                stack.enter_context(torch.autocast(device, dtype))
            stack.enter_context(_aside(()))
        yield


def _switched_off(stack: contextlib.ExitStack) -> Autocasts:
    """Switch off all autocasts within `stack`, and return those that were on."""
    found = tuple(
        (device, torch.get_autocast_dtype(device)) for device in _DEVICES if torch.is_autocast_enabled(device)
    )
    for device, _ in found:
        stack.enter_context(torch.autocast(device, enabled=False))
    return found


@contextlib.contextmanager
def _aside(autocasts: Autocasts) -> Iterator[None]:
    """Store these as the autocasts that were switched off."""
    before = _set_aside.set(autocasts)
    try:
        yield
    finally:
        _set_aside.reset(before)


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the modules of a model in evaluation mode, without dropout or running averages, and restore each later."""
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True
