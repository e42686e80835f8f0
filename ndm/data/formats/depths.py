"""The number of bits of a channel in an encoded image. Pillow does not say: it opens colours of 16 bits as ones of 8.

For most formats the raw mode that Pillow is about to unpack tells it; where a library decodes, the content does.
"""

import re
from collections.abc import Callable
from typing import Any

from PIL import ImageFile

_BITS_PER_SAMPLE = 258  # a tag of TIFF
_SIZ = b"\xff\x4f\xff\x51"  # how the codestream of JPEG 2000 begins: its sizes follow, with the bits of each component
_WIDE = re.compile(r";16[BLN]$|^BC6H")  # raw modes; BC6H has halves, and RGB;16 without a letter has 16 bits in all


def bits(image: ImageFile.ImageFile, content: bytes) -> int:
    """The bits of a channel of `image`, opened from `content` and not loaded yet; 8 also where there are fewer."""
    of_content = _OF_CONTENT.get(image.format or "", lambda image, content: 8)
    found = max(8, of_content(image, content), *(_unpacked(tile[0], tile[3]) for tile in image.tile))
    if found == 8 and image.mode.startswith(("I", "F")):
        return 16 if image.mode.startswith("I;16") else 32
    return found


def _unpacked(decoder: str, arguments: Any) -> int:
    """The argument of the decoder: the largest value, a mask for each channel, or a raw mode such as RGB;16B."""
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    if decoder.startswith("ppm"):
        return int(given[1]).bit_length()
    if decoder == "dds_rgb":
        return max(mask.bit_count() for mask in given[1])
    return 16 if decoder == "SGI16" or any(isinstance(each, str) and _WIDE.search(each) for each in given) else 8


def _of_tiff(image: Any, content: bytes) -> int:
    """The bits of a TIFF, from its tags: with separate planes, the raw modes do not tell."""
    return max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))


def _of_jpeg2000(image: Any, content: bytes) -> int:
    start = content.index(_SIZ) + 4
    number = int.from_bytes(content[start + 36 : start + 38])
    return max((content[start + 38 + 3 * k] & 0x7F) + 1 for k in range(number))


def _of_avif(image: Any, content: bytes) -> int:
    """The bits of an AVIF: colours and transparency each have two flags, more than 8 bits and 12."""
    flags = [content[found.end() + 2] for found in re.finditer(b"av1C", content)]
    return max(8 if not flag & 0x40 else 12 if flag & 0x20 else 10 for flag in flags)


_OF_CONTENT: dict[str, Callable[[Any, bytes], int]] = {"TIFF": _of_tiff, "JPEG2000": _of_jpeg2000, "AVIF": _of_avif}
