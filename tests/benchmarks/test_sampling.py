"""`python -m benchmarks sampling`: evaluations are counted, choices are made on validation, what is written says so."""

import json
import sys
from pathlib import Path

import pytest
import torch
from test_command import call

import ndm
from benchmarks import sampling
from benchmarks.engine.plan import Block, Job, measurements
from benchmarks.engine.quality import draw, scaled, training_points
from benchmarks.engine.rows import read_rows
from benchmarks.sampling import SampledCase, Walk, best_grids, distances, measure, trials, walks
from benchmarks.sampling.output import DISTANCES, markdown, panels, picture
from benchmarks.sampling.ways import Way, counted, distinct_grids, evaluations_of, ways
from ndm.base.axes import SAMPLERS
from ndm.base.errors import InputError
from ndm.base.registry import optional
from ndm.base.spec import Spec
from ndm.data import load
from ndm.ode.solvers.adaptive import Adaptive
from ndm.samplers.grids import UniformGamma, UniformTime

EQUAL = {"time": UniformTime(), "gamma": UniformGamma()}
FIXED = [way for way in ways((1.0, None)) if not way.is_adaptive]
CASE = SampledCase(
    *("moons", 4, 20, 0, None, None),
    blocks=(Block((None,), tuple(sampling.PATHS), seeds=1, seconds=0.2),),
    samples=60,
    trials=30,
    evaluations=(2, 6),
    tolerances=(1e-2,),
)


def exact_model(data) -> ndm.NeuralDiffusion:
    """The exact denoiser of one Gaussian with the mean and the deviation of the data, in its standardised units."""
    x = torch.from_numpy(data.train.x)

    def denoise(z, t, cond):
        level = schedule(t)
        return (level.alpha / (level.alpha**2 + level.sigma**2))[:, None] * z

    schedule = ndm.schedules.LinearSchedule(-10.0, 6.0)
    return ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), denoise, ndm.GaussianDecoder(x.mean(0), x.std(0)))


def gaussian_points(data, number: int, seed: int) -> torch.Tensor:
    """The law that `exact_model` has learned, as points of [-1, 1]."""
    x = torch.from_numpy(data.train.x)
    normal = torch.randn(number, 2, generator=torch.Generator().manual_seed(seed))
    return scaled((x.mean(0) + x.std(0) * normal).numpy(), data)


def test_every_sampler_is_a_way_with_each_volatility_that_it_takes():
    names = [way.name for way in ways((1.0, None))]
    assert {way.sampler for way in ways((1.0,))} == set(SAMPLERS.names())
    assert len(names) == len(set(names))
    assert {"ancestral, eta = 1", "ancestral, own eta", "deterministic", "heun", "ode"} <= set(names)
    assert Way("ode").is_adaptive and not Way("heun").is_adaptive


@pytest.mark.parametrize("way", FIXED, ids=lambda way: way.name)
@pytest.mark.parametrize("budget", [2, 7, 12])
def test_a_way_takes_the_most_steps_that_its_budget_allows(way, budget):
    """Counted on the model that is sampled, whatever its predictor is."""
    model = exact_model(load("moons"))
    sampler = way.within(budget, model)
    if sampler is None:
        assert evaluations_of(way, 1) > budget
        return
    with counted(model) as made:
        sampler((5, 2))
    assert sum(made) == 5 * evaluations_of(way, sampler.steps)
    assert evaluations_of(way, sampler.steps) <= budget < evaluations_of(way, sampler.steps + 1)


def test_evaluations_are_what_the_samplers_say():
    assert [evaluations_of(Way("heun"), steps) for steps in (1, 2, 5)] == [2, 4, 10]
    for name in ("deterministic", "multistep", "ancestral"):
        assert [evaluations_of(Way(name), steps) for steps in (1, 2, 5)] == [1, 2, 5]
    assert Way("heun").within(1, exact_model(load("moons"))) is None


def test_nobody_is_counted_once_the_count_is_over():
    model = exact_model(load("moons"))
    with counted(model) as made:
        ndm.samplers.Ancestral(model, 3)((4, 2))
    ndm.samplers.Ancestral(model, 3)((4, 2))
    assert sum(made) == 12


def test_grids_that_visit_the_same_times_are_one():
    assert list(distinct_grids(EQUAL, ndm.schedules.LinearSchedule(), 8)) == ["time"]
    assert list(distinct_grids(EQUAL, ndm.schedules.CosineSchedule(), 8)) == list(EQUAL)


def test_data_are_as_far_from_data_as_their_error_allows():
    """The energy distance of two samples of one law is 0 on average; toys hold equally many of each class in a row."""
    data = load("8gaussians")
    found = torch.tensor(
        [distances(*training_points(data, 1000, seed).split(500))["energy_distance"] for seed in range(20)]
    )
    assert abs(found.mean()) < 3 * found.std() / 20**0.5 and found.min() < 0 < found.max()


