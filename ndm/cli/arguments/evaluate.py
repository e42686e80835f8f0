"""Evaluate the bound of a run on held-out data: a table on screen and a file in the run.

The file is RUN/evaluation.json, or one of RUN/evaluations for anything but the test split of the run's data at its T.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ndm.base.axes import DEQUANTISATIONS, DIVERGENCES
from ndm.base.settings import Options
from ndm.cli.words import RunFolder, one_of


@dataclass(frozen=True)
class Evaluate:
    """The arguments of `ndm evaluate`."""

    run_folder: RunFolder
    """The folder of the run."""
    timesteps: int | None = None
    """T of the discrete bound; by default that of training, where 0 or nothing means continuous time."""
    data: str | None = None
    """Other data than those of the run, a name or a file: all of them, unless --split is given. They are read like the
    run's own, columns by name."""
    data_options: Options = field(default_factory=dict)
    """How other data are read, where that is not as the run's own: columns=[a,b] take the places of its columns."""
    split: str | None = None
    """train, validation, test or all; by default test of the run's own data, and all of others."""
    label: str | None = None
    """Of a run with --condition label: the bound of every example under this class, by its name in the data. By default
    under the label of each."""
    values: Options = field(default_factory=dict)
    """Of a run with --condition COLUMNS: the bound of every example under these values, as in age=40 sex=1. By default
    under the values of each."""
    unconditional: bool = False
    """The bound of every example without a label, of a model that was also trained on examples without one."""
    draws: int = 64
    """Draws of (t, z_t) for each example."""
    limit: int | None = None
    """Evaluate the first so many examples only; recorded in num_examples."""
    checkpoint: Literal["latest", "best"] = "latest"
    """The latest, or the best by validation."""
    seed: int = 0
    """Of the draws, of dequantisation and of probes."""
    importance: int | None = None
    """Evaluate the importance-weighted bound of so many draws as well, for the chain of the T that is evaluated, or
    of 100 steps in continuous time."""
    ode: bool = False
    """Evaluate the density of the model's ODE as well."""
    divergence: Annotated[str | None, one_of(DIVERGENCES)] = None
    """Of the ODE's velocity, exactly or by random probes; by default exact for up to 16 dimensions."""
    probes: int | None = None
    """Probes for each example, where the divergence is not exact; 2 if not given. Their spread is the error of the
    estimate."""
    solver: str = "dopri5"
    """dopri5, bosh3, dopri8, fehlberg2 or adaptive_heun, with tolerances; euler, midpoint, heun2, heun3 or rk4, with a
    number of steps."""
    rtol: float | None = None
    """Relative error allowed in a step of an adaptive solver; 1e-5 if not given."""
    atol: float | None = None
    """Absolute error allowed; 1e-5 if not given."""
    ode_steps: int | None = None
    """Steps of a solver that has a fixed number; 100 if not given."""
    dequantisation: Annotated[str | None, one_of(DEQUANTISATIONS)] = None
    """Of data with levels: posterior (the noise of q(z_0 | x), the default) or uniform."""
    dequantisation_draws: int = 1
    """Draws of it for each example, and for each of its probes where the divergence is not exact."""
    float64: bool = False
    """Integrate the ODE in float64."""
    transport: bool = False
    """Evaluate how the ODE carries noise to data as well: energy, displacement and straightness of its paths, and W_2^2
    of samples to the split, beside the exact optimal transport (extra peers)."""
    allow: tuple[str, ...] = ()
    """Modules outside of ndm that may be imported because the run names a part of them; those of packages that are
    installed with entry points need not be said."""
