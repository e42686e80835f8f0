"""ndm average"""

from typing import Any

from rich.console import Console
from rich.table import Table

from ndm.base.processes import Processes
from ndm.cli.arguments.average import Average
from ndm.evaluation.average import average


def run(told: Average) -> int:
    """Average, choose, write, show."""
    with Processes() as processes:
        about = average(
            told.run_folder,
            told.destination,
            processes,
            told.lengths,
            told.at,
            told.draws,
            told.limit,
            told.seed,
            told.allow,
        )
    if processes.is_main:
        show(about, Console())
        print(
            f"the average of relative length {about['length']:g} up to step {about['step']} is in "
            f"{told.destination}; next: ndm evaluate {told.destination}"
        )
    return 0


def show(about: dict[str, Any], console: Console) -> None:
    """Print the lengths as a table; the last row is the average of training, where it ends at the same step."""
    found = about["validation"]
    table = Table(
        "relative length",
        "error of its profile",
        *([f"validation, {found['unit']}", "above the chosen"] if found else []),
    )
    rows = [(f"{row['length']:g}", f"{row['error_of_profile']:.2%}") for row in about["lengths"]]
    if found and len(found["bounds"]) > len(rows):
        rows.append(("that of training", ""))
    for k, words in enumerate(rows):
        bounds = [found[name][k] for name in ("bounds", "above_chosen")] if found else []
        table.add_row(*words, *("not finite" if each is None else f"{each[0]:.4f} ± {each[1]:.4f}" for each in bounds))
    console.print(table)
    if found:
        print(f"bounds on {found['num_examples']} examples, with the same draws for all")
