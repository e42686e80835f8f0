"""Encoded images: what is refused because decoding would drop it, what an option decides, and what is said."""

import re

import datasets
import numpy as np
import pytest
from encoded_images import WIDE_FILES, encoded
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ndm import data
from ndm.base.errors import InputError
from ndm.data import lazy
from ndm.data.batches import batches_of
from ndm.data.dataset import parted

RNG = np.random.RandomState(0)
NUM = 12
RGB = RNG.randint(0, 256, (NUM, 8, 8, 3)).astype(np.uint8)
ALPHA = np.where(RNG.rand(NUM, 8, 8, 1) < 0.5, RNG.randint(0, 256, (NUM, 8, 8, 1)), 255).astype(np.uint8)
RGBA = np.concatenate([RGB, ALPHA], 3)
OPAQUE = np.concatenate([RGB, np.full_like(ALPHA, 255)], 3)
HELD = {"streaming": True, "validation": 2, "test": 2, "lanes": 2}


def folder(tmp_path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name).write_bytes(content)
    return str(tmp_path / "pictures")


def alike(x, kind="PNG", suffix="png", **options) -> dict[str, bytes]:
    return {f"{i:02d}.{suffix}": encoded(image, kind, **options) for i, image in enumerate(x)}


def exported(tmp_path, contents: list[bytes], kind: str) -> str:
    """Rows of a column `image`, and of one that counts them, as an export or as Parquet files."""
    rows = datasets.Dataset.from_dict(
        {"image": [{"bytes": content, "path": None} for content in contents], "number": list(range(len(contents)))},
        datasets.Features(image=datasets.Image(), number=datasets.Value("int64")),
    )
    (tmp_path / kind).mkdir()
    if kind == "export":
        rows.save_to_disk(str(tmp_path / kind))
        return str(tmp_path / kind)
    rows.to_parquet(str(tmp_path / kind / "train-0.parquet"))
    return f"hub:{tmp_path / kind}"


def every(found, what="x"):
    return np.concatenate([np.asarray(getattr(found.split(part), what)) for part in data.dataset.SPLITS])


# More than 8 bits


@pytest.mark.parametrize("name", WIDE_FILES)
def test_more_than_8_bits_a_channel_are_refused_by_name(tmp_path, name):
    content, bits = WIDE_FILES[name]
    files = alike(RGB) | {"06.png": content}
    for options in ({}, {"size": 8, "mode": "rgb"}):
        with pytest.raises(InputError, match=rf"06.png of mode .*, {bits} bits a channel; .* 8 bits.*would be cut off"):
            data.load(folder(tmp_path, files), options)


@pytest.mark.parametrize("kind", ["export", "parquet"])
def test_more_than_8_bits_are_refused_in_rows_as_well(tmp_path, kind):
    contents = list(alike(RGB).values())
    contents[9] = WIDE_FILES["png"][0]
    path = exported(tmp_path, contents, kind)
    with pytest.raises(InputError, match="row 10 of mode RGB, 16 bits a channel"):
        data.load(path, {"image": "image"})
    with pytest.raises(InputError, match=r"example \d+ of mode RGB, 16 bits a channel"):  # looked at
        data.load(path, {"image": "image"} | HELD)


def is_written(kind: str, mode: str) -> bool:
    """Whether Pillow writes such files."""
    try:
        return bool(encoded(Image.fromarray(RGB[0]).convert(mode), kind))
    except (OSError, ValueError):
        return False


KINDS = ["PNG", "TIFF", "PPM", "SGI", "DDS", "JPEG2000", "AVIF", "WEBP", "BMP", "TGA", "QOI"]


@pytest.mark.parametrize(
    ("kind", "mode"), [(kind, mode) for kind in KINDS for mode in ("1", "L", "P", "RGB") if is_written(kind, mode)]
)
def test_8_bits_and_fewer_are_read(tmp_path, kind, mode):
    files = alike([Image.fromarray(x).convert(mode) for x in RGB], kind)
    assert len(every(data.load(folder(tmp_path, files)))) == NUM


# Transparency


def laid_on(background: int, rgba: np.ndarray) -> np.ndarray:
    """In real numbers."""
    alpha = rgba[..., 3:] / 255
    return (alpha * rgba[..., :3] + (1 - alpha) * background).transpose(0, 3, 1, 2)


