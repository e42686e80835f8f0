"""`python -m benchmarks density`, whole and in parts: densities that are what they say, ours and the peers'."""

import json
import math
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import density
from benchmarks.__main__ import main
from benchmarks.density import execute
from benchmarks.density.contenders import CONTENDERS, OURS
from benchmarks.density.output import picture
from benchmarks.engine.comparison import compared, difference
from benchmarks.engine.plan import Block, Case, Job, measurements, tunings
from benchmarks.engine.quality import energy_distance
from benchmarks.engine.rows import read_rows
from benchmarks.engine.tables import frame, mean, text
from benchmarks.peers import densities
from benchmarks.peers.densities import Fitted, FlowMatching, Peer, plane_recipe
from ndm.data import DataSet, Split, load
from ndm.parts.decoders import Decoder
from ndm.parts.decoders.gaussian import GaussianDecoder
from ndm.training.build import build_model

PEERS = [name for name in CONTENDERS if name not in OURS]
ABSENT = {name for name in PEERS if (find_spec("zuko") if name == "nsf" else densities.torchcfm) is None}
needs_peers = pytest.mark.skipif(bool(ABSENT), reason="peers are not installed")


MEAN, ROOT = np.array([5.0, -1.0]), np.array([[3.0, 1.0], [0.0, 0.6]])


def points() -> DataSet:
    """Correlated Gaussian points, far from the origin and of unequal scales."""
    x = np.random.default_rng(0).normal(size=(600, 2)) @ ROOT + MEAN
    split = Split(x.astype(np.float32))
    return DataSet("points", split, split, split, num_levels=None, num_classes=0, source="here")


@dataclass
class OnGrid:
    """A contender after a fraction of a second of training, its density on a grid of the plane, and samples."""

    model: Fitted
    points: Tensor
    probabilities: Tensor
    samples: Tensor


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.skipif(name in ABSENT, reason="its package is not installed"))
        for name in (*PEERS, "identity", "learned")
    ],
)
def fitted(request) -> OnGrid:
    torch.set_num_threads(1)
    model = CONTENDERS[request.param].fit(points(), 0.3, 0, 1.0)
    first, second = (torch.linspace(centre - width, centre + width, 41) for centre, width in ((5, 15), (-1, 6)))
    grid = torch.cartesian_prod(first, second)
    cell = float((first[1] - first[0]) * (second[1] - second[0]))
    return OnGrid(model, grid, model.log_prob(grid).double().exp() * cell, model.sample((500, 2), seed=3))


def test_a_density_integrates_to_one(fitted):
    """In the data's units: the Jacobian of the standardisation is in it."""
    assert fitted.model.steps > 0 and float(fitted.probabilities.sum()) == pytest.approx(1, abs=0.02)


def test_samples_are_those_of_the_density(fitted):
    """They are as far from draws on the grid as those from each other, and their entropy is that of the density."""
    draws = torch.multinomial(fitted.probabilities, 1000, True, generator=torch.Generator().manual_seed(0))
    scale = torch.from_numpy(points().train.x).std(0)
    x, y = fitted.samples / scale, fitted.points[draws] / scale
    assert abs(energy_distance(x, y)) < 0.02 < energy_distance(x, y + 0.5)
    entropy = -(fitted.probabilities * fitted.model.log_prob(fitted.points)).sum()
    assert -float(fitted.model.log_prob(fitted.samples).mean()) == pytest.approx(float(entropy), abs=0.15)


def test_samples_depend_on_their_seed_alone(fitted):
    assert torch.equal(fitted.samples, fitted.model.sample((500, 2), seed=3))
    assert not torch.equal(fitted.samples, fitted.model.sample((500, 2), seed=4))


