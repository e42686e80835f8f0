"""ndm sample"""

from ndm.base.processes import Processes
from ndm.cli.arguments.sample import Sample
from ndm.evaluation import samples
from ndm.evaluation.conditions import Named
from ndm.runs.run import open_run


def run(told: Sample) -> int:
    """Draw and write."""
    with Processes() as processes:
        processes.by_first(lambda: samples.check_out(told.out, told.num))
        with processes.agreed():
            opened = open_run(told.run_folder, told.checkpoint, told.allow)
            asked = samples.request(opened, told.num, Named(told.label, told.values, told.unconditional), told.seed)
            samples.check_room(told.out, opened, asked.num)
        x = samples.draw(
            opened, asked.num, processes, told.sampler, told.steps, told.eta, told.grid, told.seed, asked.cond
        )
        processes.by_first(lambda: samples.write(x, told.out, opened, asked))
    if processes.is_main:
        words = "; ".join(f"{number} with {what}" for number, what in asked.groups if what) or asked.remark
        print(f"{asked.num} samples written to {told.out}" + f": {words}" * bool(words))
    return 0
