"""What is no tensor, no label or no generator is refused at every public door, in one line."""

import inspect

import numpy as np
import pytest
import torch

import ndm
from ndm.base import axes

CLASSES = 3
LABELS = torch.tensor([0, 2, 1, 0])


def labelled(**parts: object) -> ndm.NeuralDiffusion:
    """A model of points of the plane whose predictor and transformation take labels of three classes."""
    defaults = {
        "transform": ndm.SeriesTransform(
            ndm.nn.HiddenLayer((2,), 2, 8, num_classes=CLASSES), ndm.time_functions.IntegratedBumps(2)
        ),
        "predictor": ndm.DirectPredictor(ndm.MLP((2,), 1 + 2, width=8, depth=1, num_classes=CLASSES)),
        "decoder": ndm.GaussianDecoder(),
    }
    return ndm.NeuralDiffusion(ndm.schedules.LinearSchedule(-6.0, 4.0), **defaults | parts).eval()


SOLVER = ndm.ode.solvers.Fixed(2, "euler")
FUNCTIONS = {  # of data or latents x (4, 2) and of labels
    "bound": lambda model, x, cond: ndm.bound(model, x, cond).total,
    "nelbo": lambda model, x, cond: ndm.nelbo(model, x, cond, draws=2).total,
    "importance_weighted": lambda model, x, cond: ndm.importance_weighted(model, x, cond, timesteps=2, draws=2).total,
    "ode_likelihood": lambda model, x, cond: ndm.ode_likelihood(model, x, cond, solver=SOLVER).log_prob,
    "log_prob": lambda model, x, cond: ndm.log_prob(model, x, cond=cond, solver=SOLVER),
    "encode": lambda model, x, cond: ndm.encode(model, x, cond, solver=SOLVER),
    "decode": lambda model, x, cond: ndm.decode(model, x, cond, solver=SOLVER),
    "kinetic_energy": lambda model, x, cond: ndm.kinetic_energy(model, x, cond),
    "transport": lambda model, x, cond: ndm.transport(model, x, cond, solver=SOLVER).energy,
}
T = torch.full((4,), 0.5)
METHODS = {
    "curve": lambda model, x, cond: model.curve(x, cond)(T),
    "predict": lambda model, x, cond: model.predict(x, T, cond)(T),
    "predicted_velocity": lambda model, x, cond: model.predicted_velocity(x, T, cond),
    "transform": lambda model, x, cond: model.transform(x, T, cond),
    "network": lambda model, x, cond: model.predictor.network(x, T, cond),
}
DOORS = FUNCTIONS | METHODS
SAMPLERS = axes.SAMPLERS.every()
each_door = pytest.mark.parametrize("way", DOORS.values(), ids=DOORS)
each_sampler = pytest.mark.parametrize("kind", SAMPLERS.values(), ids=SAMPLERS)


def refused(said: str, way, *arguments: object, **named: object) -> None:
    with pytest.raises(ndm.InputError) as error:
        way(*arguments, **named)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_every_function_of_the_library_is_here():
    found = {name for name in ndm.__all__ if inspect.isfunction(getattr(ndm, name))}
    assert found == FUNCTIONS.keys() | {"bits_per_dim"}


@each_door
def test_data_and_labels_are_tensors(way):
    model, x = labelled(), torch.randn(4, 2)
    assert torch.isfinite(way(model, x, LABELS)).all()
    refused("torch.from_numpy(x)", way, model, x.numpy(), LABELS)
    refused("torch.from_numpy(x)", way, model, x.double().numpy(), None)
    refused("torch.from_numpy(x)", way, model, x.tolist(), LABELS)
    refused("a NumPy array for cond", way, model, x, LABELS.numpy())
    refused("a list for cond", way, model, x, LABELS.tolist())
    refused("torch.int64", way, model, x, LABELS.float())
    refused("torch.int64", way, model, x, LABELS.to(torch.int32))


@each_door
def test_labels_that_begin_at_1_are_refused_with_their_row(way):
    model, x = labelled(), torch.randn(4, 2)
    refused("label 3 of example 1; expected labels from 0 to 2, or -1 for no label", way, model, x, LABELS + 1)
    refused("label -2 of example 0", way, model, x, LABELS - 2)


