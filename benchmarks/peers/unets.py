"""U-Nets of other libraries as networks of ours, to be trained by the same bound in the same loop."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ndm.base.part import Part
from ndm.base.registry import choose, optional
from ndm.nn.embeddings import TimeEmbedding
from ndm.nn.network import Network

_STEP = 16  # channels, which both divide into groups of 16 for their norms
_MOST = 128
_BLOCKS = 2


class PeerUNet(Network):
    """A U-Net of `channels`, one number for each level, with two blocks on the way down."""

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        num_classes: int = 0,
        num_values: int = 0,
        channels: Sequence[int] = (64, 128),
    ) -> None:
        super().__init__(event_shape, num_outputs, num_classes, num_values)
        self.network = self.build(self.event_shape[0], tuple(channels))

    @abstractmethod
    def build(self, colours: int, channels: tuple[int, ...]) -> nn.Module:
        """The network, from images of so many colours to `num_outputs` of them."""


class DiffusersUNet(PeerUNet):
    """`diffusers.UNet2DModel` without attention: one more block on the way up, and a middle."""

    def build(self, colours: int, channels: tuple[int, ...]) -> nn.Module:
        found: nn.Module = optional("diffusers.models", "peers").UNet2DModel(
            in_channels=colours,
            out_channels=self.num_outputs * colours,
            layers_per_block=_BLOCKS,
            add_attention=False,
            block_out_channels=channels,
            norm_num_groups=_STEP,
            down_block_types=("DownBlock2D",) * len(channels),
            up_block_types=("UpBlock2D",) * len(channels),
        )
        return found

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return self.network(x, 1000 * t).sample.unflatten(1, (self.num_outputs, -1))


class AzulaUNet(PeerUNet):
    """`azula.nn.unet.UNet`: as many blocks on the way up as down. The vector of the time, left to users, is ours."""

    def build(self, colours: int, channels: tuple[int, ...]) -> nn.Module:
        width, blocks = 4 * channels[0], (_BLOCKS,) * len(channels)
        self.embedding = TimeEmbedding(width)
        options = {"hid_channels": channels, "hid_blocks": blocks, "mod_features": width}
        found: nn.Module = optional("azula.nn.unet", "peers").UNet(colours, self.num_outputs * colours, **options)
        return found

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return self.network(x, self.embedding(t)).unflatten(1, (self.num_outputs, -1))


PEERS: dict[str, type[PeerUNet]] = {"diffusers": DiffusersUNet, "azula": AzulaUNet}


def flops(network: Network) -> int:
    """Matrix FLOPs of an image, forward and backward, of a network like this one; nothing is computed."""
    with torch.device("meta"):
        made = Part.from_config(network.config)
        x, t = torch.empty(1, *network.event_shape), torch.empty(1)
        with FlopCounterMode(display=False) as counter:
            made(x, t).sum().backward()
    return int(counter.get_total_flops())


def sized(name: str, event_shape: tuple[int, ...], num_outputs: int, wanted: int) -> Network:
    """The peer whose two levels, about 1 to 2 in channels, bring it nearest to so many FLOPs of an image."""
    kind = choose("peer", name, PEERS)
    pairs = [
        (low, high) for low, high in product(range(_STEP, _MOST + 1, _STEP), repeat=2) if 1.5 * low <= high <= 2.5 * low
    ]

    def made(channels: tuple[int, int]) -> Network:
        with torch.device("meta"):
            return kind(event_shape, num_outputs, channels=channels)

    return kind(event_shape, num_outputs, channels=min(pairs, key=lambda pair: abs(flops(made(pair)) - wanted)))
