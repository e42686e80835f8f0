"""Another look at a module: some of its attributes replaced, all of its tensors shared."""

from typing import Any, TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def view(module: Module, parts: dict[str, nn.Module] | None = None, **attributes: Any) -> Module:
    """A shallow copy that shares weights, buffers and hooks, with other parts and attributes (methods, too)."""
    other = object.__new__(type(module))
    other.__dict__.update(module.__dict__ | attributes)
    if parts:
        other.__dict__["_modules"] = module._modules | parts
    return other
