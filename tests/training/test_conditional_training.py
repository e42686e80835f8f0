"""A model that is told labels or values: what it is built with, that runs go on exactly, and that it learns them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny import LABELLED, MEASURED, POINTS, labelled, lines, measured, points, signal_at, tensors

import ndm
from ndm.base.errors import InputError
from ndm.config import Config
from ndm.data import DataSet, Split
from ndm.data.batches import batches_of
from ndm.parts.conditions import LabelCondition, ValueCondition
from ndm.training.build import build_model
from ndm.training.defaults import Plan
from ndm.training.dry_run import dry_run
from ndm.training.trainer import Trainer

CASES = {"labels": (LABELLED, labelled), "values": (MEASURED, measured)}


@pytest.fixture(params=CASES)
def case(request) -> tuple[Config, DataSet]:
    config, make = CASES[request.param]
    return config, make()


def test_a_model_takes_classes_and_their_frequencies_from_the_data() -> None:
    data = labelled()
    condition = build_model(LABELLED, data).condition
    assert isinstance(condition, LabelCondition) and condition.classes == ("ant", "bee", "cow")
    shares = [float((data.train.y == number).mean()) for number in (0, 1, 2, -1)]
    assert condition.frequencies == pytest.approx(shares) and condition.knows_none


def test_a_model_takes_means_and_spreads_of_values_from_the_data() -> None:
    data = measured()
    condition = build_model(MEASURED, data).condition
    assert isinstance(condition, ValueCondition) and condition.names == ("age", "height")
    standardised = condition(torch.from_numpy(data.train.cond))
    torch.testing.assert_close(standardised.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(standardised.std(0, correction=0), torch.ones(2), atol=1e-5, rtol=0)


def test_the_configuration_and_the_data_must_agree() -> None:
    with pytest.raises(InputError, match=r"condition = \('label',\) for points, read with \(\); expected the same"):
        build_model(LABELLED, points())
    with pytest.raises(InputError, match=r"condition = \(\) for labelled, read with \('label',\)"):
        build_model(POINTS, labelled())
    with pytest.raises(InputError, match=r"the option num_classes for ScalingTransform.*it follows from the data"):
        build_model(replace(POINTS, transform_options={"num_classes": 3}), points())


def test_without_a_condition_nothing_is_told() -> None:
    model = build_model(POINTS, points())
    assert model.condition is None and not any("condition" in name for name, _ in model.named_parameters())


def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(case, tmp_path) -> None:
    config, data = case
    config = replace(config, max_steps=7, save_every=100)
    assert Trainer(config, data, tmp_path / "whole").fit()
    with signal_at(4):
        assert not Trainer(config, data, tmp_path / "parts").fit()
    assert Trainer(config, data, tmp_path / "parts").fit()
    assert tensors(tmp_path / "whole") == tensors(tmp_path / "parts")
    assert lines(tmp_path / "whole") == lines(tmp_path / "parts")


def test_the_condition_of_a_run_cannot_change(tmp_path) -> None:
    data = labelled()
    assert Trainer(LABELLED, data, tmp_path / "run").fit()
    train, validation, test = (replace(data.split(name), cond=None) for name in ("train", "validation", "test"))
    plain = replace(data, condition=(), train=train, validation=validation, test=test)
    with pytest.raises(InputError, match=r"other data for the run .*condition: \['label'\] is now none.*read alike"):
        Trainer(replace(LABELLED, condition=()), plain, tmp_path / "run")


def test_a_failed_batch_is_kept_with_its_conditions(tmp_path) -> None:
    config, data = MEASURED, measured()
    trainer = Trainer(config, data, tmp_path / "run")
    with torch.no_grad():
        next(trainer.raw_model.predictor.parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match="its batch is saved in"):
        trainer.fit()
    (path,) = (tmp_path / "run").glob("failure-*.npz")
    with np.load(path) as kept:
        batch = batches_of(data.train, config.batch_size, config.seed)[0]
        assert (kept["x"] == batch.x).all() and (kept["cond"] == batch.cond).all()


def test_a_dry_run_says_who_is_told(case, capsys) -> None:
    config, data = case
    dry_run(Plan(config, None), data, Console(width=200))
    out = capsys.readouterr().out
    assert "given to F and the predictor" in out
    dry_run(Plan(replace(config, transform="scaling", transform_options={}), None), data, Console(width=200))
    out = capsys.readouterr().out
    assert "given to the predictor; F (ScalingTransform) does not depend on it" in out
    assert ("condition: label (3 classes)" in out) == (config is LABELLED)


def test_what_a_model_is_told_lowers_its_bound(tmp_path) -> None:
    """Classes far apart: log 3 nats less at best, of which a short training finds most."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    x = (np.array([[-8.0], [0.0], [8.0]])[y] + rng.normal(size=(600, 1))).astype(np.float32)
    plain = DataSet("far", *Split(x, y).cut((400, 100, 100)), num_levels=None, num_classes=3, source="here")
    config = replace(POINTS, transform="identity", max_steps=150, learning_rate=1e-2, batch_size=64, log_every=50)
    bounds = []
    for condition in (("label",), ()):
        data = plain.conditioned(condition)
        trainer = Trainer(replace(config, condition=condition), data, tmp_path / f"run {len(bounds)}")
        assert trainer.fit()
        cond = None if data.test.cond is None else torch.from_numpy(data.test.cond)
        model, generator = trainer.raw_model.eval(), torch.Generator().manual_seed(0)
        bounds.append(float(ndm.nelbo(model, torch.from_numpy(data.test.x), cond, generator=generator).total.mean()))
    assert bounds[0] < bounds[1] - 0.5 * math.log(3)
