"""Encoded image files: their frames, each checked for what decoding would cut off or drop."""

import io
import re
from types import TracebackType

import numpy as np
from PIL import Image

from ndm.base.errors import InputError, is_out_of_memory, number, reason, refused
from ndm.data.formats.depths import bits
from ndm.data.formats.frames import frames, num_beside
from ndm.data.formats.stores import Store

_ORIENTATION, _UPRIGHT = 0x0112, (5, 6, 7, 8)  # of EXIF: those that exchange height and width


class EncodedFile:
    """An open image file, number i of `store`; a context manager. `image` is the frame of the last `at`, first 0.

    Raises `InputError`, naming the file, where it cannot be opened or where 8 bits a channel do not hold it.
    """

    def __init__(self, store: Store, i: int) -> None:
        self.where, self.content = store.where(i), store.read(i)
        try:
            if not self.content:
                raise EOFError("the file is empty")
            self.image = Image.open(io.BytesIO(self.content))
            self.frames = frames(self.image)
            self.num_beside = num_beside(self.image, self.frames)
            self._check_depth()
            self.image.getexif()  # some formats are decoded to find it
        except InputError:
            raise
        except Exception as error:  # Pillow's plug-ins raise whatever damaged content makes them raise
            raise self.corrupted(error) from error

    def __enter__(self) -> "EncodedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.image.close()

    def at(self, frame: int) -> Image.Image:
        """Go to the frame of this number; raises `InputError` as above."""
        try:
            if self.image.tell() != self.frames[frame]:
                self.image.seek(self.frames[frame])
                self._check_depth()
            return self.image
        except InputError:
            raise
        except Exception as error:
            raise self.corrupted(error) from error

    def is_transparent(self) -> bool:
        """Whether any pixel of the present frame is not opaque; raises `InputError` for one that cannot be decoded."""
        try:
            has_any = self.image.has_transparency_data
            return has_any and bool(np.asarray(with_alpha(self.image).getchannel("A")).min() < 255)
        except Exception as error:
            raise self.corrupted(error) from error

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the present frame, with the camera's orientation applied."""
        width, height = self.image.size
        if self.image.format == "TIFF":  # Pillow has turned its size already
            return width, height
        return (height, width) if self.image.getexif().get(_ORIENTATION) in _UPRIGHT else (width, height)

    @property
    def is_turned(self) -> bool:
        """Whether the camera's orientation turns the stored pixels."""
        return self.image.getexif().get(_ORIENTATION) in range(2, 9)

    def corrupted(self, error: Exception) -> InputError:
        """Make the `InputError` that names the file and the reason; an error of memory is raised as it is."""
        if number(error) or is_out_of_memory(error):
            return refused(self.where, "read", error, "a file that can")
        why = re.sub(r" <_io\.BytesIO [^>]*>", "", reason(error))  # what Pillow was given, instead of a file
        return InputError(
            f"{self.where}, which cannot be decoded ({why})",
            "an image that Pillow reads",
            "remove or repair it: nothing is skipped",
        )

    def _check_depth(self) -> None:
        if (depth := bits(self.image, self.content)) > 8:
            raise InputError(
                f"{self.where} of mode {self.image.mode}, {depth} bits a channel",
                "images of 8 bits a channel",
                "convert it: the bits beyond 8 would be cut off",
            )


def with_alpha(image: Image.Image) -> Image.Image:
    """Convert the image to RGBA, in whichever way it says that pixels are transparent."""
    return (image.convert("LA") if image.mode == "La" else image).convert("RGBA")


def of_several_frames(which: str) -> InputError:
    """Make the `InputError` for files of several frames without the option `frames`."""
    return InputError(
        which,
        "one picture in each file",
        "frames=all takes every frame as an example, frames=first the first of each file",
    )


def transparent(which: str) -> InputError:
    """Make the `InputError` for transparent images without the option `background`."""
    return InputError(
        f"{which} with transparent pixels",
        "opaque images, or what lies behind them",
        "background=white or background=black",
    )
