"""`python -m benchmarks defaults`: one change at a time on made-up rows, and the study on tiny sets."""

import inspect
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import real_set
from test_command import call

from benchmarks.defaults import space, trials
from benchmarks.defaults.output import of_left_out, of_settings, seconds_of
from benchmarks.defaults.search import best, changes, combined, excesses, helpful, refit, ruled
from benchmarks.defaults.space import (
    MINUTES,
    RULES,
    SPACE,
    UNRULED,
    changes_of,
    given,
    is_own,
    larger,
    name_of,
    nested,
    searched,
    short,
    single,
)
from benchmarks.defaults.trials import TrialJob, configuration, execute, measured
from benchmarks.engine.rows import Row, read_rows
from benchmarks.engine.workers import ProcessEnded, in_new_process
from benchmarks.sets.catalogue import SETS
from benchmarks.sets.real_set import RealSet, Result, build
from ndm.base.axes import NETWORKS, PREDICTORS
from ndm.base.options import options_of
from ndm.config import Config
from ndm.recipes import Facts
from ndm.training import defaults as chosen_by_rules

IMAGES = Facts("image", (1, 8, 8), (8, 8), 256, 200, 0.1, 20)
DIGITS = Facts("image", (1, 8, 8), (8, 8), 17, 17, 0.1, 1000)
POINTS = Facts("table", (3,), (3,), None, None, None, None)


OWN = {  # what the rules choose for made-up rows
    "predictor_options.channels": 64,
    "predictor_options.multipliers": [1, 2],
    "predictor_options.blocks": 1,
    "predictor_options.parameterisation": "discrete_gaussian",
    "batch_size": 16,
    "optimizer": "muon",
    "learning_rate": 0.008,
    "schedule_rate": 2.0,
    "schedule_options.gamma_min": -12.5,
    "ema": 0.0499,
}
CHANGES = [
    *("channels=16", "channels=32", "channels=96", "channels=128", "multipliers=[1,2,2]", "blocks=2"),
    *("parameterisation=scaled", "parameterisation=gaussian_mixture", "parameterisation=categorical"),
    *("batch_size=8", "batch_size=32"),
    *("optimizer=adamw", "learning_rate=0.004", "learning_rate=0.016", "schedule_rate=1.0", "schedule_rate=5.0"),
    *("gamma_min=-13.3", "gamma_min=-11.5", "ema=0.005", "ema=0.02"),
]


def row(data: str, trial: str, total: float, spread: float = 0.01, seconds: float = 60, **more: Any) -> Row:
    """A made-up row of four groups of examples, `spread` apart; the training failed where its total is infinite."""
    found = {"data": data, "kind": "image", "trial": trial, "seconds": seconds, "timesteps": None} | more
    found = {"unit": "bits/dim", "dimensions": 64, "levels": 256, "examples": 1000, "settings": OWN} | found
    if math.isinf(total):
        return found | {"failed": "diverged"}
    groups = [total + each * spread for each in (-1.5, -0.5, 0.5, 1.5)]
    return found | {"validation": {"total": total, "standard_error": 0.1, "groups": groups}}


def rows_of(data: str, rules: float, totals: dict[str, float], **more: Any) -> list[Row]:
    """The rules and every change of one set; those that are not named are a tenth worse."""
    asked = changes(row(data, RULES, rules, **more))
    assert totals.keys() <= set(asked)
    found = [row(data, trial, totals.get(trial, 1.1 * rules), **more) for trial in asked]
    return [row(data, RULES, rules, **more), *found]


# On c the rules choose channels=32 themselves, and its few levels are best as categories.
OF_C = {"levels": 17, "settings": OWN | {"predictor_options.channels": 32}}
ROWS = [
    *rows_of("a", 3.0, {"channels=16": 2.55, "channels=32": 2.4, "optimizer=adamw": 2.85, "ema=0.02": math.inf}),
    *rows_of("b", 5.0, {"channels=16": 4.0, "channels=32": 4.5, "optimizer=adamw": 5.5, "batch_size=8": 4.9}),
    *rows_of("c", 1.0, {"channels=16": 1.2, "batch_size=8": 1.01, "parameterisation=categorical": 0.8}, **OF_C),
]


