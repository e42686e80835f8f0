"""What a model promises whatever it is made of: every part in turn, on every kind of event."""

import copy
import json
import sys

import pytest
import torch
from making import BATCH, EVENTS, FOUND, MODEL_PARTS, TIMESTEPS, data_for, make, times, tiny_model
from torch import Tensor

import ndm
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.parts.reverse_steps.mixture import MixtureReverseStep
from ndm.parts.reverse_steps.reverse_step import TabulatedReverseStep

TERMS = ("prior", "diffusion", "reconstruction")


@pytest.fixture(params=[(*part, event) for part in MODEL_PARTS for event in EVENTS], ids=str)
def case(request) -> tuple[str, ndm.NeuralDiffusion, Tensor]:
    """The kind of part, a model that holds it, and data for that model."""
    kind, name, event_shape = request.param
    model = tiny_model(event_shape, **{kind: make(kind, name, event_shape)})
    return kind, model, data_for(model.decoder, event_shape)


def draws(model: ndm.NeuralDiffusion, x: Tensor) -> Tensor:
    """One draw of every term of both bounds, from a fixed generator."""
    bounds = [
        ndm.bound(model.eval(), x, timesteps=steps, generator=torch.Generator().manual_seed(1))
        for steps in (None, TIMESTEPS)
    ]
    return torch.stack([getattr(bound, term) for bound in bounds for term in TERMS])


@pytest.mark.parametrize("training", [True, False])
def test_both_bounds_are_three_finite_terms_for_each_example(case, training):
    _, model, x = case
    is_table = isinstance(model.reverse_step, TabulatedReverseStep)  # of TIMESTEPS steps alone
    for timesteps in (None, TIMESTEPS) if is_table else (None, 1, TIMESTEPS):
        bound = ndm.bound(model.train(training), x, timesteps=timesteps)
        assert all(getattr(bound, term).shape == (BATCH,) for term in TERMS)
        assert bound.total.isfinite().all() and (bound.prior >= 0).all()
        torch.testing.assert_close(bound.total, bound.prior + bound.diffusion + bound.reconstruction)
        if timesteps is None or not isinstance(model.reverse_step, MixtureReverseStep):
            assert (bound.diffusion >= 0).all()


def test_the_diffusion_term_of_mixtures_is_a_divergence_in_the_mean():
    """A draw of it may be negative, its mean over draws is not."""
    for event_shape in EVENTS:
        model = tiny_model(event_shape, reverse_step=make("reverse_step", "mixture", event_shape)).eval()
        x = data_for(model.decoder, event_shape).repeat_interleave(200, 0)
        for timesteps in (1, TIMESTEPS):
            assert (ndm.bound(model, x, timesteps=timesteps).diffusion.reshape(BATCH, 200).mean(1) > 0).all()


def test_the_loss_has_a_gradient_in_every_part(case):
    kind, model, x = case
    ndm.bound(model.train(), x, timesteps=TIMESTEPS if kind == "reverse_step" else None).total.mean().backward()
    for name, parameter in getattr(model, kind).named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_the_bound_of_an_example_does_not_depend_on_its_neighbours(case):
    _, model, x = case
    model, x = model.double().eval(), x.double()
    (noise, noise_s), t, step = torch.randn(2, *x.shape).to(x), times(), torch.arange(BATCH) % TIMESTEPS

    def integrands(one: slice) -> Tensor:
        curve = model.curve(x[one])
        return torch.stack(
            [
                continuous_integrand(model, curve, t[one], noise[one], None),
                discrete_integrand(model, curve, step[one], TIMESTEPS, noise[one], noise_s[one], None),
            ]
        )

    together = integrands(slice(None))
    for i in range(BATCH):
        torch.testing.assert_close(together[:, i : i + 1], integrands(slice(i, i + 1)))


