"""Neural Diffusion Models: diffusion models that learn the path from data to noise as well."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ndm.base import ending as _ending  # noqa: F401  first: it answers signals while the others are imported
from ndm.base.version import __version__ as __version__

if TYPE_CHECKING:
    from ndm.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """A public name. They are imported with the first that is asked for, so that `ndm --help` needs no torch."""
    if name == "__all__" or not name.startswith("_"):
        public = import_module("ndm.public")
        if name in ("__all__", *public.__all__):
            return getattr(public, name)
    raise AttributeError(f"module 'ndm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *import_module("ndm.public").__all__]
