"""`python -m benchmarks defaults`: trials and their halving on made-up rows, and the study on tiny sets."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import real_set
from test_command import call

from benchmarks.defaults import space, trials
from benchmarks.defaults.halving import best, orders, refit
from benchmarks.defaults.output import of_left_out, of_settings, seconds_of
from benchmarks.defaults.sets import SETS, RealSet, Result, build
from benchmarks.defaults.space import MINUTES, SPACE, drawn, given, searched
from benchmarks.defaults.trials import TrialJob, configuration, execute, measured
from benchmarks.engine.rows import Row, read_rows
from benchmarks.engine.workers import ProcessEnded, in_new_process
from ndm.config import Config
from ndm.recipes import Facts
from ndm.training import defaults as chosen_by_rules

IMAGES = Facts("image", (1, 8, 8), (8, 8), 256, 200, 0.1, 20)
DIGITS = Facts("image", (1, 8, 8), (8, 8), 17, 17, 0.1, 1000)
POINTS = Facts("table", (3,), (3,), None, None, None, None)


def row(data: str, trial: int, seconds: float, total: float, **more: Any) -> Row:
    """A made-up row; the training failed where its total is infinite."""
    found = {"data": data, "kind": "image", "trial": trial, "seconds": seconds, "timesteps": None} | more
    if math.isinf(total):
        return found | {"failed": "diverged"}
    return found | {"validation": {"total": total, "standard_error": 0.1}}


FIRST_MLP = {
    "predictor_options.network": "mlp",
    "predictor_options.width": 128,
    "predictor_options.depth": 3,
    "predictor_options.num_frequencies": 0,
    "predictor_options.parameterisation": "scaled",
    "batch_size": 128,
    "optimizer": "muon",
    "learning_rate": 0.001,
}
FIFTH_UNET = {
    "predictor_options.network": "unet",
    "predictor_options.channels": 24,
    "predictor_options.multipliers": [1, 1],
    "predictor_options.parameterisation": "scaled",
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 0.016,
    "schedule_rate": 5.0,
    "schedule_options.gamma_min": -11.5,
    "precision": "bf16",
    "ema": 0.005,
}

# Trial 2 is the best everywhere after a minute but on c; on b it loses to 1 in the end.
ROWS = [
    *(row("a", trial, 60, total) for trial, total in enumerate((3.0, 2.5, 2.0, math.inf))),
    *(row("b", trial, 60, total) for trial, total in enumerate((5.0, 4.5, 4.0, 6.0))),
    *(row("c", trial, 60, total) for trial, total in enumerate((1.0, 0.5, 0.8, 0.1))),
    *(row("a", trial, 120, total) for trial, total in ((1, 1.9), (2, 1.8))),
    *(row("b", trial, 120, total) for trial, total in ((1, 3.0), (2, 3.5))),
    *(row("c", trial, 120, total) for trial, total in ((1, 0.4), (3, 0.05))),
    row("c", 3, 60, 99.0, timesteps=8),
]


def test_the_best_go_on_and_what_failed_does_not():
    of_a = [each for each in ROWS if each["data"] == "a" and each["seconds"] == 60]
    assert best(of_a, 2) == [2, 1] and best(of_a, 9) == [2, 1, 0]
    assert best([row("a", 1, 60, 1.0), row("a", 0, 60, 1.0)], 1) == [0]


def test_an_order_has_those_first_that_got_further():
    assert orders(ROWS, 60) == {"a": [2, 1, 0, 3], "b": [2, 1, 0, 3], "c": [3, 1, 2, 0]}
    assert orders(ROWS, 1e9) == {"a": [2, 1, 0, 3], "b": [1, 2, 0, 3], "c": [3, 1, 2, 0]}
    failed_later = [*ROWS, row("a", 2, 600, math.inf)]
    assert orders(failed_later, 600)["a"] == [1, 0, 2, 3]


def test_the_other_sets_choose_and_the_one_left_out_has_no_part():
    assert refit(ROWS, 60) == 2  # places 0, 0, 2 against 1, 1, 1
    assert refit(ROWS, 120) == 1  # 1, 0, 1 against 0, 1, 2
    assert refit(ROWS, 60, "a") == 1 and refit(ROWS, 60, "c") == 2
    assert refit(ROWS, 60, "b") == 1  # equal places: the first
    for name in "abc":
        others = [each for each in ROWS if each["data"] != name]
        changed = [each | ({} if "failed" in each else {"validation": {"total": 7.0}}) for each in ROWS]
        mixed = others + [each for each in changed if each["data"] == name]
        assert refit(mixed, 120, name) == refit(others, 120) == refit(ROWS, 120, name)


def test_only_a_trial_that_ran_on_all_the_others_is_chosen():
    lacking = [each for each in ROWS if not (each["data"] == "b" and each["trial"] == 2)]
    assert refit(lacking, 60) == 1 and refit(ROWS, 60) == 2
    assert refit([], 60) is None and refit([row("a", 0, 60, 1.0)], 60, "a") is None
    assert refit([row("a", 0, 60, 1.0), row("b", 1, 60, 1.0)], 60) is None


@pytest.mark.parametrize("network", SPACE)
def test_a_trial_is_a_function_of_its_number_and_values_are_drawn_equally_often(network):
    assert drawn(0, network) == {}
    for name, values in SPACE[network].items():
        found = [json.dumps(drawn(trial, network)[name]) for trial in range(1, 2 * len(values) + 1)]
        assert sorted(found) == sorted([json.dumps(value) for value in values] * 2)


def test_trials_stay_what_they_are():
    """Rows are kept by the number of a trial: another draw would give them another meaning."""
    assert drawn(1, "mlp") == FIRST_MLP and drawn(5, "unet") == FIFTH_UNET


def test_what_data_cannot_have_is_replaced_or_left_to_the_rules():
    settings = {
        "predictor_options.parameterisation": "categorical",
        "predictor_options.channels": 24,
        "schedule_options.gamma_min": -13.3,
        "batch_size": 32,
        "ema": 0.02,
    }
    assert given(settings, IMAGES, None) == {
        "predictor_options": {"parameterisation": "discrete_gaussian", "channels": 24},
        "schedule_options": {"gamma_min": -13.3},
        "batch_size": 20,
    }
    few = given(settings, DIGITS, None)
    assert few["predictor_options"]["parameterisation"] == "categorical" and few["batch_size"] == 32
    # The noise is as large, by the distance of two levels, 2 / 16 in place of 2 / 255.
    at_least = [math.exp(each / 2) / (2 / (levels - 1)) for each, levels in ((-13.3, 256), (few_gamma(few), 17))]
    assert at_least[0] == pytest.approx(at_least[1])
    scaled = settings | {"predictor_options.parameterisation": "scaled"}
    assert given(scaled, IMAGES, 8)["predictor_options"] == {"channels": 24}
    assert given(scaled, IMAGES, None)["predictor_options"]["parameterisation"] == "scaled"
    of_points = given(settings, POINTS, None)
    assert of_points.keys() == {"predictor_options", "batch_size"} and of_points["batch_size"] == 32
    assert of_points["predictor_options"]["parameterisation"] == "scaled"


def few_gamma(found: dict[str, Any]) -> float:
    """The end of gamma that is given."""
    return float(found["schedule_options"]["gamma_min"])


def test_a_configuration_is_said_in_the_words_of_the_space():
    settings = drawn(3, "unet")
    config = vars(Config(**given(settings, DIGITS, None), ema_decay=1 - 1 / (settings["ema"] * 5000)))
    assert searched(config, 5000, "unet", 17) == {name: settings[name] for name in SPACE["unet"]}


def test_the_table_of_settings_has_the_mean_place_with_and_without_each_value():
    rows = [each | {"settings": {"batch_size": 8 if each["trial"] < 2 else 16}} for each in ROWS]
    lines = of_settings(rows).splitlines()
    # 8: places 3, 2, 3, 2, 4, 2; 16: 1, 4, 1, 4, 3, 1.
    assert lines[2:] == ["| batch_size | 8 | 2.67 | 2.33 | 6 |", "| batch_size | 16 | 2.33 | 2.67 | 6 |"]


def test_the_table_of_sets_left_out_has_mean_range_and_targets():
    sets = {name: {"codecs": {"test": {"webp": 2.0}}} for name in "abc"}
    rows = [*ROWS, row("a", 1, 120, 9.0, test={"total": 1.8})]
    rows += [row("b", 1, 120, 9.0, test={"total": 2.2}), row("c", 1, 120, math.inf)]
    # Whichever is left out, trial 1 is chosen after two minutes; on c its training failed.
    (line,) = of_left_out(ROWS, rows[len(ROWS) :], sets, "abc", 1.0).splitlines()[2:]
    assert line == "| ∞ | 2 | 0.900 (1) | 1.100 (1) | failed (1) | 1.000 (0.900 to 1.100) | 1.06 |"


def test_a_process_that_ends_is_said():
    with pytest.raises(ProcessEnded, match="exit code"):
        in_new_process(os._exit, 3)


@pytest.fixture
def small(monkeypatch, tmp_path) -> Path:
    """Two tiny sets of images and a table beside the real ones, tiny networks and steps that need no measure."""
    rng = np.random.default_rng(0)
    slopes = rng.integers(0, 100, (2, 150, 1, 1)) + 3 * np.arange(8) * np.ones((8, 1), int)
    for name, x in zip(("slopes", "levels"), slopes, strict=True):
        noisy = (x + rng.integers(0, 9, x.shape)).astype(np.uint8)
        monkeypatch.setitem(SETS, name, real_set(name, "image", noisy))
    monkeypatch.setitem(SETS, "numbers", real_set("numbers", "table", rng.normal(size=(150, 3)).astype(np.float32)))
    monkeypatch.setitem(SPACE["unet"], "predictor_options.channels", (4, 8))
    monkeypatch.setitem(SPACE["mlp"], "predictor_options.width", (8, 16))
    monkeypatch.setattr(chosen_by_rules, "seconds_per_step", lambda *_: STEP)
    monkeypatch.setattr(trials, "in_new_process", lambda function, *arguments: function(*arguments))
    monkeypatch.chdir(tmp_path)
    return tmp_path


MINUTE, HOUR, STEP = seconds_of("image", 1, 2e-4), seconds_of("image", 60, 2e-4), 1.2e-4
WORDS = "defaults --only slopes numbers levels --trials 4 --left-out 1 --long 1 --scale 0.0002 --cache sets"


def test_the_study_is_run_written_and_resumed(small, capsys, monkeypatch):
    code, out, err = call(f"{WORDS} --out found", capsys)
    assert code == 0, err
    lines = Path("found/rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    of_trials = [each for each in rows if "trial" in each]
    assert not any("failed" in each for each in of_trials)

    def of(**values: Any) -> list[Row]:
        return [each for each in of_trials if all(each[name] == value for name, value in values.items())]

    halving = []
    for name, kind in (("slopes", "image"), ("levels", "image"), ("numbers", "table")):
        first, second, third = (of(data=name, seconds=seconds_of(kind, each, 2e-4), timesteps=None) for each in MINUTES)
        assert [each["trial"] for each in first] == [0, 1, 2, 3] and not any("test" in each for each in first)
        assert best(first, 2) == [each["trial"] for each in second][:2]
        assert {each["trial"] for each in third} >= set(best(second, 2))
        assert all("test" in each for each in [*second, *third])
        halving += [*first, *second[:2], *third[:2]]  # later ones are of sets that are left out
    assert {each["data"] for each in of(timesteps=8)} == {"slopes", "levels"}
    asked = refit([each for each in halving if each["kind"] == "image"], HOUR, "slopes")
    assert [(each["data"], each["trial"]) for each in of(seconds=HOUR)] == [("slopes", asked)]
    held_out = {each["data"]: each["sizes"][1] for each in rows if "sizes" in each}
    for each in of_trials:
        assert each["steps_trained"] >= 1 and each["validation"]["num_examples"] == held_out[each["data"]]
        assert each["config"]["drawn"] == drawn(each["trial"], "mlp" if each["kind"] == "table" else "unet")
        assert each["config"]["max_seconds"] == each["seconds"] and each["validation"]["standard_error"] > 0
    (averaged,) = of(data="slopes", trial=3, seconds=MINUTE)
    steps, length = int(MINUTE / STEP), averaged["settings"]["ema"]
    assert averaged["config"]["ema_decay"] == pytest.approx(1 - 1 / (steps * length)) and steps * length > 1

    table = Path("found/tables.md").read_text()
    assert "--scale 0.0002" in table and "--cache" not in table and table in out
    for head in ("The sets", "The best trial of each set", "Sets that are left out", "All trainings", "### mlp"):
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

    monkeypatch.setitem(SPACE["unet"], "batch_size", (4, 2))
    code, _, err = call(f"{WORDS} --out found", capsys)
    assert code == 2 and "another drawn" in err and err.count("\n") == 1


def test_one_that_is_interrupted_says_what_it_has_and_goes_on(small, capsys, monkeypatch):
    calls = []

    def interrupted(function, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return function(*arguments)

    monkeypatch.setattr(trials, "in_new_process", interrupted)
    words = "defaults --only numbers --trials 2 --scale 0.0002 --cache sets --out found"
    code, _, err = call(words, capsys)
    assert code == 1 and "interrupted" in err and "| numbers | 1 |" in Path("found/tables.md").read_text()
    done = Path("found/rows.jsonl").read_text()
    assert len(done.splitlines()) == 3  # the set and two trials
    assert call(words, capsys)[0] == 0
    assert Path("found/rows.jsonl").read_text().startswith(done) and len(calls) == 7


def test_what_cannot_be_trained_is_a_row(small, monkeypatch):
    data = Result("digits")
    short = measured(TrialJob("digits", "image", 0, 1e-3), data)
    assert short["failed"].startswith("got a budget of 0.001s") and "validation" not in short

    def ended(function, *arguments):
        raise ProcessEnded("exit code -9")

    monkeypatch.setattr(trials, "in_new_process", ended)
    found = execute(TrialJob("digits", "image", 2, 1.0), SETS, small)
    assert found["failed"] == "exit code -9" and found["config"] == {"drawn": drawn(2, "unet")}
    assert found["settings"] == {name: drawn(2, "unet")[name] for name in SPACE["unet"]}


def test_a_table_without_names_of_columns_is_known_as_one(small):
    x = np.random.default_rng(0).normal(size=(150, 12)).astype(np.float32)
    data = build(real_set("wide", "table", x), small / "sets").load()
    config = configuration(TrialJob("wide", "table", 0, 5.0), data)
    assert config.predictor_options == {"network": "mlp", "width": 512, "depth": 3} and config.learning_rate == 2e-3


def test_a_training_in_a_new_process_has_the_row_of_this_one():
    """What a trial draws comes to the process, and figures come back."""
    of_the_library = RealSet("moons", "table", "ours", "none", "nothing")
    job = TrialJob("moons", "table", 1, 5.0, limit=20)
    found = execute(job, {"moons": of_the_library}, Path("unused"))
    assert found["unit"] == "nats" and found["config"]["drawn"] == drawn(1, "mlp") and found["steps_trained"] > 0
    assert math.isfinite(found["validation"]["total"]) and found["test"]["num_examples"] == 20


@pytest.mark.parametrize(
    "words, said",
    [
        ("--only sparrows", "'sparrows'"),
        ("--only digits digits", "digits, digits"),
        ("--trials -1", "trials = -1"),
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
    assert code == 0 and hours <= 10 and "1 min: 112 jobs" in out and not list(tmp_path.iterdir())
    kinds = [SETS[name].kind for name in space.SETS_BY_DEFAULT]
    assert kinds.count("image") >= 8 and kinds.count("table") >= 6
