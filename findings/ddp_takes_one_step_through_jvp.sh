#!/usr/bin/env bash
# torch 2.13.0: a model in DistributedDataParallel that is called inside torch.func.jvp takes one step and fails in the second.
#
# Behaviour: the second forward pass sorts the gradients into new buckets, which cannot be done inside torch.func
# ("Cannot access data pointer"). Dual numbers of torch.autograd.forward_ad do, and so does torch.func.jvp when the model has
# been called once without it in that step. With static_graph or find_unused_parameters the first step fails, either way.
# Why it matters: mean flows, consistency models and others with a derivative in time train so. A test of one step passes,
# and so does every run without DDP.
# Seen: steps of three that were made
#   torch.func.jvp                1
#   dual numbers                  3
#   a plain call before           3
#   dual numbers, static_graph    0
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder" && venv/bin/python -W ignore - <<'PY'
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.autograd import forward_ad
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo", init_method=Path("store").absolute().as_uri(), rank=0, world_size=1)
x, v = torch.randn(3, 4), torch.randn(3, 4)


def functional(model):
    return torch.func.jvp(model, (x,), (v,))


def dual(model):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(model(forward_ad.make_dual(x, v)))


def after_a_call(model):
    model(x)
    return functional(model)


def steps(derive, **options):
    model = DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4)), **options)
    for step in range(3):
        try:
            sum(part.square().sum() for part in derive(model)).backward()
        except (RuntimeError, NotImplementedError):
            return step
        model.zero_grad()
    return 3


found = {"torch.func.jvp": steps(functional), "dual numbers": steps(dual), "a plain call before": steps(after_a_call),
         "dual numbers, static_graph": steps(dual, static_graph=True)}
for name, number in found.items():
    print(f"{name:29} {number}")
assert list(found.values()) == [1, 3, 3, 0], found
dist.destroy_process_group()
PY