class GaussianVelocity(nn.Module):
    """The velocity of straight paths from x_0 ~ N(0, I) to independent x_1 ~ N(mean, std^2 I), E[x_1 - x_0 | x_t]."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        x, t = x[:, None], t[:, None, None]
        variance = (1 - t) ** 2 + (t * self.std) ** 2
        return self.mean + (t * self.std**2 - (1 - t)) / variance * (x - t * self.mean)


def test_flow_matching_goes_from_noise_at_0_to_data_at_1():
    """The exact velocity of a Gaussian gives its density, and its samples, in closed form."""
    mean, std, decoder = 1.5, 0.3, GaussianDecoder(torch.tensor([2.0, -1.0]), torch.tensor([0.5, 4.0]))
    model = FlowMatching().fitted(GaussianVelocity(mean, std), decoder, steps=0)
    x = decoder.destandardise(mean + std * torch.randn(200, 2))
    z = (decoder.standardise(x) - mean) / std
    truth = (-0.5 * (z.square() + math.log(2 * math.pi)) - math.log(std) - torch.tensor([0.5, 4.0]).log()).sum(1)
    torch.testing.assert_close(model.log_prob(x), truth, atol=2e-3, rtol=0)
    drawn = (decoder.standardise(model.sample((4000, 2), seed=0)) - mean) / std
    assert float(drawn.mean().abs()) < 0.05 and float(drawn.std()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("data", ["moons", "cities"])
def test_flow_matching_has_the_network_of_our_identity(data):
    found = CONTENDERS["i_cfm"].network(load(data))
    ours = build_model(OURS["identity"].changed(plane_recipe(load(data))), load(data)).predictor.network
    assert found.config == ours.config


@needs_peers
@pytest.mark.parametrize("name", ["i_cfm", "ot_cfm", "vp_cfm"])
def test_a_path_of_flow_matching_starts_in_noise_and_ends_in_data(name):
    matcher = CONTENDERS[name].matcher()
    noise, data = torch.randn(64, 2), 10 + torch.rand(64, 2)
    for t, ends in ((0.0, noise), (1.0, data)):
        _, x_t, _ = matcher.sample_location_and_conditional_flow(noise, data, t=torch.full((64,), t))
        assert (x_t[:, None] - ends).abs().amax(2).amin(1).max() < 1e-4


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_absent_is_one_line(name, monkeypatch, capsys, tmp_path):
    if name == "nsf":
        monkeypatch.setitem(sys.modules, "zuko", None)
    else:
        monkeypatch.setattr(densities, "torchcfm", None)
    monkeypatch.setattr(density.Density, "plan", plan((name,)))
    code = main(f"density --out {tmp_path / 'out'}".split())
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1 and "pip install" in err and not list(tmp_path.iterdir())


@dataclass(frozen=True)
class Diverges(Peer):
    """A loss that is not a number from the third step on."""

    def network(self, data: DataSet) -> nn.Module:
        self.__dict__["calls"] = 0
        return nn.Linear(data.event_shape[0], 1)

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        self.__dict__["calls"] += 1
        return network(x).mean() * (math.nan if self.__dict__["calls"] == 3 else 1.0)

    sampler = "none"

    def log_prob(self, network: nn.Module, x: Tensor) -> Tensor:
        raise AssertionError("it has diverged")

    def sample(self, network: nn.Module, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        raise AssertionError("it has diverged")


class BlowsUp(nn.Module):
    """dx/dt = -50 x^3: backwards in time it leaves every bound."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return -50 * x[:, None] ** 3


@dataclass(frozen=True)
class Explodes(Diverges):
    """Trains, and has an ODE that cannot be followed."""

    def loss(self, network: nn.Module, x: Tensor) -> Tensor:
        return network(x).mean()

    def fitted(self, network: nn.Module, decoder: Decoder, steps: int) -> Fitted:
        return FlowMatching().fitted(BlowsUp(), decoder, steps)


@pytest.mark.parametrize(("kind", "why"), [(Diverges, "not finite at step 2"), (Explodes, "blows up")])
def test_what_diverges_is_a_row_that_says_so(kind, why, monkeypatch):
    monkeypatch.setitem(CONTENDERS, "bad", kind())
    row = execute(Job("moons", "bad", None, 0.05, None, 0, 1.0, "test", draws=0, limit=20))
    assert why in row["failed"] and "total" not in row and row["config"]["learning_rate"] == 2e-3


