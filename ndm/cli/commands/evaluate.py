"""ndm evaluate"""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

from ndm.base.errors import InputError
from ndm.base.processes import Processes
from ndm.cli.arguments.evaluate import Evaluate
from ndm.cli.lines import say_notes
from ndm.evaluation.conditions import given_words
from ndm.evaluation.evaluation import evaluation_of
from ndm.evaluation.kept import keep

_OF_THE_ODE = (
    "divergence",
    "probes",
    "solver",
    "rtol",
    "atol",
    "ode_steps",
    "dequantisation",
    "dequantisation_draws",
    "float64",
)  # settings that say nothing without --ode


def run(told: Evaluate) -> int:
    """Evaluate, write, show."""
    settings = dataclasses.asdict(told)
    folder, ode = settings.pop("run_folder"), settings.pop("ode")
    of_the_ode = {name: settings.pop(name) for name in _OF_THE_ODE}
    with Processes() as processes:
        with processes.agreed():
            if not ode:
                _check_unused(told)
            evaluation = evaluation_of(folder, **settings, ode=of_the_ode if ode else None)
        say_notes(evaluation.of.data.name, evaluation.of.notes)
        result = evaluation(processes)
        path = processes.by_first(lambda: keep(evaluation.run, result))
    if processes.is_main:
        show(result, str(evaluation.of), Console())
        if evaluation.of.remark is not None:
            print(evaluation.of.remark)
        print(f"written to {path}")
    return 0


def _check_unused(told: Evaluate) -> None:
    """Raise `InputError` for a setting of the ODE, which is not asked for."""
    for field in dataclasses.fields(told):
        if field.name in _OF_THE_ODE and getattr(told, field.name) != field.default:
            raise InputError(f"--{field.name.replace('_', '-')} without --ode", "both", "it is a setting of the ODE")


def show(result: dict[str, Any], of: str, console: Console) -> None:
    """Print the evaluation as a table; `of` is its title."""
    terms, unit = result["nelbo"], result["unit"]
    kind = "continuous time" if terms["timesteps"] is None else f"T = {terms['timesteps']}"
    print(f"{of}, {kind}{given_words(result)}")
    table = Table("term", unit)
    for name in ("prior", "diffusion", "reconstruction"):
        table.add_row(name, f"{terms[name]:.4f}")
    table.add_section()
    table.add_row("NELBO", f"{terms['total']:.4f} ± {terms['standard_error']:.4f}")
    weighted, ode = result["importance"], result["ode"]
    for name, found in (("importance-weighted", weighted), ("-log p, ODE", ode)):
        if found is not None:
            error = "" if found["standard_error"] is None else f" ± {found['standard_error']:.4f}"
            table.add_row(name, f"{found['total']:.4f}{error}")
    console.print(table)
    if weighted is not None:
        print(
            f"importance weights: {weighted['draws']} chains of T = {weighted['timesteps']} for each example, "
            f"{weighted['effective_draws']:.1f} of them effective in the mean"
        )
    if ode is not None:
        drawn = f"; dequantisation: {ode['dequantisation']}" + f", draws: {ode['draws']}" * (ode["draws"] > 1)
        probes = "" if ode["probes"] is None else f" of {ode['probes']} probes"
        evaluations = f"{ode['evaluations']['mean']:.0f} evaluations in the mean, {ode['evaluations']['most']} at most"
        print(
            f"ODE: divergence {ode['divergence']}{probes}; {ode['solver']}; {evaluations}{drawn}; "
            f"there and back: error {ode['round_trip_error']:.1g}"
        )
        of_noise = ode["standard_error_of_estimate"]
        if of_noise is None:
            print(
                "the noise of its draws and probes is unknown, as there is one of them for each example: give "
                "--dequantisation-draws or --probes of 2 or more"
            )
        elif of_noise > 0:
            print(
                f"its ± is over examples, the noise of draws and probes included, which alone is ± {of_noise:.4f}; "
                "equal examples share theirs"
            )
    paths = result["transport"]
    if paths is not None:
        print(
            f"paths: energy {paths['energy']:.3f}, displacement {paths['displacement']:.3f}, straightness "
            f"{paths['straightness']:.3f}; the exact optimal transport: {paths['optimal']:.3f}\n"
            f"W2² of samples to data {paths['w2']:.4f}, of other examples {paths['floor']:.4f} (squared standard "
            f"deviations of the data; the last three from {paths['paths']} points of each, which makes them large)"
        )
