"""Draw samples from a run and write them as .npz (key x) or as a picture, .png."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ndm.cli.words import RunFolder


@dataclass(frozen=True)
class Sample:
    """What `ndm sample` is told."""

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
