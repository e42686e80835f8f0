"""Where encoded images lie: the files of a folder, or the members of a tar or zip archive."""

import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from ndm.errors import InputError, refused

SYSTEM = ("Thumbs.db", "desktop.ini", "__MACOSX")  # beside hidden files, what operating systems leave behind


class Store(ABC):
    """Named contents in the order of their names; they may be read by several threads at once."""

    path: Path
    names: list[str]

    @abstractmethod
    def read(self, i: int) -> bytes:
        """The content called `names[i]`."""

    def where(self, i: int) -> str:
        """What messages call it."""
        return f"{self.path}: {self.names[i]}"


class Folder(Store):
    """Every file below a folder, as `files_below` finds them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = sorted(each.relative_to(path).as_posix() for each in files_below(path))

    def read(self, i: int) -> bytes:
        return (self.path / self.names[i]).read_bytes()

    def where(self, i: int) -> str:
        return str(self.path / self.names[i])


class Tar(Store):
    """The files of an uncompressed tar archive, each found by its place in the archive."""

    def __init__(self, path: Path) -> None:
        self.path, members = path, []
        try:
            with tarfile.open(path, "r:") as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]  # a million of them fill a gigabyte
                    if member.isfile() and not is_hidden(Path(member.name).parts):
                        members.append((member.name, member.offset_data, member.size))
        except (OSError, tarfile.TarError) as error:
            raise damaged(path, error) from error
        if members and path.stat().st_size < max(start + size for _, start, size in members):
            raise InputError(f"{path} of {path.stat().st_size} bytes", "a whole archive", "get the file again")
        members.sort()
        self.names = [name for name, _, _ in members]
        self.places = [(start, size) for _, start, size in members]

    def read(self, i: int) -> bytes:
        start, size = self.places[i]
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)


class Zip(Store):
    """The files of a zip archive; each content is verified by the archive's own checksum when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise damaged(path, error) from error
        found = (info.filename for info in self.archive.infolist() if not info.is_dir())
        self.names = sorted(name for name in found if not is_hidden(Path(name).parts))

    def read(self, i: int) -> bytes:
        try:
            return self.archive.read(self.names[i])
        except Exception as error:  # zipfile and zlib raise many types: all mean that it is damaged
            raise damaged(self.path, error) from error


def files_below(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Every file below a folder, at any depth and behind links, but none that is hidden or of an operating system.

    `above` are the real places of the folders that it lies in. Raises `InputError` for a link to nothing or to one of
    these, and for a folder that cannot be read: nothing is skipped.
    """
    real = folder.resolve()
    if real in above:
        raise InputError(f"{folder}, a link to a folder that it lies in", "folders without circles", "remove it")
    try:
        found = sorted(each for each in folder.iterdir() if not is_hidden((each.name,)))
    except OSError as error:
        raise refused(f"the folder {folder}", "read", error, "one that can") from error
    for each in found:
        if each.is_dir():
            yield from files_below(each, above | {real})
        elif each.is_file():
            yield each
        elif each.is_symlink():
            raise InputError(f"{each}, a link to nothing", "files that exist", "remove or repair it")


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Whether a name is one that systems make: hidden files, thumbnails."""
    return any(part.startswith(".") or part in SYSTEM for part in parts)


def damaged(path: Path, error: Exception) -> InputError:
    """The `InputError` that says why the archive cannot be read."""
    return refused(path, "read", error, "a whole archive", "get the file again")
