"""ndm report"""

from ndm.base.processes import Processes
from ndm.cli.arguments.report import Report
from ndm.evaluation.report import report


def run(told: Report) -> int:
    """Draw, picture, write."""
    with Processes() as processes:
        written = report(told.run_folder, processes, told.seed, told.steps, told.allow)
    if processes.is_main:
        page = written.pop("index")
        print(f"report: {page} ({', '.join(path.name for path in written.values())})")
    return 0
