"""The jobs of a sampling benchmark, as plain data: trials of the grids on validation, walks on test, floors."""

from dataclasses import dataclass

from ndm.benchmarks.samples.ways import Way

# For the progress bar and --dry-run only:
_TYPICAL = 60  # evaluations of an adaptive sampler
_PAIR = 4e-8  # CPU seconds of the distances, for each pair of samples


@dataclass(frozen=True)
class Walk:
    """Draw `number` samples of a trained model in one way, and measure how far they are from a split."""

    data: str
    model: str
    """The name of its training."""
    contender: str
    seed: int
    """Of the training, and of the samples."""
    way: Way
    evaluations: int | None
    """At most so many; None for adaptive samplers, which have a `tolerance`."""
    tolerance: float | None
    grid: str | None
    """None: all that differ."""
    split: str
    number: int
    cost: float
    """CPU seconds of an evaluation, about."""

    @property
    def key(self) -> str:
        """All fields in one line."""
        effort = f"<= {self.evaluations}" if self.evaluations else f"tolerance {self.tolerance:g}"
        return f"{self.model} {self.way.name} {effort} grid={self.grid} {self.split} samples={self.number}"

    @property
    def weight(self) -> float:
        """CPU seconds, about."""
        return (self.evaluations or _TYPICAL) * self.number * self.cost + _PAIR * self.number**2


@dataclass(frozen=True)
class Floor:
    """Measure how far `number` training examples are from a split: the distance of data from data."""

    data: str
    seed: int
    split: str
    number: int
    weight = 1.0

    @property
    def key(self) -> str:
        """All fields in one line."""
        return f"floor {self.data} seed={self.seed} {self.split} samples={self.number}"