def test_the_sliced_distance_of_a_shift_is_its_length_by_the_root_of_the_dimensions():
    """W_2 along a unit vector u is |u . shift|, and the mean of (u . shift)^2 is |shift|^2 / D."""
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).double()
    shift = torch.tensor([0.3, -0.4]).double()
    assert distances(x, x + shift)["sliced_wasserstein"] == pytest.approx(0.5 / 2**0.5, rel=0.15)
    assert distances(x, x)["sliced_wasserstein"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("way", FIXED, ids=lambda way: way.name)
def test_more_evaluations_of_a_perfect_model_approach_the_floor(way):
    data = load("moons")
    model, target = exact_model(data), gaussian_points(data, 800, 1)
    floor = abs(distances(gaussian_points(data, 800, 0), target)["energy_distance"])
    few, many = (
        distances(draw(way.within(number, model), data, 800, seed=0), target)["energy_distance"] for number in (4, 32)
    )
    assert abs(many) < max(3 * floor, 0.005) and abs(many) < few + floor


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    """A folder of models with one that is not trained, called `small`."""
    folder = tmp_path_factory.mktemp("models")
    predictor = ndm.DirectPredictor.from_spec(
        Spec((2,)), transform=ndm.IdentityTransform(), network="mlp", width=8, depth=1
    )
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), predictor, ndm.GaussianDecoder()
    )
    model.save_pretrained(folder / "small")
    return folder


def walk(way: Way, evaluations: int | None, tolerance: float | None = None) -> Walk:
    return Walk(
        "moons", "small", "identity", 0, way.name, evaluations, tolerance, "time" if evaluations else None, "test", 20
    )


def test_a_row_says_how_many_evaluations_were_made(model_folder, monkeypatch):
    assert measure(model_folder, walk(Way("heun"), 7))["evaluations_made"] == 6
    told = []
    solve = Adaptive.__call__

    def solve_and_tell(*arguments):
        solution = solve(*arguments)
        told.append(solution.evaluations.double().mean())
        return solution

    monkeypatch.setattr(Adaptive, "__call__", solve_and_tell)
    row = measure(model_folder, walk(Way("ode"), None, 1e-3))
    assert row["evaluations_made"] == pytest.approx(float(told[0])) and told[0] > 7
    assert row["sliced_wasserstein"] > 0 and row["steps"] == 1


def test_a_walk_that_fails_is_a_row(model_folder, monkeypatch):
    way = Way("multistep")
    assert [evaluations_of(way, steps) for steps in (1, 2, 3, 4)] == [1, 2, 3, 4]  # counted before it is broken
    monkeypatch.setattr(ndm.samplers.Multistep, "walk", lambda self, z, *_: iter([z * torch.nan]))
    assert "are not finite" in measure(model_folder, walk(way, 4))["failed"]


def rows_by_seed(way: Way, evaluations: int, values: list[float]) -> list[dict]:
    return [
        {
            "data": "moons",
            "contender": "identity",
            "way": way.name,
            "evaluations": evaluations,
            "tolerance": None,
            "grid": "time",
            "number": 60,
            "seed": seed,
            "evaluations_made": float(evaluations),
            "milliseconds_per_sample": 1.0,
            "energy_distance": value,
            "sliced_wasserstein": 2 * value,
        }
        for seed, value in enumerate(values)
    ]


def test_enough_is_enough_at_all_larger_numbers_too():
    """To be reached: 0.10 ± 0.01; a dip at 4 does not count, as 8 is above it."""
    first, second = Way("deterministic"), Way("multistep")
    rows = [*rows_by_seed(first, 64, [0.09, 0.11]), *rows_by_seed(first, 16, [0.2, 0.2])]
    for evaluations, value in ((4, 0.05), (8, 0.12), (12, 0.109), (64, 0.1099)):
        rows += rows_by_seed(second, evaluations, [value, value])
    unsure = Way("heun")  # 0.115 ± 0.012 is not above 0.10 ± 0.01 by their common error, 0.0156
    rows += rows_by_seed(unsure, 32, [0.103, 0.127])
    floor = [{"data": "moons", "energy_distance": 0.0, "sliced_wasserstein": 0.01}]
    (panel,) = panels(rows, floor)
    mark = panel.mark("energy_distance")
    assert (mark.value, mark.error) == (pytest.approx(0.10), pytest.approx(0.01))
    assert panel.fewest(first.name, "energy_distance") == 64 and panel.fewest(second.name, "energy_distance") == 12
    assert panel.fewest(unsure.name, "energy_distance") == 32
    text = markdown([panel])
    assert "| multistep | 12 / 12 |" in text and "energy distance met (multistep, 12)" in text
    assert picture([panel])[:4] == b"\x89PNG"

    failed = [
        row | {"failed": "an ODE that blows up"}
        if row["evaluations"] == 64 and row["way"] == "multistep" and row["seed"] == 0
        else row
        for row in rows
    ]
    (panel,) = panels(failed, [])
    assert panel.fewest(second.name, "energy_distance") is None and "(1 failed)" in markdown([panel])
    assert picture([panel])[:4] == b"\x89PNG"


