"""A run that is killed at 20 random moments, beside one that is not: python killed.py FOLDER.

Children are forked from this process, which has imported everything and computed nothing: a start costs milliseconds.
"""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from tiny import POINTS, points

from ndm.training.trainer import Trainer

KILLS = 20
CONFIG = replace(
    POINTS, max_steps=100, save_every=1, validate_every=3, log_every=2, threads=1, average_lengths=(0.05, 0.1)
)


def train(folder: Path) -> int:
    """The process id of a child that trains, and then ends with exit code 0."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if Trainer(CONFIG, points(), folder).fit() else 3
        finally:
            os._exit(code)
    return child


def main(folder: Path) -> None:
    """Train folder/whole, and folder/killed to the end with 20 kills on the way; prints how many kills there were."""
    torch.set_num_threads(1)
    began = time.monotonic()
    assert os.waitstatus_to_exitcode(os.waitpid(train(folder / "whole"), 0)[1]) == 0
    longest = (time.monotonic() - began) / 14  # of a sitting: on any machine 20 of them end before the run does
    moments, kills = random.Random(0), 0
    for _ in range(KILLS):
        child = train(folder / "killed")
        time.sleep(moments.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert os.waitstatus_to_exitcode(os.waitpid(train(folder / "killed"), 0)[1]) == 0
    print(kills)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
