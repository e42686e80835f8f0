#!/usr/bin/env bash
# Pillow 13.0.0: a PNG of 16 bits a channel in colour is opened as RGB of 8 bits, without a word.
#
# Behaviour: Image.open gives mode RGB, the low byte of every channel is gone, and neither `info` nor a warning says that
# the file had more. Grey PNG of 16 bits keep theirs, as mode I;16.
# Why it matters: scientific and raw-developed pictures are stored so. A density, a codec or an error measured on them is that
# of other data, and pictures that differ in their low bytes become equal. The depth stands in byte 24 of the file.
# Seen:
#   grey   mode I;16  values 1792 and 2047
#   colour mode RGB   values (7, 7, 7) and (7, 7, 7)
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
"$folder/venv/bin/python" -W error - <<'PY'
import io
import struct
import zlib

from PIL import Image


def png(value, channels):
    """Four pixels of that value, 16 bits a channel: colour type 0 is grey, 2 is RGB."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 0 if channels == 1 else 2, 0, 0, 0)
    rows = (b"\0" + struct.pack(">H", value) * (2 * channels)) * 2
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


found = {}
for kind, channels in (("grey", 1), ("colour", 3)):
    images = [Image.open(io.BytesIO(png(value, channels))) for value in (1792, 2047)]
    found[kind] = (images[0].mode, *(image.getpixel((0, 0)) for image in images))
    print(f"{kind:6} mode {found[kind][0]:5}  values {found[kind][1]} and {found[kind][2]}")
assert found == {"grey": ("I;16", 1792, 2047), "colour": ("RGB", (7, 7, 7), (7, 7, 7))}, found
PY
