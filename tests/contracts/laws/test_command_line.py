"""What the command line says of a run whose model knows its law: the law's own numbers, in any number of processes."""

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from launching import together

import ndm
from ndm.cli import main
from ndm.data import load
from ndm.parts.parameterisations.gaussian_mixture import GaussianMixtureParameterisation
from ndm.parts.schedules import Schedule
from ndm.runs.checkpoint import latest
from ndm.runs.writing import write_folder

from .exact import Known, Law, gaussian, two_gaussians

ROWS, DIMENSION = 500, 2


def said(words: str) -> None:
    """The command ends well."""
    assert main(shlex.split(words)) == 0


def form_of(law: Law) -> GaussianMixtureParameterisation:
    """The form that knows the law before its network has said anything."""
    form = GaussianMixtureParameterisation((DIMENSION,), len(law.means))
    with torch.no_grad():
        form.log_weights.copy_(law.shares.log())
        form.shifts.copy_((law.means - form.first_means) / form.first_stds)
        form.log_stds.copy_(0.5 * torch.log(law.stds**2 - 1e-6))  # its least variance comes on top
    return form


def put(run: Path, model: ndm.NeuralDiffusion) -> None:
    """The model takes the place of what the run has learned."""
    checkpoint = latest(run)
    assert checkpoint is not None
    before = checkpoint.rename(checkpoint.with_name("before"))

    def fill(folder: Path) -> None:
        for path in before.iterdir():
            if path.is_dir() and path.name != "model":
                shutil.copytree(path, folder / path.name)
            elif path.is_file() and path.name != "checksums.json":
                shutil.copy(path, folder / path.name)
        model.float().save_pretrained(folder / "model")

    write_folder(checkpoint, fill)
    shutil.rmtree(before)


def exact_model(law: Law, schedule: Schedule, reverse_step: str) -> ndm.NeuralDiffusion:
    form = form_of(law)
    predictor = ndm.DirectPredictor(ndm.MLP((DIMENSION,), form.num_outputs, width=4, depth=0), form)
    step = {"posterior": ndm.reverse_steps.PosteriorReverseStep, "mixture": ndm.reverse_steps.MixtureReverseStep}[
        reverse_step
    ]()
    return ndm.NeuralDiffusion(schedule, ndm.IdentityTransform(), predictor, ndm.GaussianDecoder(), reverse_step=step)


LAWS = {"gaussian": gaussian, "two_gaussians": two_gaussians}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """For each law the data NAME.npy, the run NAME in continuous time and the run NAME-chain of 4 steps."""
    folder, before, dtype = tmp_path_factory.mktemp("exact"), Path.cwd(), torch.get_default_dtype()
    os.chdir(folder)
    torch.set_default_dtype(torch.float32)
    try:
        for name, made in LAWS.items():
            law = made()
            np.save(f"{name}.npy", law.sample(ROWS, DIMENSION).float().numpy())
            small = "--max-steps 1 --batch-size 16 --transform identity --predictor-options width=4 depth=1"
            said(f"train {name}.npy --run {name} {small}")
            said(f"train {name}.npy --run {name}-chain --timesteps 4 --reverse-step mixture {small}")
            put(folder / name, exact_model(law, ndm.schedules.LinearSchedule(-5.0, 4.0), "posterior"))
            put(folder / f"{name}-chain", exact_model(law, ndm.schedules.LinearSchedule(-8.0, 9.0), "mixture"))
    finally:
        os.chdir(before)
        torch.set_default_dtype(dtype)
    return folder


@pytest.fixture(autouse=True)
def there(place, monkeypatch) -> None:
    torch.set_default_dtype(torch.float32)  # as in a new process
    monkeypatch.chdir(place)
    monkeypatch.setenv("NO_COLOR", "1")


def held_out(name: str) -> torch.Tensor:
    """The rows that `ndm evaluate` evaluates."""
    return torch.from_numpy(np.asarray(load(f"{name}.npy").test.x)).double()


