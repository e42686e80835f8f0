"""Conditions reach every transform and predictor, and all that is computed of a model: labels, and real values."""

import math
from collections.abc import Callable

import pytest
import torch
from making import FOUND, disturbed, each, make
from torch import Tensor

import ndm
from ndm.base import axes
from ndm.base.errors import InputError
from ndm.base.part import Part
from ndm.base.spec import Spec
from ndm.nn.embeddings import NO_LABEL
from ndm.ode.solvers.fixed import Fixed
from ndm.parts.conditions import Condition, LabelCondition, ValueCondition

EVENT, BATCH = (3,), 4
LABELS = LabelCondition(("ant", "bee", "cow"), (0.5, 0.25, 0.0, 0.25))
VALUES = ValueCondition(("age", "height"), (40.0, 1.7), (10.0, 0.2))
CONDITIONS: dict[str, Condition | None] = {"none": None, "labels": LABELS, "values": VALUES}
OF_TRANSFORMS = {"residual": {"width": 16, "depth": 1}, "series": {"width": 16}}  # those with a network


def cond(kind: str, first: int = 0) -> Tensor | None:
    """The condition of a batch; another `first` is another condition."""
    if kind == "none":
        return None
    if kind == "labels":
        return (torch.arange(BATCH) + first) % 3
    return torch.stack([torch.linspace(20, 60, BATCH) + 7.0 * first, torch.linspace(1.5, 1.9, BATCH)], 1)


def model(kind: str, transform: str = "identity", predictor: str = "plug_in", **parts: Part) -> ndm.NeuralDiffusion:
    """A small model whose networks take the condition, none of their weights where they were."""
    condition = CONDITIONS[kind]
    num_classes, num_values = (0, 0) if condition is None else condition.sizes
    spec = Spec(EVENT, num_classes=num_classes, num_values=num_values)
    gate = {"gate": "encoder"} if predictor == "encoded" else {}
    path = disturbed(axes.TRANSFORMS.make(transform, spec, OF_TRANSFORMS.get(transform, {}) | gate))
    network = {"network": "mlp", "width": 16, "depth": 1}
    return ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-13.3, 5.0) if predictor == "encoded" else ndm.schedules.LinearSchedule(-8.0, 5.0),
        path,
        disturbed(axes.PREDICTORS.make(predictor, spec, network, transform=path)),
        ndm.GaussianDecoder(),
        condition=condition,
        **parts,
    ).eval()


def differ(first: Tensor, second: Tensor) -> bool:
    """Whether every example has another value."""
    return bool((first - second).flatten(1).abs().amax(1).gt(1e-6).all())


each_kind = pytest.mark.parametrize("kind", ["labels", "values"])
T = torch.tensor([0.2, 0.4, 0.6, 0.8])


@each("transform")
@each_kind
def test_a_path_depends_on_the_condition_where_it_has_a_network(name, kind) -> None:
    own, x = model(kind, name), torch.randn(BATCH, *EVENT)
    one, other = (own.curve(x, cond(kind, first))(T) for first in (0, 1))
    assert differ(one, other) == (name in OF_TRANSFORMS)
    torch.testing.assert_close(own.curve(x, cond(kind))(torch.zeros(())), x)  # F(x, 0) = x, whatever the condition
    alone = torch.cat([own.curve(x[i : i + 1], cond(kind)[i : i + 1])(T[i : i + 1]) for i in range(BATCH)])
    torch.testing.assert_close(one, alone)


@pytest.mark.parametrize("name", [name for name in FOUND["predictor"] if name != "encoded"])
@each_kind
def test_a_prediction_depends_on_the_condition(name, kind) -> None:
    own, z_t = model(kind, predictor=name), torch.randn(BATCH, *EVENT)
    one, other = (own.predict(z_t, T, cond(kind, first))(T) for first in (0, 1))
    assert differ(one, other)
    alone = torch.cat(
        [own.predict(z_t[i : i + 1], T[i : i + 1], cond(kind)[i : i + 1])(T[i : i + 1]) for i in range(BATCH)]
    )
    torch.testing.assert_close(one, alone)


