#!/usr/bin/env bash
# constriction 0.5.0: a table of probabilities, a row for each symbol, is read in the order of memory, whatever its strides.
#
# Behaviour: Categorical(perfect=False) takes a transposed (Fortran-ordered) array of the right shape, and codes each symbol with
# probabilities of others. Other strides are refused as "not contiguous". The coder that is given the same array decodes
# its own symbols, so that a round trip passes; with an equal array in C order it decodes other ones. Nothing is said.
# Why it matters: a network has its classes in the first or second dimension, and softmax(...).T is such an array. The code
# is far longer than the entropy, and what is decoded depends on how the decoder's array happens to lie in memory.
# Seen: 1000 symbols, each given a probability of 0.8
#   written with C        352 bits, read with C right, with Fortran wrong
#   written with Fortran 2048 bits, read with C wrong, with Fortran right
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet constriction==0.5.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PY'
import constriction
import numpy as np

symbols = np.random.default_rng(0).integers(3, size=1000).astype(np.int32)
rows = np.full((1000, 3), 0.1, np.float32)
rows[np.arange(1000), symbols] = 0.8
orders = {"C": rows, "Fortran": np.asfortranarray(rows)}
assert np.array_equal(*orders.values())
model = constriction.stream.model.Categorical(perfect=False)
found = {}
for name, table in orders.items():
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(symbols, model, table)
    code = encoder.get_compressed()
    same = [np.array_equal(constriction.stream.queue.RangeDecoder(code).decode(model, other), symbols)
            for other in orders.values()]
    found[name] = encoder.num_bits(), *same
    first, second = ("right" if right else "wrong" for right in same)
    print(f"written with {name:7} {encoder.num_bits():4} bits, read with C {first}, with Fortran {second}")
assert found["C"][0] < 400 < 1500 < found["Fortran"][0], found
assert found["C"][1:] == (True, False) and found["Fortran"][1:] == (False, True), found
PY
