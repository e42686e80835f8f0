"""Commands of one folder that are started at once, in real processes: nothing false is said, and nothing is damaged."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from launching import program as called

from ndm.base.files import write_atomically

TRAIN = (
    "train moons --run {} --max-steps 30 --save-every 20 --log-every 1 --validate-every 0 --threads 1 "
    "--batch-size 8 --predictor-options width=8 depth=1"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Some commands, started together: (exit code, out, err) of each."""
    with called(tmp_path_factory.mktemp("place")) as call:
        yield lambda *commands: call(*((words, "", "SIGINT") for words in commands))


@pytest.mark.parametrize("number", range(3))
def test_of_trainings_of_a_new_folder_one_trains_and_the_others_say_that_it_is_in_use(program, number):
    words, run = TRAIN.format(f"run{number}"), Path(f"run{number}")
    ends = program(words, words, words)
    assert sum(code == 0 and "trained for 30 steps" in out for code, out, _ in ends) >= 1, ends
    for code, _, err in ends:
        assert code in (0, 2) and err.count("\n") == (code == 2)
        assert code == 0 or f"got {run}, where another process " in err, ends
    assert json.loads((run / "state/progress.json").read_text())["step"] == 30
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 31))
    assert not list(run.rglob("*.writing")) and not list(run.glob("checkpoints/.*"))


def test_evaluations_reports_averages_and_shares_at_once(program):
    assert program(TRAIN.format("run") + " --average-lengths 0.05 0.1")[0][0] == 0
    for words in ("evaluate run --draws 2 --limit 8", "report run --steps 2"):
        assert [end[::2] for end in program(words, words)] == [(0, ""), (0, "")], words
    json.loads(Path("run/evaluation.json").read_text())
    for words in ("average run averaged --lengths 0.07", "publish run shared"):
        ends = program(words, words)
        assert 0 in [code for code, _, _ in ends], ends
        for code, _, err in ends:
            assert code == 0 or (code == 2 and err.count("\n") == 1 and "folder that is new or empty" in err), ends
    assert Path("averaged/model/config.json").exists() and Path("shared/config.json").exists()
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_writers_of_one_file_leave_one_of_their_contents(tmp_path):
    path, errors = tmp_path / "file", []

    def write(letter: bytes) -> None:
        try:
            for _ in range(50):
                write_atomically(path, letter * 100_000)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_bytes()
    assert errors == [] and len(content) == 100_000 and len(set(content)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_goes_and_what_is_being_written_stays(tmp_path):
    left, written, other = (tmp_path / name for name in (".file.0123.writing", ".file.4567.writing", ".more.8.writing"))
    for path in (left, written, other):
        path.write_bytes(b"half")
    for path in (left, other):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    write_atomically(tmp_path / "file", b"whole")
    assert not left.exists() and written.exists() and other.exists()
