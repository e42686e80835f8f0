#!/usr/bin/env bash
# Pillow 13.0.0: PNG, TIFF and PPM of 16 bits a channel in colour are opened as RGB of 8 bits, without a word.
#
# Behaviour: Image.open gives mode RGB, all but the highest 8 bits of every channel are gone, and neither `info` nor a
# warning says that the file had more. Grey files of 16 bits keep theirs, as mode I;16 or I. JPEG 2000 of 16 bits and AVIF
# of 10 or 12, which Pillow cannot write, are cut likewise.
# Why it matters: scientific, raw-developed and HDR pictures are stored so. A density, a codec or an error measured on them
# is that of other data, and pictures that differ in their low bits become equal. Ask the header of the file for its depth.
# Seen:
#   PNG   grey   mode I;16  values 1792 and 1900
#   PNG   colour mode RGB   values (7, 7, 7) and (7, 7, 7)
#   TIFF  grey   mode I;16  values 1792 and 1900
#   TIFF  colour mode RGB   values (7, 7, 7) and (7, 7, 7)
#   PPM   grey   mode I     values 1792 and 1900
#   PPM   colour mode RGB   values (7, 7, 7) and (7, 7, 7)
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
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 0 if channels == 1 else 2, 0, 0, 0)
    row = b"\0" + struct.pack(">H", value) * channels
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def tiff(value, channels):
    pixel = struct.pack("<H", value) * channels
    depths = struct.pack("<H", 16) * channels
    tags = {256: 1, 257: 1, 258: 16 if channels == 1 else 14, 259: 1, 262: 1 if channels == 1 else 2, 273: 8,
            277: channels, 278: 1, 279: len(pixel)}  # the depths of three channels stand at byte 14
    entries = (struct.pack("<HHIHH", tag, 3, channels if tag == 258 else 1, x, 0) for tag, x in tags.items())
    return (b"II*\0" + struct.pack("<I", 20) + pixel.ljust(6, b"\0") + depths.ljust(6, b"\0")
            + struct.pack("<H", len(tags)) + b"".join(entries) + struct.pack("<I", 0))


def ppm(value, channels):
    return (b"P5" if channels == 1 else b"P6") + b" 1 1 65535\n" + struct.pack(">H", value) * channels


for write, grey in ((png, "I;16"), (tiff, "I;16"), (ppm, "I")):
    for kind, channels in (("grey", 1), ("colour", 3)):
        images = [Image.open(io.BytesIO(write(value, channels))) for value in (1792, 1900)]
        mode, first, second = images[0].mode, *(image.getpixel((0, 0)) for image in images)
        print(f"{write.__name__.upper():5} {kind:6} mode {mode:5} values {first} and {second}")
        expected = (grey, 1792, 1900) if channels == 1 else ("RGB", (7, 7, 7), (7, 7, 7))
        assert (mode, first, second) == expected, expected
PY
