"""The paper's transformation: how often F is evaluated, and the direct form of its curve."""

import pytest
import torch
from exact_models import assert_close, assert_first_order, perturbed
from torch import Tensor

import ndm
from ndm.autodiff.derivative import with_velocity
from ndm.base import axes
from ndm.base.spec import Spec
from ndm.bounds.bound import continuous_integrand, discrete_integrand
from ndm.nn.network import Network
from ndm.parts.parameterisations import XParameterisation
from ndm.parts.transforms.residual import ResidualCurve, ResidualTransform
from ndm.process.curve import Curve, RememberedCurve

GATES = axes.GATES.names()

SCHEDULE = ndm.schedules.LinearSchedule(-6.0, 4.0)
KINDS = {"direct": ndm.DirectPredictor, "plug_in": ndm.predictors.PlugInPredictor}


def random_model(kind: str, gate: str = "time", eta: float = 1.0) -> ndm.NeuralDiffusion:
    transform = ResidualTransform.from_spec(Spec((3,)), gate=gate, width=16, depth=1)
    predictor = KINDS[kind].from_spec(Spec((3,)), transform=transform, width=16, depth=1)
    return perturbed(
        ndm.NeuralDiffusion(
            SCHEDULE, transform, predictor, ndm.GaussianDecoder(), ndm.volatilities.ConstantVolatility(eta)
        ),
        std=0.2,
    ).eval()


class Forgetful(ResidualTransform):
    """The same F, without a memory."""

    def curve(self, x: Tensor, cond: Tensor | None = None) -> Curve:
        return ResidualCurve(self, x, cond)


