#!/usr/bin/env bash
# safetensors 0.8.0: safetensors.numpy writes a transposed or strided array with its elements in other places.
#
# Behaviour: the bytes are taken from where the view begins, in the order in which they lie in memory, while the shape is
# that of the view. What is loaded has the right shape and dtype and other values; neither side says a word.
# safetensors 0.7.0 wrote them right, and safetensors.torch refuses such a tensor by name. Its issue 825.
# Why it matters: weights are transposed between frameworks (JAX, ONNX, TensorFlow to PyTorch), latents from NHWC to NCHW,
# and every n-th row is taken of a sample. Copy with numpy.ascontiguousarray first.
# Seen:
#   transposed   [[0, 3], [1, 4], [2, 5]] came back as [[0, 1], [2, 3], [4, 5]]
#   every second [0, 2, 4] came back as [0, 1, 2]
#   copied       [0, 2, 4] came back as [0, 2, 4]
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PY'
import numpy as np
from safetensors.numpy import load, save

six = np.arange(6, dtype=np.int32)
cases = {"transposed": six.reshape(2, 3).T, "every second": six[::2], "copied": np.ascontiguousarray(six[::2])}
same = {}
for name, array in cases.items():
    loaded = load(save({"x": array}))["x"]
    same[name] = np.array_equal(loaded, array)
    print(f"{name:12} {array.tolist()} came back as {loaded.tolist()}")
assert same == {"transposed": False, "every second": False, "copied": True}, same
PY
