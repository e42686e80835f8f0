"""A chain's own steps through the command line: with every --eta, --grid and --steps, or refused."""

import numpy as np
import pytest
from calling import TINY_MLP, content, ndm


def draw(words: str) -> np.ndarray:
    result = ndm(f"sample few --num 40 --out x.npz {words}")
    assert result.code == 0, result.err
    with np.load("x.npz") as samples:
        return samples["x"]


@pytest.mark.parametrize("reverse_step", ["mixture", "moments"])
def test_the_same_process_in_other_words_draws_the_same_samples(workplace, reverse_step):
    """Steps made of p(x | z_t) are the model's whatever eta and the grid are called; any other eta is another."""
    assert (
        ndm(
            f"train points.npz --run few --max-steps 2 --timesteps 3 --reverse-step {reverse_step} --schedule "
            f"linear --volatility constant --volatility-options value=0.7 {TINY_MLP}"
        ).code
        == 0
    )
    own = draw("")
    assert np.array_equal(draw("--eta 0.7"), own)
    np.testing.assert_allclose(draw("--grid gamma"), own, rtol=1e-4, atol=1e-4)
    assert np.abs(draw("--eta 0.2") - own).max() > 1e-2


@pytest.mark.parametrize(
    "words",
    [
        "sample chain --num 2 --out x.npz --steps 9",
        "sample chain --num 2 --out x.npz --eta 1",
        "sample chain --num 2 --out x.npz --grid optimised",
        "report chain --steps 9",
        "evaluate chain --timesteps 7",
        "evaluate chain --importance 2 --timesteps 0",
    ],
)
def test_steps_that_a_table_does_not_serve_are_refused_in_one_line(workplace, words):
    """Nothing is drawn or evaluated with other reverse steps than those that were trained."""
    before = content(workplace)
    result = ndm(words)
    assert result.code == 2 and result.err.startswith("ndm: error: ") and result.err.count("\n") == 1
    assert "the table of 4 steps of LearnedReverseStep" in result.err and "take T = 4" in result.err
    assert content(workplace) == before


@pytest.mark.parametrize(
    "words", ["", "--steps 4", "--sampler exponential --grid gamma --eta 0.5", "--sampler multistep --steps 9"]
)
def test_steps_that_a_table_serves_or_does_not_enter_are_drawn(workplace, words):
    result = ndm(f"sample chain --num 2 --out x.npz {words}")
    assert result.code == 0 and not result.err, result.err
