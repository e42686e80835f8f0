#!/usr/bin/env bash
# torch 2.13.0: under torch.inference_mode a dual tensor of torch.autograd.forward_ad has no tangent, and nothing says so.
#
# Behaviour: forward_ad.unpack_dual(f(make_dual(t, v))).tangent is None inside inference_mode, whatever f is; under
# no_grad it is df/dt. torch.func.jvp gives the right derivative in both. None also stands for "f does not depend on t",
# so that code which reads it as zero computes on with a derivative of 0.
# Why it matters: a velocity, a divergence or a loss that holds a time derivative (diffusion with a learned path, consistency
# models, mean flows) changes its value when it is evaluated in inference mode, which Lightning's validation loops use.
# Seen:
#   no_grad         dual numbers 12.0   torch.func.jvp 12.0
#   inference_mode  dual numbers None   torch.func.jvp 12.0
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
from torch.autograd import forward_ad


def cube(t):
    return t**3


def dual(t):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(cube(forward_ad.make_dual(t, torch.ones_like(t)))).tangent


found = {}
for mode in (torch.no_grad, torch.inference_mode):
    with mode():
        t = torch.tensor(2.0)
        tangent, jvp = dual(t), torch.func.jvp(cube, (t,), (torch.ones_like(t),))[1]
        found[mode.__name__] = (None if tangent is None else float(tangent), float(jvp))
        print(f"{mode.__name__:15} dual numbers {found[mode.__name__][0]}   torch.func.jvp {found[mode.__name__][1]}")
assert found == {"no_grad": (12.0, 12.0), "inference_mode": (None, 12.0)}, found
PY
