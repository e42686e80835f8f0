"""Choice of the pictures of a file that are examples: frames and pages are, previews and other sizes are not.

A photograph of a telephone may hold a gain map beside the picture, a TIFF a thumbnail, an icon the same in many sizes,
and a PSD the layers that its picture is made of.
"""

from typing import Any

from PIL import Image

_SUBFILE_TYPE, _REDUCED_OR_MASK = 254, 0b101  # of TIFF
_OLD_SUBFILE_TYPE, _OLD_REDUCED = 255, 2
_ENTRIES, _MULTI_FRAME = 0xB002, "Multi-Frame"  # of the multi-picture format of cameras


def frames(image: Image.Image) -> tuple[int, ...]:
    """Find the numbers of the frames that are pictures; the image is left at the first of them."""
    found = _OF_FORMAT.get(image.format or "", _all)(image)
    if image.tell() != found[0]:
        image.seek(found[0])
    return found


def num_beside(image: Image.Image, found: tuple[int, ...]) -> int:
    """Count the pictures of the file beside its frames `found`: previews, gain maps, other sizes of an icon."""
    if image.format in ("ICO", "ICNS"):
        return len(image.info["sizes"]) - 1
    return 0 if image.format == "PSD" else len(_all(image)) - len(found)


def _all(image: Any) -> tuple[int, ...]:
    return tuple(range(max(1, int(getattr(image, "n_frames", 1)))))


def _of_tiff(image: Any) -> tuple[int, ...]:
    """The pages of a TIFF, without thumbnails and masks, unless all are such."""
    found = []
    for k in _all(image) if image.n_frames > 1 else ():
        image.seek(k)
        tags = image.tag_v2
        if not tags.get(_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK and tags.get(_OLD_SUBFILE_TYPE) != _OLD_REDUCED:
            found.append(k)
    return tuple(found) or _all(image)


def _of_camera(image: Any) -> tuple[int, ...]:
    """The pictures of a panorama or of several views; otherwise the first alone, to which the others belong."""
    kinds = [entry["Attribute"]["MPType"] for entry in image.mpinfo[_ENTRIES]]
    several = tuple(k for k, kind in enumerate(kinds) if kind.startswith(_MULTI_FRAME))
    return several if len(several) > 1 else (0,)


def _of_layers(image: Any) -> tuple[int, ...]:
    """The composite picture of all layers, which is the one that is open."""
    return (image.tell(),)


_OF_FORMAT = {"TIFF": _of_tiff, "MPO": _of_camera, "PSD": _of_layers}
