"""Choose a network for events of a shape."""

from typing import Any

from ndm.base.axes import NETWORKS
from ndm.base.spec import Spec
from ndm.nn.network import Network

_SMALLEST_IMAGE = 8  # pixels on a side, of which a U-Net makes sense


def network_for(spec: Spec, num_outputs: int = 1, network: str = "", **options: Any) -> Network:
    """Make the network called `network` (a file of `ndm.nn.networks`); by default a U-Net for images, else an MLP.

    Raises `InputError` for a name that is not known.
    """
    is_image = len(spec.event_shape) == 3 and min(spec.event_shape[1:]) >= _SMALLEST_IMAGE
    name = network or ("unet" if is_image else "mlp")
    found: Network = NETWORKS.make(name, spec, options, num_outputs=num_outputs)
    return found