def log(number: float) -> Any:
    """The excess of a ratio, up to rounding."""
    return pytest.approx(math.log(number))


def test_the_best_go_on_and_what_failed_does_not():
    of_a = [each for each in ROWS if each["data"] == "a" and "optimizer" not in each["trial"]]
    assert best(of_a, 2) == ["channels=32", "channels=16"] and best(of_a, 3)[2] == RULES
    assert "ema=0.02" not in best(of_a, 99) and len(best(of_a, 99)) == len(of_a) - 1
    assert best([row("a", "channels=16", 1.0), row("a", "batch_size=8", 1.0)], 1) == ["batch_size=8"]


def test_a_trial_has_one_change_that_the_data_can_have_and_the_rules_did_not_choose():
    assert changes(row("a", RULES, 1.0)) == CHANGES
    few = changes(row("c", RULES, 1.0, **OF_C, examples=20))
    assert set(few) - set(CHANGES) == {"channels=64"}
    assert set(CHANGES) - set(few) == {"channels=32", "batch_size=32"}
    assert changes(row("a", RULES, math.inf)) == [] == changes(None)
    real = [name_of({name: value}) for name, value in single("unet", OWN, None, None)]
    assert set(CHANGES) - set(real) == {"gamma_min=-13.3", "gamma_min=-11.5", "parameterisation=categorical"}


@pytest.mark.parametrize("network", SPACE)
def test_a_trial_is_what_its_name_says(network):
    assert changes_of(RULES, network) == {} and name_of({}) == RULES
    every = [{name: value} for name, values in SPACE[network].items() for value in values]
    for each in every:
        assert changes_of(name_of(each), network) == each and " " not in name_of(each)
    assert len({name_of(each) for each in every}) == len(every)
    both = {name: values[-1] for name, values in SPACE[network].items()}
    assert changes_of(name_of(both), network) == both
    assert len({short(name) for name in SPACE[network]}) == len(SPACE[network])


def test_what_no_rule_chooses_has_the_default_of_its_class():
    found = {short(name): value for name, value in UNRULED.items()}
    for network, option in (("mlp", "num_frequencies"), ("unet", "blocks")):
        assert found[option] == inspect.signature(NETWORKS.find(network)).parameters[option].default
    assert found["parameterisation"] == options_of(PREDICTORS.find("direct"))["parameterisation"].default


def test_numbers_that_were_rounded_are_the_rules_own():
    assert is_own("ema", 0.05, OWN) and not is_own("ema", 0.02, OWN) and not is_own("ema", 0.05, {})
    assert is_own("learning_rate", 0.008, OWN) and is_own("schedule_rate", 2.0, {"schedule_rate": 2})
    assert not is_own("schedule_options.gamma_min", -13.3, {"schedule_options.gamma_min": -13.54})


def test_what_is_clearly_better_is_combined():
    # Better by 0.3 and 0.6 of one setting, of which the best is taken, and by 0.15; the spread of all is the same.
    of_a = [each for each in ROWS if each["data"] == "a"]
    assert combined(of_a) == "channels=32 optimizer=adamw"
    assert combined(of_a[::-1]) == "channels=32 optimizer=adamw"
    # The error of the difference of the groups is 1.29 (4 - 0.01) / 2: two of these are more than 0.6.
    unclear = [each for each in of_a if each["trial"] != "channels=32"] + [row("a", "channels=32", 2.4, spread=4.0)]
    assert combined(unclear) == "channels=16 optimizer=adamw"
    assert combined([row("a", RULES, 1.0), row("a", "optimizer=adamw", 1.1)]) == RULES
    assert combined([row("a", RULES, math.inf), row("a", "optimizer=adamw", 1.1)]) == RULES == combined([])


