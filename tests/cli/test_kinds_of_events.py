"""Signals, volumes, float images and tables: pictures, pages and files of samples, from the command line."""

import base64
import io
import os
import re
import shutil
import wave
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from calling import ndm
from PIL import Image

from ndm import data
from ndm.data.codecs import level_bits
from ndm.data.event import event_of
from ndm.evaluation import outputs
from ndm.evaluation.figures import drawing_of
from ndm.evaluation.neighbours import neighbours
from ndm.runs.run import open_run

SMALL = "--max-steps 4 --batch-size 16 --log-every 1 --validate-every 2 --pictures-every 4 --predictor-options"
UNET = f"{SMALL} network=unet channels=8 multipliers=[1,2]"
MLP = f"{SMALL} width=16 depth=1"
RUNS = {
    "signals": f"train signals.npz --transform scaling {UNET} axes=1",
    "stereo": f"train stereo.npz --transform scaling {UNET}",
    "volumes": f"train volumes.npz --transform scaling {UNET} axes=3",
    "floats": f"train floats.npz --transform scaling {UNET}",
    "audio": f"train audio.npz --data-options dequantise=true --timesteps 3 {UNET} axes=1",
    "table": f"train table.csv --transform scaling {MLP}",
    "levels": f"train digits --transform scaling {UNET}",
    "classes": f"train classes.npz --condition label {UNET}",
}
WITH_ORDER = {"signals", "stereo", "volumes", "floats", "audio", "levels"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Data of each kind, and a run of each."""
    folder, before = tmp_path_factory.mktemp("kinds"), Path.cwd()
    rng = np.random.default_rng(0)
    os.chdir(folder)
    wave_ = np.sin(np.arange(32) / rng.uniform(2, 5, (60, 1)) + rng.uniform(0, 6, (60, 1))) + 0.1 * rng.normal(
        size=(60, 32)
    )
    np.savez("signals.npz", x=wave_.astype(np.float32))
    np.savez("stereo.npz", x=np.stack([wave_, wave_[::-1]], 1))
    np.savez("audio.npz", x=np.round(9000 * wave_).astype(np.int16), rate=16000)
    np.savez("volumes.npz", x=rng.normal(size=(40, 8, 8, 8)).astype(np.float32))
    np.savez("floats.npz", x=30 + 5 * rng.normal(size=(40, 1, 8, 8)))
    table = rng.normal(size=(60, 5))
    lines = [",".join(map(repr, row)) for row in table.tolist()]
    Path("table.csv").write_text("\n".join(["height,weight,age,pulse,score", *lines]))
    images = rng.integers(0, 256, (60, 3, 8, 8)).astype(np.uint8)
    np.savez("classes.npz", x=images, y=np.array(["ant", "b/c"])[np.arange(60) % 2])
    try:
        for run, words in RUNS.items():
            result = ndm(f"{words} --run {run}")
            assert result.code == 0 and "cannot be drawn" not in result.err, result.err
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(made, monkeypatch, tmp_path) -> Path:
    """The current folder is that of the data and the runs; what is written there by a test is in `tmp_path`."""
    monkeypatch.chdir(made)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


class Page(HTMLParser):
    """What a page holds: headings, images by alternative text, cells of tables, and what it says of its width."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings, self.images, self.cells, self.texts = [], {}, [], []
        self.meta, self.within, self.style = {}, "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        self.within = tag
        assert not {"width", "style", "onload"} & found.keys()  # nothing is wider than the style allows
        if tag == "img":
            kind, content = found["src"].split(",")
            assert kind == "data:image/png;base64"
            self.images[found["alt"]] = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
        if tag == "meta" and "name" in found:
            self.meta[found["name"]] = found["content"]

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, text: str) -> None:
        if self.within in ("h1", "h2"):
            self.headings.append(text)
        elif self.within in ("td", "th"):
            self.cells.append(text)
        elif self.within == "style":
            self.style = text
        else:
            self.texts.append(text)


