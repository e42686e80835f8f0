#!/usr/bin/env bash
# NumPy 2.4.6: RandomState draws the same numbers for different keys, as [49] and [49, 48].
#
# Behaviour: the Mersenne twister's init_by_array repeats the key to the length of the state and adds to each number its place
# in the key: [49] gives 49, 49, ..., and [49, 48] gives 49 + 0, 48 + 1, ..., the same. So do all keys [k], [k, k - 1],
# [k, k - 1, k - 2], which as bytes are "1" and "10", "2", "21" and "210".
# Why it matters: streams for the columns of a table or the items of a list are keyed by a name or by a tuple. Of the names
# "0" to "4095" are 4,063 streams. Noise that is the same in two columns cancels in their difference. default_rng and
# SeedSequence hash their keys, and a digest of fixed length as the key of RandomState does as well.
# Seen: [49] and [49, 48]       0.06688398 0.06688398
#       streams of "0" to "4095" 4063
#       of default_rng           4096
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np

one, other = (np.random.RandomState(key).random_sample(3) for key in ([49], [49, 48]))
print(f"[49] and [49, 48]       {one[0]:.8f} {other[0]:.8f}")
keys = [list(str(i).encode()) for i in range(4096)]
old = {tuple(np.random.RandomState(key).random_sample(3)) for key in keys}
new = {tuple(np.random.default_rng(key).random(3)) for key in keys}
print(f'streams of "0" to "4095" {len(old)}')
print(f"of default_rng           {len(new)}")
assert (one == other).all() and len(old) == 4063 and len(new) == 4096
PY