def test_an_excess_is_a_ratio_of_bits_or_a_difference_of_nats_per_dimension():
    found = excesses(ROWS)
    assert found["channels=16"] == {"a": log(0.85), "b": log(0.8), "c": log(1.2)}
    # The rules' own is that of the rules.
    assert found["channels=32"] == {"a": log(0.8), "b": log(0.9), "c": 0.0}
    assert found["channels=64"] == {"a": 0.0, "b": 0.0, "c": log(1.1)}
    assert found["parameterisation=categorical"] == {"a": log(1.1), "b": log(1.1), "c": log(0.8)}
    assert found["ema=0.02"] == {"a": math.inf, "b": log(1.1), "c": log(1.1)}
    of_table = {
        "kind": "table",
        "unit": "nats",
        "dimensions": 4,
        "levels": None,
        "settings": {"batch_size": 512},
        "examples": 9000,
    }
    table = [row("t", RULES, -2.0, **of_table), row("t", "batch_size=128", -3.0, **of_table)]
    # Trials that have no row yet have no excess.
    assert excesses(table) == {"batch_size=128": {"t": -0.25}, "batch_size=512": {"t": 0.0}}
    assert refit(table) == {"batch_size": 128}


def test_the_other_sets_choose_and_the_one_left_out_has_no_part():
    # channels: 16 has log(0.85 * 0.8 * 1.2), 32 has log(0.8 * 0.9); optimizer: log(0.95 * 1.1 * 1.1) is no gain.
    form, size, batch = "predictor_options.parameterisation", "predictor_options.channels", "batch_size"
    assert refit(ROWS) == {size: 32, form: "categorical"}
    assert refit(ROWS, "a") == {size: 32, form: "categorical", batch: 8}  # 0.98 * 1.01, and with a 1.1 more
    assert refit(ROWS, "b") == {size: 32, form: "categorical"}
    assert refit(ROWS, "c") == {size: 16}  # 0.85 * 0.8, and 32 has 0.8 * 0.9
    for name in "abc":
        others = [each for each in ROWS if each["data"] != name]
        changed = [each | ({} if "failed" in each else {"validation": {"total": 7.0}}) for each in ROWS]
        mixed = others + [each for each in changed if each["data"] == name]
        assert refit(mixed, name) == refit(others) == refit(ROWS, name)


def test_only_a_value_that_ran_on_all_the_others_is_chosen():
    size, form = "predictor_options.channels", "predictor_options.parameterisation"
    lacking = [each for each in ROWS if (each["data"], each["trial"]) != ("b", "channels=32")]
    assert refit(lacking) == {size: 16, form: "categorical"} and refit(lacking, "b") == refit(ROWS, "b")
    assert refit([]) == {} == refit(rows_of("a", 1.0, {"channels=16": 0.9}), "a")
    # A set on which the rules failed has nothing to compare with, and no say.
    failed = [row("b", RULES, math.inf) if (each["data"], each["trial"]) == ("b", RULES) else each for each in ROWS]
    assert refit(failed) == refit(ROWS, "b")


def test_the_size_that_is_best_after_a_minute_is_not_carried_to_an_hour():
    assert ruled(ROWS, 2, "c") == refit(ROWS, "c") == {"predictor_options.channels": 16}
    assert ruled(ROWS, 10, "c") == {} and ruled(ROWS, 60) == {"predictor_options.parameterisation": "categorical"}


def test_what_data_cannot_have_is_left_to_the_rules():
    settings = {
        "predictor_options.parameterisation": "categorical",
        "predictor_options.channels": 16,
        "schedule_options.gamma_min": -13.3,
        "batch_size": 32,
        "ema": 0.02,
    }
    assert nested(given(settings, IMAGES, None)) == {
        "predictor_options": {"channels": 16, "parameterisation": "categorical"},
        "schedule_options": {"gamma_min": -13.3},
    }
    few = given(settings, DIGITS, None)
    assert few["predictor_options.parameterisation"] == "categorical" and few["batch_size"] == 32
    # The noise is as large, by the distance of two levels, 2 / 16 in place of 2 / 255.
    ends = (-13.3, 256), (few["schedule_options.gamma_min"], 17)
    at_least = [math.exp(each / 2) / (2 / (levels - 1)) for each, levels in ends]
    assert at_least[0] == pytest.approx(at_least[1])
    scaled = settings | {"predictor_options.parameterisation": "scaled"}
    assert "predictor_options.parameterisation" not in given(scaled, IMAGES, 8)
    assert given(scaled, IMAGES, None)["predictor_options.parameterisation"] == "scaled"
    assert given(settings, POINTS, None) == {"predictor_options.channels": 16, "batch_size": 32}


