"""The real sets of the study of defaults: archives, sources, tiles and their bits, on tiny archives and no network."""

import io
import os
import tarfile
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_command import call

from benchmarks.sets import images
from benchmarks.sets.archives import Archive, fetched, members
from benchmarks.sets.catalogue import SETS
from benchmarks.sets.cutting import families, nifti, tiles, windows
from benchmarks.sets.real_set import Made, RealSet, build, digest_of, divided
from ndm.base.errors import InputError
from ndm.data import load
from ndm.data.dataset import SPLITS

FILES = {"usr/share/b.txt": b"second", "usr/share/a.txt": b"first", "usr/c.png": b"other"}


def packed(kind: str) -> bytes:
    """The files in a wheel, an npm package, or a Debian package."""
    content = io.BytesIO()
    if kind == "pypi":
        with zipfile.ZipFile(content, "w") as wheel:
            for name, each in FILES.items():
                wheel.writestr(name, each)
        return content.getvalue()
    with tarfile.open(fileobj=content, mode="w:gz" if kind == "npm" else "w:xz") as tar:
        for name, each in FILES.items():
            entry = tarfile.TarInfo(name if kind == "npm" else f"./{name}")
            entry.size = len(each)
            tar.addfile(entry, io.BytesIO(each))
        link = tarfile.TarInfo("./usr/share/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "a.txt"
        tar.addfile(link)
    if kind == "npm":
        return content.getvalue()

    def member(name: str, each: bytes) -> bytes:
        return f"{name:16}{0:<12}{0:<6}{0:<6}{644:<8}{len(each):<10}`\n".encode() + each + b"\n" * (len(each) % 2)

    return b"!<arch>\n" + member("debian-binary", b"2.0") + member("data.tar.xz", content.getvalue())


@pytest.fixture
def registry(tmp_path, monkeypatch) -> Path:
    """A folder of what the clients find; each download breaks off once where a file `broken` is there."""
    store, programs = tmp_path / "registry", tmp_path / "programs"
    store.mkdir()
    programs.mkdir()
    for name in ("apt-get", "npm"):
        client = programs / name
        client.write_text(
            f"#!/bin/sh\nfor each in {store}/*.file; do :; done\n"
            f"if rm {store}/broken 2>/dev/null; then head -c 20 $each > part; echo cut off >&2; exit 1; fi\n"
            f"cp $each archive; echo $@ >> {store}/calls\n"
        )
        client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return store


def archive(store: Path, kind: str = "debian", content: bytes | None = None) -> Archive:
    """An archive that the registry has."""
    content = packed(kind) if content is None else content
    (store / "one.file").write_bytes(content)
    return Archive(kind, "example", "1.0", "example_1.0.deb", sha256(content).hexdigest())


@pytest.mark.parametrize("kind", ["pypi", "npm", "debian"])
def test_files_of_an_archive_are_read_in_order_without_links(tmp_path, kind):
    path = tmp_path / "archive"
    path.write_bytes(packed(kind))
    assert list(members(path, "usr/share/*.txt").items()) == [
        ("usr/share/a.txt", b"first"),
        ("usr/share/b.txt", b"second"),
    ]
    with pytest.raises(InputError, match=r"without files \*.wav"):
        members(path, "*.wav")


@pytest.mark.parametrize("kind, words", [("debian", "download example=1.0"), ("npm", "pack --silent example@1.0")])
def test_an_archive_is_downloaded_once(registry, tmp_path, kind, words):
    chosen = archive(registry, kind)
    for _ in range(2):
        assert fetched(chosen, tmp_path / "kept").read_bytes() == packed(kind)
    assert (registry / "calls").read_text() == f"{words}\n"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [chosen.file]


def test_pip_is_asked_for_the_wheel_that_is_named():
    file = "some_name-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    words = " ".join(Archive("pypi", "some-name", "2.0", file, "").command)
    assert words.endswith("some-name==2.0") and "--implementation cp --abi cp311" in words
    assert "--platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64" in words
    assert "--abi" not in Archive("pypi", "pure", "1", "pure-1-py3-none-any.whl", "").command


def test_a_download_that_broke_off_leaves_nothing_and_is_made_again(registry, tmp_path):
    chosen = archive(registry)
    (registry / "broken").touch()
    with pytest.raises(InputError, match=r"cut off.*try again") as caught:
        fetched(chosen, tmp_path / "kept")
    assert "\n" not in str(caught.value) and not list((tmp_path / "kept").iterdir())
    assert fetched(chosen, tmp_path / "kept").read_bytes() == packed("debian")


def test_another_checksum_is_refused_in_one_line(registry, tmp_path):
    chosen = archive(registry)
    wrong = replace(chosen, sha256="0" * 64)
    with pytest.raises(InputError, match="what was downloaded of sha256") as caught:
        fetched(wrong, tmp_path / "kept")
    assert "\n" not in str(caught.value) and not list((tmp_path / "kept").iterdir())
    (tmp_path / "kept" / chosen.file).write_bytes(b"half")
    with pytest.raises(InputError, match="remove it"):
        fetched(chosen, tmp_path / "kept")


def test_a_client_that_is_absent_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"npm, which cannot be run.*by hand at"):
        fetched(Archive("npm", "example", "1.0", "example-1.0.tgz", ""), tmp_path / "kept")