def test_no_label_is_minus_one_or_none():
    model, z_t = labelled(), torch.randn(4, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    none, some = model.predict(z_t, T)(T), model.predict(z_t, T, torch.tensor([0, -1, 2, -1]))(T)
    torch.testing.assert_close(some[[1, 3]], none[[1, 3]])
    assert (some - none)[[0, 2]].abs().min() > 1e-5


def test_labels_for_a_model_without_classes_are_refused_and_a_callable_takes_what_it_likes():
    x = torch.randn(4, 2)
    plain = labelled(transform=ndm.IdentityTransform(), predictor=ndm.DirectPredictor(ndm.MLP((2,), width=8, depth=1)))
    refused("num_classes=0", plain.checked, x, LABELS)
    own = labelled(transform=ndm.IdentityTransform(), predictor=lambda z_t, t, cond: 0 * z_t + cond.mean(1)[:, None])
    assert torch.isfinite(ndm.nelbo(own, x, torch.randn(4, 5), draws=2).total).all()
    refused("cond of shape (3, 5) for 4 examples", own.checked, x, torch.randn(3, 5))


@each_sampler
def test_samplers_take_labels_seeds_and_shapes_as_they_say(kind):
    sampler = kind(labelled(), 6)
    for way in (sampler, sampler.trajectory):
        assert torch.isfinite(way((4, 2), LABELS)).all()
        refused("label 3 of example 1", way, (4, 2), LABELS + 1)
        refused("a NumPy array for cond", way, (4, 2), LABELS.numpy())
        refused("cond of shape (4,) for 3 examples", way, (3, 2), LABELS)
        refused("an int for generator", way, (4, 2), generator=0)
        for seed in (-1, 0.5, "0", 2**63):
            refused("seed = ", way, (4, 2), seed=seed)
        refused("first = -1", way, (4, 2), first=-1)
        refused("first = 1.5; expected a whole number", way, (4, 2), first=1.5)
        for shape in ((4, 2.0), (4,), (4, 0), "42"):
            refused("samples of shape", way, shape)
        for shape in (4, np.zeros((4, 2))):
            refused("for shape; expected (number, *event)", way, shape)


@pytest.mark.parametrize("name", ["bound", "nelbo", "importance_weighted", "kinetic_energy"])
@pytest.mark.parametrize("generator", [0, np.random.default_rng(0)], ids=["a seed", "NumPy's"])
def test_a_generator_is_that_of_torch(name, generator):
    more = {"importance_weighted": {"timesteps": 2}}.get(name, {})
    way, x = getattr(ndm, name), torch.randn(4, 2)
    refused("torch.Generator().manual_seed(0)", way, labelled(), x, generator=generator, **more)


def test_seeds_are_whole_numbers_of_any_library():
    model, x = labelled(), torch.randn(4, 2)
    for seed in (1.5, "1", True, None, np.float64(1)):
        refused("seed = ", ndm.ode_likelihood, model, x, seed=seed, solver=SOLVER)
    first, second = (ndm.log_prob(model, x, "hutchinson", seed=seed, solver=SOLVER) for seed in (3, np.int64(3)))
    assert torch.equal(first, second)


def test_bits_are_of_tensors_and_numbers():
    assert ndm.bits_per_dim(np.float64(1.0), (2,)) == ndm.bits_per_dim(1.0, (2,))
    refused("torch.from_numpy(x)", ndm.bits_per_dim, np.ones(3), (2,))
    refused("a list for nats", ndm.bits_per_dim, [1.0], (2,))


def test_levels_are_told_from_tensors():
    decoder = ndm.DiscretisedDecoder(4)
    refused("torch.from_numpy(x)", decoder.from_integers, np.arange(4))
    refused("torch.from_numpy(x)", decoder.to_integers, np.zeros(4))
    model = labelled(decoder=decoder)
    refused("torch.from_numpy(x)", ndm.nelbo, model, np.zeros((4, 2), np.float32))


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        ("schedule", ndm.IdentityTransform(), "got schedule = IdentityTransform; expected a Schedule"),
        ("schedule", ndm.LearnedLinearSchedule, r"LearnedLinearSchedule, a class; .*say LearnedLinearSchedule\(...\)"),
        ("transform", None, "got transform = None; expected a Transform$"),
        ("predictor", ndm.GaussianDecoder(), "got predictor = GaussianDecoder; expected a Predictor"),
        ("predictor", ndm.MLP((2,), width=8), r"got predictor = MLP; .* DirectPredictor\(...\)"),
        (
            "predictor",
            "direct",
            r"got predictor = .direct.; expected a Predictor or a callable; .*DirectPredictor\(\.\.\.\)",
        ),
        ("decoder", "gaussian", r"got decoder = 'gaussian'; expected a Decoder; make it: GaussianDecoder\(\.\.\.\)"),
        ("volatility", 1.0, "got volatility = 1.0; expected a Volatility or None"),
        (
            "reverse_step",
            "mixture",
            r"got reverse_step = .mixture.; expected a ReverseStep or None; .*MixtureReverseStep\(\.\.\.\)",
        ),
        ("condition", ("a", "b"), "got condition = tuple; expected a Condition or None"),
    ],
)
def test_a_part_in_the_place_of_another_is_refused(name, part, message):
    parts = {
        "schedule": ndm.LearnedLinearSchedule(-6.0, 4.0),
        "transform": ndm.IdentityTransform(),
        "predictor": lambda z_t, t, cond: z_t,
        "decoder": ndm.GaussianDecoder(),
    }
    ndm.NeuralDiffusion(**parts)
    with pytest.raises(ndm.InputError, match=message):
        ndm.NeuralDiffusion(**parts | {name: part})


