"""What every reverse step promises, found by the file it lives in."""

import pytest
import torch
from making import BATCH, EVENTS, FOUND, TIMESTEPS, each, make, tiny_model

import ndm
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.parts.reverse_steps import ReverseStep
from ndm.process.mixture import Mixture
from ndm.samplers.grids import uniform_gamma

STEPS = torch.tensor([0, 1, 2, 1])
WITH_POSTERIOR = [name for name, part in FOUND["reverse_step"].items() if part.needs_posterior]


@pytest.fixture(params=[(name, event) for name in FOUND["reverse_step"] for event in EVENTS], ids=str)
def case(request) -> tuple[ReverseStep, tuple[int, ...]]:
    name, event_shape = request.param
    return make("reverse_step", name, event_shape), event_shape


def steps_of_q(event_shape: tuple[int, ...]) -> list[ndm.Gaussian]:
    """With deviations as volatilities give them: one number per example, or one per dimension."""
    mean = torch.randn(BATCH, *event_shape)
    return [ndm.Gaussian(mean, torch.rand(BATCH, *shape) + 0.3) for shape in ([1] * len(event_shape), event_shape)]


def centred(event_shape: tuple[int, ...]) -> Mixture:
    """A deviation of mean 0."""
    shape = (BATCH, *event_shape, 4)
    mixture = Mixture(torch.log_softmax(torch.randn(shape), -1), torch.randn(shape), torch.rand(shape))
    return mixture.affine(torch.ones(()), -mixture.mean)


def rows(distribution: ndm.Gaussian | Mixture, one: slice) -> ndm.Gaussian | Mixture:
    """A part of the batch."""
    if isinstance(distribution, Mixture):
        return Mixture(
            *(value[one] for value in (distribution.log_weights, distribution.means, distribution.variances))
        )
    return ndm.Gaussian(distribution.mean[one], distribution.std[one])


def assert_same(first: ndm.Gaussian | Mixture, second: ndm.Gaussian | Mixture) -> None:
    """In density, and in what they make of the same noise."""
    x = torch.randn(first.mean.shape)
    torch.testing.assert_close(first.log_prob(x), second.log_prob(x))
    torch.testing.assert_close(first.sample(x), second.sample(x))


def test_the_reverse_steps_of_the_library_are_found():
    assert {"posterior", "learned", "analytic", "moments", "mixture"} <= FOUND["reverse_step"].keys()
    assert {"moments", "mixture"} <= set(WITH_POSTERIOR)


@each("reverse_step")
def test_a_step_is_a_density_for_each_example(name):
    """It integrates to 1, around the mean of q's step."""
    reverse_step, line = make("reverse_step", name, (1,)).double(), torch.linspace(-60, 60, 20_001).double()
    for q in steps_of_q((1,)):
        q = ndm.Gaussian(q.mean.double(), q.std.double())
        deviation = centred((1,))
        deviation = Mixture(
            *(value.double() for value in (deviation.log_weights, deviation.means, deviation.variances))
        )
        p = reverse_step.distribution(q, deviation, STEPS, TIMESTEPS)
        density = torch.stack([p.log_prob(point.expand(BATCH, 1)).exp() for point in line[::10]])
        total = torch.trapezoid(density, line[::10], dim=0)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)
        mean = torch.trapezoid(density * line[::10, None], line[::10], dim=0)
        torch.testing.assert_close(mean, q.mean[:, 0], rtol=0, atol=1e-5)


def test_steps_fit_events(case):
    reverse_step, event_shape = case
    for q in steps_of_q(event_shape):
        p, noise = reverse_step.distribution(q, centred(event_shape), STEPS, TIMESTEPS), torch.randn(q.mean.shape)
        assert p.sample(noise).shape == (BATCH, *event_shape) and p.sample(noise).isfinite().all()
        for term in (p.log_prob(noise), p.kl_from(q, noise)):
            assert term.shape == (BATCH,) and term.isfinite().all()
        torch.testing.assert_close(p.mean.expand_as(q.mean), q.mean, rtol=1e-4, atol=1e-5)


def test_an_example_has_its_own_step_and_posterior(case):
    reverse_step, event_shape = case
    reverse_step.observe(torch.ones(BATCH, *event_shape), STEPS, TIMESTEPS, torch.rand(BATCH, *event_shape))
    for q in steps_of_q(event_shape):
        deviation = centred(event_shape)
        together = reverse_step.distribution(q, deviation, STEPS, TIMESTEPS)
        for i in range(BATCH):
            one = slice(i, i + 1)
            alone = reverse_step.distribution(rows(q, one), rows(deviation, one), STEPS[one], TIMESTEPS)
            assert_same(rows(together, one), alone)


