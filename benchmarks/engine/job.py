"""Jobs as plain data: what one is known by, and the training with its evaluation that most studies do."""

from dataclasses import dataclass


class Task:
    """For dataclasses of plain data: the work that becomes one row."""

    @property
    def key(self) -> str:
        """All fields in one line: two jobs of the same key are the same."""
        return " ".join(f"{name}={value}" for name, value in vars(self).items())

    @property
    def weight(self) -> float:
        """CPU seconds, about."""
        return getattr(self, "seconds", None) or 1.0


@dataclass(frozen=True)
class Job(Task):
    """Train `contender` on `data` for `seconds` of CPU time or `steps`, then evaluate its bound on `split`."""

    data: str
    contender: str
    timesteps: int | None
    """T of the chain that is trained and evaluated; None: continuous time."""
    seconds: float | None
    """CPU seconds of training; None where `steps` are given."""
    steps: int | None
    seed: int
    learning_rate: float
    """Factor on the recipe's."""
    split: str
    draws: int
    """Of (t, z_t) for each example that is evaluated."""
    limit: int
    """Evaluate the first so many examples of the split."""
    num_samples: int = 0
    """Samples to compare with the split; 0: none."""

    @property
    def name(self) -> str:
        """What is trained, as the name of a folder."""
        time, length = f"T={self.timesteps or 'inf'}", budget(self.seconds, self.steps).replace(" ", "")
        return f"{self.data}_{self.contender}_{time}_{length}_rate={self.learning_rate:g}_seed={self.seed}"


def budget(seconds: float | None, steps: int | None) -> str:
    """40 s, or 400 steps."""
    return f"{seconds:g} s" if seconds is not None else f"{steps} steps"
