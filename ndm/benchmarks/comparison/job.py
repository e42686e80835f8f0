"""One training and its evaluation, as plain data."""

from dataclasses import dataclass

_TYPICAL_STEP = 0.02  # seconds, for the progress bar only


@dataclass(frozen=True)
class Job:
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
    size: int | None = None
    """Channels or width of the denoiser, for contenders whose size is searched for; None: the recipe's."""

    @property
    def time(self) -> str:
        """T = 4, or T = inf."""
        return f"T={self.timesteps or 'inf'}"

    @property
    def budget(self) -> str:
        """The budget of training, for people: 40 s, or 400 steps."""
        return budget(self.seconds, self.steps)

    @property
    def key(self) -> str:
        """All fields in one line: two jobs of the same key are the same."""
        size = "" if self.size is None else f" size={self.size}"
        evaluation = f"{self.split}[:{self.limit}] draws={self.draws} samples={self.num_samples}"
        return (
            f"{self.data} {self.contender}{size} {self.time} {self.budget} seed={self.seed} "
            f"rate={self.learning_rate:g} {evaluation}"
        )

    @property
    def name(self) -> str:
        """What is trained, as the name of a folder."""
        parts = (self.data, self.contender, self.time, self.budget, f"rate={self.learning_rate:g}", f"seed={self.seed}")
        return "_".join(parts).replace(" ", "")

    @property
    def weight(self) -> float:
        """CPU seconds of training, exact or about."""
        return self.seconds if self.seconds is not None else (self.steps or 0) * _TYPICAL_STEP


def budget(seconds: float | None, steps: int | None) -> str:
    """40 s, or 400 steps."""
    return f"{seconds:g} s" if seconds is not None else f"{steps} steps"
