"""ndm sample"""

from ndm.base.processes import Processes
from ndm.cli.arguments.sample import Sample
from ndm.evaluation import samples
from ndm.runs.run import open_run


def run(told: Sample) -> int:
    """Draw and write."""
    with Processes() as processes:
        processes.by_first(lambda: samples.check_out(told.out, told.num))
        with processes.agreed():
            opened = open_run(told.run_folder, told.checkpoint)
            samples.check_room(told.out, opened, told.num)
        x = samples.draw(opened, told.num, processes, told.sampler, told.steps, told.eta, told.grid, told.seed)
        processes.by_first(lambda: samples.write(x, told.out, opened))
    if processes.is_main:
        print(f"{told.num} samples written to {told.out}")
    return 0
