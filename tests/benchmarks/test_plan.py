"""Plans: every job once, contenders side by side, seeds last."""

from dataclasses import replace

import pytest
import torch
from small import JOB, PLAN

from benchmarks import ablations, pays
from benchmarks.engine.comparison import best_rates
from benchmarks.engine.contenders import CONTENDERS, TRAINERS
from benchmarks.engine.plan import FACTORS, budget, measurements, subset, tunings
from benchmarks.engine.training import configuration
from ndm.base.errors import InputError
from ndm.bounds.bound import bound
from ndm.data import load
from ndm.training.build import build_model

PLANS = {"pays": pays.PLAN, "ablations": ablations.PLAN, "small": PLAN}


@pytest.mark.parametrize("name", PLANS)
def test_every_job_comes_once_under_a_key_of_its_own(name):
    jobs = measurements(PLANS[name], {})
    assert jobs and len({job.key for job in jobs}) == len(jobs) == len(set(jobs))
    assert all(job.split == "test" for job in jobs)
    assert {job.contender for job in jobs} <= CONTENDERS.keys() and TRAINERS.keys() <= CONTENDERS.keys()


@pytest.mark.parametrize("name", PLANS)
def test_seeds_are_outermost_and_contenders_innermost(name):
    plan = PLANS[name]
    jobs = measurements(plan, {})
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    groups = [(job.seed, job.data, job.timesteps, budget(job.seconds, job.steps)) for job in jobs]
    changes = [group for before, group in zip([None, *groups], groups, strict=False) if group != before]
    assert len(changes) == len(set(changes))
    order = [study.data for study in plan]
    first = [order.index(job.data) for job in jobs if job.seed == 0]
    assert first == sorted(first)


def test_each_contender_is_tuned_by_as_many_trials_and_never_on_test():
    trials = tunings(pays.PLAN)
    measured = {(job.data, job.contender, job.timesteps is None) for job in measurements(pays.PLAN, {})}
    count = dict.fromkeys(measured, 0)
    for job in trials:
        count[job.data, job.contender, job.timesteps is None] += 1
    seeds = {study.data: study.tuning_seeds for study in pays.PLAN}
    assert all(number == seeds[data] * len(FACTORS) for (data, _, _), number in count.items())
    assert len({job.key for job in trials}) == len(trials) and {job.split for job in trials} == {"validation"}
    assert not {job.seed for job in trials} & {job.seed for job in measurements(pays.PLAN, {})}


def test_rates_reach_the_jobs():
    who = ("digits", "identity_larger")
    jobs = measurements(pays.PLAN, {(*who, False): 0.5, (*who, True): 3.0})
    own = {(job.learning_rate, job.timesteps is None) for job in jobs if (job.data, job.contender) == who}
    assert own == {(0.5, False), (3.0, True)}
    assert {job.learning_rate for job in jobs if (job.data, job.contender) != who} == {1.0}


@pytest.mark.parametrize("name", ["digits", "moons"])
def test_the_larger_denoiser_has_at_least_the_parameters_of_the_default(name):
    def parameters(contender: str) -> int:
        job = replace(JOB, data=name, contender=contender, timesteps=4)
        return sum(p.numel() for p in build_model(configuration(job), load(name)).parameters())

    assert parameters("identity") < parameters("default") < parameters("identity_larger")


def test_the_best_rate_is_the_lowest_bound_and_the_least_where_all_diverge():
    def trial(name, rate, **figures):
        return {"data": "d", "contender": name, "timesteps": 4, "learning_rate": rate} | figures

    rates = best_rates(
        [
            trial("a", 0.5, total=2.0),
            trial("a", 1.0, total=1.0),
            trial("a", 2.0, failed="diverged"),
            *(trial("b", rate, failed="diverged") for rate in FACTORS),
            trial("a", 2.0, total=1.5, timesteps=None),
        ]
    )
    assert rates == {("d", "a", False): 1.0, ("d", "b", False): min(FACTORS), ("d", "a", True): 2.0}


def test_a_rate_is_judged_by_the_mean_over_its_seeds_and_not_where_one_diverges():
    found = {0.5: (1.0, 3.0), 1.0: (1.8, 1.9), 2.0: (0.1, None)}
    rows = [
        {"data": "d", "contender": "a", "timesteps": 4, "learning_rate": rate}
        | ({"failed": "diverged"} if total is None else {"total": total})
        for rate, totals in found.items()
        for total in totals
    ]
    assert best_rates(rows) == {("d", "a", False): 1.0}


def test_a_subset_keeps_what_is_asked_for_and_scales_budgets():
    whole = next(study for study in pays.PLAN if study.data == "digits")
    (study,) = subset([whole], [4, 0], 0.5)
    jobs = measurements([study], {})
    assert {job.data for job in jobs} == {"digits"} and {job.timesteps for job in jobs} == {4, None}
    budgets = {block.seconds and block.seconds / 2 for block in whole.blocks if {4, None} & set(block.timesteps)}
    assert {job.seconds for job in jobs} == budgets and study.tuning_seconds == whole.tuning_seconds / 2
    with pytest.raises(InputError, match="expected some of 0, 4, 8 "):
        subset([case for case in pays.PLAN if case.data == "checkerboard"], [1], 1.0)
    for wrong in ({"data": ("nope",)}, {"timesteps": (3,)}, {"scale": 0.0}, {"scale": float("nan")}):
        with pytest.raises(InputError):
            _ = pays.Pays(**wrong).cases()


@pytest.mark.parametrize("timesteps", [4, None])
@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_makes_a_model_with_a_bound(name, timesteps):
    data = load("digits")
    job = replace(JOB, data="digits", contender=name, timesteps=timesteps)
    model = build_model(configuration(job), data)
    found = bound(model, model.decoder.from_raw(data.test.x[:4]), None, timesteps)
    assert torch.isfinite(found.total).all()
