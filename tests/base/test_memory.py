"""How much memory is left, read from files as the system writes them."""

import math
from pathlib import Path

import pytest

from ndm.base.errors import InputError
from ndm.base.memory import available, require_memory

GIB = 2**30
MACHINE = "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\nSwapFree:        1048576 kB\n"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def places(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """A machine with 8 GiB and a GiB of swap, and no control groups."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    write(tmp_path / "proc", meminfo=MACHINE)
    write(tmp_path / "proc" / "self")
    return tmp_path / "proc", tmp_path / "groups"


def test_without_groups_it_is_that_of_the_machine(places):
    assert available(*places) == 9 * GIB


def test_another_system_sets_no_limit(tmp_path, monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert available(tmp_path, tmp_path) == math.inf


@pytest.mark.parametrize("place", ["", "a", "a/b"])
def test_a_group_of_version_2_or_one_that_it_lies_in(places, place):
    proc, groups = places
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    write(groups, memory__max="max\n")
    write(
        groups / place,
        memory__max=f"{4 * GIB}\n",
        memory__current=f"{3 * GIB}\n",
        memory__stat=f"anon 5\ninactive_file {GIB // 2}\n",
    )
    assert available(*places) == 1.5 * GIB


def test_a_group_of_version_1(places):
    proc, groups = places
    (proc / "self" / "cgroup").write_text("5:cpu:/a\n4:memory:/a\n0::/\n")
    write(groups / "memory", memory__limit_in_bytes=f"{2**63 - 4096}\n")
    write(
        groups / "memory" / "a",
        memory__limit_in_bytes=f"{2 * GIB}\n",
        memory__usage_in_bytes=f"{GIB}\n",
        memory__stat="total_inactive_file 0\n",
    )
    assert available(*places) == GIB


def test_a_container_that_sees_its_group_at_the_root(places):
    proc, groups = places
    (proc / "self" / "cgroup").write_text("4:memory:/docker/of/the/host\n")
    write(groups / "memory", memory__limit_in_bytes=f"{GIB}\n", memory__usage_in_bytes="0\n", memory__stat="")
    assert available(*places) == GIB


def test_processes_of_one_machine_share_it(places, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert available(*places) == 3 * GIB


def test_what_does_not_fit_is_refused_with_both_numbers():
    require_memory(GIB, "this", "", left=GIB)
    with pytest.raises(InputError, match=r"got this, which takes about 3 GiB of memory; expected at most the 2 GiB"):
        require_memory(3 * GIB, "this", "take less", left=2 * GIB)
