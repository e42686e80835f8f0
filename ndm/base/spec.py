"""The specification of a model: the shape and levels of its data, its condition, and the number of its steps."""

from dataclasses import dataclass

from ndm.base.kinds import Checked
from ndm.base.ranges import check_count, check_shape


@dataclass(frozen=True)
class Spec(metaclass=Checked):
    """Every part can be made of this and its options: `Part.from_spec`.

    Args:
        event_shape: shape of one example.
        num_levels: L of data with levels; None for real values.
        num_classes: of labels that the model is told; 0 without.
        timesteps: T of the chain; None in continuous time.
        num_values: real values that the model is told of each example, instead of a label; 0 without.
    """

    event_shape: tuple[int, ...]
    num_levels: int | None = None
    num_classes: int = 0
    timesteps: int | None = None
    num_values: int = 0

    def __post_init__(self) -> None:
        check_shape(self.event_shape)
        check_count("num_classes", self.num_classes, 0)
        check_count("num_values", self.num_values, 0)
        if self.num_levels is not None:
            check_count("num_levels", self.num_levels, 2)
        if self.timesteps is not None:
            check_count("timesteps", self.timesteps, 1)