def test_distributions_take_one_time_or_one_for_each_example(case):
    _, model, x = case
    model.eval()  # what is random while training is another each time
    curve, z_t = model.curve(x), torch.randn_like(x)
    s, t = torch.tensor(0.3), torch.tensor(0.6)
    single = (model.marginal(curve, t), model.posterior(z_t, curve, s, t))
    batch = (model.marginal(curve, t.expand(BATCH)), model.posterior(z_t, curve, s.expand(BATCH), t.expand(BATCH)))
    for one, each in zip(single, batch, strict=True):
        for gaussian in (one, each):
            assert gaussian.mean.shape == x.shape and gaussian.log_prob(x).shape == (BATCH,)
            assert gaussian.sample(z_t).isfinite().all() and (gaussian.std > 0).all()
        torch.testing.assert_close(one.sample(z_t), each.sample(z_t))


def test_a_step_backwards_in_time_is_refused(case):
    _, model, x = case
    for s, t in ((0.5, 0.5), (0.7, 0.2)):
        with pytest.raises(InputError, match="s < t"):
            model.posterior(x, model.curve(x), torch.tensor(s), torch.tensor(t))
    with pytest.raises(InputError, match="s < t"):
        model.posterior(x, model.curve(x), torch.full((BATCH,), 0.5), times(dtype=x.dtype))


def test_its_configuration_makes_the_same_part(case):
    kind, model, x = case
    part = getattr(model, kind)
    config = json.loads(json.dumps(part.config))  # plain data
    again = Part.from_config(config)
    assert type(again) is type(part) and again.config == part.config
    again.load_state_dict(part.state_dict())
    before = draws(model, x)
    setattr(model, kind, again)
    assert torch.equal(draws(model, x), before)


def test_a_model_that_holds_it_is_saved_and_made_again(case, tmp_path):
    _, model, x = case
    model.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors"} <= {path.name for path in tmp_path.iterdir()}
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path)
    assert not again.training and again.config == model.config
    assert torch.equal(draws(again, x), draws(model, x))


def test_what_was_noted_while_training_is_saved_too(case, tmp_path):
    """Running estimates are part of the model."""
    _, model, x = case
    for timesteps in (None, TIMESTEPS):
        ndm.bound(model.train(), x, timesteps=timesteps)
    model.save_pretrained(tmp_path)
    assert torch.equal(draws(ndm.NeuralDiffusion.from_pretrained(tmp_path), x), draws(model, x))


def test_a_model_with_a_function_in_it_cannot_be_saved(tmp_path):
    model = tiny_model((3,), predictor=lambda z_t, t, cond: z_t)
    with pytest.raises(InputError, match="only models made of parts can be saved"):
        model.save_pretrained(tmp_path / "model")


def test_a_configuration_never_imports_code():
    for name in ("os.system", "os:system", "Unheard", None):
        with pytest.raises(InputError, match="expected the class of a part"):
            Part.from_config({"class": name})
    with pytest.raises(InputError, match="names the module antigravity"):
        Part.from_config({"class": "antigravity:Part"})
    assert "antigravity" not in sys.modules


def test_every_model_part_is_covered():
    assert {kind for kind, _ in MODEL_PARTS} == FOUND.keys() - {"sampler"}


@pytest.mark.parametrize(
    "make_part",
    [
        lambda: ndm.GaussianDecoder(0.1, (0.3, 0.7)),
        lambda: ndm.schedules.DdpmSchedule(),
        lambda: ndm.process.bases.CosineBasis(4, 6),
        lambda: ndm.transforms.BlurringTransform((2, 4, 6)),
    ],
    ids=["gaussian", "ddpm", "basis", "blurring"],
)
def test_constants_are_exact_in_every_precision(make_part):
    """Made in float32 and moved to float64, once or there and back: what is made in float64."""
    torch.set_default_dtype(torch.float64)
    made = make_part()
    torch.set_default_dtype(torch.float32)
    moved = [make_part().double(), make_part().half().double(), copy.deepcopy(make_part()).double()]
    for part in moved:
        for name, value in made.named_buffers():
            assert torch.equal(dict(part.named_buffers())[name], value), name
    if isinstance(made, ndm.transforms.BlurringTransform):
        for part in moved:
            for got, expected in zip(
                part.log_scale_with_velocity(times()), made.log_scale_with_velocity(times()), strict=True
            ):
                assert torch.equal(got, expected)
