"""Rates, averages and the order of the data: each against its formula."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import LABELLED, POINTS, labelled, points

from ndm.base.errors import InputError
from ndm.data import Split
from ndm.data.batches import Batches
from ndm.training.averages.running import ExponentialMovingAverage
from ndm.training.build import build_model
from ndm.training.optimizer import make_optimizer
from ndm.training.optimizers.adamw import AdamW
from ndm.training.optimizers.muon import Muon, orthogonalised
from ndm.training.rates import set_learning_rate
from ndm.training.trainer import Trainer

EVERY_PART = replace(
    POINTS,
    schedule="learned",
    volatility="learned",
    reverse_step="learned",
    timesteps=3,
    schedule_rate=7.0,
    transform_rate=3.0,
    weight_decay=0.02,
    learning_rate=0.01,
)
WITHOUT_END = replace(EVERY_PART, reverse_step=None, timesteps=None)  # continuous time


@pytest.mark.parametrize(
    "config",
    [EVERY_PART, WITHOUT_END, replace(EVERY_PART, transform="series")],
    ids=["three steps", "continuous time", "time basis"],
)
def test_every_parameter_learns_at_the_rate_of_its_part(config):
    model = build_model(config, points())
    optimizer = make_optimizer(model, config)
    groups = {parameter: group for group in optimizer.param_groups for parameter in group["params"]}
    assert groups.keys() == set(model.parameters())
    rates = {
        "schedule": 7.0,
        "volatility": 7.0,
        "reverse_step": 7.0,
        "transform": 3.0 * model.transform.rate,
        "predictor": 1.0,
    }
    exceptions = {} if config.timesteps else {"schedule.log_density": 1.0}  # whose gradient is faint without steps
    seen = set()
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        seen.add(part)
        assert groups[parameter]["rate"] == exceptions.get(name, rates[part]), name
        # Weights of layers decay; scales, histograms and mixtures have as many dimensions and do not.
        is_weight = part in ("predictor", "transform") and parameter.ndim >= 2 and name.endswith(".weight")
        assert groups[parameter]["weight_decay"] == (0.02 if is_weight else 0.0), name
    assert not any(
        "log_scale" in name and groups[parameter]["weight_decay"] for name, parameter in model.named_parameters()
    )
    assert seen == rates.keys() - ({"reverse_step"} if config.timesteps is None else set())
    assert set_learning_rate(optimizer, replace(config, warmup_steps=0, decay="constant"), 5, 0.5) == 0.01
    assert all(group["lr"] == pytest.approx(0.01 * group["rate"]) for group in optimizer.param_groups)


def test_a_scale_has_further_to_go_than_the_weights_of_a_network():
    rates = [
        build_model(replace(EVERY_PART, transform=name), points()).transform.rate
        for name in ("series", "identity", "scaling")
    ]
    assert rates[:2] == [1.0, 1.0] and rates[2] > 1
    assert rates[2] > build_model(replace(EVERY_PART, timesteps=16), points()).transform.rate > 1
    assert build_model(replace(EVERY_PART, timesteps=17), points()).transform.rate == 1.0
    assert build_model(WITHOUT_END, points()).transform.rate == 1.0  # there the bound hardly depends on it


@pytest.mark.parametrize(
    ("step", "fraction", "expected"),
    [
        (0, 0.0, 1 / 5),
        (1, 0.0, 2 / 5),
        (4, 0.0, 1.0),
        (5, 0.0, 1.0),  # the warm-up, over four steps
        (9, 0.25, (1 + math.cos(math.pi / 4)) / 2),
        (9, 0.5, 0.5),
        (9, 1.0, 0.0),
        (9, 1.7, 0.0),
        (1, 0.5, 2 / 5 * 0.5),
    ],
)
def test_the_learning_rate_warms_up_and_decays_by_a_cosine(step, fraction, expected):
    config = replace(POINTS, learning_rate=0.3, warmup_steps=4, decay="cosine")
    optimizer = make_optimizer(build_model(config, points()), config)
    assert set_learning_rate(optimizer, config, step, fraction) == pytest.approx(0.3 * expected, abs=1e-12)


def test_the_optimiser_is_that_of_pytorch_bit_for_bit():
    """Where parameters have no gradient in some steps, and where a checkpoint is taken over in between."""
    options = {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.02}
    shapes = [(3, 4), (5,), (), (2, 3, 1, 1)]
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    groups = [[{"params": weights[:2]}, {"params": weights[2:], "weight_decay": 0.0}] for weights in (ours, theirs)]
    mine, reference = AdamW(groups[0], **options), torch.optim.AdamW(groups[1], fused=True, **options)
    for step in range(6):
        for k, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            one.grad = other.grad = None if step % 3 == k else torch.randn(shapes[k])
        mine.step()
        reference.step()
        if step == 3:
            state = copy.deepcopy(mine.state_dict())
            mine = AdamW(groups[0], **options)
            mine.load_state_dict(state)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
        assert mine.state[one].keys() == reference.state[other].keys()
        assert all(torch.equal(value, reference.state[other][name]) for name, value in mine.state[one].items())


@pytest.mark.parametrize("shape", [(8, 8), (8, 30), (30, 8)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape):
    """The polynomial acts on each singular value alone, whatever the scale of the matrix."""
    matrices = torch.randn(5, *shape, dtype=torch.float64) * torch.tensor([1e-8, 1e-3, 1.0, 1e3, 1e8])[:, None, None]
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    s = values / values.square().sum(1, keepdim=True).sqrt()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    found = orthogonalised(matrices)
    torch.testing.assert_close(found[1:], (left * s[:, None] @ right)[1:], rtol=1e-3, atol=1e-4)  # 1e-8 meets the 1e-7
    assert ((s > 0.5) & (s < 1.25)).double().mean() > 0.9
    torch.testing.assert_close(orthogonalised(matrices.mT), found.mT, rtol=1e-9, atol=1e-9)
    assert torch.equal(orthogonalised(torch.zeros(1, *shape)), torch.zeros(1, *shape))


def test_muon_moves_matrices_by_its_formula_and_the_rest_like_adamw():
    """A linear layer, a convolution, and what is no matrix; a checkpoint is taken over in between."""
    shapes = {"linear": (9, 20), "convolution": (12, 8, 3, 3), "narrow": (3, 20), "bias": (9,)}
    weights = {name: torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for name, shape in shapes.items()}
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    copies = [torch.nn.Parameter(before[name].clone()) for name in ("narrow", "bias")]

    def groups(of: list[torch.nn.Parameter]) -> list[dict]:
        layers = [p for p in of if p.ndim > 1]
        return [
            {"params": layers, "matrices": True, "weight_decay": 0.1},
            {"params": [p for p in of if p.ndim == 1], "weight_decay": 0.0},
        ]

    muon = Muon(groups(list(weights.values())), 0.01, (0.8, 0.9))
    adamw = AdamW(groups(copies), 0.01, (0.8, 0.9))
    momentum = dict.fromkeys(("linear", "convolution"), 0.0)
    for step in range(4):
        for name, weight in weights.items():
            weight.grad = torch.randn_like(weight)
            if name in momentum:
                momentum[name] = 0.95 * momentum[name] + 0.05 * weight.grad.flatten(1)
                moved = orthogonalised((0.95 * momentum[name] + 0.05 * weight.grad.flatten(1))[None])[0]
                size = 0.2 * math.sqrt(max(moved.shape)) * 0.01
                before[name] = (1 - 0.01 * 0.1) * before[name] - size * moved.reshape(before[name].shape)
        for copied, name in zip(copies, ("narrow", "bias"), strict=True):
            copied.grad = weights[name].grad.clone()
        muon.step()
        adamw.step()
        if step == 1:
            state = copy.deepcopy(muon.state_dict())
            muon = Muon(groups(list(weights.values())), 0.01, (0.8, 0.9))
            muon.load_state_dict(state)
    for name in momentum:
        torch.testing.assert_close(weights[name].detach(), before[name], rtol=1e-10, atol=1e-12)
    for copied, name in zip(copies, ("narrow", "bias"), strict=True):
        assert torch.equal(weights[name], copied)


def test_matrices_are_weights_of_layers():
    """No embedding of classes, no scale, no histogram: these are tables of numbers."""
    config = replace(LABELLED, optimizer="muon")
    model = build_model(config, labelled())
    optimizer = make_optimizer(model, config)
    assert isinstance(optimizer, Muon)
    moved = {p for matrices in optimizer.matrices for p in matrices}
    names = {name for name, p in model.named_parameters() if p in moved}
    assert names and all(name.endswith(".weight") for name in names)
    layers = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and min(module.weight.shape) >= 8
    }
    assert names == layers


def test_the_learning_rate_may_stay():
    config = replace(POINTS, learning_rate=0.3, warmup_steps=0, decay="constant")
    optimizer = make_optimizer(build_model(config, points()), config)
    assert [set_learning_rate(optimizer, config, 3, fraction) for fraction in (0.0, 0.5, 1.0)] == [0.3] * 3


def test_averages_follow_their_formula():
    model = build_model(replace(POINTS, volatility="best"), points())
    ema = ExponentialMovingAverage(model, decay=0.6)
    expected = copy.deepcopy(dict(model.named_parameters()))
    for step in range(8):
        with torch.no_grad():
            for value in [*model.parameters(), *filter(torch.is_floating_point, model.buffers())]:
                value.add_(torch.randn_like(value))
            decay = min(0.6, (1 + step) / (10 + step))
            expected = {name: decay * expected[name] + (1 - decay) * value for name, value in model.named_parameters()}
        ema.update(model, step)
    for name, value in ema.model.named_parameters():
        torch.testing.assert_close(value, expected[name])
        assert not value.requires_grad
    for (name, value), other in zip(ema.model.named_buffers(), model.buffers(), strict=True):
        assert torch.equal(value, other), name
    assert not ema.model.training and model.training


def test_every_epoch_is_a_permutation_of_its_own():
    split = Split(np.arange(23, dtype=np.float32)[:, None])
    batches = Batches(split, 5, seed=4)
    seen = np.concatenate([batches[step].x for step in range(23)])[:, 0].reshape(5, 23)
    for epoch in seen:
        assert sorted(epoch) == list(range(23))
    assert len({tuple(epoch) for epoch in seen}) == 5


def test_a_batch_is_a_function_of_the_seed_and_the_step_alone():
    split = Split(np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32))
    in_order = Batches(split, 5, seed=4)
    expected = [in_order[step].x for step in range(40)]
    jumping = Batches(split, 5, seed=4)
    for step in (39, 0, 17, 17, 4, 38, 3):
        np.random.seed(step)
        for batches in (jumping, Batches(split, 5, seed=4)):
            assert np.array_equal(batches[step].x, expected[step])
    assert not np.array_equal(Batches(split, 5, seed=5)[0].x, expected[0])


def test_a_batch_may_be_larger_than_the_data():
    split = Split(np.arange(3, dtype=np.float32)[:, None])
    counts = np.unique(Batches(split, 10, seed=0)[1].x, return_counts=True)[1]
    assert counts.sum() == 10 and set(counts) <= {3, 4}
    with pytest.raises(InputError, match="batch size 0"):
        Batches(split, 0, seed=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_steps", 0),
        ("max_steps", -1),
        ("max_seconds", 0.0),
        ("timesteps", 0),
        ("timesteps", -3),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("learning_rate", float("nan")),
        ("clip", 0.0),
        ("log_every", 0),
        ("save_every", 0),
        ("threads", 0),
        ("ema_decay", 1.0),
        ("ema_decay", -0.1),
        ("warmup_steps", -1),
        ("betas", (1.5, 0.9)),
        ("betas", (0.9, -0.1)),
        ("weight_decay", -1.0),
        ("schedule_rate", -1.0),
        ("transform_rate", -1.0),
        ("seed", -1),
        ("timesteps", 10**8),
    ],
)
def test_an_impossible_setting_is_refused_by_name(tmp_path, field, value):
    with pytest.raises(InputError, match=field):
        Trainer(replace(POINTS, **{field: value}), points(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
