"""kill -9 at any moment leaves a run that resumes, and ends where an unbroken one ends."""

import os
import subprocess
import sys
from pathlib import Path

from tiny import lines, tensors

from ndm.runs import checkpoint
from ndm.runs.run import open_run

HERE = Path(__file__).parent


def test_a_run_killed_twenty_times_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path):
    paths = os.pathsep.join([str(HERE.parent), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, HERE / "killed.py", tmp_path],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 20  # none had come to its end before
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert tensors(killed) == tensors(whole)
    assert lines(killed) == lines(whole)
    assert checkpoint.best(killed).name == checkpoint.best(whole).name
    assert open_run(killed).progress["validation"] == open_run(whole).progress["validation"]
    assert not list(killed.glob("*/.writing-*")) and not list(killed.glob("*/.removing-*"))
    ours, theirs = (
        {path.relative_to(run): path.read_bytes() for path in (run / "averages").glob("*/*.safetensors")}
        for run in (whole, killed)
    )
    assert ours == theirs and len(ours) == 2 * 50  # every other step