def test_where_every_walk_fails_the_tables_say_so():
    figures = {"evaluations_made", "milliseconds_per_sample", *DISTANCES}
    rows = [
        {name: value for name, value in row.items() if name not in figures} | {"failed": "an ODE that blows up"}
        for row in rows_by_seed(Way("deterministic"), 64, [0.1, 0.1])
    ]
    (panel,) = panels(rows, [])
    assert panel.mark("energy_distance") is None and panel.fewest("deterministic", "energy_distance") is None
    assert "| deterministic | (2 failed) |" in markdown([panel]) and picture([panel])[:4] == b"\x89PNG"


def test_a_grid_is_chosen_by_the_mean_over_seeds_of_those_that_all_have_walked():
    way = "heun"
    key = {"data": "moons", "contender": "identity", "way": way}
    found = best_grids(
        [
            key | {"evaluations": 4, "grids": {"time": 0.3, "gamma": 0.1, "other": 0.0}},
            key | {"evaluations": 4, "grids": {"time": 0.1, "gamma": 0.2}},
            key | {"evaluations": 2, "grids": {}},
        ]
    )
    assert found == {("moons", "identity", "heun", 4): "gamma"}


def test_a_plan_says_every_job_once_and_sees_test_only_on_walks():
    jobs = measurements(sampling.PLAN, {})
    tried = trials(sampling.PLAN, jobs)
    grids = {(job.data, job.contender, job.way, job.evaluations): "gamma" for job in tried}
    measured = walks(sampling.PLAN, jobs, grids)
    assert all(job.split == "validation" for job in tried) and all(job.split == "test" for job in measured)
    for stage in (jobs, tried, measured):
        assert stage and len({job.key for job in stage}) == len(stage)
    assert len({job.name for job in jobs}) == len(jobs) == 12 and isinstance(jobs[0], Job)
    assert {job.way for job in measured if job.tolerance} == {way.name for way in ways((1.0,)) if way.is_adaptive}


def test_the_command_trains_samples_resumes_and_takes_new_samplers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sampling.Sampling, "plan", (CASE,))
    out = tmp_path / "out"
    order = f"sampling --out {out} --workers 1"
    code, shown, _ = call(order, capsys)
    lines = (out / "rows.jsonl").read_text().splitlines()
    rows = {row["key"]: row for row in map(json.loads, lines)}
    assert code == 0 and "Fewest evaluations" in shown and len(rows) == len(lines)
    kept = read_rows(out / "rows.jsonl.gz").values()
    measured = [row for row in kept if "evaluations_made" in row]
    found = panels(measured, [row for row in kept if "way" not in row and "contender" not in row])
    assert {panel.contender for panel in found} == {"series_quiet", "identity"}
    for panel in found:
        etas = (1.0, None) if panel.contender == "series_quiet" else (1.0,)
        assert set(panel.ways) == {way.name for way in ways(etas)}
        assert panel.floor["sliced_wasserstein"].value > 0 and panel.samples == 60
    assert all(row["evaluations_made"] <= row["evaluations"] for row in measured if row["evaluations"])
    assert (out / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert "Data from data" in (out / "tables.md").read_text()
    assert len(list((out / "models").iterdir())) == 2

    kept = [line for line in lines if "heun" not in json.loads(line)["key"]]  # as before that sampler was there
    (out / "rows.jsonl").write_text("".join(line + "\n" for line in kept))
    code, _, err = call(order, capsys)
    again = {row["key"]: row for row in map(json.loads, (out / "rows.jsonl").read_text().splitlines())}
    assert code == 0 and "trainings:" not in err and f"{4} of " in err and again.keys() == rows.keys()
    for key, row in rows.items():
        assert all(again[key].get(name) == row.get(name) for name in ("grids", *DISTANCES, "total")), key

    (out / "rows.jsonl").write_text("".join(line + "\n" for line in kept))
    (out / "models").rename(tmp_path / "elsewhere")
    code, _, err = call(order, capsys)
    assert code == 2 and err.startswith("benchmarks: error: got ") and "its model" in err and err.count("\n") == 1


def test_without_pot_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ot", None)
    code, _, err = call(f"sampling --out {tmp_path / 'out'}", capsys)
    assert code == 2 and "pip install 'ndm[peers]'" in err and err.count("\n") == 1 and not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no package 'unheard_of'"):
        optional("unheard_of", "peers")


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        ("--data nope", ("'nope'", "8gaussians")),
        ("--scale -1", ("scale = -1",)),
        ("--workers 0", ("0 workers",)),
    ],
)
def test_wrong_use_is_one_line(words, fragments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(f"sampling {words}", capsys)
    assert code == 2 and out == "" and err.startswith("benchmarks: error: got ") and err.count("\n") == 1
    assert all(fragment in err for fragment in fragments) and not list(tmp_path.iterdir())


def test_a_dry_run_does_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("sampling --dry-run --data digits", capsys)
    assert code == 0 and "hours on 2 workers" in out and err == "" and not list(tmp_path.iterdir())
    assert "trainings: 6 jobs, 360 CPU seconds" in out
