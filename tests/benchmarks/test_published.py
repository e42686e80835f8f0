"""The results in docs/results are those of the plans, recipes and contenders as they are: nothing is left to do."""

import json
import shutil
from pathlib import Path

import pytest

from ndm.benchmarks import benchmarks

RESULTS = Path(__file__).parents[2] / "docs/results"


@pytest.mark.parametrize("name, data", [("pays", ("digits", "cities", "checkerboard")), ("ablations", ("digits",))])
def test_published_rows_need_no_more_work(name, data, tmp_path, capsys) -> None:
    shutil.copy(RESULTS / name / "rows.jsonl", tmp_path)
    before = (tmp_path / "rows.jsonl").read_bytes()
    assert benchmarks()[name](out=tmp_path, data=data).run() == 0, capsys.readouterr()
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    published, found = (
        json.loads((folder / "results.json").read_text())["cells"] for folder in (RESULTS / name, tmp_path)
    )
    assert found == [cell for cell in published if cell["data"] in data]
