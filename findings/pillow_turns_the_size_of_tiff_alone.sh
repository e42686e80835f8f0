#!/usr/bin/env bash
# Pillow 13.0.0: the `size` of a TIFF is turned by its orientation as soon as it is opened, while the orientation still says 6.
#
# Behaviour: Image.open(f).size is that of the turned picture and getexif() has the orientation until the pixels are loaded,
# which takes it away. JPEG, PNG, WebP and AVIF with the same orientation have the stored size, before and after.
# Why it matters: programs that sort pictures into sizes without decoding them (buckets of aspect ratios, crops, filters)
# swap width and height where the orientation says so, and thereby turn TIFF twice; whether they do depends on who loaded first.
# Seen: 4x2 pixels, stored with orientation 6, and what stands in the file object before and after load()
#   TIFF  (2, 4) 6     then (2, 4) None
#   JPEG  (4, 2) 6     then (4, 2) 6
#   PNG   (4, 2) 6     then (4, 2) 6
#   WEBP  (4, 2) 6     then (4, 2) 6
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pillow==13.0.0
"$folder/venv/bin/python" -W error - <<'PY'
import io

from PIL import Image
from PIL.ExifTags import Base

for kind in ("TIFF", "JPEG", "PNG", "WEBP"):
    file, exif = io.BytesIO(), Image.Exif()
    exif[Base.Orientation] = 6
    Image.new("RGB", (4, 2)).save(file, kind, exif=exif)
    with Image.open(file) as image:
        before = image.size, image.getexif().get(Base.Orientation)
        image.load()
        after = image.size, image.getexif().get(Base.Orientation)
    print(f"{kind:5} {before[0]} {before[1]!s:5} then {after[0]} {after[1]}")
    expected = (((2, 4), 6), ((2, 4), None)) if kind == "TIFF" else (((4, 2), 6), ((4, 2), 6))
    assert (before, after) == expected
PY
