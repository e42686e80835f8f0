"""The rules: pure functions of facts, of what is given, and of the time of a step."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from ndm.base.errors import InputError
from ndm.config import VALIDATION_DRAWS
from ndm.data import DataSet, Split
from ndm.recipes import RULED, Choice, Facts, Rung, Settled, choose, measured, settle
from ndm.recipes import _ladder as table

NEEDED = {16: 1500, 24: 1500, 32: 1500, 48: 2000, 64: 3000, 96: 6000, 128: 12_000}
IMAGES = Facts("image", (3, 32, 32), (32, 32), 256, 200, 0.5, 1500)
POINTS = Facts("points", (2,), (2,), None, None, None, 4000)
DATA = DataSet(
    "made up",
    *(Split(np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)) for _ in range(3)),
    num_levels=None,
    num_classes=0,
    source="here",
)


@pytest.fixture(autouse=True)
def numbers(monkeypatch) -> None:
    """Steps that networks need, whatever the fitted table says."""
    unet = replace(table.UNET, rows=tuple(row._replace(fewest_steps=NEEDED[row.size]) for row in table.UNET.rows))
    monkeypatch.setattr(table, "UNET", unet)
    monkeypatch.setattr(table, "FAMILIES", table.FAMILIES | {unet.name: unet})


def chosen(facts: Facts = IMAGES, pace=None, ways=MappingProxyType({}), shares: int = 1, **given) -> Choice:
    """What is chosen beside what is given; without a pace there must be no measure."""

    def unmeasured(rung: Rung) -> float:
        raise AssertionError("measured")

    return choose(facts, settle(None, DATA, given), pace or unmeasured, ways, shares)


def size(choice: Choice) -> int:
    return choice.values.get("predictor_options.channels") or choice.values["predictor_options.width"]


def fit(budget: float, seconds: float) -> int:
    """The steps that fit into a budget of which a twentieth is for validation."""
    return int(budget * (1 - table.VALIDATING) / seconds)


def quadratic(second: float = 1e-5):
    """A pace that grows with the square of the size, without regard to all else."""
    return lambda rung: second * (rung.options.get("channels") or rung.options["width"]) ** 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@drawn(budget=st.floats(0.06, 1e5))
def test_the_largest_of_which_enough_steps_fit(budget):
    found = chosen(pace=quadratic(), max_seconds=budget)
    own, sizes = size(found), list(NEEDED)
    assert found.seconds == pytest.approx(1e-5 * own**2) and found.steps == fit(budget, found.seconds)
    assert found.steps >= NEEDED[own] or own == sizes[0]
    larger = sizes[sizes.index(own) + 1 :][:1]
    assert all(fit(budget, 1e-5 * each**2) < NEEDED[each] for each in larger)


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, 16), (1499, 16), (1500, 32), (2999, 48), (3000, 64), (12_000, 128), (10**7, 128)]
)
def test_a_budget_of_steps_needs_no_measure(steps, expected):
    found = chosen(max_steps=steps)
    assert (size(found), found.steps, found.seconds) == (expected, steps, None)


def test_of_two_budgets_both_count():
    found = chosen(pace=quadratic(), max_steps=3500, max_seconds=1e9)
    assert (size(found), found.steps) == (64, 3500)
    found = chosen(pace=quadratic(), max_steps=10**9, max_seconds=40)
    assert (size(found), found.steps) == (32, fit(40, 1e-5 * 32**2))
    assert size(chosen(max_steps=3, max_seconds=1e9)) == 16  # one size alone gets so few: there is nothing to measure


def test_without_a_budget_ten_minutes():
    found = chosen(pace=lambda rung: 0.3)
    assert found.values["max_seconds"] == 600 and found.steps == fit(600, 0.3)
    assert "max_seconds" not in chosen(pace=lambda rung: 0.3, max_seconds=600).values


@pytest.mark.parametrize("seconds", [0.4, 1.0, 7.0])
def test_a_budget_that_is_too_short_is_refused_and_the_one_that_is_named_is_taken(seconds):
    with pytest.raises(InputError) as error:
        chosen(pace=lambda rung: seconds, max_seconds=19 * seconds)
    assert "unet of 16 channels" in error.value.got and f"{seconds:.2g} s" in error.value.got
    named = float(error.value.expected.partition("s or more")[0])
    assert chosen(pace=lambda rung: seconds, max_seconds=named).steps >= 20


def test_a_rung_that_memory_does_not_hold_ends_the_ladder():
    def pace(rung: Rung) -> float:
        if rung.options["channels"] > 48:
            raise InputError("too large", "less")
        return 1e-4

    found = chosen(pace=pace, max_seconds=600)
    assert size(found) == 48 and "memory" in found.settings["predictor_options.channels"].reason


def test_bfloat16_is_taken_only_where_it_is_faster_and_native():
    def pace(rung: Rung) -> float:
        return {"float32": 0.1, "bf16": 0.05 if rung.options["channels"] >= 32 else 0.095}[rung.precision]

    both = {"precision": ["float32", "bf16"]}
    assert chosen(pace=pace, ways=both, max_seconds=600).values["precision"] == "bf16"
    assert chosen(pace=pace, max_seconds=600).values["precision"] == "float32"
    small = {"network": "unet", "channels": 16}
    assert chosen(pace=pace, ways=both, max_seconds=600, predictor_options=small).values["precision"] == "float32"
    found = chosen(pace=pace, ways=both, max_seconds=600, precision="float32")
    assert "precision" not in found.values and found.seconds == 0.1


def test_threads_are_those_of_the_fastest_and_what_was_hopeless_is_not_tried_again():
    both, seen = {"threads": [1, None], "precision": ["float32", "bf16"]}, []

    def pace(rung: Rung) -> float:
        seen.append((rung.options["channels"], rung.threads, rung.precision))
        many = {16: 2.0, 24: 1.2}.get(rung.options["channels"], 0.5)  # of the time on one thread
        return 0.01 * (many if rung.threads is None else 1) * (4 if rung.precision == "bf16" else 1)

    found = chosen(pace=pace, ways=both, max_seconds=25)
    assert size(found) == 64 and "threads" not in found.values and found.seconds == 0.005
    assert [each for each in seen if each[2] == "bf16"] == [(16, 1, "bf16")]
    assert seen[:3] == [(16, 1, "float32"), (16, None, "float32"), (16, 1, "bf16")]
    found = chosen(pace=pace, ways=both, max_seconds=600, predictor_options={"channels": 16})
    assert found.values["threads"] == 1 and "faster" in found.settings["threads"].reason
    assert chosen(pace=pace, ways=both, max_seconds=600, threads=None).seconds == 0.005
    seen.clear()
    chosen(POINTS, pace=lambda rung: seen.append(rung.precision) or 1e-3, ways=both, max_seconds=6)
    assert set(seen) == {"float32"}  # an MLP has its threads and its precision


GIVEN = {
    "channels": {"predictor_options": {"channels": 64}},
    "channels that are in no row": {"predictor_options": {"channels": 50}},
    "mlp": {"predictor_options": {"network": "mlp"}},
    "full_resolution": {"predictor_options": {"network": "full_resolution", "blocks": 3}},
    "batch": {"batch_size": 5, "accumulate": 5},
    "rate": {"learning_rate": 0.5, "ema_decay": 0.5, "warmup_steps": 3},
    "schedule": {"schedule": "cosine"},
    "an end": {"schedule_options": {"gamma_min": -3.0}},
    "nothing": {},
}


@pytest.mark.parametrize(
    ("name", "facts"),
    [*((name, IMAGES) for name in GIVEN), *((name, POINTS) for name in GIVEN if "channels" not in name)],
)
def test_what_is_given_is_kept_and_the_rest_chosen_around_it(name, facts):
    given = GIVEN[name] | {"max_steps": 2000}
    settled = settle(None, DATA, given)
    found = choose(facts, settled, lambda rung: 1.0)
    config = settled.config(found.values)
    for setting, value in given.items():
        kept = getattr(config, setting)
        assert kept.items() >= value.items() if isinstance(value, dict) else kept == value
        assert (
            not {f"{setting}.{option}" for option in value} & found.values.keys() if isinstance(value, dict) else True
        )
        assert setting not in found.values
    assert {each.partition(".")[0] for each in found.values} <= RULED
    assert all(each.reason and "\n" not in each.reason for each in found.settings.values())


def test_a_size_that_is_given_has_what_goes_with_the_nearest():
    found = chosen(max_steps=2000, predictor_options={"channels": 60})
    row = next(row for row in table.UNET.rows if row.size == 64)
    assert found.values["learning_rate"] == row.learning_rate and found.values["predictor_options.multipliers"] == [
        1,
        2,
    ]
    assert size(chosen(max_steps=2000, predictor_options={"network": "mlp"})) == 64
    assert "schedule_options.gamma_min" not in chosen(max_steps=2000, schedule="cosine").values
    assert chosen(max_steps=2000, schedule_options={"gamma_min": -3.0}).values["schedule_options.gamma_max"] == 5.0


def test_there_is_a_rule_for_every_setting_that_is_ruled():
    found = [chosen(pace=lambda rung: 0.3), chosen(POINTS, pace=lambda rung: 0.1)]
    assert {name.partition(".")[0] for each in found for name in each.values} == RULED


@pytest.mark.parametrize(
    ("facts", "multipliers", "axes", "channels"),
    [
        (IMAGES, [1, 2], None, 16),
        (replace(IMAGES, shape=(3, 64, 48), sizes=(64, 48)), [1, 2, 2], None, 16),
        (replace(IMAGES, shape=(3, 128, 128), sizes=(128, 128)), [1, 2, 2, 2], None, 16),
        (Facts("signal", (100_000,), (100_000,), None, None, 0.0, 100), [1, 2, 2, 2, 2, 2], 1, 16),
        (Facts("signal", (2, 40), (40,), None, None, 0.0, 100), [1, 2], None, 16),
        (Facts("volume", (8, 8, 8), (8, 8, 8), None, None, 0.0, 100), [1, 2], 3, 8),
    ],
    ids=str,
)
def test_resolutions_axes_and_channels_of_unets(facts, multipliers, axes, channels):
    values = chosen(facts, max_steps=10).values
    assert values["predictor_options.network"] == "unet" and values["predictor_options.multipliers"] == multipliers
    assert values.get("predictor_options.axes") == axes and values["predictor_options.channels"] == channels


@pytest.mark.parametrize(
    "facts",
    [POINTS, replace(IMAGES, shape=(3, 7, 32), sizes=(7, 32)), replace(POINTS, kind="table", shape=(9,))],
    ids=str,
)
def test_events_without_neighbours_or_with_few_have_an_mlp_on_one_thread(facts):
    values = chosen(facts, max_steps=10).values
    assert (values["predictor_options.network"], values["threads"]) == ("mlp", 1)


@pytest.mark.parametrize(
    ("levels", "used", "parameterisation", "ends"),
    [
        (2, 2, "categorical", (-8, 6)),
        (32, 32, "categorical", (-8, 6)),
        (33, 33, "discrete_gaussian", (-10, 6)),
        (65, 65, "discrete_gaussian", (-12.5, 5)),
        (256, 32, "categorical", (-12.5, 5)),
        (256, 33, "discrete_gaussian", (-12.5, 5)),
        (None, None, None, (-10, 6)),
    ],
)
def test_levels_choose_the_parameterisation_and_the_ends_of_gamma(levels, used, parameterisation, ends):
    values = chosen(replace(IMAGES, num_levels=levels, levels_used=used), max_steps=10).values
    assert values.get("predictor_options.parameterisation") == parameterisation
    assert (values["schedule_options.gamma_min"], values["schedule_options.gamma_max"]) == ends


@pytest.mark.parametrize(
    ("number", "shares", "expected"), [(1500, 1, 16), (10, 1, 10), (10, 4, 8), (3, 4, 4), (None, 3, 15)], ids=str
)
def test_a_batch_has_no_more_than_all_examples_and_equal_shares(number, shares, expected):
    assert chosen(replace(IMAGES, num_examples=number), max_steps=10, shares=shares).batch_size == expected


@pytest.mark.parametrize(("steps", "dropout"), [(100 * 1500 // 16, 0.0), (100 * 1500 // 16 + 2, 0.1)])
def test_many_passes_over_the_data_have_dropout(steps, dropout):
    found = chosen(max_steps=steps)
    assert found.values["predictor_options.dropout"] == dropout
    assert found.passes == pytest.approx(steps * 16 / 1500)


@pytest.mark.parametrize(
    ("steps", "warmup", "ema", "validate", "save", "line"),
    [(1, 0, 0.9, 20, 50, 5), (1000, 50, 0.98, 200, 100, 5), (40_000, 100, 0.9995, 2000, 4000, 100)],
)
def test_what_follows_from_the_number_of_steps(steps, warmup, ema, validate, save, line):
    values = chosen(max_steps=steps).values
    names = ("warmup_steps", "ema_decay", "validate_every", "save_every", "log_every")
    assert [values[name] for name in names] == [warmup, pytest.approx(ema), validate, save, line]


@drawn(steps=st.integers(1, 10**6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_validation_takes_a_twentieth_of_the_passes_or_the_least_that_shows_something(steps):
    values = chosen(max_steps=steps).values
    limit, every = values["validation_limit"], values["validate_every"]
    passes, trained = VALIDATION_DRAWS * limit * (steps // every), steps * values["batch_size"]
    assert 32 <= limit <= 256 and (passes <= 0.06 * trained or (limit == 32 and steps // every <= 5))


def test_what_is_measured_has_the_options_that_are_given_and_no_length():
    settled = settle(None, DATA, {"predictor_options": {"blocks": 2}, "precision": "bf16"})
    seen = []
    choose(replace(IMAGES, num_levels=17), settled, lambda rung: seen.append(measured(IMAGES, settled, rung)) or 1.0)
    (config,) = seen
    assert config.predictor_options["blocks"] == 2 and config.precision == "bf16" and config.batch_size == 16
    assert (config.max_steps, config.max_seconds) == (None, None)


def test_nothing_is_chosen_beside_the_options_that_training_starts_from():
    source = {"schedule": "learned_linear", "schedule_options": {}, "predictor_options": {"network": "unet"}}
    settled = settle(None, DATA, {"max_steps": 20_000}, source)
    found = choose(IMAGES, settled, lambda rung: 1.0)
    assert not {"predictor_options", "schedule_options"} & {name.partition(".")[0] for name in found.values}
    assert found.values["learning_rate"] == 8e-3  # of 32 channels, the network's own
    assert settled.config(found.values).predictor_options == {"network": "unet"}


def test_a_known_model_goes_on_top_of_the_rules():
    settled = settle("ddpm", DATA, {"max_steps": 10})
    found = choose(replace(IMAGES, num_levels=17), settled, lambda rung: 1.0)
    config = settled.config(found.values)
    assert (config.schedule, config.schedule_options, config.timesteps) == ("ddpm", {}, 1000)
    assert config.predictor_options["parameterisation"] == "eps" and "schedule_options.gamma_min" not in found.values
    assert config.predictor_options["network"] == "unet" and not settled.is_whole
    assert settle("plane", DATA, {}).is_whole and not Settled({}).is_whole
