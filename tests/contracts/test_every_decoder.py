"""What every decoder promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, data_for, make
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.parts.decoders import Decoder


def level(gamma: float, shape: tuple[int, ...] = ()):
    """The noise level of that gamma."""
    return ndm.schedules.LinearSchedule(gamma, gamma + 1.0)(torch.zeros(shape))


@pytest.fixture(params=[(name, event) for name in FOUND["decoder"] for event in EVENTS], ids=str)
def case(request) -> tuple[Decoder, Tensor]:
    name, event_shape = request.param
    decoder = make("decoder", name, event_shape)
    return decoder, data_for(decoder, event_shape)


def latents(decoder: Decoder, x: Tensor, gamma: float) -> Tensor:
    """z_0 of data x at that noise level."""
    at_0 = level(gamma)
    return at_0.alpha * decoder.standardise(x) + at_0.sigma * torch.randn_like(x)


def test_the_decoders_of_the_library_are_found():
    assert {"discretised", "gaussian"} <= FOUND["decoder"].keys()


def test_it_accepts_what_it_decodes(case):
    decoder, x = case
    assert decoder.check(x) is None  # it raises for what it cannot describe


def test_terms_are_one_finite_number_for_each_example(case):
    decoder, x = case
    for gamma in (-13.3, -6.0, 0.0):
        terms = (
            decoder.log_prob(x, latents(decoder, x, gamma), level(gamma)),
            decoder.reconstruction(x, level(gamma), torch.randn_like(x)),
        )
        assert all(term.shape == (BATCH,) and term.isfinite().all() for term in terms)


def test_coordinates_have_an_inverse(case):
    decoder, x = case
    torch.testing.assert_close(decoder.destandardise(decoder.standardise(x)), x)


def test_an_example_does_not_depend_on_its_neighbours(case):
    decoder, x = case
    z_0, uniform = latents(decoder, x, -5.0), torch.rand_like(x)
    for i in range(BATCH):
        one = slice(i, i + 1)
        torch.testing.assert_close(
            decoder.log_prob(x, z_0, level(-5.0))[one], decoder.log_prob(x[one], z_0[one], level(-5.0))
        )
        torch.testing.assert_close(
            decoder.sample(z_0, level(-5.0), uniform)[one], decoder.sample(z_0[one], level(-5.0), uniform[one])
        )


def test_every_example_is_decoded_at_its_own_level(case):
    """A (B,) level must not be broadcast along an axis of the event, even one of the same size."""
    decoder, x = case
    z_0, uniform, noise = latents(decoder, x, -5.0), torch.rand_like(x), torch.randn_like(x)
    schedule, t = ndm.schedules.LinearSchedule(-8.0, -2.0), torch.linspace(0, 1, BATCH)
    together = schedule(t)
    terms = (decoder.log_prob(x, z_0, together), decoder.reconstruction(x, together, noise))
    samples = decoder.sample(z_0, together, uniform)
    for i, time in enumerate(t):
        one, alone = slice(i, i + 1), schedule(time)
        torch.testing.assert_close(terms[0][one], decoder.log_prob(x[one], z_0[one], alone))
        torch.testing.assert_close(terms[1][one], decoder.reconstruction(x[one], alone, noise[one]))
        torch.testing.assert_close(samples[one], decoder.sample(z_0[one], alone, uniform[one]))


def test_data_come_back_where_there_is_hardly_any_noise(case):
    decoder, x = case
    at_0 = level(-20.0)
    decoded = decoder.sample(latents(decoder, x, -20.0), at_0, torch.rand_like(x))
    torch.testing.assert_close(decoded, x, rtol=0, atol=1e-3)


def test_the_density_prefers_the_data(case):
    decoder, x = case
    z_0 = latents(decoder, x, -8.0)
    assert (decoder.log_prob(x, z_0, level(-8.0)) > decoder.log_prob(x.roll(1, 0), z_0, level(-8.0))).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused_and_counted(case, value):
    decoder, x = case
    x = x.clone()
    x.view(BATCH, -1)[2, 1] = value
    with pytest.raises(InputError, match="1 NaN or infinite value"):
        decoder.check(x)


def test_integers_are_refused(case):
    decoder, x = case
    with pytest.raises(InputError, match="int64"):
        decoder.check(x.long())


@pytest.mark.parametrize("value", [1.5, -1.1, 0.0, 128.0])
def test_a_value_that_is_no_level_is_refused(value):
    x = ndm.DiscretisedDecoder(256).from_integers(torch.arange(12).reshape(3, 4))
    x[1, 2] = value
    with pytest.raises(InputError, match=f"a value {value:g} that is none of the levels"):
        ndm.DiscretisedDecoder(256).check(x)


NUMBERS = [*range(2, 100), 255, 256, 1023, 4096, 16_384, 16_385, 16_400, 20_001, 65_535, 65_536, 2**20, 2**21 + 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_and_values_are_each_others_inverse(dtype):
    """For as many as float32 tells apart; the values are those of `values`, bit for bit, and the nearest there are."""
    for num_levels in NUMBERS:
        decoder, k = ndm.DiscretisedDecoder(num_levels), torch.arange(num_levels)
        x = decoder.from_integers(k, dtype)
        assert x.dtype == dtype and torch.equal(x, decoder.values(x)) and (x.diff() > 0).all()
        assert torch.equal(x, ((2 * k.double() - (num_levels - 1)) / (num_levels - 1)).to(dtype))
        assert torch.equal(decoder.to_integers(x), k)
        decoder.check(x[None])


def test_levels_are_taken_that_were_rounded_on_their_way():
    """By other formulas in float32, and by a passage through it; not values a third of a level away."""
    for num_levels in NUMBERS:
        decoder, k = ndm.DiscretisedDecoder(num_levels), torch.arange(num_levels)
        ways = [
            k.float() * 2 / (num_levels - 1) - 1,
            k.float() / (num_levels - 1) * 2 - 1,
            torch.linspace(-1, 1, num_levels),
            decoder.from_integers(k, torch.float32).double(),
        ]
        for x in ways:
            decoder.check(x[None])
            assert torch.equal(decoder.to_integers(x), k)
        with pytest.raises(InputError, match="none of the levels"):
            decoder.check(decoder.from_integers(k[:1], torch.float64)[None] + 2 / 3 / (num_levels - 1))


def test_values_in_half_precision_are_none_of_256_levels():
    x = ndm.DiscretisedDecoder(256).from_integers(torch.arange(256), torch.float64)[None]
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(InputError, match="none of the levels"):
            ndm.DiscretisedDecoder(256).check(x.to(dtype))


def test_more_levels_than_a_type_tells_apart_are_refused():
    decoder, k = ndm.DiscretisedDecoder(2**22), torch.tensor([[0, 2**22 - 1]])
    for refused in (
        lambda: decoder.from_integers(k),
        lambda: decoder.values(torch.zeros(1)),
        lambda: decoder.check(torch.zeros(1, 1)),
    ):
        with pytest.raises(InputError, match=r"4194304 levels in torch\.float32; expected at most 2097153"):
            refused()
    decoder.check(decoder.from_integers(k, torch.float64))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (ndm.DiscretisedDecoder, {"num_levels": 1}),
        (ndm.GaussianDecoder, {"scale": 0.0}),
        (ndm.GaussianDecoder, {"scale": (1.0, -1.0)}),
        (ndm.GaussianDecoder, {"scale": float("inf")}),
        (ndm.GaussianDecoder, {"loc": float("nan")}),
    ],
    ids=str,
)
def test_impossible_decoders_are_refused(kind, arguments):
    with pytest.raises(InputError):
        kind(**arguments)
