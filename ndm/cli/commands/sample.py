"""ndm sample"""

from ndm.base.processes import Processes
from ndm.cli.arguments.sample import Sample
from ndm.evaluation.conditions import Named, request
from ndm.evaluation.outputs import output, write
from ndm.evaluation.samples import draw
from ndm.runs.run import open_run


def run(told: Sample) -> int:
    """Draw and write."""
    with Processes() as processes:
        with processes.agreed():
            place = output(told.out, told.format, told.rate)
        processes.by_first(lambda: place.check(told.num))
        with processes.agreed():
            opened = open_run(told.run_folder, told.checkpoint, told.allow)
            asked = request(opened, told.num, Named(told.label, told.values, told.unconditional), told.seed)
            place = place.fitting(opened, asked.num)
        x = draw(opened, asked.num, processes, told.sampler, told.steps, told.eta, told.grid, told.seed, asked.cond)
        remarks = processes.by_first(lambda: write(x, place, opened, asked))
    if processes.is_main:
        words = "; ".join(f"{number} with {what}" for number, what in asked.groups if what) or asked.remark
        form = f" as .{place.form} files" * place.is_folder
        print(f"{asked.num} samples written to {told.out}{form}" + f": {words}" * bool(words))
        for remark in remarks:
            print(remark)
    return 0