def in_order(tmp_path, files, options):
    """The examples of a folder in the order of its files, which the permutation of the split hides."""
    found = data.load(folder(tmp_path, files), options)
    x = np.empty_like(every(found))
    x[np.random.RandomState(0).permutation(len(x))] = every(found)
    return x, found


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "TGA", "QOI", "DDS", "SGI"])
@pytest.mark.parametrize(("background", "value"), [("white", 255), ("black", 0)])
def test_transparent_pixels_need_a_background(tmp_path, kind, background, value):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    with pytest.raises(InputError, match=r"12 of 12 images, the first .*00.png, with transparent pixels; .*=white or"):
        data.load(folder(tmp_path, alike(RGBA, kind, **options)))
    x, found = in_order(tmp_path, alike(RGBA, kind, **options), {"background": background})
    assert np.abs(x - laid_on(value, RGBA)).max() <= 1  # Pillow rounds
    assert any(f"12 of 12 images have an alpha channel and are laid on {background}" in note for note in found.notes)


def test_an_opaque_alpha_channel_is_no_transparency(tmp_path):
    x, found = in_order(tmp_path, alike(OPAQUE), {})
    assert (x == RGB.transpose(0, 3, 1, 2)).all() and not found.notes
    files = alike(OPAQUE) | {"07.png": encoded(RGBA[7], "PNG")}
    with pytest.raises(InputError, match=r"1 of 12 images, the first .*07.png, with transparent pixels"):
        data.load(folder(tmp_path, files))


def with_palette(x, **options) -> bytes:
    return encoded(Image.fromarray(x).quantize(8), "PNG", **options)


def premultiplied(x) -> bytes:
    """A TIFF whose alpha channel is declared to be multiplied in."""
    content = bytearray(encoded(x, "TIFF"))
    content[content.index(b"\x52\x01\x03\x00\x01\x00\x00\x00") + 8] = 1  # the tag ExtraSamples
    return bytes(content)


def marked(x: np.ndarray) -> np.ndarray:
    """Its first pixel has a value that a file may declare transparent."""
    x = x.copy()
    x[0, 0] = 7
    return x