@pytest.mark.parametrize("run", RUNS)
def test_every_kind_has_a_page(here, run):
    assert ndm(f"evaluate {run} --draws 2 --limit 3").code == 0
    result = ndm(f"report {run} --steps 2")
    assert result.code == 0 and result.err == ""
    page = Page(Path(run, "report", "index.html").read_text())
    expected = {
        "Real examples and samples of the model: data",
        "Real examples and samples of the model: samples",
        "Samples and their nearest training examples",
        "The bound over the course of training",
        "Where on t the bound is",
    }
    expected |= {"The learned path F(x, t) of held-out examples"} if run != "classes" else set()
    expected |= {"When each place is revealed"} if run in WITH_ORDER else set()
    expected |= {"Samples of each class"} if run == "classes" else set()
    assert set(page.images) == expected
    assert all(image.std() > 1 for image in page.images.values())
    assert page.meta["viewport"] == "width=device-width,initial-scale=1"
    assert "img{max-width:100%" in page.style and "white-space:pre-wrap" in page.style
    is_image = run in ("levels", "classes")
    assert (unit := "bits/dim" if is_image else "nats") in page.cells
    assert ("lossless WebP, one tiled picture" in page.cells) == is_image == (unit == "bits/dim")
    codes = [cell for cell in page.cells if cell.startswith(("zlib", "xz", "FLAC"))]
    assert ("zlib, all bytes together" in codes) == (is_image or run == "audio")
    assert any(cell.startswith("FLAC") for cell in codes) == (run == "audio")
    said = next(text for text in page.texts if text.startswith("The distance, L2"))
    assert re.search(r"to the nearest of \d[\d,]* training examples", said) and "test examples: median" in said


@pytest.mark.parametrize("run", RUNS)
def test_every_kind_is_pictured_while_it_trains_and_sampled_as_a_picture(here, run):
    pictures = sorted(path.name for path in Path(run, "pictures").iterdir())
    assert "00000004-samples.png" in pictures and (run == "classes" or "00000004-filmstrip.png" in pictures)
    for name in pictures:
        assert matplotlib.image.imread(Path(run, "pictures", name)).std() > 0.01
    result = ndm(f"sample {run} --num 20 --steps 2 --out {here}/x.png")
    assert result.code == 0 and matplotlib.image.imread(here / "x.png").std() > 0.01
    assert ("the picture has the first 16" in result.out) == (run in ("signals", "stereo", "audio"))


def test_the_page_of_sound_has_flac_in_nats_and_bits(here):
    pytest.importorskip("soundfile")
    assert ndm("report audio --steps 2").code == 0
    cells = Page(Path("audio", "report", "index.html").read_text()).cells
    k = np.floor(data.load("audio.npz", {"dequantise": True}).test.x).astype(np.int16)
    for name, value in level_bits(k, event_of((32,), None)).values.items():
        words = {"stream": "FLAC, all in one stream", "blocks": "FLAC, a block for each"}
        place = cells.index(words.get(name, f"{name}, all bytes together"))
        assert cells[place + 1] == f"{32 * value * np.log(2):.4f} ({value:.4f} bits/dim)"


def drawn(run: str, out: Path, options: str = "") -> tuple[np.ndarray, str]:
    """Samples in a folder are asked for by `options`; the same samples as one array, and what was said."""
    assert ndm(f"sample {run} --num 3 --steps 2 --out {out}.npz").code == 0
    result = ndm(f"sample {run} --num 3 --steps 2 --out {out}/ {options}")
    assert result.code == 0 and result.err == "", result.err
    with np.load(f"{out}.npz") as archive:
        return archive["x"], result.out


def test_integers_that_were_dequantised_come_out_as_integers_and_as_sound(here):
    x, said = drawn("audio", here / "out")
    assert x.dtype == np.int16 and "rounded down to int16" in said and "16,000 samples a second\n" in said
    for i, path in enumerate(sorted((here / "out").iterdir())):
        with wave.open(str(path)) as file:
            about = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
            assert path.name == f"{i:05d}.wav" and about == (1, 2, 16000, 32)
            assert np.array_equal(np.frombuffer(file.readframes(32), "<i2"), x[i])
    assert np.abs(x).max() > 100


def test_values_beyond_the_type_are_clipped_and_counted(here, monkeypatch):
    far = np.full((2, 32), 40_000.7, np.float32)
    far[1] = 3.9
    monkeypatch.setattr("ndm.cli.commands.sample.draw", lambda *_: far)
    result = ndm(f"sample audio --num 2 --out {here}/x.npz")
    assert "32 of 64 values were clipped to -32768..32767" in result.out
    with np.load(here / "x.npz") as archive:
        assert (archive["x"][0] == 32767).all() and (archive["x"][1] == 3).all()


def test_floats_are_sound_where_it_is_asked_for(here):
    x, said = drawn("stereo", here / "out", "--format wav")
    assert x.dtype == np.float32 and x.shape == (3, 2, 32) and "8,000 samples a second, as the data do not tell" in said
    content = (here / "out" / "00001.wav").read_bytes()
    assert content[:4] == b"RIFF" and int.from_bytes(content[4:8], "little") == len(content) - 8
    assert int.from_bytes(content[20:22], "little") == 3 and int.from_bytes(content[22:24], "little") == 2
    assert int.from_bytes(content[24:28], "little") == 8000
    assert np.array_equal(np.frombuffer(content[-4 * 64 :], "<f4").reshape(32, 2).T, x[1])
    assert ndm(f"sample stereo --num 1 --steps 2 --format wav --rate 44100 --out {here}/other").code == 0
    assert int.from_bytes((here / "other" / "00000.wav").read_bytes()[24:28], "little") == 44100


