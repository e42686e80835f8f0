"""Choose a network for events of a shape."""

from ndm.base.axes import NETWORKS
from ndm.nn.network import Network


def network_for(
    event_shape: tuple[int, ...],
    num_outputs: int = 1,
    num_classes: int = 0,
    num_values: int = 0,
    network: str = "",
    **options,
) -> Network:
    """The network called `network` (a file of `ndm.nn.networks`); by default a U-Net for images, an MLP for the rest.

    Raises `InputError` for a name that is not known.
    """
    is_image = len(event_shape) == 3 and min(event_shape[1:]) >= 8
    name = network or ("unet" if is_image else "mlp")
    found: Network = NETWORKS.find(name).for_events(event_shape, num_outputs, num_classes, num_values, **options)
    return found