class Counted(Network):
    """A network that counts the latents or data that it saw."""

    def __init__(self, network: Network) -> None:
        super().__init__(network.event_shape, network.num_outputs, network.num_classes)
        self.network, self.seen = network, 0

    def heads(self, x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        self.seen += len(x)
        return self.network(x, t, cond)


@pytest.mark.parametrize(
    ("kind", "timesteps", "passes"), [("direct", None, 2), ("plug_in", None, 3), ("direct", 4, 3), ("plug_in", 4, 5)]
)
def test_f_is_evaluated_no_more_than_it_must(kind, timesteps, passes) -> None:
    """Of x at 1 and t (and s, with steps); of x^ at t (and s) where it is plugged in."""
    model = random_model(kind)
    model.transform.network = Counted(model.transform.network)
    ndm.bound(model, torch.randn(5, 3), timesteps=timesteps)
    assert model.transform.network.seen == 5 * passes


def test_in_training_the_prior_is_an_unbiased_draw() -> None:
    """That of a quarter of the batch, four times; which quarter is drawn anew, and every example has its turn."""
    model, x = random_model("direct"), torch.randn(8, 3)
    exact = ndm.bound(model, x).prior
    model.train().transform.network = Counted(model.transform.network)
    drawn = torch.stack(
        [ndm.bound(model, x, generator=torch.Generator().manual_seed(seed)).prior for seed in range(40)]
    )
    seen = drawn != 0
    assert model.transform.network.seen == 40 * (8 + 2) and (seen.sum(1) == 2).all() and seen.any(0).all()
    assert_close(drawn[seen], (4 * exact).expand(40, 8)[seen])


def test_a_cheap_path_has_its_whole_prior_in_training() -> None:
    transform = ndm.transforms.ScalingTransform((3,), lead=1.0)
    model = ndm.NeuralDiffusion(SCHEDULE, transform, lambda z, t, cond: z, ndm.GaussianDecoder())
    x = torch.randn(5, 3)
    assert_close(ndm.bound(model.train(), x).prior, ndm.bound(model.eval(), x).prior)


def test_sampling_never_evaluates_f_that_is_predicted_directly() -> None:
    model = random_model("direct")
    model.transform.network = Counted(model.transform.network)
    x = ndm.samplers.Ancestral(model, 3)((4, 3))
    assert x.isfinite().all() and model.transform.network.seen == 0


@pytest.mark.parametrize("timesteps", [None, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_memory_changes_neither_the_bound_nor_its_gradient(kind, timesteps) -> None:
    model, x = random_model(kind), torch.randn(5, 3)

    def results() -> list[Tensor]:
        bound = ndm.bound(model, x, timesteps=timesteps, generator=torch.Generator().manual_seed(0))
        gradients = torch.autograd.grad(bound.total.mean(), list(model.parameters()))
        return [bound.prior, bound.diffusion, bound.reconstruction, *gradients]

    with_memory = results()
    plain = Forgetful(model.transform.network, model.transform.gate)
    plain.load_state_dict(model.transform.state_dict())
    model.transform = plain
    for got, expected in zip(with_memory, results(), strict=True):
        assert_close(got, expected)


def test_a_memory_has_the_gradient_that_is_asked_for() -> None:
    """What was evaluated without a graph does not stand in where one is wanted."""
    x, t = torch.randn(2, 3, requires_grad=True), torch.rand(2)
    curve = RememberedCurve(ResidualCurve(random_model("direct").transform, x, None))
    with torch.no_grad():
        value, pair = curve(t), curve.with_velocity(t)
    assert not any(each.requires_grad for each in (value, *pair))
    for got, want in zip((curve(t), *curve.with_velocity(t)), (value, *pair), strict=True):
        assert got.requires_grad and torch.equal(got, want)
    assert curve(t) is curve(t) and curve(t.clone()) is not curve(t)


def exact_heads(transform: ResidualTransform, x: Tensor, t: Tensor) -> Tensor:
    """N(x, t) and its velocity, (B, 2, d)."""
    return torch.stack(with_velocity(lambda u: transform.network(x, u)[:, 0], t), 1)


@pytest.mark.parametrize("gate", GATES)
def test_exact_heads_give_the_curve_to_second_order(gate) -> None:
    """f^(0) = x; f^(t) = F(x, t) with its velocity; f^(u) = F(x, u) + O((u - t)^2)."""
    transform = random_model("direct", gate).transform
    x, t = torch.randn(4, 3), torch.rand(4)
    curve, predicted = transform.curve(x), transform.curve_from_heads(x, exact_heads(transform, x, t), t)
    assert torch.equal(predicted(torch.zeros(4)), x)
    for got, expected in zip(predicted.with_velocity(t), curve.with_velocity(t), strict=True):
        assert_close(got, expected)
    far, near = ((predicted(t + step) - curve(t + step)).abs().max() for step in (1e-4, 5e-5))
    assert 3.8 < far / near < 4.2


class Oracle(Network):
    """x and exact heads at t, for the x that it was told."""

    def __init__(self, transform: ResidualTransform, x: Tensor) -> None:
        super().__init__((3,), 3, 0)
        self.parts = transform, x  # in a tuple, no modules of this one

    def heads(self, z: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        transform, x = self.parts
        return torch.cat([x[:, None], exact_heads(transform, x, t)], 1)


@pytest.mark.parametrize("gate", GATES)
def test_a_perfect_prediction_costs_nothing_in_continuous_time(gate) -> None:
    """l(t) = 0, and T KL = O(1 / T^2) for what the expansion misses: a step's mean is off by O(1 / T^2)."""
    model, x, noise = random_model("direct", gate), torch.randn(4, 3), torch.randn(4, 3)
    scale = continuous_integrand(model, model.curve(x), torch.full((4,), 0.5), noise, None)
    model.predictor = ndm.DirectPredictor(Oracle(model.transform, x), XParameterisation())
    t = torch.tensor([0.25, 0.5, 0.75, 1.0])
    assert_close(continuous_integrand(model, model.curve(x), t, noise, None) / scale, 0.0, atol=1e-12)
    coarse, fine = (
        discrete_integrand(model, model.curve(x), (t * num).long() - 1, num, noise, noise, None)
        for num in (10_000, 20_000)
    )
    assert (coarse > 0).all() and ((coarse / fine).log2() - 2).abs().max() < 0.1


@pytest.mark.parametrize("eta", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("gate", GATES)
def test_discrete_bound_of_the_direct_form_tends_to_the_continuous_one(gate, eta) -> None:
    """Identity 1: T KL(t - 1/T, t) / l(t) = 1 + c / T + O(1 / T^2)."""
    model = random_model("direct", gate, eta)
    t, noise, curve = torch.tensor([0.25, 0.5, 0.75]), torch.randn(3, 3), model.curve(torch.randn(3, 3))
    limit = continuous_integrand(model, curve, t, noise, None)
    coarse, fine = (
        discrete_integrand(model, curve, (t * num).long() - 1, num, noise, noise, None) / limit - 1
        for num in (10_000, 20_000)
    )
    assert_first_order(coarse, fine, largest=0.05)


@pytest.mark.parametrize("gate", GATES)
def test_direct_and_plug_in_agree_where_the_heads_are_those_of_x_hat(gate) -> None:
    """At t the curve of exact heads of x^ is F(x^, .), value and velocity: the continuous bounds are one."""
    model = random_model("plug_in", gate)
    z_t, t = torch.randn(4, 3), torch.rand(4)
    plugged = model.predict(z_t, t)
    x_hat = plugged(torch.zeros(4))
    direct = model.transform.curve_from_heads(x_hat, exact_heads(model.transform, x_hat, t), t)
    for got, expected in zip(direct.with_velocity(t), plugged.with_velocity(t), strict=True):
        assert_close(got, expected)
