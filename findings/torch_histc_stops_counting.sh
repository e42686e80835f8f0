#!/usr/bin/env bash
# torch 2.13.0, CPU: histc and histogram of float32 stop counting at 16 777 216 a bin, and how soon depends on the threads.
#
# Behaviour: counts are kept in the precision of the data. 2^24 + 1 is no float32, so that a bin that holds 2^24 stays there;
# each thread has its counts, so that two threads count twice as far. bincount with float32 weights stops as well.
# Why it matters: the levels of the pixels or latents of a data set are counted so, for an entropy or a calibration. MNIST
# alone has more than twice as many black pixels. The distribution is then too flat, and another one on another machine.
# numpy.histogram and torch.bincount without weights count in integers.
# Seen: 2^25 ones
#   histc, 1 thread     16777216
#   histc, 2 threads    33554432
#   histogram, 1 thread 16777216
#   bincount, weighted  16777216
#   bincount            33554432
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch

ones = torch.ones(2**25)
place = torch.ones(2**25, dtype=torch.int64)
found = {}
torch.set_num_threads(1)
found["histc, 1 thread"] = torch.histc(ones, bins=1, min=0, max=2)[0]
torch.set_num_threads(2)
found["histc, 2 threads"] = torch.histc(ones, bins=1, min=0, max=2)[0]
torch.set_num_threads(1)
found["histogram, 1 thread"] = torch.histogram(ones, bins=1, range=(0.0, 2.0)).hist[0]
found["bincount, weighted"] = torch.bincount(place, weights=ones)[1]
found["bincount"] = torch.bincount(place)[1]
for name, count in found.items():
    print(f"{name:19} {int(count)}")
assert [int(count) for count in found.values()] == [2**24, 2**25, 2**24, 2**24, 2**25]
PY
