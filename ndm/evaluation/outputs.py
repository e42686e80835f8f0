"""Files of samples: one array or picture of all, or a folder with a PNG, WAV or .npz file for each.

Values are of the types that came in: uint8 for images; integers, where the data were integers to which noise was added;
float32 for others.
"""

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from ndm.base.errors import InputError
from ndm.base.files import new_folder, require_new, require_writable, write_atomically
from ndm.base.memory import require_memory
from ndm.data.event import Event, event_of_run
from ndm.evaluation.conditions import Request, named_arrays
from ndm.evaluation.figures import drawing_of
from ndm.parts.conditions import LabelCondition
from ndm.runs.run import Run

FORMATS = ("png", "wav", "npz")
_SUFFIXES = (".npz", ".png")  # of files that hold all samples
_CHANNELS = (1, 2, 3, 4)  # grey, grey with alpha, RGB, RGBA
_WAVES = {"int16": 1, "int32": 1, "float32": 3}  # the format tags of WAV: PCM, IEEE floats
_RATE = 8000  # samples a second, where the data do not tell
_COPIES = 3  # of all samples: in batches, together, and as they are written
_MOST = 10_000_000
_LONGEST_NAME = 200  # bytes


@dataclass(frozen=True)
class Output:
    """Where samples are written, and how.

    is_folder  whether each sample has a file
    form       of these files: png, wav or npz; empty until the run decides
    rate       samples a second of WAV files; None until the run's data decide
    """

    path: Path
    is_folder: bool
    form: str
    rate: int | None = None

    def check(self, num: int) -> None:
        """Raise `InputError` for a place that cannot be written, or too many samples, before anything is drawn."""
        if not self.path.absolute().parent.is_dir():
            what = "folder" if self.is_folder else "file"
            raise InputError(
                f"--out {self.path}", f"a {what} in a folder that exists", f"make {self.path.parent} first"
            )
        (require_new if self.is_folder else require_writable)(self.path)
        if not 1 <= num <= _MOST:
            raise InputError(f"{num} samples", f"1 to {_MOST}", "draw more with other seeds")

    def fitting(self, run: Run, num: int) -> "Output":
        """The output for samples of a run: its form is chosen where it is open.

        Raises `InputError` for samples that have not that form, or that memory does not hold.
        """
        require_memory(
            _COPIES * 4 * num * math.prod(run.event_shape), f"--num {num}", "draw fewer at a time, with other seeds"
        )
        if not self.is_folder:
            self._check_rate("npz")
            return self
        event, dtype = event_of_run(run.config), _dtype(run)
        is_picture = event.kind in ("image", "float image") and dtype == np.uint8 and event.channels in _CHANNELS
        is_wave = event.kind == "signal" and dtype.name in _WAVES
        form = self.form or ("png" if is_picture else "wav" if is_wave and dtype.kind == "i" else "npz")
        if (form == "png" and not is_picture) or (form == "wav" and not is_wave):
            what = "images of 1 to 4 channels and levels" if form == "png" else f"signals of type {', '.join(_WAVES)}"
            raise InputError(
                f"--format {form} for examples of shape {run.event_shape} and type {dtype}, a kind of {event.kind}",
                what,
                "say --format npz, or --out FILE.png for a picture of all",
            )
        self._check_rate(form)
        return replace(self, form=form, rate=self.rate or run.config["data"]["reading"].get("rate"))

    def _check_rate(self, form: str) -> None:
        if self.rate is not None and form != "wav":
            raise InputError(f"--rate {self.rate} for .{form} files", "WAV files", "leave it out, or say --format wav")


def output(out: str, form: str | None = None, rate: int | None = None) -> Output:
    """The output that is named: FILE.npz or FILE.png of all samples, or FOLDER/ with a file for each.

    A name without a suffix is a folder, and so is every name with a `form`. Raises `InputError` for other suffixes.
    """
    path = Path(out)
    is_file = path.suffix in _SUFFIXES and not out.endswith("/")
    if rate is not None and rate < 1:
        raise InputError(f"--rate {rate}", "samples a second, at least 1")
    if is_file and form is not None:
        raise InputError(f"--format {form} with --out {out}", "a folder", "say --out FOLDER/, or leave --format out")
    if not (is_file or form or out.endswith("/") or not path.suffix):
        raise InputError(f"--out {out}", "a file that ends in .npz or .png, or a folder", "say --out FOLDER/")
    return Output(path, not is_file, form or "", rate)


