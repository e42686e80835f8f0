"""Make RUN/report: samples beside data, a filmstrip of a learned F(x, t), the training curve, one page of all."""

from dataclasses import dataclass

from ndm.cli.words import RunFolder


@dataclass(frozen=True)
class Report:
    """The arguments of `ndm report`."""

    run_folder: RunFolder
    """The folder of the run."""
    seed: int = 0
    """Of the samples."""
    steps: int | None = None
    """Steps of the sampler; by default the T that the model was trained with, or 50."""
    allow: tuple[str, ...] = ()
    """Modules outside of ndm that may be imported because the run names a part of them; those of packages that are
    installed with entry points need not be said."""
