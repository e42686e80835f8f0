"""What the tests of torch.compile need."""

import shutil
import sysconfig
from pathlib import Path

import pytest

_THERE = any(map(shutil.which, ("g++", "c++", "clang++"))) and Path(sysconfig.get_path("include"), "Python.h").exists()
needs_compiler = pytest.mark.skipif(
    not _THERE, reason="torch.compile needs a C++ compiler and the headers of Python (apt: g++ python3-dev)"
)
