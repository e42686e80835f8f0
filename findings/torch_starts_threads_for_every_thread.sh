#!/usr/bin/env bash
# torch 2.13.0 (CPU): every thread of Python that runs an operation starts OpenMP threads, beside those of the main
# thread; `torch.set_num_threads` changes the calling thread and those that start later, no other.
#
# Behaviour: with 2 threads, a cast of 200,000 bytes in a second thread of Python adds one more to the
# process. The number of threads that is set there is not that of the main thread, but it is that of new threads.
# Why it matters: a thread that makes batches ahead of time takes cores from the step. A millisecond of casts beside a
# step of 59 ms made the step 20 % longer on two cores; reading rows without an operation of torch did not.
# Limiting that thread by `set_num_threads(1)` quietly limits every thread that starts later.
# Seen:
#   threads of the process, beside those of Python: 1 more in the second thread
#   set to 1 in a thread: the main thread has 2, a thread that starts later has 1
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"
cat > script.py <<'PYTHON'
import os
import threading

import torch


def in_thread(function):
    """What the function returns in a new thread of Python."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def native():
    return len(os.listdir("/proc/self/task"))


torch.set_num_threads(2)
x = torch.zeros(200_000, dtype=torch.uint8)
x.float()  # the threads of the main one
idle = in_thread(native)
busy = in_thread(lambda: (x.float(), native())[1])
print(f"threads of the process, beside those of Python: {busy - idle} more in the second thread")
assert busy - idle == 1


in_thread(lambda: torch.set_num_threads(1))
main, later = torch.get_num_threads(), in_thread(torch.get_num_threads)
print(f"set to 1 in a thread: the main thread has {main}, a thread that starts later has {later}")
assert (main, later) == (2, 1)
PYTHON
venv/bin/python script.py
