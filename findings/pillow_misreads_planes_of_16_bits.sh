#!/usr/bin/env bash
# Pillow 13.0.0: a colour TIFF of 16 bits in separate planes is decoded to wrong pixels, without a word.
#
# Behaviour: an uncompressed plane (PlanarConfiguration 2) is read as if it had 8 bits a sample: pixels are the low and the
# high byte of a number in turn, and the second half of the plane is lost. Grey planes are refused, when loaded. The same
# numbers pixel by pixel (PlanarConfiguration 1) give the high bytes. mode and size are alike in both.
# Why it matters: microscopes, satellites and scientific writers make such planes (channels first). A model is trained
# on stripes of noise.
# Seen: four pixels of red 1000, green 2000, blue 3000
#   pixel by pixel  (3, 7, 11) (3, 7, 11) (3, 7, 11) (3, 7, 11)
#   in planes       (232, 208, 184) (3, 7, 11) (232, 208, 184) (3, 7, 11)
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
"$folder/venv/bin/python" -W error - <<'PY'
import io
import struct

from PIL import Image

COLOUR = (1000, 2000, 3000)


def tiff(planes):
    """Four pixels in a row, RGB of 16 bits, little-endian, in one strip or three."""
    strips = [struct.pack("<H", c) * 4 for c in COLOUR] if planes else [struct.pack("<3H", *COLOUR) * 4]
    size, directory, after = len(strips[0]), 8 + 24, 8 + 24 + 2 + 10 * 12 + 4
    starts = [8 + size * k for k in range(len(strips))]
    lists = {258: ("H", [16] * 3), 273: ("I", starts), 279: ("I", [size] * len(strips))}
    single = {256: 4, 257: 1, 259: 1, 262: 2, 277: 3, 278: 1, 284: 2 if planes else 1}
    entries, behind = b"", b""
    for tag, (kind, values) in sorted((lists | {tag: ("H", [value]) for tag, value in single.items()}).items()):
        content = struct.pack(f"<{len(values)}{kind}", *values)
        if len(content) > 4:
            place, behind = struct.pack("<I", after + len(behind)), behind + content
            content = place
        entries += struct.pack("<HHI", tag, 3 if kind == "H" else 4, len(values)) + content.ljust(4, b"\0")
    return (b"II*\0" + struct.pack("<I", directory) + b"".join(strips) + struct.pack("<H", 10) + entries
            + struct.pack("<I", 0) + behind)


found = []
for planes in (False, True):
    with Image.open(io.BytesIO(tiff(planes))) as image:
        assert (image.mode, image.size) == ("RGB", (4, 1))
        found.append([image.getpixel((k, 0)) for k in range(4)])
    print(f"{'in planes' if planes else 'pixel by pixel':14} ", *found[-1])
assert found == [[(3, 7, 11)] * 4, [(232, 208, 184), (3, 7, 11)] * 2], found
PY