@pytest.mark.parametrize("run", ["signals", "volumes", "floats", "table"])
def test_other_values_are_arrays_each_in_its_file(here, run):
    x, _ = drawn(run, here / "out")
    assert sorted(path.name for path in (here / "out").iterdir()) == [f"0000{i}.npz" for i in range(3)]
    for i in range(3):
        with np.load(here / "out" / f"0000{i}.npz") as archive:
            assert np.array_equal(archive["x"], x[i]) and archive["x"].dtype == np.float32


def test_levels_are_scaled_and_that_is_said(here):
    x, said = drawn("levels", here / "out")
    assert "levels 0..16 are drawn as 0..255" in said and x.max() <= 16
    for i in range(3):
        picture = np.asarray(Image.open(here / "out" / f"0000{i}.png"))
        assert picture.dtype == np.uint8 and np.array_equal(picture, np.round(x[i, 0] * (255 / 16)))


def test_a_folder_of_images_by_class_is_data_again(here):
    result = ndm(f"sample classes --num 8 --label ant b/c --steps 2 --out {here}/out")
    assert result.code == 0 and "8 with label = ant" in result.out
    assert sorted(path.name for path in (here / "out").iterdir()) == ["ant", "b%2Fc"]
    found = data.read(str(here / "out"))
    assert found.classes == ("ant", "b%2Fc") and len(found.examples) == 16
    assert ndm(f"sample classes --num 8 --label ant b/c --steps 2 --out {here}/out.npz").code == 0
    with np.load(here / "out.npz") as archive:
        assert np.array_equal(found.examples.x[:], archive["x"])
        assert archive["y"].tolist() == ["ant"] * 8 + ["b/c"] * 8


def test_a_folder_is_whole_or_absent(here, monkeypatch):
    written = []

    def full(*args):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(args)
        return b"content"

    monkeypatch.setattr(outputs, "_encoded", full)
    result = ndm(f"sample levels --num 3 --steps 2 --out {here}/out/")
    assert result.code == 2 and "No space left" in result.err and len(written) == 2
    assert not list(here.iterdir())


def test_the_nearest_training_example_is_found(here):
    run = open_run(Path("volumes"))
    found_data = run.data()
    train = np.asarray(found_data.train.x)
    x = train[[5, 3]] + np.float32(1e-3)
    found = neighbours(run, found_data, x)
    assert np.array_equal(found.nearest, train[[5, 3]]) and found.searched == len(train)
    scale = run.model.decoder.scale.numpy()
    expected = np.sqrt(((1e-3 / scale) ** 2 * np.ones((8, 8, 8))).sum())
    np.testing.assert_allclose(found.distances, expected, rtol=1e-2)
    test = (np.asarray(found_data.test.x)[:, None] - train[None]) / scale
    np.testing.assert_allclose(found.of_test, np.sqrt((test**2).sum((2, 3, 4))).min(1), rtol=1e-5)


def test_a_choice_of_many_training_examples_is_searched_and_said(here, monkeypatch):
    monkeypatch.setattr("ndm.evaluation.neighbours._MOST", 7)
    shutil.copytree("floats", here / "run")
    assert ndm(f"report {here}/run --steps 2").code == 0
    assert "the nearest of 7 training examples (chosen at random of 32)" in (here / "run/report/index.html").read_text()


@pytest.mark.parametrize("rate", ["fast", 0, 2.5, [1, 2]], ids=str)
def test_a_rate_that_is_none_is_refused(here, rate):
    np.savez(here / "x.npz", x=np.zeros((20, 32), np.float32), rate=np.array(rate))
    result = ndm(f"data check {here}/x.npz")
    assert result.code == 2 and "rate" in result.err and "samples a second" in result.err


def test_samples_beyond_the_data_are_within_the_axes():
    """Their tops were cut off, and nothing said so."""
    data = np.random.default_rng(0).uniform(0, 1, (50, 16))
    drawing = drawing_of(event_of((16,), None, ()), data)
    low, high = drawing._ends(np.array([[-3.0] * 8 + [7.0] * 8]))
    assert low < -3 and high > 7
    low, high = drawing._ends(data[:1])
    assert -0.2 < low < 0.01 and 0.99 < high < 1.2