def test_it_takes_note_and_stays_a_distribution(case):
    reverse_step, event_shape = case
    for _ in range(3):
        reverse_step.observe(torch.rand(BATCH, *event_shape) + 0.1, STEPS, TIMESTEPS, torch.rand(BATCH, *event_shape))
    for q in steps_of_q(event_shape):
        p = reverse_step.distribution(q, centred(event_shape), STEPS, TIMESTEPS)
        assert p.log_prob(q.mean).isfinite().all() and p.sample(torch.ones_like(q.mean)).isfinite().all()


def test_a_table_refuses_every_step_but_those_of_its_chain(case):
    """Whatever needs no table has the same parameterisation for every step, of a chain or not."""
    reverse_step, event_shape = case
    deviation, q = centred(event_shape), steps_of_q(event_shape)[1]
    reverse_step.require_chain(TIMESTEPS)
    own = reverse_step.distribution(q, deviation, STEPS, TIMESTEPS)
    for where in ((STEPS, TIMESTEPS + 1), (None, None), (STEPS, None)):
        if hasattr(reverse_step, "timesteps"):
            for refused in (
                lambda where=where: reverse_step.require_chain(where[1]),
                lambda where=where: reverse_step.distribution(q, deviation, *where),
            ):
                with pytest.raises(InputError, match=f"of {TIMESTEPS} steps.*take T = {TIMESTEPS}"):
                    refused()
        else:
            reverse_step.require_chain(where[1])
            assert_same(reverse_step.distribution(q, deviation, *where), own)


@each("reverse_step")
@pytest.mark.parametrize(
    "use",
    [
        lambda model: ndm.bound(model, torch.randn(2, 3), timesteps=TIMESTEPS + 1),
        lambda model: ndm.nelbo(model, torch.randn(2, 3), timesteps=1, draws=2),
        lambda model: ndm.importance_weighted(model, torch.randn(2, 3), timesteps=TIMESTEPS + 1, draws=2),
        lambda model: ndm.samplers.Ancestral(model, TIMESTEPS + 1),
        lambda model: ndm.samplers.Ancestral(model, TIMESTEPS, eta=0.3),
        lambda model: ndm.samplers.Ancestral(
            model, TIMESTEPS, grid=lambda schedule, steps: torch.tensor([1, 0.5, 0.25, 0])
        ),
    ],
    ids=["bound", "nelbo", "importance", "steps", "eta", "grid"],
)
def test_everything_that_takes_steps_is_served_or_refused_before_the_network_is_asked(name, use):
    model, asked = tiny_model((3,), reverse_step=make("reverse_step", name, (3,))).eval(), []
    model.predictor.register_forward_hook(lambda *_: asked.append(1))
    if hasattr(model.reverse_step, "timesteps"):
        with pytest.raises(InputError, match=f"take T = {TIMESTEPS}"):
            use(model)
        assert not asked
    else:
        assert use(model) is not None


@each("reverse_step")
def test_samplers_of_the_limit_know_no_reverse_step(name):
    """Every other sampler walks any grid of any model, and draws what it draws with q's own variance."""
    parts = {"reverse_step": make("reverse_step", name, (3,))}
    model = tiny_model((3,), **parts).eval()
    for kind in (part for sampler, part in FOUND["sampler"].items() if sampler != "ancestral"):
        model.reverse_step = parts["reverse_step"]
        drawn = kind(model, 9, grid=uniform_gamma)((4, 3))
        model.reverse_step = ndm.reverse_steps.PosteriorReverseStep()
        assert torch.equal(drawn, kind(model, 9, grid=uniform_gamma)((4, 3)))


def test_continuous_time_is_accepted_or_refused_with_advice(case):
    reverse_step, event_shape = case
    kind = type(reverse_step)
    if hasattr(reverse_step, "timesteps"):
        with pytest.raises(InputError, match="give a number of timesteps") as error:
            kind.from_spec(Spec(event_shape))
        assert "give --timesteps T" in error.value.on_command_line
    else:
        assert isinstance(kind.from_spec(Spec(event_shape)), kind)


