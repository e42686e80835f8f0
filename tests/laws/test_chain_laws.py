"""Chains of few steps against their exact laws: every grid, volatility and reverse step."""

import pytest
import torch

import ndm

from .chains import FIVE, chain_model, law_of_levels


@pytest.mark.parametrize("eta", [None, 0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("timesteps", [1, 2, 4])
def test_q_averaged_over_exact_beliefs_keeps_the_law_of_the_data(timesteps, eta) -> None:
    """(x, z_t) ~ q and z_s ~ q(z_s | z_t, x) give (x, z_s) ~ q for every eta, 0 included: no number of steps is few."""
    model = chain_model(schedule=ndm.CosineSchedule(-4.5, 12.0))
    law = law_of_levels(model, "mixture", torch.arange(timesteps, -1, -1) / timesteps, eta)
    torch.testing.assert_close(law, FIVE.shares, rtol=0, atol=5e-3)
    assert (law_of_levels(model, "posterior", torch.tensor([1.0, 0.0]), eta) - FIVE.shares).abs().max() > 0.3
