"""Streams: of exports, of Parquet files and of folders of images, as the hub serves them."""

import datasets
import numpy as np
import pytest
from PIL import Image

from ndm import data
from ndm.base.errors import InputError
from ndm.data.batches import batches_of
from ndm.data.dataset import SPLITS
from ndm.data.hub import stream

NUM = 96
X = np.random.RandomState(0).randint(0, 256, (NUM, 4, 4)).astype(np.uint8)
X[:, 0, 0] = np.arange(NUM)  # its number
COLUMNS = {name: np.random.RandomState(i).standard_normal(NUM) for i, name in enumerate("abc")}
HELD = {"streaming": True, "validation": 10, "test": 14}
OF_IMAGES = HELD | {"image": "image", "buffer": 16, "lanes": 4}


def rows() -> datasets.Dataset:
    values = {"image": [Image.fromarray(x) for x in X], "kind": ["b" if i % 3 else "a" for i in range(NUM)], **COLUMNS}
    features = {"image": datasets.Image(), "kind": datasets.Value("string")}
    return datasets.Dataset.from_dict(
        values, datasets.Features(features | dict.fromkeys(COLUMNS, datasets.Value("float64")))
    )


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    """The same examples as an export, as 8 Parquet files, and (images alone) as a folder of them."""
    folder = tmp_path_factory.mktemp("streams")
    datasets.disable_progress_bars()
    rows().save_to_disk(str(folder / "export"))
    (folder / "parquet").mkdir()
    for i in range(8):
        rows().shard(8, i).to_parquet(folder / "parquet" / f"train-{i:05d}-of-00008.parquet")
    (folder / "images" / "train").mkdir(parents=True)
    for i, x in enumerate(X):
        Image.fromarray(x).save(folder / "images" / "train" / f"{i:03d}.png")
    return {"export": str(folder / "export")} | {name: f"hub:{folder / name}" for name in ("parquet", "images")}


def numbered(x: np.ndarray) -> list[int]:
    """Which examples they are; fails for one that is none."""
    found = x[:, 0, 0, 0].tolist()
    assert (x[:, 0] == X[found]).all()
    return found


