"""Choose a network for events of a shape."""

from ndm.base.registry import choose, discover
from ndm.nn.network import Network


def network_for(
    event_shape: tuple[int, ...],
    num_outputs: int = 1,
    num_classes: int = 0,
    num_values: int = 0,
    network: str = "",
    **options,
) -> Network:
    """The network called `network` (a file of `ndm.nn`), or by default a U-Net for images and an MLP for the rest.

    Raises `InputError` for a name that is not known.
    """
    is_image = len(event_shape) == 3 and min(event_shape[1:]) >= 8
    name = network or ("unet" if is_image else "mlp")
    known = discover("ndm.nn", Network)
    return choose("network", name, known).for_events(event_shape, num_outputs, num_classes, num_values, **options)