def write(x: np.ndarray, out: Output, run: Run, asked: Request) -> list[str]:
    """Write samples (N, *event), whole or not at all, and say what was changed or chosen.

    FILE.npz holds the array x and the conditions, as `named_arrays` has them.
    """
    if out.path.suffix == ".png" and not out.is_folder:
        return _write_picture(x, out.path, run, asked)
    x, remarks = _as_came(x, run)
    if not out.is_folder:
        write_atomically(out.path, _archive({"x": x} | named_arrays(run, asked.cond)))
        return remarks
    event = event_of_run(run.config)
    if out.form == "wav":
        rate = out.rate or _RATE
        remarks.append(f"{rate:,} samples a second" + ", as the data do not tell (--rate)" * (out.rate is None))
    if out.form == "png" and event.num_levels not in (None, 256):
        x = np.round(x * (255 / max(event.num_levels - 1, 1))).astype(np.uint8)
        remarks.append(f"levels 0..{event.num_levels - 1} are drawn as 0..255: they are in FILE.npz as they are")
    is_value = asked.cond is not None and not isinstance(run.model.condition, LabelCondition)
    if is_value and out.form != "npz":
        remarks.append("the values of their condition are in .npz files alone")
    conditions = named_arrays(run, asked.cond)
    with new_folder(out.path) as folder:
        for i, place in enumerate(_places(folder, run, asked, len(x))):
            place.parent.mkdir(exist_ok=True)
            told = {name: array if name == "names" else array[i] for name, array in conditions.items()}
            content = _encoded(x[i], event, out, told)
            place.with_name(f"{place.name}.{out.form}").write_bytes(content)
    return remarks


def _write_picture(x: np.ndarray, path: Path, run: Run, asked: Request) -> list[str]:
    ends = np.cumsum([number for number, _ in asked.groups])[:-1]
    parts = list(zip((words for _, words in asked.groups), np.split(x, ends), strict=True))
    drawing = drawing_of(event_of_run(run.config))
    most = drawing.most if len(parts) == 1 else drawing.of_a_class
    write_atomically(path, drawing.examples(x) if len(parts) == 1 else drawing.by_class(parts))
    longest = max(len(each) for _, each in parts)
    are_cut = longest > most and not (drawing.are_points and len(parts) > 1)
    return [f"the picture has the first {most}" + " of each" * (len(parts) > 1)] if are_cut else []


def _dtype(run: Run) -> np.dtype[Any]:
    """The type in which the run's data came: that of integers, where noise was added to all of their dimensions."""
    return np.dtype(np.uint8 if run.is_image else run.config["data"]["reading"].get("dtype", np.float32))


def _as_came(x: np.ndarray, run: Run) -> tuple[np.ndarray, list[str]]:
    """Samples in the type in which the data came, and what was done to them.

    Noise U(0, 1) was added to integers: the integer below undoes that.
    """
    dtype = _dtype(run)
    if x.dtype == dtype:
        return x, []
    ends = np.iinfo(dtype)
    whole = np.floor(x.astype(np.float64))
    beyond = int(((whole < ends.min) | (whole > ends.max)).sum())
    said = f"rounded down to {dtype}, as their data were integers with noise of one step"
    said += f"; {beyond:,} of {x.size:,} values were clipped to {ends.min}..{ends.max}" * (beyond > 0)
    return whole.clip(ends.min, ends.max).astype(dtype), [said]


def _places(folder: Path, run: Run, asked: Request, num: int) -> Iterator[Path]:
    """The place of each sample, without a suffix: its number, in a folder for its class if it was told one."""
    digits = max(5, len(str(num - 1)))
    names = [""] * num
    if asked.cond is not None and isinstance(run.model.condition, LabelCondition):
        names = run.model.condition.named(asked.cond)
    for i, name in enumerate(names):
        yield folder / _folder_of(name) / f"{i:0{digits}d}"


def _folder_of(name: str) -> str:
    """A class as the name of a folder: what a file system would not take is escaped."""
    is_fine = name == "" or (name[0] != "." and not set(name) & set("/\0") and len(name.encode()) <= _LONGEST_NAME)
    return name if is_fine else quote(name, safe="").replace(".", "%2E")[:_LONGEST_NAME]


def _encoded(x: np.ndarray, event: Event, out: Output, told: dict[str, Any]) -> bytes:
    """The content of the file of one sample; `told` is its condition, which an archive has as well."""
    if out.form == "png":
        return _png(x.reshape(event.channels, *event.sizes))
    if out.form == "wav":
        return wav(x.reshape(event.channels, -1), out.rate or _RATE)
    return _archive({"x": x} | told)


def _archive(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _png(x: np.ndarray) -> bytes:
    """An image (C, H, W) of uint8 as PNG: grey, grey with alpha, RGB or RGBA."""
    buffer = io.BytesIO()
    Image.fromarray(x[0] if len(x) == 1 else np.ascontiguousarray(np.moveaxis(x, 0, -1))).save(buffer, "PNG")
    return buffer.getvalue()


def wav(x: np.ndarray, rate: int) -> bytes:
    """A signal (C, L) as WAV: PCM of 16 or 32 bits, or floats of 32 bits, little-endian.

    Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991).
    """
    channels, length = x.shape
    width, tag = x.dtype.itemsize, _WAVES[x.dtype.name]
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, 8 * width)
    chunks = [(b"fmt ", head)] if tag == 1 else [(b"fmt ", head + b"\0\0"), (b"fact", struct.pack("<I", length))]
    chunks.append((b"data", x.T.astype(x.dtype.newbyteorder("<")).tobytes()))
    body = b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
