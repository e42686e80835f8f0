"""rows.jsonl survives what stops a writer, and workers what stops a worker."""

import json

import pytest
from small import dies_at_one, jobs, square

from benchmarks.engine.rows import Rows, compressed, read_rows
from benchmarks.engine.workers import Trouble, Workers
from ndm.base.errors import InputError


def test_a_torn_line_is_dropped_and_can_be_written_again(tmp_path):
    with Rows(tmp_path) as rows:
        rows.add({"key": "a", "total": 1.0})
        rows.add({"key": "b", "total": 2.0})
    path = tmp_path / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with Rows(tmp_path) as rows:
        assert rows.by_key == {"a": {"key": "a", "total": 1.0}}
        rows.add({"key": "b", "total": 3.0})
    assert [json.loads(line)["total"] for line in path.read_text().splitlines()] == [1.0, 3.0]


def test_a_line_damaged_in_the_middle_is_reported(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"key": "a"}\n{"ke\n{"key": "c"}\n')
    with pytest.raises(InputError, match="damaged line 2"), Rows(tmp_path):
        pass


def test_a_folder_in_the_place_of_the_file_is_reported(tmp_path):
    (tmp_path / "rows.jsonl").mkdir()
    for _ in range(2):  # the lock is given back
        with pytest.raises(InputError, match="cannot be read"), Rows(tmp_path):
            pass


def test_two_processes_do_not_share_a_folder(tmp_path):
    with Rows(tmp_path), pytest.raises(InputError, match="another process"), Rows(tmp_path):
        pass


def test_a_worker_that_dies_or_fails_costs_its_own_job_only():
    with Workers(2) as workers:
        outcomes = {job.seed: outcome for job, outcome in workers.map(dies_at_one, jobs(6))}
        again = {job.seed: outcome for job, outcome in workers.map(square, jobs(3))}
    assert {seed: outcome for seed, outcome in outcomes.items() if seed not in (1, 2)} == {
        seed: {"answer": seed**2} for seed in (0, 3, 4, 5)
    }
    assert isinstance(outcomes[1], Trouble) and "-9" in outcomes[1].reason and "exit code" in outcomes[1].reason
    assert isinstance(outcomes[2], Trouble) and outcomes[2].reason.startswith("ValueError: two (small.py, line")
    assert again == {seed: {"answer": seed**2} for seed in range(3)}


def test_kept_rows_are_the_same_bytes_and_come_back(tmp_path):
    rows = [{"key": "a", "total": 0.1, "name": "W2²"}, {"key": "b", "failed": "diverged"}]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(compressed(rows))
    assert list(read_rows(path).values()) == rows and compressed(rows) == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "none.jsonl")
