"""The specification of a model: the shape and levels of its data, its condition, and the number of its steps."""

from dataclasses import dataclass

from ndm.base.kinds import Checked


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
