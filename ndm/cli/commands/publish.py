"""ndm publish"""

from ndm.cli.arguments.publish import Publish
from ndm.cli.lines import say
from ndm.evaluation.publish import HUB, check_destination, evaluation_for_card, publish
from ndm.runs.run import open_run


def run(told: Publish) -> int:
    """Open, describe, write or push."""
    opened = open_run(told.run_folder, allow=told.allow)
    check_destination(told.destination)  # before anything is said
    evaluation, missing = evaluation_for_card(opened)
    if evaluation is None:
        say(f"{missing}, and the card says so; to add its figures: ndm evaluate {told.run_folder}")
    place = publish(opened, told.destination, evaluation, told.licence, told.private)
    files = "" if told.destination.startswith(HUB) else " (config.json, model.safetensors, README.md)"
    print(f"published: {place}{files}")
    return 0
