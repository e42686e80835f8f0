"""A U-Net: the network for images, signals and volumes."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ndm.autodiff.checkpointed import Block
from ndm.autodiff.layers import Dropout, Linear, SiLU, channels_last, convolution, modulate
from ndm.base.errors import InputError
from ndm.base.ranges import check_count, check_number
from ndm.nn.attention import ImageNorm, SelfAttention
from ndm.nn.embeddings import TimeEmbedding
from ndm.nn.network import Network, zero_init

_POOLS = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}


class ResidualBlock(Block):
    """A residual block, W_0 h + W_2 silu((1 + scale) norm(W_1 silu(norm(h))) + shift).

    (B, C_in, *sizes) -> (B, C_out, *sizes).

    W_1 and W_2 are convolutions of width 3 over `num_axes` axes, (scale, shift) is linear in the embedding, W_0 is the
    identity or, where the number of channels changes, a convolution of width 1. Dhariwal and Nichol (2021,
    https://arxiv.org/abs/2105.05233).
    """

    def __init__(
        self, num_axes: int, in_channels: int, out_channels: int, width: int, dropout: float, attend: bool
    ) -> None:
        super().__init__()
        self.enter = nn.Sequential(ImageNorm(in_channels), SiLU(), convolution(num_axes, in_channels, out_channels, 3))
        self.modulation = Linear(width, 2 * out_channels)
        self.norm = ImageNorm(out_channels)
        self.leave = nn.Sequential(SiLU(), Dropout(dropout), convolution(num_axes, out_channels, out_channels, 3))
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else convolution(num_axes, in_channels, out_channels, 1)
        self.attention = SelfAttention(out_channels) if attend else nn.Identity()

    def compute(self, h: Tensor, embedding: Tensor) -> Tensor:
        """Compute the block: h (B, C_in, *sizes), the embedding (B, width) -> (B, C_out, *sizes)."""
        both = self.modulation(embedding)
        scale, shift = both.reshape(*both.shape, *(1,) * (h.ndim - 2)).chunk(2, dim=1)
        hidden = modulate(self.norm(self.enter(h)), scale, shift)
        return self.attention(self.shortcut(h) + self.leave(hidden))


class Resolution(nn.Module):
    """One resolution: blocks, then a residual branch at half the resolution, then blocks.

    h + up(W below(pool(h))). A concatenation of the two and a convolution of width 1, as many U-Nets have, would differ
    only by a weight on h; W, such a convolution, comes before the upsampling because it costs less there. The last of
    an odd number of places is pooled alone.
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
            lower = self.up(self.below(_POOLS[h.ndim](h, 2, ceil_mode=True), embedding))
            finer = F.interpolate(lower, scale_factor=2.0, mode="nearest")
            for axis, size in enumerate(h.shape[2:], start=2):
                finer = finer.narrow(axis, 0, size)
            h = h + finer
        for block in self.decoder:
            h = block(h, embedding)
        return h


class UNet(Network):
    """U-Net of residual blocks: x (B, C, *sizes), t (B,) -> (B, num_outputs, C, *sizes).

    Events are signals (C, L), images (C, H, W) or volumes (C, D, H, W); with `axes`, as many as there are sizes, they
    come without C: signals (L,), volumes (D, H, W). Resolution i has `channels * multipliers[i]`
    channels at the sizes of the event divided by 2**i, rounded up, and `blocks` residual blocks on its way down and as
    many on its way up; those whose first size is in `attention` (the height, of an image) attend over all places.
    Ronneberger et al. (2015, https://arxiv.org/abs/1505.04597); time, and the condition where there is one, scale and
    shift every block. Raises `InputError` for events of another number of axes, for sizes that are 1 before the last
    resolution, and for a size in `attention` that no resolution has.
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
        axes: int | None = None,
    ) -> None:
        super().__init__(event_shape, num_outputs, num_classes, num_values)
        if axes is not None:
            check_count("axes", axes, 1, len(_POOLS))
        num_axes = len(self.event_shape) - 1 if axes is None else axes
        colours, self.sizes = _divided(self.event_shape, num_axes)
        heights = _heights(self.sizes, len(multipliers))
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
            return [ResidualBlock(num_axes, c, widths[level], width, dropout, attend) for c in inputs]

        def levels_from(i: int, in_channels: int) -> Resolution:
            last = i + 1 == len(widths)
            below = None if last else levels_from(i + 1, widths[i])
            up = None if last else convolution(num_axes, widths[i + 1], widths[i], 1)
            return Resolution(stage(in_channels, i), stage(widths[i], i), below, up)

        self.embedding = TimeEmbedding(width, num_classes, num_values=num_values)
        self.enter = convolution(num_axes, colours, channels, 3)
        self.levels = levels_from(0, channels)
        leave = convolution(num_axes, widths[0], num_outputs * colours, 3)
        self.leave = nn.Sequential(ImageNorm(widths[0]), SiLU(), zero_init(leave))

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        has_channels = len(self.event_shape) > len(self.sizes)
        h = self.enter(channels_last(x if has_channels else x.unsqueeze(1)))
        h = self.leave(self.levels(h, self.embedding(t, cond)))
        return h.contiguous().unflatten(1, (self.num_outputs, -1) if has_channels else (self.num_outputs,))


def _divided(event_shape: tuple[int, ...], axes: int) -> tuple[int, tuple[int, ...]]:
    """C and the sizes of an event of that number of axes."""
    before = len(event_shape) - axes
    if axes + 2 not in _POOLS or before not in (0, 1):
        told = f" for {axes} axes" * (before != 1)
        raise InputError(
            f"event_shape {event_shape}{told}",
            "(C, L), (C, H, W) or (C, D, H, W)",
            "use MLP for events of another kind",
        )
    return math.prod(event_shape[:before]), event_shape[before:]


def _heights(sizes: tuple[int, ...], levels: int) -> tuple[int, ...]:
    """The first size of the event at each resolution."""
    if not levels:
        raise InputError("multipliers = []", "one or more", "give a factor for each resolution")
    if max(sizes) <= 2 ** (levels - 2):
        raise InputError(
            f"events of {'x'.join(map(str, sizes))} for {levels} resolutions",
            f"a size above {2 ** (levels - 2)}, which is 1 only at the last",
            "give fewer multipliers",
        )
    return tuple(-(-sizes[0] // 2**level) for level in range(levels))