@pytest.mark.parametrize("found", [lambda z_t: z_t[:, :1], lambda z_t: z_t[:1], lambda z_t: None])
def test_a_callable_that_predicts_another_shape_is_refused(found):
    """(B, 1) for events (B, 2) would be broadcast: a bound of another model, in silence."""
    model = ndm.NeuralDiffusion(
        ndm.LearnedLinearSchedule(-6.0, 4.0),
        ndm.IdentityTransform(),
        lambda z_t, t, cond: found(z_t),
        ndm.GaussianDecoder(),
    )
    with pytest.raises(ndm.InputError, match=r"got a prediction of .*; expected x\^, a tensor of shape \(4, 2\)"):
        ndm.bound(model, torch.randn(4, 2))


CHOICES = {  # every argument of a function of a model, or of a sampler, that is a choice: by a name, and the same made
    "divergence": (lambda model, x, given: ndm.ode_likelihood(model, x, divergence=given, solver=SOLVER).log_prob,
                   "hutchinson", ndm.ode.divergences.Hutchinson()),
    "solver": (lambda model, x, given: ndm.ode_likelihood(model, x, solver=given).log_prob,
               "bosh3", ndm.ode.solvers.Adaptive("bosh3")),
    "dequantisation": (lambda model, x, given: ndm.ode_likelihood(model, x, dequantisation=given).log_prob,
                       "none", ndm.ode.NoDequantisation()),
    "solver of encode": (lambda model, x, given: ndm.encode(model, x, solver=given), "rk4", ndm.ode.solvers.Fixed()),
    "solver of decode": (lambda model, x, given: ndm.decode(model, x, solver=given), "rk4", ndm.ode.solvers.Fixed()),
    "solver of transport": (lambda model, x, given: ndm.transport(model, x, solver=given).energy,
                            "rk4", ndm.ode.solvers.Fixed()),
    "solver of Ode": (lambda model, x, given: ndm.samplers.Ode(model, solver=given)((4, 2)),
                      "rk4", ndm.ode.solvers.Fixed()),
    "grid": (lambda model, x, given: ndm.samplers.Heun(model, 4, grid=given)((4, 2)),
             "gamma", ndm.samplers.grids.UniformGamma()),
    "time sampler": (lambda model, x, given: seeded(ndm.bound, model, x, time_sampler=given).total,
                     "low_discrepancy", None),
}  # fmt: skip
each_choice = pytest.mark.parametrize(("way", "name", "made"), CHOICES.values(), ids=CHOICES)


def seeded(way, *arguments, **named):
    return way(*arguments, **named, generator=torch.Generator().manual_seed(0))


@each_choice
def test_a_choice_is_given_by_its_name_or_made(way, name, made):
    model, x = labelled(), torch.randn(4, 2)
    torch.testing.assert_close(way(model, x, name), way(model, x, made), rtol=0, atol=0)


