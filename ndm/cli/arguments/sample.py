"""Draw samples from a run: one .npz (key x; y: their labels), one picture, .png, or a folder of PNG, WAV or .npz."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ndm.base.axes import GRIDS, SAMPLERS
from ndm.base.settings import Options
from ndm.cli.words import RunFolder, one_of


@dataclass(frozen=True)
class Sample:
    """The arguments of `ndm sample`."""

    run_folder: RunFolder
    """The folder of the run."""
    out: str
    """FILE.npz or FILE.png, of all samples, or FOLDER/, new or empty, with a file for each, in sub-folders by class
    where there are classes."""
    format: Literal["png", "wav", "npz"] | None = None
    """Of the files of a folder. By default png for images, wav for signals of whole numbers, npz for others."""
    rate: int | None = None
    """Samples a second of WAV files; by default those that the data tell (key rate of a .npz file), or 8,000."""
    num: int = 64
    """Number of samples, of each label where several are given. Sample i depends on the seed and i only."""
    label: tuple[str, ...] = ()
    """Of a run with --condition label: the classes to sample, by the names in the data. By default they are drawn in
    the proportions of the training data."""
    values: Options = field(default_factory=dict)
    """Of a run with --condition COLUMNS: their values, as in age=40 sex=1. By default those of training examples."""
    unconditional: bool = False
    """Sample without a label, from a model that was also trained on examples without one."""
    sampler: Annotated[str | None, one_of(SAMPLERS)] = None
    """ancestral takes the model's own steps, with its reverse steps; exponential and sde walk the reverse SDE (sde is
    slow, and an extra), the others the ODE. By default the run's own, ancestral unless ndm train was told otherwise."""
    steps: int | None = None
    """Steps of the sampler; by default the T that the model was trained with, or 50 (ode: 1 piece, in
    which it chooses its own). ancestral refuses all but T where the reverse step is learned or analytic, and --eta and
    other grids with it."""
    eta: float | None = None
    """Volatility of ancestral, exponential and sde: 0 as in the ODE, 1 DDPM's; by default the model's own."""
    grid: Annotated[str, one_of(GRIDS)] = "time"
    """Times that are visited: equal steps of time or of gamma, or optimised for the model and the number of steps (for
    deterministic, heun and ancestral)."""
    checkpoint: Literal["latest", "best"] = "latest"
    """The latest, or the best by validation."""
    seed: int = 0
    """Of the samples."""
    allow: tuple[str, ...] = ()
    """Modules outside of ndm that may be imported because the run names a part of them; those of packages that are
    installed with entry points need not be said."""
