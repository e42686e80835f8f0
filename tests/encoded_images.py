"""Encoded images that Pillow opens and does not write: of more than 8 bits a channel, or with premultiplied colours."""

import base64
import io
import struct
import zlib

import numpy as np
from PIL import Image

WIDE = np.random.RandomState(0).randint(0, 65536, (4, 6, 4)).astype(np.uint16)

# 2 x 2 pixels in RGB of a JPEG 2000 of 16 bits and an AVIF of 10, as imagecodecs writes them.
_JP2 = (
    "0000CYEU2`4GM<}0000KW^{RQYH%_j00000YH%_j0000jYH%`W0000MX=r3}000020000200R#P0000001sntY;pkr000005C8xGu4-^"
    "HWB*V8Q2;Lh000000ssI20ssI200000000000ssI20ssI2000000009I0RayI0S^HI|55-9000010RRL900IA800cmQ|6~9q00BdCWnp"
    "w>WFTUBAWv{*Zc0!^M<8}(a&u{KZXhx)H7+#&kN^q*00000HUI(tlgIuH5)GNTEimRS62IU0kWden_>_4^0o%rJ-}sP72I>3i*4c_^@B"
    "i5"
)
_AVIF = (
    "0000WW^{RQVRmU|00000VRmU|ZE0pPZE0a<O+hh10002%ZDn*}000000000XXk=`10000000000aA{+7000000000000000000004sdC"
    "7Z2$lO000310016oY;R)#0000)000310RR910RR926951JIRF3vC~0YKW&i*H00031000_kZf0cy000000RRADb}%tRZ)|UJ00000YH4"
    "tCZ~y=ROKEUpZvX%Q6lrsCWdHyG000000ssI20ssI25O8UDX#fBK00RmN3IG5A3}JRLLxCVb000006Ju{|a&BX6cmM(b0ssbp0000NX>"
    "e^}0000000001009I60)qqq002R4WMOm?015{<05<R-AZaoz7lLC1zyR_B=m7s)#(NXu3b7Gn8M#_TH4K~|`(Ag#JtF4qV~%z^^G6#%"
)


def encoded(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    """What Pillow writes."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def png16(colour: int) -> bytes:
    """A PNG of this type of colour: 0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    x = WIDE[..., : {0: 1, 2: 3, 4: 2, 6: 4}[colour]].astype(">u2")
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in x))
    header = struct.pack(">IIBBBBB", 6, 4, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tiff16(order: str, planes: bool, compressed: bool = False) -> bytes:
    """A TIFF of RGB, its bytes in this order ('<' or '>'), its channels in planes or beside each other."""
    x = WIDE[..., :3].astype(f"{order}u2")
    parts = [plane.tobytes() for plane in x.transpose(2, 0, 1)] if planes else [x.tobytes()]
    parts = [zlib.compress(part) if compressed else part for part in parts]
    start = 512
    starts = [start + sum(map(len, parts[:k])) for k in range(len(parts))]
    tags = {
        256: ("H", [6]),
        257: ("H", [4]),
        258: ("H", [16] * 3),
        259: ("H", [8 if compressed else 1]),
        262: ("H", [2]),
        273: ("I", starts),
        277: ("H", [3]),
        278: ("H", [4]),
        279: ("I", [len(p) for p in parts]),
        284: ("H", [2 if planes else 1]),
    }
    entries, beside = b"", b""
    for tag, (kind, values) in tags.items():
        value = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(value) > 4:
            beside, value = beside + value, struct.pack(f"{order}I", 14 + 12 * len(tags) + len(beside))
        entries += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + value.ljust(4, b"\0")
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4) + beside
    return head.ljust(start, b"\0") + b"".join(parts)


def dds(pixels: bytes, flags: int, fourcc: bytes, bits: int, masks: tuple[int, ...], after: bytes = b"") -> bytes:
    """A DDS of 4 x 4 pixels."""
    header = struct.pack("<7I44x", 124, 0x1007, 4, 4, 0, 0, 0)
    form = struct.pack("<2I4s5I", 32, flags, fourcc, bits, *masks)
    return b"DDS " + header + form + bytes(20) + after + pixels


WIDE_FILES = {
    "png": (png16(2), 16),
    "png with alpha": (png16(6), 16),
    "grey png": (png16(0), 16),
    "grey png with alpha": (png16(4), 16),
    "tiff": (tiff16("<", False), 16),
    "tiff of big-endian planes": (tiff16(">", True), 16),
    "compressed tiff": (tiff16("<", False, True), 16),
    "compressed tiff of planes": (tiff16("<", True, True), 16),
    "real tiff": (encoded(WIDE[..., 0].astype(np.float32), "TIFF"), 32),
    "ppm": (b"P6 6 4 65535\n" + WIDE[..., :3].astype(">u2").tobytes(), 16),
    "ppm of 10 bits": (b"P6 6 4 1023\n" + (WIDE[..., :3] >> 6).astype(">u2").tobytes(), 10),
    "ppm in words": (b"P3 2 1 4000\n1 2 3 4 5 4000", 12),
    "grey ppm": (b"P5 6 4 1023\n" + (WIDE[..., 0] >> 6).astype(">u2").tobytes(), 10),
    "sgi": (encoded((WIDE[..., :3] >> 8).astype(np.uint8), "SGI", bpc=2), 16),
    "dds of 10 bits": (dds(WIDE[:4, :4, :2].tobytes(), 0x40, bytes(4), 32, (0x3FF, 0xFFC00, 0x3FF00000, 0)), 10),
    "dds of halves": (dds(bytes(16), 0x4, b"DX10", 0, (0, 0, 0, 0), struct.pack("<5I", 95, 3, 0, 1, 0)), 16),
    "jpeg 2000": (base64.b85decode(_JP2), 16),
    "avif": (base64.b85decode(_AVIF), 10),
}
