"""What every sampler promises, found by the file it lives in."""

import inspect
import sys

import pytest
import torch
from making import EVENTS, FOUND, disturbed, each, make, partner, tiny_model

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.spec import Spec
from ndm.samplers.grids import uniform_gamma
from ndm.samplers.sampler import Grid

each_sampler = each("sampler")
each_grid = pytest.mark.parametrize("grid", axes.GRIDS.names())


def grid_for(name: str, model: ndm.NeuralDiffusion, event_shape: tuple[int, ...]) -> Grid:
    """The grid of that name, with a small search."""
    small = {"optimised": ndm.samplers.grids.Optimised(model, event_shape, samples=3, fine=8)}
    return small.get(name) or axes.GRIDS.find(name).for_model(model, event_shape)


@pytest.fixture(params=EVENTS, ids=str)
def model(request) -> ndm.NeuralDiffusion:
    return tiny_model(request.param)


def test_the_samplers_of_the_library_are_found():
    assert "ancestral" in FOUND["sampler"]


@each_sampler
@pytest.mark.parametrize("steps", [1, 2, 7])
@each_grid
def test_any_number_of_steps_on_any_grid(name, model, steps, grid):
    x = FOUND["sampler"][name](model, steps, grid=grid_for(grid, model, model.event_shape))((2, *model.event_shape))
    assert x.shape == (2, *model.event_shape)
    model.decoder.check(x)


@each_sampler
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 2.0])
def test_any_volatility(name, model, eta):
    kind = FOUND["sampler"][name]
    if "eta" not in inspect.signature(kind).parameters:
        pytest.skip("has no volatility")
    x = kind(model, 4, eta=eta)((3, *model.event_shape))
    model.decoder.check(x)
    assert x.std() > 0.1


@each_sampler
@pytest.mark.parametrize(
    "part",
    [("schedule", n) for n in FOUND["schedule"]]
    + [("volatility", n) for n in FOUND["volatility"]]
    + [("transform", n) for n in FOUND["transform"]]
    + [("decoder", n) for n in FOUND["decoder"]]
    + [("reverse_step", n) for n in FOUND["reverse_step"]],
    ids=str,
)
def test_a_model_of_any_part(name, part):
    model = tiny_model((3,), **{part[0]: make(*part, (3,))})
    x = FOUND["sampler"][name](model, 3)((2, 3))
    model.decoder.check(x)
    assert x.shape == (2, 3) and x.isfinite().all()


@each_sampler
def test_a_sample_belongs_to_its_seed_and_number_alone(name, model):
    sampler = FOUND["sampler"][name](model, 4)
    together = sampler((5, *model.event_shape), seed=3)
    torch.testing.assert_close(sampler((5, *model.event_shape), seed=3), together, rtol=0, atol=0)
    torch.testing.assert_close(sampler((2, *model.event_shape), seed=3), together[:2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sampler((2, *model.event_shape), seed=3, first=3), together[3:], rtol=1e-4, atol=1e-4)


@each_sampler
def test_samples_and_seeds_differ_from_each_other(name, model):
    sampler = FOUND["sampler"][name](model, 4)
    x = torch.cat([sampler((3, *model.event_shape), seed=seed) for seed in (0, 1)]).flatten(1)
    assert torch.pdist(x).min() > 1e-3


@each_sampler
def test_the_global_random_state_plays_no_part(name, model):
    sampler = FOUND["sampler"][name](model, 3)
    samples, states = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        samples.append(sampler((2, *model.event_shape), seed=5))
        states.append(torch.equal(torch.get_rng_state(), before))
    assert torch.equal(*samples) and all(states)


@each_sampler
def test_a_generator_takes_the_place_of_the_seed(name, model):
    sampler = FOUND["sampler"][name](model, 3)

    def draw(generator: torch.Generator) -> torch.Tensor:
        return sampler((2, *model.event_shape), generator=generator)

    generator = torch.Generator().manual_seed(7)
    first, second = draw(generator), draw(generator)
    assert torch.equal(first, draw(torch.Generator().manual_seed(7))) and not torch.allclose(first, second)


@each_sampler
@pytest.mark.parametrize("training", [True, False])
def test_it_leaves_the_model_as_it_was(name, model, training):
    model.train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = FOUND["sampler"][name](model, 2)((2, *model.event_shape))
    assert model.training is training and not x.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@each_sampler
def test_labels_reach_the_model(name):
    transform = partner((3,))
    predictor = disturbed(
        ndm.predictors.PlugInPredictor.from_spec(Spec((3,), num_classes=4), transform=transform, width=16, depth=1)
    )
    sampler = FOUND["sampler"][name](tiny_model((3,), transform=transform, predictor=predictor), 3)
    first, second = (sampler((2, 3), torch.tensor(labels)) for labels in ([0, 1], [0, 3]))
    torch.testing.assert_close(first[0], second[0])
    assert (first[1] - second[1]).abs().max() > 1e-4


@each_sampler
def test_wrong_use_is_refused(name, model):
    kind = FOUND["sampler"][name]
    for steps in (0, -1):
        with pytest.raises(InputError, match="at least 1"):
            kind(model, steps)
    for shape in ((0, 3), (3,), (2, -1)):
        with pytest.raises(InputError, match="all positive"):
            kind(model, 2)(shape)
    if "eta" in inspect.signature(kind).parameters:
        with pytest.raises(InputError, match=r"eta = -0\.1"):
            kind(model, 2, eta=-0.1)


def test_what_the_sde_needs_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchsde", None)
    with pytest.raises(InputError, match=r"pip install 'ndm\[sde\]'"):
        ndm.samplers.Sde(tiny_model((3,)))
    monkeypatch.undo()
    with pytest.raises(InputError, match="euler, srk"):
        ndm.samplers.Sde(tiny_model((3,)), method="heun")


@pytest.mark.parametrize("name", FOUND["schedule"])
@each_grid
@pytest.mark.parametrize("steps", [1, 2, 50, 1000])
def test_grids_walk_from_one_down_to_zero(name, grid, steps):
    """Strictly, and in single precision too: the posterior needs s < t."""
    schedule = make("schedule", name, (3,))
    times = grid_for(grid, tiny_model((3,), schedule=schedule), (3,))(schedule, steps)
    assert times.shape == (steps + 1,) and times[0] == 1 and times[-1] == 0
    assert (times.diff() < 0).all() and (times.float().diff() < 0).all()


@pytest.mark.parametrize("name", [name for name in FOUND["schedule"] if name != "flow"])
def test_the_gamma_grid_takes_equal_steps_of_gamma(name):
    schedule = make("schedule", name, (3,))
    gamma = schedule.double().gamma(uniform_gamma(schedule, 20))
    torch.testing.assert_close(gamma.diff(), ((gamma[-1] - gamma[0]) / 20).expand(20), rtol=1e-3, atol=1e-3)


@each_sampler
@pytest.mark.parametrize("schedule", FOUND["schedule"])
@each_grid
def test_fifty_steps_of_every_schedule_on_every_grid(name, schedule, grid):
    model = tiny_model((3,), schedule=make("schedule", schedule, (3,)))
    x = FOUND["sampler"][name](model, 50, grid=grid_for(grid, model, (3,)))((2, 3))
    model.decoder.check(x)
    assert x.shape == (2, 3) and x.isfinite().all()
