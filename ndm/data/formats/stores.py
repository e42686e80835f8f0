"""Stores of encoded images: the files of a folder, or the members of a tar or zip archive."""

import stat
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from ndm.base.errors import InputError, refused, why

SYSTEM = ("Thumbs.db", "desktop.ini", "__MACOSX")  # beside hidden files, what operating systems leave behind
_OF_SYSTEMS = (*SYSTEM, ".DS_Store", ".directory")


class Store(ABC):
    """A store of named contents in the order of their names, which several threads may read at once."""

    path: Path
    names: list[str]

    @abstractmethod
    def read(self, i: int) -> bytes:
        """Read the content called `names[i]`."""

    def where(self, i: int) -> str:
        """The name of the content in messages."""
        return f"{self.path}: {self.names[i]}"


class Folder(Store):
    """A store of the files below a folder: all of them, or those that are given."""

    def __init__(self, path: Path, files: Iterable[Path] | None = None) -> None:
        self.path, files = path, Walk(path).all() if files is None else files
        self.names = sorted(each.relative_to(path).as_posix() for each in files)

    def read(self, i: int) -> bytes:
        return (self.path / self.names[i]).read_bytes()

    def where(self, i: int) -> str:
        return str(self.path / self.names[i])


class Tar(Store):
    """A store of the files of an uncompressed tar archive, each read at its place in the archive."""

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
    """A store of the files of a zip archive; each is verified by the archive's checksum when it is read."""

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


class Walk:
    """A walk over everything below a folder, at any depth and through links, in the order of names.

    Every file is given, and every folder as None. Not given are `hidden` files and folders (those of an operating
    system are not even listed) and `others`: pipes and the like. `bare` are empty folders, and `obstacles` say what
    cannot be followed: links to nothing or to a folder that they lie in, and folders that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hidden: list[Path] = []
        self.others: list[Path] = []
        self.bare: list[Path] = []
        self.obstacles: list[InputError] = []

    def __iter__(self) -> Iterator[Path | None]:
        yield from self._below(self.folder, frozenset())

    def all(self) -> list[Path]:
        """List every file; raises the first of the obstacles, so that nothing is skipped."""
        found = [each for each in self if each is not None]
        if self.obstacles:
            raise self.obstacles[0]
        return found

    def _below(self, folder: Path, above: frozenset[Path]) -> Iterator[Path | None]:
        """Walk below a folder; `above` are the real paths of the folders that it lies in."""
        try:
            real = folder.resolve()
            if real in above:
                self._meet(f"{folder}, a link to a folder that it lies in", "folders without circles")
                return
            found = sorted(folder.iterdir())
        except OSError as error:
            self.obstacles.append(
                refused(f"the folder {folder}", "read", error, "one that can", "name a folder that is without it")
            )
            return
        if not found:
            self.bare.append(folder)
        for each in found:
            if is_hidden((each.name,)):
                if each.name not in _OF_SYSTEMS and not each.name.startswith("._"):
                    self.hidden.append(each)
                continue
            try:
                kind = each.stat().st_mode
            except OSError as error:
                self._meet(
                    f"{each}, a link to nothing" if each.is_symlink() else f"{each} ({why(error)})",
                    "files that exist and can be read",
                )
                continue
            if stat.S_ISDIR(kind):
                yield None
                yield from self._below(each, above | {real})
            elif stat.S_ISREG(kind):
                yield each
            else:
                self.others.append(each)

    def _meet(self, got: str, expected: str) -> None:
        self.obstacles.append(InputError(got, expected, "name a folder that is without it"))


def is_hidden(parts: tuple[str, ...]) -> bool:
    """Whether a name is of a hidden file or of one that systems make, such as thumbnails."""
    return any(part.startswith(".") or part in SYSTEM for part in parts)


def damaged(path: Path, error: Exception) -> InputError:
    """Make the `InputError` that says why the archive cannot be read."""
    return refused(path, "read", error, "a whole archive", "get the file again")