def test_a_configuration_is_said_in_the_words_of_the_space():
    settings = {name: values[-1] for name, values in SPACE["unet"].items()}
    config = vars(Config(**nested(given(settings, DIGITS, None)), ema_decay=1 - 1 / (settings["ema"] * 5000)))
    assert searched(config, 5000, "unet", 17) == settings


def test_the_table_of_settings_has_mean_and_range_of_each_value():
    lines = of_settings(ROWS, "unet").splitlines()[2:]
    assert len(lines) == sum(map(len, SPACE["unet"].values()))
    # log 0.85, 0.8, 1.2 in per cent; 0.8, 0.9 and the rules' own.
    assert lines[0] == "| channels | 16 | -6.78 | -22.31 to +18.23 | 2 | 3 | 0 |"
    assert lines[1] == "| channels | 32 | -10.95 | -22.31 to +0.00 | 2 | 3 | 1 |"
    assert "| ema | 0.02 | +inf | +9.53 to +inf | 0 | 3 | 0 |" in lines
    assert "| optimizer | muon | +0.00 | +0.00 to +0.00 | 0 | 3 | 3 |" in lines


def test_the_table_of_sets_left_out_has_mean_range_and_targets():
    sets = {name: {"codecs": {"test": {"webp": 2.0}}} for name in "abc"}
    trial_of = {name: name_of(refit(ROWS, name)) for name in "abc"}
    after_two = [
        row(name, trial_of[name], 9.0 if test else math.inf, seconds=120, **({"test": {"total": test}} if test else {}))
        for name, test in (("a", 1.8), ("b", 2.2), ("c", None))
    ]
    (line,) = of_left_out(ROWS, [*ROWS, *after_two], sets, "abc", 1.0).splitlines()[2:]
    a, b, c = trial_of.values()
    cells = f"0.900 ({a}) | 1.100 ({b}) | failed ({c}) | 1.000 (0.900 to 1.100)"
    assert line == f"| ∞ | 2 | {cells} | 1.06 |"


def test_a_process_that_ends_is_said():
    with pytest.raises(ProcessEnded, match="exit code"):
        in_new_process(os._exit, 3)