@pytest.mark.parametrize("name", WITH_POSTERIOR)
def test_posteriors_that_the_predictor_has_not_are_refused_when_the_model_is_made(name):
    """Of a plug-in predictor or a function, and in the frequencies of an image; with advice in Python's words and in
    those of the command line."""
    reverse_step, image = make("reverse_step", name, (1, 4, 4)), (1, 4, 4)
    frequencies = ndm.transforms.ScalingTransform(image, ndm.process.bases.CosineBasis(4, 4))
    direct = make("predictor", "direct", image, parameterisation="gaussian_mixture")
    of_predictor = "choose predictor=DirectPredictor(...), or ", "choose --predictor direct, or --reverse-step learned"
    of_basis = "choose basis=StandardBasis(), or ", "choose basis=pixel, or --reverse-step learned"
    for got, (in_python, on_command_line), parts in (
        ("a PlugInPredictor, which has none", of_predictor, {"predictor": make("predictor", "plug_in", image)}),
        ("a CallablePredictor, which has none", of_predictor, {"predictor": lambda z_t, t, cond: z_t}),
        ("a CosineBasis", of_basis, {"predictor": direct, "transform": frequencies}),
    ):
        with pytest.raises(InputError) as error:
            tiny_model(image, reverse_step=reverse_step, **parts)
        assert got in error.value.got and in_python + "reverse_step=LearnedReverseStep(...)" in str(error.value)
        assert on_command_line in error.value.on_command_line and "\n" not in str(error.value)


@pytest.mark.parametrize("name", WITH_POSTERIOR)
@pytest.mark.parametrize("parameterisation", ["categorical", "discrete_gaussian", "gaussian_mixture", "scaled"])
def test_posteriors_serve_chains_of_any_length(name, parameterisation, recwarn):
    """The bound and the sampler of one model at any T, silently; a point as a posterior means q's own variance."""
    decoder = ndm.DiscretisedDecoder(5)
    model = tiny_model(
        (3,),
        reverse_step=make("reverse_step", name, (3,)),
        decoder=decoder,
        predictor=make("predictor", "direct", (3,), parameterisation=parameterisation, num_levels=5),
    ).eval()
    x = decoder.from_integers(torch.randint(0, 5, (BATCH, 3)))
    for timesteps in (1, TIMESTEPS, 11):
        assert ndm.bound(model, x, timesteps=timesteps).total.isfinite().all()
        decoder.check(ndm.samplers.Ancestral(model, timesteps)((2, 3)))
        z_t, k = torch.randn(BATCH, 3), torch.full((BATCH,), timesteps - 1)
        p = model.reverse_kernel(z_t, predicted := model.predict(z_t, torch.ones(BATCH)), k, timesteps)
        q = model.posterior(z_t, predicted, k / timesteps, torch.ones(BATCH))
        same = bool(((p.log_prob(z_t) - q.log_prob(z_t)).abs() < 1e-4 * q.log_prob(z_t).abs()).all())
        assert same == (parameterisation == "scaled")
    assert not list(recwarn)


def test_the_best_variance_adds_the_error_of_the_mean():
    """w = v + E[(mean difference)^2], for each step."""
    reverse_step = FOUND["reverse_step"]["analytic"]((2,), TIMESTEPS)
    v, error = torch.tensor([[0.5], [0.25], [0.25]]), torch.tensor([[1.0, 2.0], [3.0, 0.0], [1.0, 4.0]])
    reverse_step.observe(v, torch.tensor([0, 2, 2]), TIMESTEPS, error)
    w = reverse_step(torch.tensor([[0.5], [0.5], [0.25]]), torch.arange(3), TIMESTEPS)
    torch.testing.assert_close(w, torch.tensor([[1.5, 2.5], [0.5, 0.5], [0.25 + 2.0, 0.25 + 2.0]]))


@each("reverse_step")
def test_it_is_saved_with_what_it_has_learned(name, tmp_path):
    """And loaded as the same steps."""
    reverse_step = make("reverse_step", name, (3,))
    reverse_step.observe(torch.ones(BATCH, 3), STEPS, TIMESTEPS, torch.rand(BATCH, 3))
    model = tiny_model((3,), reverse_step=reverse_step).eval()
    model.save_pretrained(tmp_path)
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path)
    assert type(again.reverse_step) is type(reverse_step)
    learned = reverse_step.state_dict()
    assert again.reverse_step.state_dict().keys() == learned.keys()
    assert all(torch.equal(value, learned[key]) for key, value in again.reverse_step.state_dict().items())
    z_t = torch.randn(BATCH, 3)
    first, second = (
        m.reverse_kernel(z_t, m.predict(z_t, (STEPS + 1) / TIMESTEPS), STEPS, TIMESTEPS) for m in (model, again)
    )
    assert torch.equal(first.sample(z_t), second.sample(z_t)) and torch.equal(first.log_prob(z_t), second.log_prob(z_t))
