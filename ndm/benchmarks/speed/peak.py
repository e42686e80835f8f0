"""The most matrix FLOPs a second of a device: measured, and as its maker states them."""

import time

import torch

# Dense, from the makers' data sheets: FLOP/s by a word of the device's name and the precision.
_STATED = {
    ("H100", "bf16"): 989e12,
    ("H200", "bf16"): 989e12,
    ("A100", "bf16"): 312e12,
    ("H100", "float32"): 67e12,
    ("H200", "float32"): 67e12,
    ("A100", "float32"): 19.5e12,
}
_REPEATS = 5


def stated(device_name: str, precision: str) -> float | None:
    """Of the data sheet, where it is known here; an H100 as an SXM module."""
    return next((peak for (word, kind), peak in _STATED.items() if word in device_name and kind == precision), None)


def measured(device: torch.device, precision: str, size: int | None = None) -> float:
    """The best of a few products of two square matrices, FLOP/s."""
    size = size or (8192 if device.type == "cuda" else 1024)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / min(_seconds(a, b) for _ in range(_REPEATS))


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    synchronise(a.device)
    began = time.perf_counter()
    a @ b
    synchronise(a.device)
    return time.perf_counter() - began


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
