"""ndm sample"""

import inspect
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ndm.base.axes import GRIDS, SAMPLERS
from ndm.base.errors import InputError
from ndm.base.files import require_writable, write_atomically
from ndm.base.memory import require_memory
from ndm.base.processes import Processes
from ndm.base.seeds import check_seed
from ndm.cli.arguments import RunFolder
from ndm.evaluation.figures import check_picture, picture_of
from ndm.runs.run import Run, open_run

_BATCH = 256
_COPIES = 3  # of all samples: in batches, together, and as they are written
_MOST = 10_000_000


@dataclass(frozen=True)
class Sample:
    """Draw samples from a run and write them as .npz (key x) or as a picture, .png."""

    run_folder: RunFolder
    """The folder of the run."""
    out: Path
    """FILE.npz or FILE.png."""
    num: int = 64
    """Number of samples. Sample i depends on the seed and i only."""
    sampler: str | None = None
    """ancestral (the model's own steps, with its reverse steps), exponential or sde (the reverse SDE; sde is slow, and
    an extra), deterministic, heun, multistep, multistep_third or ode (the ODE): a file of ndm/samplers; by default the
    run's own, ancestral unless ndm train was told otherwise."""
    steps: int | None = None
    """Steps of the sampler; by default the T that the model was trained with, or 50 (ode: 1 piece, in
    which it chooses its own). ancestral refuses all but T where the reverse step is learned or analytic, and --eta and
    other grids with it."""
    eta: float | None = None
    """Volatility of ancestral, exponential and sde: 0 as in the ODE, 1 DDPM's; by default the model's own."""
    grid: str = "time"
    """Times that are visited: equal steps of time or of gamma, or optimised for the model and the number
    of steps (for deterministic, heun and ancestral)."""
    checkpoint: Literal["latest", "best"] = "latest"
    """The latest, or the best by validation."""
    seed: int = 0
    """Of the samples."""

    def run(self) -> int:
        """Draw and write."""
        with Processes() as processes:
            processes.by_first(self._check)
            with processes.agreed():
                run = open_run(self.run_folder, self.checkpoint)
                if self.out.suffix == ".png":
                    check_picture(run.event_shape, run.config["data"]["num_levels"])
                require_memory(
                    _COPIES * 4 * self.num * math.prod(run.event_shape),
                    f"--num {self.num}",
                    "draw fewer at a time, with other seeds",
                )
            x = draw(run, self.num, processes, self.sampler, self.steps, self.eta, self.grid, self.seed)
            processes.by_first(lambda: self._write(run, x))
        if processes.is_main:
            print(f"{self.num} samples written to {self.out}")
        return 0

    def _check(self) -> None:
        """Raise `InputError` for what cannot be written, before anything is drawn."""
        if self.out.suffix not in (".npz", ".png"):
            raise InputError(f"--out {self.out}", "a file that ends in .npz or .png")
        if not self.out.parent.is_dir():
            raise InputError(f"--out {self.out}", "a file in a folder that exists", f"make {self.out.parent} first")
        require_writable(self.out)
        if not 1 <= self.num <= _MOST:
            raise InputError(f"{self.num} samples", f"1 to {_MOST}", "draw more with other seeds")

    def _write(self, run: Run, x: np.ndarray) -> None:
        if self.out.suffix == ".png":
            write_atomically(self.out, picture_of(x, run.config["data"]))
        else:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, x=x)
            write_atomically(self.out, buffer.getvalue())


def draw(
    run: Run,
    num: int,
    processes: Processes,
    sampler: str | None = None,
    steps: int | None = None,
    eta: float | None = None,
    grid: str = "time",
    seed: int = 0,
) -> np.ndarray:
    """`num` samples (num, *event), by default by the run's sampler: uint8 levels of images, float32 of real values.

    Processes take batches in turn. The first has all samples afterwards, the others none of them, (0, *event).
    """
    with processes.agreed():
        check_seed(seed)
        sampler = sampler or run.config["sampler"]
        kind = SAMPLERS.find(sampler)
        chosen = GRIDS.find(grid).for_model(run.model, run.event_shape)
        if eta is not None and "eta" not in inspect.signature(kind).parameters:
            raise InputError(f"--eta for the {sampler} sampler", "a sampler with a volatility", "leave it out")
        options = {} if eta is None else {"eta": eta}
        own = inspect.signature(kind).parameters["steps"].default
        steps = run.config["timesteps"] or own if steps is None else steps
        walk = kind(run.model, steps, grid=chosen, **options)
    walk.times = processes.by_first(walk.times.cpu)  # those of all to the last bit, where they are optimised as well

    def batch(k: int) -> np.ndarray:
        shape = (min(_BATCH, num - k * _BATCH), *run.event_shape)
        return run.model.decoder.to_raw(walk(shape, seed=seed, first=k * _BATCH))

    none = np.empty((0, *run.event_shape), np.uint8 if run.is_image else np.float32)
    return np.concatenate([none, *processes.collect(batch, math.ceil(num / _BATCH), "sampling", f"{num} samples")])