def pictures(sources: int, of_each: int = 12) -> Made:
    """Grey images 6x6, whose first two values are the number of their source."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (sources * of_each, 6, 6), dtype=np.uint8)
    number = np.arange(sources).repeat(of_each)
    x[:, 0, 0], x[:, 0, 1] = number // 256, number % 256
    return Made(x, [f"photo {i}" for i in number])


@pytest.mark.parametrize("sources", [4, 9, 40, 200])
def test_the_library_splits_a_file_by_source(tmp_path, sources):
    x, numbers, _ = divided(pictures(sources), "pictures")
    np.savez(tmp_path / "pictures.npz", x=x, source=numbers)
    data = load(str(tmp_path / "pictures.npz"))
    found = [set(map(tuple, data.split(name).x[:, 0, 0, :2])) for name in SPLITS]
    assert not found[0] & found[1] and not found[0] & found[2] and not found[1] & found[2]
    tenth = len(x) // 10
    assert [len(data.split(name)) for name in SPLITS] == [len(x) - 2 * tenth, tenth, tenth]
    if sources < 80:  # several sources in validation and test, however few there are
        assert min(len(found[1]), len(found[2])) == min(8, sources // 4)
    assert divided(pictures(sources), "pictures")[0].tobytes() == x.tobytes()


def test_colours_come_first_copies_go_and_what_does_not_fit_is_said():
    given = pictures(100)
    coloured = np.repeat(given.x[..., None], 3, 3)
    twice = Made(np.concatenate([coloured, coloured[:5]]), [*given.source, *given.source[:5]], ("2 of no use",))
    x, _, notes = divided(twice, "pictures")
    assert x.shape[1:] == (3, 6, 6) and len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)
    assert notes[:2] == ("2 of no use", "5 exact copies")
    assert len(notes) == 2 or notes[2] == f"{1200 - len(x)} to fit 80/10/10"
    with pytest.raises(InputError, match="3 sources"):
        divided(pictures(3), "pictures")


def test_sources_with_images_alike_are_one():
    x = np.zeros((4, 5, 5), np.uint8)
    x[1], x[2], x[3] = 100, 105, 200
    assert families(x, ["a", "b", "c", "d"], within=6) == ["a", "b", "b", "d"]
    assert families(x, ["c", "c", "b", "d"], within=6) == ["b", "b", "b", "d"]  # a source stays whole
    assert families(x, ["a", "b", "c", "d"], within=4) == ["a", "b", "c", "d"]


def test_tiles_windows_and_voxels_are_cut_without_overlap():
    picture = np.arange(7 * 9 * 3).reshape(7, 9, 3)
    cut = tiles(picture, 3)
    assert cut.shape == (6, 3, 3, 3) and (cut[4] == picture[3:6, 3:6]).all()
    assert windows(np.arange(8), 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    header = bytearray(352)
    header[40:56] = np.array([3, 4, 3, 2, 1, 1, 1, 1], "<i2").tobytes()
    header[70:72], header[108:112] = np.array(2, "<i2").tobytes(), np.array(352, "<f4").tobytes()
    voxels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert (nifti(bytes(header) + voxels.tobytes()) == voxels).all()
    header[70:72] = np.array(16, "<i2").tobytes()
    with pytest.raises(InputError, match="type 16"):
        nifti(bytes(header) + voxels.tobytes())


def test_transparent_pixels_are_white():
    image = Image.new("RGBA", (1, 2), (200, 0, 0, 0))
    image.putpixel((0, 1), (0, 100, 0, 128))
    content = io.BytesIO()
    image.save(content, "PNG")
    assert images.on_white(content.getvalue())[:, 0].tolist() == [[255, 255, 255], [127, 177, 127]]


def small_set(registry: Path, digest: str = "") -> RealSet:
    """A set of twelve sources whose archive is in the registry."""
    found = archive(registry)
    return RealSet("small", "image", "ours", "none", "nothing", (found,), lambda files: pictures(12), digest=digest)


def test_a_set_is_made_checked_kept_and_made_again_where_it_is_damaged(registry, tmp_path):
    x, numbers, notes = divided(pictures(12), "small")
    chosen = small_set(registry, digest_of(x, numbers))
    result = build(chosen, tmp_path / "cache")
    path = Path(result.data)
    assert result.notes == notes and (np.load(path)["x"] == x).all()
    assert build(chosen, tmp_path / "cache").notes == ()  # it was there
    path.write_bytes(path.read_bytes()[:-200])
    assert build(chosen, tmp_path / "cache").notes == notes
    assert (registry / "calls").read_text().count("\n") == 1
    assert len(build(chosen, tmp_path / "cache").load().test) == len(x) // 10


def test_other_arrays_are_refused_in_one_line_and_not_kept(registry, tmp_path):
    with pytest.raises(InputError, match=r"Pillow.*install these versions") as caught:
        build(small_set(registry, "0" * 16), tmp_path / "cache")
    assert "\n" not in str(caught.value) and not (tmp_path / "cache" / "small.npz").exists()


def test_every_set_says_what_it_is():
    kinds = {each.kind for each in SETS.values()}
    assert kinds == {"image", "float image", "table", "signal", "volume"}
    assert sum(each.kind == "image" for each in SETS.values()) >= 10
    assert sum(each.kind == "table" for each in SETS.values()) >= 8
    for each in SETS.values():
        assert each.whose and each.licence and each.done, each.name
        assert len(each.digest) == (16 if each.make else 0), each.name
        assert all(len(one.sha256) == 64 and one.file for one in each.archives), each.name


def test_without_a_training_the_command_makes_the_sets_and_says_what_they_are(registry, tmp_path, monkeypatch, capsys):
    x, numbers, _ = divided(pictures(12), "small")
    monkeypatch.setitem(SETS, "small", small_set(registry, digest_of(x, numbers)))
    words = f"defaults --made-only --cache {tmp_path} --out {tmp_path / 'out'} --only"
    code, out, err = call(f"{words} small digits", capsys)
    assert code == 0, err
    assert "from example=1.0 (debian)" in out and "left out:" in out
    tenth = len(x) // 10
    assert f"| small | image | {len(x) - 2 * tenth}, {tenth}, {tenth} | 1x6x6 | bits/dim |" in out
    assert "| digits | image | 1,200, 300, 297 | 1x8x8 |" in out
    assert (tmp_path / "out" / "tables.md").read_text() in out
    assert call(f"{words} sparrows", capsys)[0] == 2
