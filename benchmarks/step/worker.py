"""`ndm train` of any commit, stopped before a backward pass whenever a turn of steps is over, for `benchmarks.step`.

It is a program, run with the package of that commit, and imports nothing else of this one.
"""

import os
import runpy
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

_WARM_UP = 20
_TURN = 5  # steps of a turn: short, so that what else the machine does weighs on both commits alike
_NETWORKS = ("UNet", "MLP")  # the denoisers of the recipes


class Turns:
    """Takes the place of backward passes: numbers to stdout, for words from stdin."""

    def __init__(self) -> None:
        self.backward = torch.autograd.backward
        self.answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what the training says is no answer
        self.number, self.left, self.before = 0, 0, 0.0
        self.seconds: list[float] = []
        self.network: Any = None
        self.seen: tuple[Any, ...] = ()
        self.hook = torch.nn.modules.module.register_module_forward_pre_hook(self.notice)
        torch.autograd.backward = self.step

    def notice(self, module: Any, arguments: tuple[Any, ...]) -> None:
        """Remember the network and what it was given."""
        if type(module).__name__ in _NETWORKS:
            self.network, self.seen = module, arguments

    def step(self, *arguments: Any, **options: Any) -> None:
        """A backward pass, after the time since the last one is taken."""
        self.number += 1
        if self.number > _WARM_UP:
            self.hook.remove()
            if self.left:
                self.seconds.append(time.process_time() - self.before)
                self.left -= 1
            while not self.left:
                self.answer()
        self.before = time.process_time()
        self.backward(*arguments, **options)

    def answer(self) -> None:
        """Say what the last turn was, and wait for the next."""
        if self.seconds:
            self.say(1000 * statistics.median(self.seconds))
            self.seconds = []
        match sys.stdin.readline().strip():
            case "steps":
                self.left = _TURN
            case "network":
                self.say(1000 * self.alone())
            case "memory":
                lines = Path("/proc/self/status").read_text().splitlines()
                self.say(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10)
            case _:
                os._exit(0)

    def say(self, number: float) -> None:
        print(number, file=self.answers, flush=True)

    def alone(self) -> float:
        """Seconds of the network forwards and backwards."""
        given = [x.detach() if isinstance(x, torch.Tensor) else x for x in self.seen]
        given[0].requires_grad_()
        weights = [given[0], *self.network.parameters()]
        factor = torch.ones_like(self.network(*given))
        seconds = []
        for _ in range(_TURN):
            before = time.process_time()
            torch.autograd.grad(self.network(*given), weights, factor, allow_unused=True)
            seconds.append(time.process_time() - before)
        return statistics.median(seconds)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: modules come from PYTHONPATH
    Turns()
    sys.argv[0] = "ndm"
    runpy.run_module("ndm.cli", run_name="__main__", alter_sys=True)
