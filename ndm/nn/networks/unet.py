"""A U-Net: the network for images."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ndm.autodiff.checkpointed import Block
from ndm.autodiff.layers import Conv2d, Dropout, Linear, SiLU, modulate
from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_number
from ndm.nn.attention import ImageNorm, SelfAttention
from ndm.nn.embeddings import TimeEmbedding
from ndm.nn.network import Network, zero_init


def conv3x3(in_channels: int, out_channels: int) -> Conv2d:
    """Make a 3x3 convolution that keeps height and width."""
    return Conv2d(in_channels, out_channels, 3, padding=1)


class ResidualBlock(Block):
    """A residual block, W_0 h + W_2 silu((1 + scale) norm(W_1 silu(norm(h))) + shift).

    (B, C_in, H, W) -> (B, C_out, H, W).

    W_1 and W_2 are 3x3 convolutions, (scale, shift) is linear in the embedding, W_0 is the identity or, where the
    number of channels changes, a 1x1 convolution. Dhariwal and Nichol (2021, https://arxiv.org/abs/2105.05233).
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, dropout: float, attend: bool) -> None:
        super().__init__()
        self.enter = nn.Sequential(ImageNorm(in_channels), SiLU(), conv3x3(in_channels, out_channels))
        self.modulation = Linear(width, 2 * out_channels)
        self.norm = ImageNorm(out_channels)
        self.leave = nn.Sequential(SiLU(), Dropout(dropout), conv3x3(out_channels, out_channels))
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else Conv2d(in_channels, out_channels, 1)
        self.attention = SelfAttention(out_channels) if attend else nn.Identity()

    def compute(self, h: Tensor, embedding: Tensor) -> Tensor:
        """Compute the block: h (B, C_in, H, W), the embedding (B, width) -> (B, C_out, H, W)."""
        scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = modulate(self.norm(self.enter(h)), scale, shift)
        return self.attention(self.shortcut(h) + self.leave(hidden))


class Resolution(nn.Module):
    """One resolution: blocks, then a residual branch at half the resolution, then blocks.

    h + up(W below(pool(h))). A concatenation of the two and a 1x1 convolution, as many U-Nets have, would differ
    only by a weight on h; W, a 1x1 convolution, comes before the upsampling because it costs a quarter there.
    """

    def __init__(
        self, encoder: list[ResidualBlock], decoder: list[ResidualBlock], below: nn.Module | None, up: nn.Module | None
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        self.below, self.up = below, up

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        for block in self.encoder:
            h = block(h, embedding)
        if self.below is not None and self.up is not None:
            lower = self.up(self.below(F.avg_pool2d(h, 2), embedding))
            h = h + F.interpolate(lower, scale_factor=2.0, mode="nearest")
        for block in self.decoder:
            h = block(h, embedding)
        return h


class UNet(Network):
    """U-Net of residual blocks: x (B, C, H, W), t (B,) -> (B, num_outputs, C, H, W).

    Resolution i has `channels * multipliers[i]` channels at the size of the event divided by 2**i, and `blocks`
    residual blocks on its way down and as many on its way up; those at heights in `attention` attend over all
    pixels. Ronneberger et al. (2015, https://arxiv.org/abs/1505.04597); time, and the condition where there is one,
    scale and shift every block. Raises `InputError` for events that are not (C, H, W), for sizes that 2**(levels - 1)
    does not divide, and for a height in `attention` that no resolution has.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        num_outputs: int = 1,
        channels: int = 32,
        multipliers: Sequence[int] = (1, 2),
        blocks: int = 1,
        attention: Sequence[int] = (),
        dropout: float = 0.0,
        num_classes: int = 0,
        num_values: int = 0,
    ) -> None:
        super().__init__(event_shape, num_outputs, num_classes, num_values)
        heights = _heights(self.event_shape, len(multipliers))
        if not set(attention) <= set(heights):
            raise InputError(
                f"attention at heights {tuple(attention)}",
                f"heights among {heights}",
                "name heights that the levels have",
            )
        check_count("channels", channels, 1)
        check_count("blocks", blocks, 1)
        for i, multiplier in enumerate(multipliers):
            check_count(f"multipliers[{i}]", multiplier, 1)
        check_number("dropout", dropout, least=0, below=1)
        width = 4 * channels
        widths = [channels * multiplier for multiplier in multipliers]

        def stage(in_channels: int, level: int) -> list[ResidualBlock]:
            inputs = [in_channels] + [widths[level]] * (blocks - 1)
            attend = heights[level] in attention
            return [ResidualBlock(c, widths[level], width, dropout, attend) for c in inputs]

        def levels_from(i: int, in_channels: int) -> Resolution:
            last = i + 1 == len(widths)
            below = None if last else levels_from(i + 1, widths[i])
            up = None if last else Conv2d(widths[i + 1], widths[i], 1)
            return Resolution(stage(in_channels, i), stage(widths[i], i), below, up)

        self.embedding = TimeEmbedding(width, num_classes, num_values=num_values)
        self.enter = conv3x3(self.event_shape[0], channels)
        self.levels = levels_from(0, channels)
        self.leave = nn.Sequential(
            ImageNorm(widths[0]), SiLU(), zero_init(conv3x3(widths[0], num_outputs * self.event_shape[0]))
        )

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        # Channels-last memory makes convolutions, scales and shifts and resampling faster on CPUs and GPUs.
        h = self.enter(x.contiguous(memory_format=torch.channels_last))
        h = self.leave(self.levels(h, self.embedding(t, cond)))
        return h.contiguous().unflatten(1, (self.num_outputs, -1))


def _heights(event_shape: tuple[int, ...], levels: int) -> tuple[int, ...]:
    if len(event_shape) != 3:
        raise InputError(f"event_shape {event_shape}", "(C, H, W)", "use MLP for events that are not images")
    _, height, width = event_shape
    divisor = 2 ** max(levels - 1, 0)
    if levels < 1 or height % divisor or width % divisor:
        raise InputError(
            f"images of {height}x{width} for {levels} levels",
            f"sizes that {divisor} divides",
            "give fewer multipliers or pad the images",
        )
    return tuple(height // 2**level for level in range(levels))
