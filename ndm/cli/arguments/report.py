"""Make RUN/report: samples beside data, a filmstrip of a learned F(x, t), the training curve, one page of all."""

from dataclasses import dataclass

from ndm.cli.words import RunFolder


@dataclass(frozen=True)
class Report:
    """What `ndm report` is told."""

    run_folder: RunFolder
    """The folder of the run."""
    seed: int = 0
    """Of the samples."""
    steps: int | None = None
    """Steps of the sampler; by default the T that the model was trained with, or 50."""