@each_choice
def test_a_name_that_nothing_has_is_answered_by_those_that_there_are(way, name, made):
    model, x = labelled(), torch.randn(4, 2)
    refused(name, way, model, x, "unheard")
    refused("'unheard'; expected one of", way, model, x, "unheard")
    for wrong in (3, [name], type(made)):
        refused("expected", way, model, x, wrong)


def test_the_optimised_grid_needs_a_shape():
    model = labelled()
    by_name = ndm.samplers.Heun(model, 2, grid="optimised").times
    assert torch.equal(by_name, ndm.samplers.Heun(model, 2, grid=ndm.samplers.grids.Optimised(model, (2,))).times)
    own = labelled(transform=ndm.IdentityTransform(), predictor=lambda z_t, t, cond: 0 * z_t)
    assert own.event_shape is None
    refused("Optimised(model, event_shape)", ndm.samplers.Heun, own, 2, grid="optimised")


@each_door
@pytest.mark.parametrize("wrong", ["m", None, 3, torch.nn.Linear(2, 2), ndm.NeuralDiffusion], ids=str)
def test_a_model_is_a_model(way, wrong):
    if way in FUNCTIONS.values():
        refused("expected a NeuralDiffusion" if not isinstance(wrong, type) else "a class", way, wrong, T, LABELS)
    for sampler in SAMPLERS.values():
        refused("got model = ", sampler, wrong)


class Wrong:
    """An object of no kind that anything takes."""


MADE = [(axis, name) for axis in axes.AXES if axis.base and axis.package for name in axis.names()]


@pytest.mark.parametrize(("axis", "name"), MADE, ids=lambda each: getattr(each, "kind", each))
def test_what_is_made_of_wrong_arguments_says_which(axis, name):
    kind = axis.find(name)
    parameters = inspect.signature(kind).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty]
    refused(f"wrong arguments for {kind.__name__}", kind, unheard=3, **dict.fromkeys(needed, 3))
    if needed:
        refused(f"missing a required argument: '{needed[0]}'", kind)
    for each in parameters:
        given = dict.fromkeys([*needed, each.name], Wrong())
        refused(" = Wrong; expected ", kind, **given)


DISTRIBUTIONS = ["predict", "marginal", "posterior", "kernel", "velocity", "reverse_sde", "diffusion", "reverse_kernel"]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("wrong", ["x", 3.5, Wrong(), [1], Wrong], ids=["word", "number", "object", "list", "class"])
def test_the_distributions_name_the_argument_that_is_wrong(name, wrong):
    model, x = labelled(), torch.randn(4, 2)
    curve, step = model.curve(x), torch.zeros(4, dtype=torch.int64)
    right = {"like": x, "z_t": x, "s": T / 2, "t": T, "curve": curve, "predicted": curve, "step": step, "timesteps": 3}
    way = getattr(model, name)
    parameters = inspect.signature(way).parameters
    for argument in parameters:
        given = {each: right[each] for each in parameters if each in right} | {argument: wrong}
        refused("", way, **given)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (lambda: ndm.MLP(2), "got event_shape = 2; expected a sequence of whole numbers"),
        (lambda: ndm.MLP("ab"), "got event_shape = 'ab'; expected a sequence of whole numbers"),
        (lambda: ndm.MLP((2,), 1, 8.0), "got width = 8.0; expected a whole number"),
        (lambda: ndm.MLP((2,), True), "got num_outputs = True; expected a whole number"),
        (lambda: ndm.bits_per_dim(1.0, 2), "got event_shape = 2; expected a sequence of whole numbers"),
        (lambda: ndm.bits_per_dim(1.0, (0,)), "got event_shape (0,); expected one or more positive sizes"),
        (lambda: ndm.bits_per_dim(1.0, (-1, 2)), "got event_shape (-1, 2); expected one or more positive sizes"),
        (lambda: ndm.bits_per_dim(1.0, ()), "got event_shape (); expected one or more positive sizes"),
        (lambda: labelled().save_pretrained(None), "got save_directory = None; expected a name or a Path"),
        (lambda: labelled().save_pretrained(), "missing a required argument: 'save_directory'"),
        (lambda: ndm.bound(labelled()), "got wrong arguments for bound (missing a required argument: 'x')"),
        (lambda: ndm.bound(labelled(), torch.zeros(1, 2), foo=1), "got an unexpected keyword argument 'foo'"),
        (lambda: ndm.bits_per_dim(1.0, (2,), 3), "too many positional arguments); expected nats, event_shape"),
        (lambda: labelled().posterior(), "missing a required argument: 'z_t'"),
        (lambda: ndm.NeuralDiffusion(), "missing a required argument: 'schedule'"),
        (lambda: ndm.MLP.from_spec("spec"), "got spec = 'spec'; expected a Spec"),
        (lambda: ndm.DirectPredictor(ndm.MLP), "got network = MLP, a class; expected one that is made: a Network"),
        (lambda: ndm.NeuralDiffusion.from_pretrained(3), "got pretrained_model_name_or_path = 3"),
    ],
)
def test_a_wrong_argument_is_named(way, said):
    refused(said, way)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_that_are_missing_or_unknown_are_refused(name):
    """As constructors refuse them: in one line that names the function."""
    way, model, x = getattr(ndm, name), labelled(), torch.randn(4, 2)
    refused(f"wrong arguments for {name} (missing a required argument", way)
    needed = {"timesteps": 2} if name == "importance_weighted" else {}
    refused("got an unexpected keyword argument 'unheard_of'", way, model, x, **needed, unheard_of=1)


