"""Bayes' rule in the categorical parameterisation, and the reconstruction term from near levels alone."""

import pytest
import torch

import ndm
from ndm.parts.decoders.decoder import Decoder
from ndm.parts.parameterisations.categorical import CategoricalParameterisation

SCHEDULE = ndm.schedules.LinearSchedule(-6.0, 3.0)


def test_before_training_x_hat_is_the_posterior_mean_of_independent_dimensions():
    """E[x_i | z_i] = sum_k v_k n_ik N(z_i; alpha v_k, sigma^2) / (sum_k n_ik N(...)), n the dimension's histogram."""
    num_levels, decoder = 5, ndm.DiscretisedDecoder(5)
    x = decoder.from_integers(torch.randint(0, num_levels, (4000, 3)).clamp(max=torch.tensor([4, 2, 3])))
    form = CategoricalParameterisation((3,), num_levels)
    form.initialise(x)
    level = SCHEDULE(torch.tensor([0.1, 0.5, 0.9]))
    z = level.alpha[:, None] * x[:3] + level.sigma[:, None] * torch.randn(3, 3)

    values = torch.linspace(-1, 1, num_levels)
    counts = torch.stack([(x == v).sum(0) for v in values], -1).double()
    overall = counts.sum(0) + 1
    prior = counts + overall / overall.sum()  # one example's worth of the histogram of all dimensions
    likelihood = torch.distributions.Normal(level.alpha[:, None, None] * values, level.sigma[:, None, None])
    joint = prior * likelihood.log_prob(z[..., None]).exp()
    expected = (joint * values).sum(-1) / joint.sum(-1)

    torch.testing.assert_close(form.network_input(z, level), expected)
    torch.testing.assert_close(form.posterior(z, torch.zeros(3, form.num_outputs, 3), level).mean, expected)


def test_a_network_that_is_sure_of_a_level_decides_it():
    """Large weight on the highest level's indicator moves x^ to 1 wherever the noise does not forbid it."""
    form = CategoricalParameterisation((2,), 17)
    level = SCHEDULE(torch.ones(1))
    outputs = torch.zeros(1, form.num_outputs, 2)
    outputs[:, 3] = 50.0
    assert (form.posterior(torch.zeros(1, 2), outputs, level).mean > 0.999).all()


@pytest.mark.parametrize("num_levels", [2, 17, 256])
@pytest.mark.parametrize("gamma_0", [-13.3, -8.0, -3.0, 1.0])
def test_near_levels_are_all_that_count(num_levels, gamma_0):
    """The sum over the levels near x is the sum over all of them, to rounding, for one noise level and for many."""
    decoder, schedule = ndm.DiscretisedDecoder(num_levels), ndm.schedules.LinearSchedule(gamma_0, 8.0)
    x = decoder.from_integers(torch.randint(0, num_levels, (4, 2, 3)))
    noise = torch.randn_like(x)
    for t in (torch.zeros(()), torch.linspace(0, 0.5, 4)):
        near, all_levels = (
            f(x, schedule(t), noise) for f in (decoder.reconstruction, lambda *a: Decoder.reconstruction(decoder, *a))
        )
        torch.testing.assert_close(near, all_levels, rtol=1e-9, atol=1e-11)


def test_it_begins_with_the_frequencies_of_each_dimension_in_the_memory_of_the_examples():
    """One-hot rows of these examples would take 4 GB."""
    x = torch.randint(0, 256, (2000, 3, 32, 11))
    form = CategoricalParameterisation((3, 32, 11), 256)
    with torch.no_grad():
        form.initialise(ndm.DiscretisedDecoder(256).from_integers(x))
    counts = torch.bincount(x[:, 1, 5, 7], minlength=256)
    overall = torch.bincount(x.flatten(), minlength=256) + 1
    expected = torch.log(counts + overall / overall.sum())  # one example's worth of the histogram of all
    torch.testing.assert_close(form.theta[1, 5, 7].detach(), expected)
