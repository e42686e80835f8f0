"""`python -m benchmarks overhead`, on a few points of the plane: what it writes, not how long anything takes."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from compiling import needs_compiler

from benchmarks import overhead
from benchmarks.__main__ import main
from benchmarks.engine.rows import read_rows
from benchmarks.overhead import Case, Overhead, peak_memory_mib
from ndm.base.errors import InputError
from ndm.data import DataSet, Split


def points() -> DataSet:
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    return DataSet("points", Split(x), Split(x), Split(x), num_levels=None, num_classes=0, source="here")


@pytest.fixture
def small(monkeypatch) -> None:
    """One case of points; no processes of their own for memory."""
    monkeypatch.setattr(Overhead, "plan", {"points": Case(points, 4)})
    monkeypatch.setattr(overhead, "peak_memory_mib", lambda *_: 1.0)


def test_every_pair_that_fits_is_measured_against_identity(small, tmp_path):
    assert Overhead(out=tmp_path, rounds=2).run() == 0
    (row,) = read_rows(tmp_path / "rows.jsonl.gz").values()
    figures = row["entries"]
    assert json.loads((tmp_path / "rows.jsonl").read_text()) == row
    pairs = [
        f"{path}_{predictor}"
        for path in ("scaling_pixel", "series", "residual_full", "residual_quarter")
        for predictor in ("direct", "plug_in")
    ]
    assert {"identity", "default", "identity_plug_in", *pairs} <= figures.keys()
    assert not [name for name in figures if "frequency" in name or "callable" in name]  # refused: points; no name
    assert "compiled" not in figures  # it takes minutes
    for name, found in figures.items():
        for kind in ("", "chain_", "sampling_"):
            low, high = found[f"{kind}quartiles"]
            assert 0 < low <= found[f"{kind}ratio"] <= high < math.inf and found[f"{kind}ms"] > 0, name
        assert found["parameters_ratio"] == found["parameters"] / figures["identity"]["parameters"]
        assert found["peak_memory_mib"] == 1.0
    assert figures["identity"]["ratio"] == 1 and figures["identity"]["sampling_quartiles"] == [1, 1]
    default, table = figures["default"], (tmp_path / "tables.md").read_text()
    assert f"| default | {default['ratio']:.2f} ({default['quartiles'][0]:.2f} to " in table and row["machine"]["torch"]


def test_f_of_the_denoisers_size_doubles_the_parameters_and_half_its_width_adds_a_quarter(small):
    config = overhead.entries(overhead.recipe(None, points()))
    full, half = (config[f"residual_{size}_direct"].transform_options for size in ("full", "quarter"))
    assert full["width"] == 2 * half["width"] == config["identity"].predictor_options["width"]
    assert {name: value for name, value in full.items() if name != "width"}.items() <= half.items()


def test_the_command_line_measures_what_it_is_asked_for(small, tmp_path, capsys):
    words = f"overhead --rounds 1 --only series_direct --out {tmp_path}".split()
    assert main(words) == 0
    (row,) = read_rows(tmp_path / "rows.jsonl.gz").values()
    assert set(row["entries"]) == {"identity", "series_direct"}
    out = capsys.readouterr().out
    assert "`python -m benchmarks overhead --rounds 1 --only series_direct`" in out and "| series_direct |" in out
    before = (tmp_path / "rows.jsonl").read_bytes()
    assert main(words) == 0 and (tmp_path / "rows.jsonl").read_bytes() == before  # nothing is done twice


@needs_compiler
def test_the_entry_compiled_is_the_reference_with_a_compiled_network():
    configs = overhead.entries(overhead.recipe(None, points()))
    assert replace(configs["compiled"], compile=False) == configs["identity"]
    models = {name: overhead._training(configs[name], points(), 4).model for name in ("compiled", "identity")}
    assert models["compiled"].predictor.network._compiled_call_impl is not None
    assert models["identity"].predictor.network._compiled_call_impl is None


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"rounds": 0}, "0 rounds"),
        ({"only": ("unheard",)}, "entry 'unheard'"),
        ({"only": ("identity_callable",)}, "callable"),
    ],
    ids=str,
)
def test_wrong_use_is_refused(small, tmp_path, options, got):
    with pytest.raises(InputError, match=got):
        Overhead(out=tmp_path / "out", **options).run()
    assert not (tmp_path / "out").exists()


def test_peak_memory_is_that_of_the_work_alone():
    """64 MiB, whatever this process holds."""
    held = np.ones(2**25)
    assert 60 < peak_memory_mib(np.ones, 2**23) < 100 and len(held)
