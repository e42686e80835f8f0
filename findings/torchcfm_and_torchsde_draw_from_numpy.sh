#!/usr/bin/env bash
# torchcfm 1.0.7 and torchsde 0.2.6: torch.manual_seed does not fix what they draw; numpy.random.seed does.
#
# Behaviour: the optimal-transport matchers of torchcfm choose their pairs, and sdeint of torchsde the seed of its Brownian
# motion where none is given, from NumPy's global generator. The same torch seed gives other pairs and other paths each time.
# The other way round, numpy.random.seed in every worker gives all of them the same.
# Why it matters: trainings and samples that are "seeded" are not repeated, and a checkpoint that keeps torch's random
# state alone does not resume what was stopped.
# Seen: drawn twice, after
#                      torch.manual_seed(0)   and numpy.random.seed(0)
#   torchcfm, pairs    other                  same
#   torchsde, path     other                  same
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.17.1 torchsde==0.2.6 pot==0.9.7.post1
"$folder/venv/bin/python" -m pip install --quiet --no-deps torchcfm==1.0.7
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import torch
import torchsde
from torchcfm.optimal_transport import OTPlanSampler


class Noise:
    noise_type, sde_type = "diagonal", "ito"

    def f(self, t, y):
        return -y

    def g(self, t, y):
        return torch.ones_like(y)


def pairs():
    return torch.cat(OTPlanSampler("exact").sample_plan(torch.randn(16, 2), torch.randn(16, 2)))


def path():
    return torchsde.sdeint(Noise(), torch.randn(2, 3), torch.tensor([0.0, 1.0]), dt=0.1, method="euler")


def twice(draw, *seeds):
    drawn = []
    for _ in range(2):
        for seed in seeds:
            seed(0)
        drawn.append(draw())
    return torch.equal(*drawn)


print(f"{'':18} torch.manual_seed(0)   and numpy.random.seed(0)")
for name, draw in (("torchcfm, pairs", pairs), ("torchsde, path", path)):
    alone, both = twice(draw, torch.manual_seed), twice(draw, torch.manual_seed, np.random.seed)
    print(f"{name:18} {'same' if alone else 'other':22} {'same' if both else 'other'}")
    assert both and not alone
PY