def evaluation(run: str) -> dict:
    return json.loads(Path(run, "evaluation.json").read_text())


@pytest.mark.law(command="evaluate")
@pytest.mark.parametrize("name", LAWS)
def test_the_numbers_of_an_evaluation(name):
    torch.set_default_dtype(torch.float64)
    known, x = Known(LAWS[name](), ndm.schedules.LinearSchedule(-5.0, 4.0)), held_out(name)
    bound, density = known.bound(x).sum(1).mean(), -known.log_prob(x).mean()
    torch.set_default_dtype(torch.float32)
    said(f"evaluate {name} --draws 512 --ode --rtol 1e-6 --atol 1e-6 --importance 100 --transport")
    found = evaluation(name)
    assert (found["num_examples"], found["unit"]) == (len(x), "nats")
    terms = found["nelbo"]
    assert abs(terms["total"] - bound) < 5 * terms["standard_error_of_draws"] + 1e-4
    assert terms["total"] == pytest.approx(terms["prior"] + terms["diffusion"] + terms["reconstruction"], abs=1e-4)
    assert found["ode"]["total"] == pytest.approx(float(density), abs=1e-3)
    assert density - 0.1 < found["importance"]["total"] < bound + 0.1
    assert found["transport"]["energy"] >= found["transport"]["displacement"] > 0


@pytest.mark.law(command="evaluate")
def test_a_chain_that_knows_its_law_codes_at_the_law_s_entropy():
    """Exact mixture steps lose nothing in one dimension: the bound is E[-log p] and what its ends lose."""
    said("evaluate two_gaussians-chain --draws 512")
    terms = evaluation("two_gaussians-chain")["nelbo"]
    torch.set_default_dtype(torch.float64)
    known, x = Known(two_gaussians(), ndm.schedules.LinearSchedule(-8.0, 9.0)), held_out("two_gaussians")
    truth = -known.log_density(x, 0.0).sum(1).mean() - 2 * np.log(known.level(0.0)[0])
    assert abs(terms["total"] - truth) < 5 * terms["standard_error_of_draws"] + 0.02


@pytest.mark.law(command="evaluate")
def test_one_process_and_two_say_the_same(place):
    words = "evaluate two_gaussians --draws 32 --ode --divergence gaussian --probes 2 --importance 8"
    said(words)
    alone = evaluation("two_gaussians")
    ends = together(2, ["-m", "ndm.cli", *words.split()], [str(place)] * 2)
    assert [code for code, *_ in ends] == [0, 0], ends
    both = evaluation("two_gaussians")
    for name in ("nelbo", "ode", "importance"):
        for key, value in alone[name].items():
            if isinstance(value, float) and key not in ("seconds",):
                assert both[name][key] == pytest.approx(value, rel=1e-4, abs=1e-5), (name, key)


@pytest.mark.law(command="sample")
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(
    "options",
    ["", "--eta 0.3", "--eta 1", "--eta 2.5", "--grid gamma", "--grid optimised", "--grid gamma --eta 1 --steps 7"],
)
def test_a_chain_that_knows_its_law_draws_from_it(name, options, tmp_path):
    """Steps that are mixtures of exact posteriors keep the law for every eta and every grid."""
    num = 4000
    said(f"sample {name}-chain --out {tmp_path}/x.npz --num {num} {options}")
    x = np.load(tmp_path / "x.npz")["x"]
    torch.set_default_dtype(torch.float64)
    known = Known(LAWS[name](), ndm.schedules.LinearSchedule(-8.0, 9.0))
    alpha, _ = known.level(0.0)
    places = np.sort(known.distribution(alpha * torch.from_numpy(x).double(), 0.0).numpy(), axis=0)
    rank = np.arange(1, num + 1)[:, None] / num
    distance = np.maximum(rank - places, places - rank + 1 / num).max(0)
    assert (distance < 1.95 / np.sqrt(num)).all(), distance  # Kolmogorov and Smirnov, one in a thousand
