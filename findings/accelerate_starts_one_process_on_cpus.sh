#!/usr/bin/env bash
# accelerate 1.15.0: `accelerate launch --cpu --num_processes 2` starts one process, without a word about the second.
#
# Behaviour: the script runs once, with WORLD_SIZE unset. `--multi_gpu` on the same machine, without a GPU, does start two.
# Why it matters: a test of distributed training on a CPU passes without ever being distributed.
# Seen:
#   --cpu        1 process(es)
#   --multi_gpu  2 process(es)
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6 accelerate==1.15.0
cd "$folder"
echo 'import os; open(f"ran-{os.getpid()}", "w").close()' > script.py
export HF_HOME=$folder
for kind in --cpu --multi_gpu; do
    rm -f ran-*
    venv/bin/accelerate launch "$kind" --num_processes 2 script.py > log 2>&1
    set -- ran-*
    printf '%-12s %s process(es)\n' "$kind" $#
    if [ "$kind" = --cpu ]; then [ $# = 1 ]; else [ $# = 2 ]; fi
done
