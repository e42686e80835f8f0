"""ndm sample and ndm report in several processes, by gloo: the same file, and one end for all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from calling import content, ndm
from launching import together

NDM = ["-m", "ndm.cli"]

# In the second process every step is NaN.
POISONED = """
import os, sys, ndm.cli
from ndm.samplers.ancestral import Ancestral
if os.environ["RANK"] == "1":
    Ancestral.step = lambda self, z_t, *rest: z_t * float("nan")
sys.exit(ndm.cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words, number",
    [("images --num 300 --steps 2", 4), ("points --num 600 --sampler deterministic --steps 4 --grid optimised", 2)],
)
def test_the_file_does_not_depend_on_the_number_of_processes(workplace, words, number):
    """Nor does any but the first need the place where it goes."""
    Path("here").mkdir()
    Path("elsewhere").mkdir()
    words = f"sample {workplace}/{words} --out here/x.npz"
    assert ndm(words).code == 0
    alone = Path("here/x.npz").read_bytes()
    x = np.load("here/x.npz")["x"]
    assert len(x) == int(words.split()[3]) == len(np.unique(x, axis=0))
    Path("here/x.npz").unlink()
    ends = together(number, [*NDM, *words.split()], [".", *["elsewhere"] * (number - 1)])
    assert [end[0] for end in ends] == [0] * number, ends[0][2]
    assert ends[0][1] == f"{len(x)} samples written to here/x.npz\n"
    assert [end[1:] for end in ends[1:]] == [("", "")] * (number - 1)
    assert Path("here/x.npz").read_bytes() == alone
    assert not content(Path("elsewhere"))


def test_a_report_does_not_depend_on_the_number_of_processes(workplace):
    alone = ndm("report chain --steps 4")
    before = content(Path("chain/report"))
    shutil.rmtree("chain/report")
    main, other = together(2, [*NDM, "report", "chain", "--steps", "4"], ["."] * 2)
    assert main[:2] == (alone.code, alone.out) and alone.code == 0 and other == (0, "", "")
    assert content(Path("chain/report")) == before


@pytest.mark.parametrize(
    "command, folder, words, code, said",
    [
        (NDM, "elsewhere", "points --out x.npz", 2, "points"),
        (NDM, ".", "points --out missing/x.npz", 2, "make missing first"),
        (["-c", POISONED], ".", "points --num 300 --steps 2 --out x.npz", 1, "not finite"),
    ],
    ids=["one cannot see the run", "no place for the file", "NaN in one"],
)
def test_what_fails_in_one_process_ends_all_with_one_line(workplace, command, folder, words, code, said):
    Path("elsewhere").mkdir()
    before = content(workplace)
    main, other = together(2, [*command, "sample", *words.split()], [".", folder])
    assert main[0] == other[0] == code and main[1] == other[1] == other[2] == ""
    assert main[2].startswith("ndm: error: ") and main[2].count("\n") == 1 and said in main[2]
    assert content(workplace) == before
