"""`python -m benchmarks throughput` on tiny networks: what is compared and written, not how fast anything is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import throughput
from benchmarks.__main__ import main
from benchmarks.engine.rows import read_rows
from benchmarks.engine.tables import frame
from benchmarks.peers.unets import PEERS, flops, sized
from benchmarks.throughput import CASES, Case, Throughput, entries, make, measured_peak, stated_peak
from ndm.bounds.bound import bound
from ndm.data import DataSet, Split
from ndm.nn.networks.unet import UNet


def tiny_images() -> DataSet:
    split = Split(np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8), dtype=np.uint8))
    return DataSet("tiny", split, split, split, num_levels=256, num_classes=0, source="here")


TINY = replace(
    CASES["unet"],
    batch_size=2,
    data=tiny_images,
    config=replace(CASES["unet"].config, predictor_options={"network": "unet", "channels": 16, "multipliers": [1, 2]}),
)


@pytest.fixture
def small(monkeypatch) -> Case:
    monkeypatch.setattr(Throughput, "plan", {"tiny": TINY})
    return TINY


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_brought_to_the_flops_of_ours(name):
    pytest.importorskip(name)
    ours = UNet((3, 32, 32), channels=64, multipliers=(1, 2), blocks=2)
    wanted = flops(ours)
    assert abs(flops(sized(name, (3, 32, 32), 1, wanted)) / wanted - 1) < 0.05


def test_counted_flops_are_those_of_a_step():
    network = UNet((3, 16, 16), channels=16)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        network(torch.randn(4, 3, 16, 16), torch.rand(4)).sum().backward()
    assert counter.get_total_flops() == 4 * flops(network)


@pytest.mark.parametrize("entry", entries(TINY))
def test_every_entry_is_a_model_that_trains(entry):
    if entry.partition("_")[0] in PEERS:
        pytest.importorskip(entry.partition("_")[0])
    model = make(TINY, entry).train()
    x = model.decoder.from_integers(torch.from_numpy(tiny_images().train.x[:2]))
    bound(model, x).total.mean().backward()
    assert sum(p.grad.abs().sum() for p in model.parameters() if p.grad is not None) > 0


def test_one_process_and_two_are_measured_and_resumed(small, tmp_path, capsys):
    words = [
        "throughput",
        "--out",
        str(tmp_path / "speed"),
        "--repeats",
        "1",
        "--steps",
        "1",
        "--only",
        "identity",
        "residual",
        "series",
        "--precisions",
        "float32",
    ]
    assert main(words) == 0
    found = list(read_rows(tmp_path / "speed" / "rows.jsonl.gz").values())
    assert [(row["entry"], row["processes"]) for row in found] == [
        *(("identity", 1), ("identity", 2), ("series", 1), ("series", 2), ("residual", 1)),
    ]
    alone, two, *_, learned = found
    assert 0 < alone["flops_per_image"] == two["flops_per_image"] < learned["flops_per_image"] / 2
    assert all(0 < row["waiting_share"] < 1 and row["memory_mib"] >= 0 for row in found)
    ratio = throughput.ratios(frame(found))["tiny, float32: images/s of identity on 2 processes over one"]
    assert f"**{ratio[0]:.2f}**" in (tmp_path / "speed" / "tables.md").read_text()
    assert math.isclose(ratio[0], two["images_per_second"] / alone["images_per_second"])
    rows = (tmp_path / "speed" / "rows.jsonl").read_bytes()
    assert main(words) == 0 and (tmp_path / "speed" / "rows.jsonl").read_bytes() == rows
    assert "identity" in capsys.readouterr().out


def row(entry: str, repeat: int, speed: float, processes: int = 1) -> dict:
    return {
        "case": "unet",
        "entry": entry,
        "precision": "bf16",
        "processes": processes,
        "repeat": repeat,
        "images_per_second": speed,
        "flops_per_second": 10 * speed,
        "step_seconds": 1 / speed,
    }


def test_ratios_are_within_a_repetition_and_against_the_best_peer():
    rows = [
        row("identity", 0, 2.0),
        row("identity", 1, 6.0),
        row("azula", 0, 1.0),
        row("azula", 1, 2.0),
        row("diffusers", 0, 0.5),
        row("diffusers", 1, 0.5),
        row("identity", 0, 3.0, 2),
        row("residual", 1, 2.0),
    ]
    assert throughput.ratios(frame(rows)) == {
        "unet, bf16: FLOP/s of ours over the best peer (azula)": [2.5, 2.0, 3.0],
        "unet, bf16: images/s of identity on 2 processes over one": [1.5, 1.5, 1.5],
        "unet, bf16: time of a step of residual over identity's": [3.0, 3.0, 3.0],
    }


def test_peaks():
    assert stated_peak("NVIDIA H100 80GB HBM3", "bf16") == 989e12 and stated_peak("CPU", "bf16") is None
    assert measured_peak(torch.device("cpu"), "float32", 64) > 0


@pytest.mark.parametrize(
    ("words", "got"),
    [("--repeats 0", "0 repeats"), ("--only unheard", "entry 'unheard'"), ("--precisions half", "precision 'half'")],
)
def test_wrong_use_is_refused(small, tmp_path, capsys, words, got):
    assert main(["throughput", "--out", str(tmp_path / "o"), *words.split()]) == 2
    err = capsys.readouterr().err
    assert got in err and err.count("\n") == 1 and not (tmp_path / "o").exists()
