"""`ndm train --checkpointing` and `--compile`, stopped and resumed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from calling import TINY_MLP, TINY_UNET, ndm, write_data
from compiling import needs_compiler
from safetensors.torch import load_file

from ndm.autodiff.checkpointed import _Checkpointed

DIGITS = f"digits {TINY_UNET} --transform residual --transform-options channels=8"


def tensors(run: str) -> dict[str, torch.Tensor]:
    """Weights, averages, moments and statistics of a run."""
    files = [path for folder in ("model", "state") for path in Path(run, folder).glob("*.safetensors")]
    assert len(files) == 4
    return {f"{path.name}:{name}": value for path in files for name, value in load_file(path).items()}


def train_twice(words: str) -> None:
    """The runs `whole`, of four steps, and `parts`, of two and two more."""
    for run, steps in (("whole", 4), ("parts", 2), ("parts", 4)):
        result = ndm(f"train {words} --decay constant --run {run} --max-steps {steps}")
        assert result.code == 0, result.err
    assert "resuming parts at step 2" in result.out


@pytest.mark.parametrize(
    "words",
    [f"{DIGITS} --checkpointing", pytest.param(f"points.npz {TINY_MLP} --compile", marks=needs_compiler)],
    ids=["checkpointing", "compile"],
)
def test_a_run_in_two_sittings_is_one_in_one(empty, words):
    write_data(empty)
    train_twice(words)
    whole, parts = tensors("whole"), tensors("parts")
    assert whole.keys() == parts.keys()
    assert [name for name, value in whole.items() if not torch.equal(value, parts[name])] == []


def test_blocks_are_computed_again_and_the_losses_are_those_without(empty, monkeypatch):
    """Dropout masks included; either way a run may go on with the other."""
    computed, backward = [], _Checkpointed.backward
    monkeypatch.setattr(_Checkpointed, "backward", staticmethod(lambda *given: computed.append(1) or backward(*given)))
    train_twice(DIGITS)
    assert not computed
    assert ndm(f"train {DIGITS} --decay constant --run again --max-steps 2 --checkpointing").code == 0
    assert computed
    assert ndm(f"train {DIGITS} --decay constant --run again --max-steps 4").code == 0
    for name, value in tensors("whole").items():
        np.testing.assert_allclose(tensors("again")[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
