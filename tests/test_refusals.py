"""What the system refuses is said with what to do about that very cause."""

import errno
import os

import pytest
from safetensors import SafetensorError

from ndm.base.errors import InputError, refused
from ndm.base.files import new_folder, write_atomically
from ndm.runs.writing import SavingError, saving

CAUSES = {
    errno.EISDIR: "a file, not a folder",
    errno.ENOTDIR: "a folder, not a file",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EROFS: "a disk that can be written",
    errno.ENOSPC: "room on the disk",
    errno.EDQUOT: "room in the quota",
    errno.EMFILE: "fewer open files",
    errno.ENAMETOOLONG: "a shorter name",
    errno.ELOOP: "a link that leads somewhere",
    errno.ENOTEMPTY: "new or empty",
    errno.EIO: "a disk that works",
}
ADVICE = {
    errno.ENOSPC: "make room",
    errno.EACCES: "change the permissions",
    errno.EISDIR: "move it away",
    errno.EROFS: "another disk",
    errno.EMFILE: "ulimit -n",
}


@pytest.mark.parametrize("number", CAUSES, ids=errno.errorcode.get)
def test_the_cause_decides_what_is_expected(number):
    said = str(refused("x.npz", "read", OSError(number, os.strerror(number)), "a whole file", "restore it"))
    assert said.startswith(f"got x.npz, which cannot be read ({os.strerror(number)}); expected ")
    assert CAUSES[number] in said and "whole" not in said and "restore" not in said and ADVICE.get(number, "") in said


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no"), ValueError("odd"), EOFError()], ids=repr)
def test_what_is_missing_or_damaged_is_what_was_written(error):
    assert str(refused("x", "read", error, "a whole file", "restore it")).endswith("expected a whole file; restore it")


def test_safetensors_names_the_cause_in_words():
    error = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert (
        str(refused("x", "written", error, ""))
        == "got x, which cannot be written (No space left on device); expected room on the disk; make room"
    )


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")], ids=repr)
def test_memory_that_is_short_is_no_fault_of_a_file(error):
    with pytest.raises(type(error)):
        refused("x", "read", error, "a whole file", "restore it")


@pytest.mark.parametrize("number", ADVICE, ids=errno.errorcode.get)
def test_a_training_that_cannot_save_says_what_to_do_about_that(tmp_path, monkeypatch, number):
    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(SavingError, match=ADVICE[number]) as caught, saving("it"):
        write_atomically(tmp_path / "file", b"")
    assert str(caught.value).startswith(f"it cannot be written ({os.strerror(number)}); what was saved before is whole")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_filled_meanwhile(tmp_path):
    with (
        pytest.raises(InputError, match="a folder that is new or empty; choose another"),
        new_folder(tmp_path / "new") as folder,
    ):
        (folder / "mine").write_text("")
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "theirs").write_text("")
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "theirs"]