def plan(names: tuple[str, ...]) -> tuple[Case, ...]:
    return (
        Case(
            "moons",
            draws=0,
            limit=60,
            num_samples=50,
            reference=None,
            tuning_seconds=0.05,
            tuning_limit=20,
            blocks=(Block((None,), names, seeds=2, seconds=0.3),),
        ),
    )


def test_every_contender_is_tuned_alike_and_measured_once():
    trials, jobs = tunings(density.PLAN), measurements(density.PLAN, {})
    assert len({job.key for job in trials}) == len(trials) == 5 * 6 * 4 and len({job.key for job in jobs}) == 5 * 6 * 3
    assert {job.split for job in trials} == {"validation"} and {job.split for job in jobs} == {"test"}
    assert {job.seconds for job in (*trials, *jobs)} == {30.0}  # trials at the budget that they are for
    assert {job.limit for job in trials} == {1000} and {job.limit for job in jobs} == {3000}
    assert (
        {job.contender for job in jobs}
        == set(CONTENDERS)
        == {"identity", "learned", "nsf", "i_cfm", "ot_cfm", "vp_cfm"}
    )
    assert [job.contender for job in jobs] == 15 * list(CONTENDERS)
    assert [job.seed for job in jobs] == sorted(30 * [0, 1, 2])


@needs_peers
def test_the_benchmark_runs_writes_and_resumes(monkeypatch, tmp_path, capsys):
    names = ("identity", "nsf")
    monkeypatch.setattr(density.Density, "plan", plan(names))
    call = f"density --out {tmp_path} --workers 1".split()
    assert main(call) == 0
    out, _ = capsys.readouterr()
    assert "samples.png" in out and all(name in out for name in names)
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    measured = [row for row in rows if row["split"] == "test"]
    assert len(rows) == 2 * 4 + 2 * 2 and len(measured) == 4
    for row in measured:
        assert row["num_examples"] == 60 and row["excess"] == pytest.approx(row["total"] - row["truth"])
        assert np.mean(row["per_example"]) == pytest.approx(row["total"], abs=1e-4)
        assert len(row["energy_distance"]) == 2 and row["sampling_seconds"] > 0 and row["likelihood_seconds"] > 0
        assert ("bound" in row) == (row["contender"] == "identity") and ("samples" in row) == (row["seed"] == 0)
    kept = list(read_rows(tmp_path / "rows.jsonl.gz").values())
    cells = dict(iter(compared([row for row in kept if "split" in row]).groupby("contender")))
    identity, flow = (cells[name] for name in names)
    assert mean(flow, "bound") is None and difference(flow) is None
    less = mean(identity, "total").value - mean(flow, "total").value
    assert difference(identity).value == pytest.approx(less)
    assert all((tmp_path / name).read_bytes()[:4] == b"\x89PNG" for name in ("figure.png", "samples.png"))
    tables = (tmp_path / "tables.md").read_text()
    assert (
        text(identity, "excess") in tables
        and f"| {difference(identity)} |" in tables
        and "inverse of the flow" in tables
    )

    (tmp_path / "rows.jsonl").write_text("".join(line + "\n" for line in lines[:-1]) + lines[-1][:30])
    assert main(call) == 0
    assert "1 of 4 to do" in capsys.readouterr().err
    again = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert again[:-1] == lines[:-1] and json.loads(again[-1])["key"] == rows[-1]["key"]

    stale = [json.loads(line) for line in again]
    next(row for row in stale if row["contender"] == "nsf")["config"]["bins"] = 3
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
    assert main(call) == 2
    err = capsys.readouterr().err
    assert "another bins" in err and err.count("\n") == 1


def test_the_figure_shows_what_has_no_truth_too():
    def cell(name: str, values: list[float], **more: float) -> list[dict]:
        return [{"data": "cities", "contender": name, "seed": k, "total": v} | more for k, v in enumerate(values)]

    found = frame(cell("identity", [8.0, 8.1], bound=8.2) + cell("nsf", [8.3, 8.2]))
    assert picture(found)[:4] == b"\x89PNG" and picture(found) != picture(found[:2])