@each_kind
def test_the_encoded_predictor_depends_on_the_condition(kind) -> None:
    own, z_t = model(kind, "residual", "encoded"), torch.randn(BATCH, *EVENT)
    one, other = (own.predict(z_t, T, cond(kind, first))(T) for first in (0, 1))
    assert differ(one, other)


def test_a_callable_is_given_the_condition_in_the_units_of_networks() -> None:
    seen = []

    def predictor(z_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        seen.append(cond)
        return z_t

    own = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder(), condition=VALUES
    )
    own.predict(torch.zeros(2, *EVENT), torch.tensor(0.5), torch.tensor([[40.0, 1.9], [60.0, 1.7]]))
    torch.testing.assert_close(seen[-1], torch.tensor([[0.0, 1.0], [2.0, 0.0]]), atol=1e-6, rtol=1e-6)


def estimates(own: ndm.NeuralDiffusion, x: Tensor, given: Tensor | None) -> dict[str, Callable[[], Tensor]]:
    """What is computed of examples under a condition, each with the same noise."""

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    fast = {"solver": Fixed(8, "heun2")}
    return {
        "bound": lambda: ndm.bound(own, x, given, generator=generator()).total,
        "bound of a chain": lambda: ndm.bound(own, x, given, timesteps=4, generator=generator()).total,
        "nelbo": lambda: ndm.nelbo(own, x, given, draws=2, generator=generator()).total,
        "importance": lambda: ndm.importance_weighted(own, x, given, timesteps=3, draws=2, generator=generator()).total,
        "log_prob": lambda: ndm.log_prob(own, x, cond=given, **fast),
        "encode": lambda: ndm.encode(own, x, given, **fast),
        "decode": lambda: ndm.decode(own, x, given, **fast),
        "kinetic energy": lambda: ndm.kinetic_energy(own, x, given, generator()),
        "transport": lambda: ndm.transport(own, x, given, **fast).z_0,
    }


NAMES = list(estimates(model("none"), torch.zeros(1, *EVENT), None))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("transform", ["identity", "series"])
@each_kind
def test_every_estimate_depends_on_the_condition(name, transform, kind) -> None:
    own, x = model(kind, transform), torch.randn(BATCH, *EVENT)
    one, again, other = (estimates(own, x, cond(kind, first))[name]() for first in (0, 0, 1))
    assert torch.equal(one, again)
    assert differ(one[:, None], other[:, None])


@pytest.mark.parametrize("name", NAMES)
def test_no_label_is_the_label_minus_one(name) -> None:
    own, x = model("labels", "series"), torch.randn(BATCH, *EVENT)
    without, minus_one = (
        estimates(own, x, given)[name]() for given in (None, torch.full((BATCH,), NO_LABEL, dtype=torch.int64))
    )
    torch.testing.assert_close(without, minus_one)
    assert differ(without[:, None], estimates(own, x, cond("labels"))[name]()[:, None])


