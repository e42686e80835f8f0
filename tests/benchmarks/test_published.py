"""The results in docs/results follow from the rows that are kept there, and the plans as they are have no job left."""

from pathlib import Path

import pytest
import torch

from benchmarks.__main__ import studies, study
from benchmarks.engine.rows import KEPT

RESULTS = Path(__file__).parents[2] / "docs/results"
OPTIONS = {"overhead": {"rounds": 10}}
PUBLISHED = sorted(path.parent.name for path in RESULTS.glob(f"*/{KEPT}"))


def test_every_study_with_rows_has_its_page():
    assert {"pays", "ablations", "density", "sampling", "straightening", "throughput", "overhead"} <= set(PUBLISHED)
    assert set(PUBLISHED) <= studies().keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tables_follow_from_the_kept_rows(name, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # the plan of the machine that they were made on
    kept = RESULTS / name / KEPT
    assert study(name)(out=tmp_path, rows=kept, **OPTIONS.get(name, {})).run() == 0, capsys.readouterr()
    assert (tmp_path / "tables.md").read_bytes() == (RESULTS / name / "tables.md").read_bytes()
    assert (tmp_path / KEPT).read_bytes() == kept.read_bytes()
    pictures = {path.name for path in (RESULTS / name).glob("*.png")}
    assert pictures == {path.name for path in tmp_path.glob("*.png")}
