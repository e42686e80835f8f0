"""`ndm train` under launchers that are not ours: the same losses as in one process, and one of them speaks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import TINY_MLP

# --multi_gpu makes accelerate launch start as many processes as it is told, GPUs or not. The precision that it asks for
# is not that of the run.
LAUNCHERS = {
    "torchrun": "torch.distributed.run --standalone --nproc-per-node 2 -m --",
    "accelerate launch": "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
    "--mixed_precision fp16 --dynamo_backend no --main_process_port 0 -m",
}


def losses(run: str) -> list[float]:
    return [json.loads(line)["total"] for line in Path(run, "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_train_one_model(workplace, launcher):
    words = f"{LAUNCHERS[launcher]} ndm.cli train points.npz --run new --max-steps 4 {TINY_MLP}"
    ended = subprocess.run(
        [sys.executable, "-m", *words.split()],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("trained for 4 steps") == 1
    assert losses("new") == pytest.approx(losses("points"), rel=1e-3) and len(losses("new")) == 4


LATE = """
import os, sys, time
from ndm.cli import main
time.sleep(3 * (os.environ["RANK"] == "0"))
sys.exit(main())
"""


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_bad_input_is_said_once_by_the_first_process_and_again_in_the_launchers_report(empty, launcher):
    """Though another process meets it first, whose end makes the launcher end the first."""
    Path("ndm").write_text(LATE)
    words = f"{LAUNCHERS[launcher].replace('-m --', '').removesuffix(' -m')} ndm train unheard"
    ended = subprocess.run(
        [sys.executable, "-m", *words.split()],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ended.returncode == 1, ended.stderr
    lines = ended.stderr.splitlines()
    assert [line[:36] for line in lines if line.startswith("ndm: ")] == ["ndm: error: got data 'unheard', and "]
    assert (
        "  traceback : ndm: error: got data 'unheard', and no file or folder of that name is here; expected one of "
        in ended.stderr
    )
    assert "<NO_OTHER_FAILURES>" in ended.stderr and "exitcode  : 2 " in ended.stderr