def test_an_error_within_a_function_is_not_said_to_be_one_of_its_arguments():
    def broken(x, t, cond):
        raise TypeError("a broken function")

    model = labelled(predictor=broken)
    with pytest.raises(TypeError, match=r"^a broken function$"):
        ndm.bound(model, torch.randn(4, 2))


@pytest.mark.parametrize("place", ["taken.csv", "taken.csv/model"])
def test_a_model_is_not_saved_where_a_file_is(place, tmp_path):
    (tmp_path / "taken.csv").write_text("a,b\n")
    refused("where a file is in the way; expected a folder", labelled().save_pretrained, tmp_path / place)
    assert (tmp_path / "taken.csv").read_text() == "a,b\n" and len(list(tmp_path.iterdir())) == 1


GRIDS = {
    "no tensor": (lambda schedule, steps: [1.0, 0.5, 0.2, 0.0], "a grid that gives a list"),
    "nothing": (lambda schedule, steps: None, "a grid that gives a NoneType"),
    "too few": (lambda schedule, steps: torch.linspace(1, 0, steps), r"torch.float32 of shape (3,)"),
    "too many": (lambda schedule, steps: torch.linspace(1, 0, steps + 2), r"torch.float32 of shape (5,)"),
    "a column": (lambda schedule, steps: torch.linspace(1, 0, steps + 1)[:, None], r"of shape (4, 1)"),
    "integers": (lambda schedule, steps: torch.arange(steps, -1, -1), r"torch.int64"),
    "rising": (lambda schedule, steps: torch.linspace(0, 1, steps + 1), "do not fall in every step"),
    "standing": (lambda schedule, steps: torch.tensor([1.0, 0.5, 0.5, 0.0]), "do not fall in every step"),
    "NaN": (lambda schedule, steps: torch.tensor([1.0, float("nan"), 0.5, 0.0]), "not finite"),
    "from elsewhere": (lambda schedule, steps: torch.linspace(0.9, 0, steps + 1), "a grid from 0.9 to 0"),
    "to elsewhere": (lambda schedule, steps: torch.linspace(1, 0.1, steps + 1), "a grid from 1 to 0.1"),
    "of counts": (lambda schedule, steps: torch.linspace(steps, 0, steps + 1), "a grid from 3 to 0"),
}


@each_sampler
@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_gives_times_that_fall_from_1_to_0(kind, name):
    grid, said = GRIDS[name]
    refused(said, kind, labelled(), steps=3, grid=grid)


@each_sampler
def test_a_function_is_a_grid(kind):
    times = torch.tensor([1.0, 0.7, 0.2, 0.0], dtype=torch.float64)
    sampler = kind(labelled(), steps=3, grid=lambda schedule, steps: times)
    assert torch.equal(sampler.times, times)
    refused("steps = 0; expected a whole number, at least 1", kind, labelled(), steps=0, grid=lambda *_: times)
