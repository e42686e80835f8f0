#!/usr/bin/env bash
# torch 2.13.0: `torchrun -m MODULE WORD --run X` is refused: torchrun takes the module's --run for one of its options.
#
# Behaviour: options after the first word of the program are still matched, by their beginnings, against torchrun's own: --run could be
# --run-path or --run_path. `python -m MODULE WORD --run X` works, and so does `torchrun -m -- MODULE WORD --run X`.
# Why it matters: a command that runs in one process stops working in several, with a message about options nobody gave.
# Seen:
#   torchrun: error: ambiguous option: --run could match --run-path, --run_path
#   with -- : ['train', '--run', 'X']
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"
echo 'import sys; print(sys.argv[1:])' > said.py
if venv/bin/torchrun --nproc_per_node 1 -m said train --run X > first 2>&1; then echo "it was taken"; exit 1; fi
grep "ambiguous option: --run could match" first
venv/bin/torchrun --nproc_per_node 1 -m -- said train --run X > second 2>/dev/null
echo "with -- : $(cat second)"
[ "$(cat second)" = "['train', '--run', 'X']" ]