@pytest.mark.parametrize("name", ["log_prob", "encode", "decode"])
@each_kind
def test_an_example_has_its_own_condition_whatever_its_neighbours(name, kind) -> None:
    own, x, given = model(kind, "series"), torch.randn(BATCH, *EVENT), cond(kind)
    together = estimates(own, x, given)[name]()
    alone = torch.cat([estimates(own, x[i : i + 1], given[i : i + 1])[name]() for i in range(BATCH)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@each("sampler")
@each_kind
def test_every_sampler_walks_under_the_condition(name, kind) -> None:
    """Sample i depends on its condition, and on that alone."""
    own = model(kind, "series")
    walk = FOUND["sampler"][name](own, 3)
    one, other = (walk((BATCH, *EVENT), cond(kind, first), seed=1) for first in (0, 1))
    assert differ(one, other)
    alone = torch.cat([walk((1, *EVENT), cond(kind)[i : i + 1], seed=1, first=i) for i in range(BATCH)])
    torch.testing.assert_close(one, alone, rtol=1e-4, atol=1e-4)
    if kind == "labels":
        none = torch.full((BATCH,), NO_LABEL, dtype=torch.int64)
        torch.testing.assert_close(walk((BATCH, *EVENT), seed=1), walk((BATCH, *EVENT), none, seed=1))


REFUSED = [
    ("none", torch.zeros(BATCH, dtype=torch.int64), "labels in cond; expected cond=None"),
    ("labels", torch.tensor([0, 1, 3, 0]), "label 3 of example 2; expected labels from 0 to 2, or -1"),
    ("labels", torch.zeros(BATCH), r"cond of shape \(4,\) and torch.float.*; expected labels"),
    ("labels", torch.zeros(BATCH - 1, dtype=torch.int64), r"cond of shape \(3,\).*; expected labels of shape \(4,\)"),
    ("values", torch.zeros(BATCH, 3), r"cond of shape \(4, 3\).*; expected floating point numbers of shape \(4, 2\)"),
    ("values", torch.zeros(BATCH, dtype=torch.int64), "expected floating point numbers"),
    ("values", torch.full((BATCH, 2), math.nan), r"cond\[0, 0\] = nan; expected finite numbers"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind, given, match", REFUSED)
def test_a_wrong_condition_is_refused_at_every_door(name, kind, given, match) -> None:
    own = model(kind)
    with pytest.raises(InputError, match=match):
        estimates(own, torch.zeros(BATCH, *EVENT) + 0.1, given)[name]()


@each("sampler")
@pytest.mark.parametrize("kind, given, match", REFUSED[:3])
def test_samplers_refuse_it_too(name, kind, given, match) -> None:
    with pytest.raises(InputError, match=match):
        FOUND["sampler"][name](model(kind), 2)((BATCH, *EVENT), given)


def test_networks_for_another_condition_are_refused_when_the_model_is_made() -> None:
    transform = ndm.IdentityTransform()
    predictor = make("predictor", "plug_in", EVENT, num_classes=2)
    with pytest.raises(InputError, match=r"a network for 2 classes and 0 values; expected one for 3 and 0"):
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(), transform, predictor, ndm.GaussianDecoder(), condition=LABELS
        )


@each_kind
def test_a_saved_model_knows_its_condition(kind, tmp_path) -> None:
    own = model(kind, "series")
    own.save_pretrained(tmp_path / "model")
    again = ndm.NeuralDiffusion.from_pretrained(tmp_path / "model")
    assert again.condition.config == CONDITIONS[kind].config
    x = torch.randn(BATCH, *EVENT)
    assert torch.equal(ndm.encode(own, x, cond(kind)), ndm.encode(again, x, cond(kind)))
    if kind == "labels":
        assert again.condition.numbers(["cow", "ant"]).tolist() == [2, 0]
        assert again.condition.named(torch.tensor([1, NO_LABEL])) == ["bee", ""]
        assert again.condition.knows_none
        with pytest.raises(InputError, match="the label 'dog'; expected one of ant, bee, cow"):
            again.condition.numbers(["dog"])


@pytest.mark.parametrize(
    "made, match",
    [
        (lambda: LabelCondition(("a", "a")), "expected different names"),
        (lambda: LabelCondition(("a", "b"), (0.5, 0.5)), "2 frequencies; expected 3"),
        (lambda: ValueCondition(("a",), (0.0,), (0.0,)), "not positive"),
        (lambda: ValueCondition(("a",), (0.0, 1.0), (1.0, 1.0)), "expected a loc and a scale for each name"),
    ],
)
def test_conditions_that_cannot_be_are_refused(made, match) -> None:
    with pytest.raises(InputError, match=match):
        made()
