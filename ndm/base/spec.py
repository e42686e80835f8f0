"""What a model is made for: the shape, the levels and the labels of its data, and the number of its steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Spec:
    """Every part can be made of this and its options: `Part.from_spec`.

    Args:
        event_shape: shape of one example.
        num_levels: L of data with levels; None for real values.
        num_classes: of labels that the model is told; 0 without.
        num_values: real values that it is told instead, of each example; 0 without.
        timesteps: T of the chain; None in continuous time.
    """

    event_shape: tuple[int, ...]
    num_levels: int | None = None
    num_classes: int = 0
    num_values: int = 0
    timesteps: int | None = None
