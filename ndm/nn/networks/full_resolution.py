"""VDM's network for likelihoods of images: residual blocks at full resolution only."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ndm.autodiff.layers import SiLU, channels_last, convolution
from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_number
from ndm.nn.attention import ImageNorm
from ndm.nn.embeddings import TimeEmbedding
from ndm.nn.network import Network, zero_init
from ndm.nn.networks.unet import ResidualBlock

_MOST_OCTAVE = 16  # float32 has no digits left for faster waves


class Waves(nn.Module):
    """Fourier features of an image: [x, sin(2^n 2 pi x), cos(2^n 2 pi x)] for each n in `octaves`.

    (B, C, H, W) -> (B, C (1 + 2 N), H, W). The last bits of a pixel matter for a likelihood, and a network would hardly
    see them: the 256 levels are 1/128 apart.
    """

    frequencies: Tensor

    def __init__(self, octaves: Sequence[int]) -> None:
        super().__init__()
        frequencies = torch.tensor([2.0**n * 2 * math.pi for n in octaves])
        self.register_buffer("frequencies", frequencies[:, None, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        angles = (x[:, None] * self.frequencies).flatten(1, 2)
        return torch.cat((x, angles.sin(), angles.cos()), dim=1)


class FullResolution(Network):
    """VDM's network, a U-Net of one resolution: x (B, C, H, W), t (B,) -> (B, num_outputs, C, H, W).

    `blocks` residual blocks of `channels` channels, two more with attention between them, and `blocks` + 1 blocks on
    the way up, which also see the features of the way down by skip connections, the last first. The image enters with
    its Fourier features (`Waves`). Every block is the identity at first, so that depth costs no stability. Kingma
    et al. (2021, https://arxiv.org/abs/2107.00630, appendix B); time scales and shifts as in `UNet`, and only shifts in
    theirs. Raises `InputError` for events that are not (C, H, W).
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        channels: int = 32,
        blocks: int = 2,
        octaves: Sequence[int] = (6, 7),
        dropout: float = 0.0,
        num_classes: int = 0,
        num_values: int = 0,
    ) -> None:
        super().__init__(event_shape, num_outputs, num_classes, num_values)
        if len(self.event_shape) != 3:
            raise InputError(f"event_shape {self.event_shape}", "(C, H, W)", "use MLP for events that are not images")
        check_count("channels", channels, 1)
        check_count("blocks", blocks, 1)
        for i, octave in enumerate(octaves):
            check_count(f"octaves[{i}]", octave, 0, _MOST_OCTAVE)
        check_number("dropout", dropout, least=0, below=1)
        width, colours = 4 * channels, self.event_shape[0]

        def block(in_channels: int, attend: bool = False) -> ResidualBlock:
            made = ResidualBlock(2, in_channels, channels, width, dropout, attend)
            zero_init(made.leave[-1])
            return made

        self.embedding = TimeEmbedding(width, num_classes, num_values=num_values)
        self.enter = nn.Sequential(Waves(octaves), convolution(2, colours * (1 + 2 * len(octaves)), channels, 3))
        self.down = nn.ModuleList(block(channels) for _ in range(blocks))
        self.middle = nn.ModuleList((block(channels, attend=True), block(channels)))
        self.up = nn.ModuleList(block(2 * channels) for _ in range(blocks + 1))
        self.leave = nn.Sequential(
            ImageNorm(channels), SiLU(), zero_init(convolution(2, channels, num_outputs * colours, 3))
        )

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        embedding = self.embedding(t, cond)
        h = self.enter(channels_last(x))
        seen = [h]
        for block in self.down:
            h = block(h, embedding)
            seen.append(h)
        for block in self.middle:
            h = block(h, embedding)
        for block in self.up:
            h = block(torch.cat((h, seen.pop()), dim=1), embedding)
        return self.leave(h).contiguous().unflatten(1, (self.num_outputs, -1))