@pytest.mark.parametrize("place", ["export", "parquet", "images"])
def test_what_is_held_out_is_not_trained_on_and_all_else_is(places, place):
    found = data.load(places[place], OF_IMAGES)
    assert [len(found.split(part)) for part in SPLITS] == [NUM - 24, 10, 14] and found.event_shape == (1, 4, 4)
    held = numbered(found.validation.x) + numbered(found.test.x)
    batches = batches_of(found.train, 8, seed=0)
    assert len(batches.lanes) == {"export": 4, "parquet": 4, "images": 1}[place]
    trained = [number for step in range((NUM - 24) // 8) for number in numbered(batches[step].x)]
    assert len(set(held)) == 24 and sorted(held + trained) == list(range(NUM))  # lanes are equal: one epoch
    again = [number for step in range(9, 18) for number in numbered(batches[step].x)]
    assert sorted(again) == sorted(trained) and again != trained


@pytest.mark.parametrize("place", ["export", "parquet", "images"])
@pytest.mark.parametrize("number", [2, 4, 8])
def test_shares_make_the_batch_and_open_their_lanes_alone(places, place, number):
    found = data.load(places[place], OF_IMAGES)
    whole = batches_of(found.train, 8, seed=1, flip=True)
    shares = [batches_of(data.load(places[place], OF_IMAGES).train, 8, seed=1, flip=True) for _ in range(number)]
    size = 8 // number
    for step in range(25):
        parts = [share.rows(step, i * size, (i + 1) * size) for i, share in enumerate(shares)]
        assert (np.concatenate([part.x for part in parts]) == whole[step].x).all()
    if number == 4 and place != "images":
        assert [len(share.state()) for share in shares] == [len(whole.state()) // 4] * 4


def test_a_resumed_stream_is_the_unbroken_one_and_reads_little(places, monkeypatch):
    found = data.load(places["parquet"], OF_IMAGES)
    unbroken = batches_of(found.train, 8, seed=0, flip=True)
    every = [unbroken[step] for step in range(40)]
    for step in (0, 1, 5, 13, 26, 38):
        resumed = batches_of(found.train, 8, seed=0, flip=True)
        resumed.load(unbroken.state())
        assert (resumed[step].x == every[step].x).all() and (resumed[step + 1].x == every[step + 1].x).all()
        assert (batches_of(found.train, 8, seed=0, flip=True)[step].x == every[step].x).all()  # lengths unknown
    read, original = [], stream.Source.read

    def counted(source, piece, after):
        for row in original(source, piece, after):
            read.append(row.where)
            yield row

    monkeypatch.setattr(stream.Source, "read", counted)
    resumed = batches_of(found.train, 8, seed=0)
    resumed.load(unbroken.state())
    resumed[38]
    assert 8 <= len(read) <= 4 * (8 * 2 + 2 + 2 * 4)  # each lane: eight steps that are kept, its rows, two windows


def test_batches_in_nearly_any_order_and_twice(places):
    batches = batches_of(data.load(places["export"], OF_IMAGES).train, 8, seed=0)
    every = [batches_of(data.load(places["export"], OF_IMAGES).train, 8, seed=0)[step] for step in range(8)]
    for step in (1, 0, 0, 3, 2, 4, 3, 7, 5, 6, 0):
        assert (batches[step].x == every[step].x).all()


def test_flips_turn_half_and_leave_the_order(places):
    found = data.load(places["export"], OF_IMAGES)
    plain, flipped, turned = batches_of(found.train, 8, seed=0), batches_of(found.train, 8, seed=0, flip=True), 0
    for step in range(50):
        for x, y in zip(plain[step].x, flipped[step].x, strict=True):
            assert (x == y).all() or (x[..., ::-1] == y).all()
            turned += not (x == y).all()
    assert 150 < turned < 250  # 200 of 400 in the mean, standard deviation 10
    with pytest.raises(InputError, match="flips of examples"):
        batches_of(data.load(places["export"], HELD | {"columns": ["a"]}).train, 8, seed=0, flip=True)


def test_the_seed_decides_the_order_and_labels_are_numbered(places):
    found = data.load(places["parquet"], OF_IMAGES | {"label": "kind"})
    assert found.num_classes == 2
    for part in SPLITS:
        assert (found.split(part).y == [int(i % 3 > 0) for i in numbered(found.split(part).x)]).all()
    assert (batches_of(found.train, 8, seed=0)[0].x != batches_of(found.train, 8, seed=1)[0].x).any()


@pytest.mark.parametrize("place", ["export", "parquet"])
def test_tables_are_streamed(places, place):
    found = data.load(places[place], HELD | {"columns": ["a", "c"], "label": "kind", "lanes": 4})
    assert found.event_shape == (2,) and found.num_levels is None and found.num_classes == 2
    batches = batches_of(found.train, 8, seed=0)
    trained = np.concatenate([batches[step].x for step in range(9)])
    every = np.concatenate([trained, found.validation.x, found.test.x])
    expected = np.stack([COLUMNS["a"], COLUMNS["c"]], 1).astype(np.float32)
    assert every.dtype == np.float32 and (np.sort(every, 0) == np.sort(expected, 0)).all()


def test_the_fingerprint_is_of_the_stream(places):
    prints = [
        data.load(places["export"], OF_IMAGES | change).fingerprint()
        for change in ({}, {}, {"validation": 11}, {"size": 2}, {"lanes": 2})
    ]
    assert prints[0] == prints[1] and len(set(prints)) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"streaming": "some"}, "streaming=some"),
        ({"validation": 0}, "validation=0"),
        ({"lanes": "many"}, "lanes=many"),
        ({"streaming": False}, "the option validation without streaming=true"),
        ({"validation": 90}, "of few examples"),
        ({"image": "img"}, "without a column 'img'"),
        ({"label": "d"}, "without a column 'd'"),
        ({"image": None, "columns": ["a"], "dequantise": True}, "dequantise= of a stream"),
        ({"split": "test"}, "split=test"),
        ({"image": None, "columns": ["kind"]}, "example 7, column 'kind': 'a'; expected a number"),
        ({"image": "a"}, "column .a. of type float64"),
        ({"crop": "center"}, "crop=center without a size"),
    ],
)
def test_what_cannot_be_is_one_line(places, change, words):
    with pytest.raises(InputError, match=words) as met:
        data.load(places["parquet"], OF_IMAGES | change)
    assert "\n" not in str(met.value)


def test_what_comes_later_and_cannot_be_decoded_is_named(tmp_path):
    folder = tmp_path / "later" / "train"
    folder.mkdir(parents=True)
    for i, x in enumerate(X[:40]):
        Image.fromarray(x).save(folder / f"{i:03d}.png")
    (folder / "037.png").write_bytes(b"no image")
    Image.fromarray(X[38][:2]).save(folder / "038.png")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "039.png")
    options = {"streaming": True, "image": "image", "validation": 5, "test": 5, "buffer": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_SAMPLE", 5)
        found = data.load(f"hub:{folder.parent}", options)
    batches = batches_of(found.train, 1, seed=0)
    for step in range(27):
        assert numbered(batches[step].x) == [10 + step]
    for step, words in (
        (27, "example 38, which cannot be decoded"),
        (28, "example 39 of 4x2 pixels; expected 4x4"),
        (29, "example 40 of mode RGB; expected grey"),
    ):
        with pytest.raises(InputError, match=words):
            batches[step]


def test_a_stream_that_breaks_off_is_one_line_and_can_be_asked_again(places, monkeypatch):
    found = data.load(places["export"], OF_IMAGES)
    batches, expected = batches_of(found.train, 8, seed=0), batches_of(found.train, 8, seed=0)[1]
    batches[0]
    original = datasets.IterableDataset.shard
    monkeypatch.setattr(
        datasets.IterableDataset,
        "shard",
        lambda *_, **__: (_ for _ in ()).throw(ConnectionError("the network\nis gone")),
    )
    again = batches_of(found.train, 8, seed=0)
    with pytest.raises(InputError, match=r"cannot be read at example \d+ \(ConnectionError: the network is gone\)"):
        again[1]
    monkeypatch.setattr(datasets.IterableDataset, "shard", original)
    assert (again[1].x == expected.x).all() and (batches[1].x == expected.x).all()
