#!/usr/bin/env bash
# datasets 5.2.0: one missing integer in a batch makes with_format("numpy") and ("torch") round all others to float32.
#
# Behaviour: a batch of an int64 column is int64, a batch that holds a None is float32, by way of float64: numbers above 2^24
# change, and the type of a batch depends on which rows are in it. Rows that are asked for one at a time keep theirs.
# Unsigned integers of 2^63 and more come out as negative int64. Neither is said.
# Why it matters: identifiers, timestamps, tokens and indices become those of other examples, in some batches only;
# a missing label is NaN in one batch, whose type then breaks or bends what follows.
# Seen:
#   rows 0 and 1       int64    [16777217, 1]
#   rows 0 to 2        float32  [16777216.0, 1.0, nan]
#   2^63 + 5 of uint64 int64    [-9223372036854775803]
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6
HF_HOME=$folder "$folder/venv/bin/python" -W error::UserWarning - <<'PY'
import numpy as np
from datasets import Dataset

rows = Dataset.from_dict({"x": [16777217, 1, None]}).with_format("numpy")
large = Dataset.from_dict({"x": np.array([2**63 + 5], dtype=np.uint64)}).with_format("numpy")
assert str(rows.features["x"]) == "Value('int64')" and str(large.features["x"]) == "Value('uint64')"
seen = [("rows 0 and 1", rows[0:2]["x"]), ("rows 0 to 2", rows[0:3]["x"]), ("2^63 + 5 of uint64", large[0:1]["x"])]
for name, x in seen:
    print(f"{name:18} {x.dtype!s:8} {x.tolist()}")
whole, holed, wrapped = (x for _, x in seen)
assert whole.dtype == np.int64 and whole[0] == 16777217
assert holed.dtype == np.float32 and holed[0] == 16777216 and np.isnan(holed[2])
assert wrapped.dtype == np.int64 and wrapped[0] == 5 - 2**63
assert rows[0]["x"] == 16777217
PY