SMALL = {
    "unet": {
        "predictor_options.channels": (4, 16),
        "batch_size": (2, 16),
        "optimizer": ("adamw", "muon"),
        "ema": (0.9, 0.05),
    },
    "mlp": {"predictor_options.width": (8, 16, 64), "optimizer": ("adamw", "muon")},
}
ASKED = {
    "image": [RULES, "channels=4", "batch_size=2", "optimizer=adamw", "ema=0.9", "ema=0.05"],
    "table": [RULES, "width=8", "width=16", "optimizer=muon"],
}


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Two tiny sets of images and a table beside the real ones, tiny networks and steps that need no measure."""
    rng = np.random.default_rng(0)
    slopes = rng.integers(0, 100, (2, 150, 1, 1)) + 3 * np.arange(8) * np.ones((8, 1), int)
    for name, x in zip(("slopes", "levels"), slopes, strict=True):
        noisy = (x + rng.integers(0, 9, x.shape)).astype(np.uint8)
        monkeypatch.setitem(SETS, name, real_set(name, "image", noisy))
    monkeypatch.setitem(SETS, "numbers", real_set("numbers", "table", rng.normal(size=(150, 3)).astype(np.float32)))
    for network, values in SMALL.items():
        monkeypatch.setitem(SPACE, network, values)
    monkeypatch.setattr(chosen_by_rules, "seconds_per_step", lambda *_: STEP)
    monkeypatch.setattr(trials, "in_new_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(trials, "measure", lambda config, data: float(config.batch_size))
    monkeypatch.chdir(tmp_path)
    return tmp_path


MINUTE, HOUR, STEP = seconds_of("image", 1, 2e-4), seconds_of("image", 60, 2e-4), 1.2e-4
WORDS = "defaults --only slopes numbers levels --further 2 --left-out 1 --long 1 --scale 0.0002 --cache sets"


def test_the_study_is_run_written_and_resumed(small, capsys, monkeypatch):
    code, out, err = call(f"{WORDS} --out found", capsys)
    assert code == 0, err
    lines = Path("found/rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    of_trials = [each for each in rows if "trial" in each]
    assert not any("failed" in each for each in of_trials)

    def of(**values: Any) -> list[Row]:
        return [each for each in of_trials if all(each[name] == value for name, value in values.items())]

    one = []
    for name, kind in (("slopes", "image"), ("levels", "image"), ("numbers", "table")):
        first, second, third = (of(data=name, seconds=seconds_of(kind, each, 2e-4), timesteps=None) for each in MINUTES)
        assert [each["trial"] for each in first] == ASKED[kind] and not any("test" in each for each in first)
        further = list(dict.fromkeys([RULES, *best(first[1:], 2), combined(first)]))
        assert [each["trial"] for each in second][: len(further)] == further
        assert {each["trial"] for each in third} >= set(best(second[: len(further)], 2))
        assert all("test" in each for each in [*second, *third])
        one += first if kind == "image" else []
    assert {each["data"] for each in of(timesteps=8)} == {"levels"}
    assert [(each["data"], each["trial"]) for each in of(seconds=HOUR)] == [
        ("levels", name_of(ruled(one, 60, "levels")))
    ]
    held_out = {each["data"]: each["sizes"][1] for each in rows if "sizes" in each}
    for each in of_trials:
        assert each["steps_trained"] >= 1 and each["validation"]["num_examples"] == held_out[each["data"]]
        is_of_time = each["seconds"] == seconds_of(each["kind"], 1, 2e-4) and each["trial"] == RULES
        assert each["config"]["max_seconds"] == (each["seconds"] if is_of_time else None)
        assert each["validation"]["standard_error"] > 0
    # A step takes a time in proportion to the batch, as far as trials are told.
    made = {each["trial"]: each["steps_trained"] for each in of(data="slopes", seconds=MINUTE)}
    assert made["batch_size=2"] == 8 * made[RULES] and made["optimizer=adamw"] == made[RULES]
    rules, averaged = (of(data="slopes", trial=each, seconds=MINUTE)[0] for each in (RULES, "ema=0.9"))
    assert averaged["config"]["ema_decay"] == pytest.approx(max(0.0, 1 - 1 / (made[RULES] * 0.9)))
    # Nothing else is changed, though a batch of two leaves time for the steps that a larger network needs.
    settings = [of(data="slopes", trial=each, seconds=MINUTE)[0]["settings"] for each in (RULES, "batch_size=2")]
    assert all(each.pop("ema") > 0 for each in settings)  # it follows from the number of steps
    assert settings[1] == settings[0] | {"batch_size": 2} and rules["levels"] == 256

    table = Path("found/tables.md").read_text()
    assert "--scale 0.0002" in table and "--cache" not in table and table in out
    for head in (
        "The sets",
        "The best trial of each set",
        "Sets that are left out",
        "| optimizer | adamw |",
        "All trainings",
        "### mlp",
    ):
        assert head in table
    assert len(table.partition("## All trainings")[2].split("\n| ")) - 2 == len(of_trials)
    assert Path("found/bits.png").read_bytes().startswith(b"\x89PNG")

    kept = list(read_rows(Path("found/rows.jsonl.gz")).values())
    assert len(kept) == len(rows) and not any("config" in each for each in kept)
    code, *_ = call(f"{WORDS} --rows found/rows.jsonl.gz --out again", capsys)
    assert code == 0 and all(
        Path("again", name).read_bytes() == Path("found", name).read_bytes()
        for name in ("tables.md", "rows.jsonl.gz", "bits.png")
    )

    # A crash while a line was written: the trainings before it are not done again.
    Path("found/rows.jsonl").write_text("".join(line + "\n" for line in lines[:-2]) + lines[-2][:40])
    code, _, err = call(f"{WORDS} --out found", capsys)
    again = Path("found/rows.jsonl").read_text().splitlines()
    assert code == 0 and again[:-2] == lines[:-2]
    assert [json.loads(line)["key"] for line in again[-2:]] == [each["key"] for each in rows[-2:]]


def test_what_helped_none_of_the_first_sets_is_not_tried_on_others(small, capsys):
    words = "defaults --only slopes levels --further 1 --left-out 0 --scale 0.0002 --cache sets --out found"
    assert call(words, capsys)[0] == 0
    rows = [json.loads(line) for line in Path("found/rows.jsonl").read_text().splitlines()]
    minute = [each for each in rows if each.get("seconds") == MINUTE]
    first, other = ([each for each in minute if each["data"] == name] for name in ("slopes", "levels"))
    assert [each["trial"] for each in first] == ASKED["image"]
    assert [each["trial"] for each in other] == [trial for trial in ASKED["image"] if trial in {RULES} | helpful(first)]


def test_what_is_better_on_most_sets_and_clearly_on_one_helps():
    found = {"channels=16", "channels=32"}  # on two of three, and on both that do not have it by the rules
    assert helpful(ROWS) == found and helpful([]) == set()

    def changed(*others: Row) -> list[Row]:
        return [
            next((row for row in others if (row["data"], row["trial"]) == (each["data"], each["trial"])), each)
            for each in ROWS
        ]

    most = row("a", "batch_size=8", 2.9, spread=0.5), row("b", "batch_size=8", 4.9)
    assert helpful(changed(*most)) == found | {"batch_size=8"} and helpful(changed(most[1])) == found
    # On b it is better by 0.1, whose error is then 1.29 (0.5 - 0.01) / 2.
    assert helpful(changed(most[0], row("b", "batch_size=8", 4.9, spread=0.5))) == found
    assert helpful(changed(*most, row("b", RULES, math.inf))) == {"channels=32"}


def test_a_larger_network_has_the_next_size_of_the_space():
    name = "predictor_options.channels"
    assert (
        larger(RULES, {name: 24}, "unet") == "channels=32"
        and larger("ema=0.02", {name: 64}, "unet") == "channels=96 ema=0.02"
    )
    assert larger("channels=16", {name: 16}, "unet") == "channels=32" and larger(RULES, {name: 128}, "unet") is None


def test_one_that_is_interrupted_says_what_it_has_and_goes_on(small, capsys, monkeypatch):
    calls = []

    def interrupted(function, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return function(*arguments)

    monkeypatch.setattr(trials, "in_new_process", interrupted)
    words = "defaults --only numbers --further 1 --scale 0.0002 --cache sets --out found"
    code, _, err = call(words, capsys)
    assert code == 1 and "interrupted" in err and "| numbers | width=8 |" in Path("found/tables.md").read_text()
    done = Path("found/rows.jsonl").read_text()
    assert len(done.splitlines()) == 3  # the set and two trials
    assert call(words, capsys)[0] == 0
    assert Path("found/rows.jsonl").read_text().startswith(done)
    # The third trial was begun twice.
    assert len(calls) == len(Path("found/rows.jsonl").read_text().splitlines())


def test_what_cannot_be_trained_is_a_row(small, monkeypatch):
    data = Result("digits")
    short = measured(TrialJob("digits", "image", RULES, 1e-3), data)
    assert short["failed"].startswith("got a budget of 0.001s") and "validation" not in short

    def ended(function, *arguments):
        raise ProcessEnded("exit code -9")

    monkeypatch.setattr(trials, "in_new_process", ended)
    found = execute(TrialJob("digits", "image", "optimizer=adamw ema=0.9", 1.0), SETS, small)
    assert found["failed"] == "exit code -9" and found["settings"] == {"optimizer": "adamw", "ema": 0.9}


def test_a_table_without_names_of_columns_is_known_as_one(small):
    x = np.random.default_rng(0).normal(size=(150, 12)).astype(np.float32)
    data = build(real_set("wide", "table", x), small / "sets").load()
    config, steps = configuration(TrialJob("wide", "table", RULES, 5.0), data)
    assert config.predictor_options == {"network": "mlp", "width": 512, "depth": 3} and config.learning_rate == 2e-3
    assert steps == int(0.95 * 5.0 / STEP)


def test_a_trial_makes_as_many_steps_as_its_budget_holds_at_the_pace_of_the_rules(small):
    data, pace = build(SETS["slopes"], small / "sets").load(), trials.Pace(60.0, 1000, 4)
    for trial, seconds, steps in (
        ("batch_size=2", 60.0, 8000),  # a step takes a time in proportion to the batch
        ("optimizer=adamw", 60.0, 1000),
        ("ema=0.9", 60.0, 1000),
        (RULES, 600.0, 10_000),
        ("batch_size=2", 120.0, 16_000),
    ):
        config, expected = configuration(TrialJob("slopes", "image", trial, seconds, pace=pace), data)
        assert (config.max_steps, config.max_seconds, expected) == (steps, None, steps)
        averaged = 0.9 if trial == "ema=0.9" else 0.05
        assert config.ema_decay == pytest.approx(1 - 1 / min(steps * averaged, 1e4), abs=1e-5)
        # That of the pace for its own budget, and what the rules choose for another.
        assert (config.predictor_options["channels"] == 4) == (seconds == 60.0)


def test_the_cost_of_a_trial_is_measured_in_turns_with_the_rules(monkeypatch):
    times = iter([1.0, 3.0, 2.0, 8.0, 5.0, 10.0])
    monkeypatch.setattr(trials, "measure", lambda config, data: next(times))
    rules, data = Config(batch_size=16), DIGITS
    free = replace(rules, learning_rate=1.0, ema_decay=0.5, schedule_options={"gamma_min": -11.5})
    assert trials.cost_ratio(rules, free, data) == 1.0
    assert trials.cost_ratio(rules, replace(rules, batch_size=8), data) == 3.0  # of 3, 4 and 2


def test_a_training_in_a_new_process_has_the_row_of_this_one():
    """What a trial changes comes to the process, and figures come back."""
    of_the_library = RealSet("moons", "table", "ours", "none", "nothing")
    job = TrialJob("moons", "table", "depth=2", 2.0, limit=20)
    found = execute(job, {"moons": of_the_library}, Path("unused"))
    assert found["unit"] == "nats" and found["config"]["predictor_options"]["depth"] == 2 and found["dimensions"] == 2
    assert found["steps_trained"] > 0 and len(found["validation"]["groups"]) == 20
    assert math.isfinite(found["validation"]["total"]) and found["test"]["num_examples"] == 20


@pytest.mark.parametrize(
    "words, said",
    [
        ("--only sparrows", "'sparrows'"),
        ("--only digits digits", "digits, digits"),
        ("--further -1", "further = -1"),
        ("--scale 0", "scale = 0.0"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(f"defaults {words}", capsys)
    assert code == 2 and said in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_dry_run_is_at_most_ten_hours(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("defaults --dry-run", capsys)
    hours = float(out.splitlines()[-1].removeprefix("all: ").partition(" ")[0])
    assert code == 0 and hours <= 10 and "1 min: 138 jobs" in out and not list(tmp_path.iterdir())
    kinds = [SETS[name].kind for name in space.SETS_BY_DEFAULT]
    assert kinds.count("image") >= 8 and kinds.count("table") >= 6