TRANSPARENT = {
    "an index of a palette": lambda x: with_palette(x, transparency=0),
    "a palette with alpha": lambda x: with_palette(x, transparency=bytes([0, 100]) + b"\xff" * 6),
    "a grey value": lambda x: encoded(marked(x[..., 0]), "PNG", transparency=7),
    "a colour": lambda x: encoded(marked(x), "PNG", transparency=(7, 7, 7)),
    "a bit": lambda x: encoded(x[..., 0] > 99, "PNG", transparency=0),
    "grey with alpha": lambda x: encoded(Image.fromarray(x[..., :2], "LA"), "PNG"),
    "grey multiplied by alpha": lambda x: premultiplied(Image.fromarray(x[..., :2], "LA")),
    "colour multiplied by alpha": lambda x: premultiplied(np.concatenate([x // 2, 128 + x[..., :1] // 2], 2)),
    "an animation's": lambda x: encoded(Image.fromarray(x).quantize(8), "GIF", transparency=0),
}


@pytest.mark.parametrize("how", TRANSPARENT)
def test_transparency_is_found_however_it_is_said(tmp_path, how):
    path = folder(tmp_path, {f"{i:02d}": TRANSPARENT[how](x) for i, x in enumerate(RGB)} | {"13.png": b""})
    (tmp_path / "pictures" / "13.png").write_bytes(TRANSPARENT[how](RGB[0]))  # one with a suffix makes it a folder
    with pytest.raises(InputError, match=r"13 of 13 images, the first .*00, with transparent pixels"):
        data.load(path)
    white, black = (every(data.load(path, {"background": name})) for name in ("white", "black"))
    assert white.shape == black.shape and (white >= black).all() and (white > black).any()


def test_transparent_images_that_come_later_in_a_stream_are_refused_when_they_come(tmp_path):
    contents = [encoded(OPAQUE[i % NUM], "PNG") for i in range(1100)]
    contents[-1] = encoded(RGBA[0], "PNG")
    path = exported(tmp_path, contents, "export")
    batches = batches_of(data.load(path, {"image": "image", "buffer": 1} | HELD).train, 2, seed=0)
    with pytest.raises(InputError, match="with transparent pixels; expected opaque images"):
        for step in range(1100):
            batches.rows(step, 0, 2)
    found = data.load(path, {"image": "image", "background": "white"} | HELD)
    assert any("of the first examples 1004 of 1004 images have an alpha" in note for note in found.notes)


# Files of several frames


FRAMES = {"GIF": {}, "TIFF": {}, "WEBP": {"lossless": True}, "PNG": {}, "AVIF": {"quality": 100}}
MOVING = RNG.randint(0, 4, (NUM, 3, 16, 16)).astype(np.uint8) * 85  # few values: palettes hold them


def animated(frames, kind, **options) -> bytes:
    first, *others = (Image.fromarray(np.repeat(x[..., None], 3, 2)) for x in frames)
    return encoded(first, kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_are_examples_of_their_own_if_that_is_said(tmp_path, kind):
    files = {f"{'ab'[i % 2]}/{i:02d}.gif": animated(x, kind, **FRAMES[kind]) for i, x in enumerate(MOVING)}
    path = folder(tmp_path, files)
    with pytest.raises(InputError, match=r"12 of 12 files of several frames, the first .*00.gif of 3; .*frames=all"):
        data.load(path)
    found = data.load(path, {"frames": "all", "mode": "grey"})
    names = sorted(files)  # a/00.gif, a/02.gif ...
    wanted = {(x.tobytes(), "ab".index(names[i][0])) for i, _ in enumerate(names) for x in MOVING[int(names[i][2:4])]}
    seen = {(x.tobytes(), y) for x, y in zip(every(found)[:, 0], every(found, "y").tolist(), strict=True)}
    assert len(every(found)) == 36 and (seen == wanted or (kind == "AVIF" and len(seen) == 36))
    where = {x.tobytes(): i for i, frames in enumerate(MOVING) for x in frames}
    files_of = [{where.get(x.tobytes()) for x in found.split(part).x[:, 0]} for part in data.dataset.SPLITS]
    assert kind == "AVIF" or not (files_of[0] & files_of[1] | files_of[0] & files_of[2] | files_of[1] & files_of[2])
    first = data.load(path, {"frames": "first", "mode": "grey"})
    assert len(every(first)) == 12 and any("of which the first is used" in note for note in first.notes)
    if kind != "AVIF":
        assert {x.tobytes() for x in every(first)} == {frames[0].tobytes() for frames in MOVING}
    with pytest.raises(InputError, match="frames=2; expected one of frames=all, frames=first"):
        data.load(path, {"frames": 2})


def test_frames_that_stay_encoded_are_the_same(tmp_path, monkeypatch):
    path = folder(tmp_path, {f"{i:02d}.gif": animated(x, "GIF") for i, x in enumerate(MOVING)})
    now = data.load(path, {"frames": "all"})
    monkeypatch.setattr("ndm.data.lazy.IN_MEMORY", 0)
    later = data.load(path, {"frames": "all"})
    assert isinstance(later.train.x, lazy.Lazy) and (every(now) == every(later)).all()
    assert later.train.x[[5, 0, 5]].tobytes() == now.train.x[[5, 0, 5]].tobytes()
    options = ({"frames": "all"}, {"frames": "first"}, {"frames": "all", "background": "white"})
    prints = {data.load(path, each).fingerprint() for each in options}
    assert len(prints) == 3 and later.fingerprint() in prints


def test_a_few_files_of_many_frames_are_not_divided(tmp_path):
    files = {
        f"{part}/{i}.tiff": animated(MOVING[:10].reshape(30, 16, 16), "TIFF")
        for i in range(2)
        for part in ("train", "test")
    }
    path = folder(tmp_path, files)
    assert [len(data.load(path, {"frames": "all"}).split(part)) for part in data.dataset.SPLITS] == [30, 30, 60]
    with pytest.raises(InputError, match="train: 60 examples from 2 files; expected 3 files or more, as the frames"):
        data.load(path + "/train", {"frames": "all"})


def test_rows_of_several_frames_keep_their_labels(tmp_path):
    path = exported(tmp_path, [animated(x, "GIF") for x in MOVING], "export")
    with pytest.raises(InputError, match="12 of 12 files of several frames"):
        data.load(path, {"image": "image"})
    found = data.load(path, {"image": "image", "label": "number", "frames": "all", "mode": "grey"})
    assert {(x.tobytes(), y) for x, y in zip(every(found)[:, 0], every(found, "y").tolist(), strict=True)} == {
        (x.tobytes(), i) for i, frames in enumerate(MOVING) for x in frames
    }
    with pytest.raises(InputError, match=r"frames=all of a stream; .*frames=first"):
        data.load(path, {"image": "image", "frames": "all"} | HELD)
    first = data.load(path, {"image": "image", "frames": "first", "mode": "grey"} | HELD)
    assert {x.tobytes() for x in first.test.x} <= {frames[0].tobytes() for frames in MOVING}


def photograph(x) -> bytes:
    """As of a telephone: a second picture lies behind the first."""
    return encoded(Image.fromarray(x), "MPO", save_all=True, append_images=[Image.fromarray(x[::2, ::2])])


def with_thumbnail(x) -> bytes:
    content = bytearray(
        encoded(
            Image.fromarray(x[::2, ::2]), "TIFF", save_all=True, append_images=[Image.fromarray(x)], tiffinfo={254: 1}
        )
    )
    last = content.rindex(b"\xfe\x00\x04\x00\x01\x00\x00\x00\x01")  # NewSubfileType is written for both
    content[last + 8] = 0
    return bytes(content)


def icon(x) -> bytes:
    return encoded(Image.fromarray(x).resize((32, 32)), "ICO", sizes=[(16, 16), (32, 32)])


@pytest.mark.parametrize("made", [photograph, with_thumbnail, icon])
def test_previews_are_no_frames_and_are_mentioned(tmp_path, made):
    found = data.load(folder(tmp_path, {f"{i:02d}.png": made(x) for i, x in enumerate(RGB)}))
    assert len(every(found)) == NUM and found.event_shape[1] >= 8
    assert "12 of 12 files hold more than is used" in found.notes[0] and "00.png" in found.notes[0]


@given(st.lists(st.integers(1, 9), min_size=3, max_size=40))
def test_parts_hold_whole_files_and_are_nearly_of_their_sizes(counts):
    files = np.repeat(np.arange(len(counts)), counts)
    tenth = len(files) // 10
    sizes = (len(files) - 2 * tenth, tenth, tenth)
    parts = parted(files, sizes, "x")
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(files))) and all(map(len, parts))
    assert len({i for part in parts for i in set(files[part])}) == sum(len(set(files[part])) for part in parts)
    if len(counts) >= 20:
        assert all(abs(len(part) - size) <= 2 * max(counts) for part, size in zip(parts, sizes, strict=True))


# What is changed is said


def test_what_is_converted_enlarged_cropped_or_double_is_said(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    cmyk = Image.fromarray(RGBA[0], "CMYK")
    files = alike(RGB, icc_profile=srgb)
    assert not data.load(folder(tmp_path, files)).notes
    files |= {
        "00.png": encoded(cmyk, "TIFF"),
        "01.png": encoded(RGB[1, ..., 0], "PNG"),
        "03.png": files["02.png"],
        "04.png": encoded(RGB[4], "PNG", icc_profile=profile),
        "05.png": encoded(RGB[5, :4], "PNG", exif=exif),
        "07.png": encoded(RGB[7], "PNG", exif=upside_down),
        "06.png": encoded(RGB[6, ..., 0] > 99, "PNG"),
    }
    found = data.load(folder(tmp_path, files), {"size": 7})
    for wanted in (
        "1 of 12 files are copies of others, .*: the first .*03.png of .*02.png",
        "2 of 12 images are grey and get three equal channels .*01.png",
        "1 of 12 images are of mode CMYK and converted .*00.png",
        "1 of 12 images are bilevel .*06.png",
        "1 of 12 images have the colour profile 'Lab .*04.png",
        "2 of 12 images are turned .*05.png",
        "1 of 12 images are enlarged to 7x7 pixels: the first .*05.png",
        "1 of 12 images are cropped to the middle .*05.png",
    ):
        assert [note for note in found.notes if re.search(wanted, note)], (wanted, found.notes)


def test_turned_images_have_one_size_whether_they_are_decoded_or_not(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("TIFF", "PNG", "JPEG"):
        upright = {f"{i:02d}.tiff": encoded(np.rot90(x[:4], -1).copy(), kind) for i, x in enumerate(RGB[:6])}
        turned = {f"{i:02d}.tiff": encoded(x[:4], kind, exif=exif) for i, x in enumerate(RGB[6:], 6)}
        monkeypatch.setattr("ndm.data.lazy.IN_MEMORY", 0)
        found = data.load(folder(tmp_path, upright | turned))
        assert found.event_shape == (3, 8, 4) and every(found).shape == (12, 3, 8, 4)


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    with pytest.raises(InputError, match=r"03.png, which cannot be decoded \(EOFError: the file is empty\)"):
        data.load(folder(tmp_path, alike(RGB) | {"03.png": b""}))
