"""ndm publish"""

import dataclasses
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from huggingface_hub.errors import HTTPError

from ndm.base.errors import InputError
from ndm.base.files import new_folder, require_new
from ndm.base.model_card import Facts
from ndm.cli.arguments import RunFolder
from ndm.config import BUDGET, Config
from ndm.evaluation.kept import of_other_weights, of_the_model
from ndm.recipes import recipe
from ndm.runs.run import Run, open_run

_HUB = "hub:"


@dataclass(frozen=True)
class Publish:
    """Write the averaged model of a run, with a card: config.json, model.safetensors, README.md."""

    run_folder: RunFolder
    """The folder of the run."""
    destination: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DESTINATION")]
    """A folder that is new or empty, or hub:OWNER/NAME to push it to the Hugging Face hub."""
    licence: str | None = None
    """For the card, e.g. apache-2.0."""
    private: bool = False
    """Make a new repository of the hub a private one."""

    def run(self) -> int:
        """Open, describe, write or push."""
        run = open_run(self.run_folder)
        to_hub = self.destination.startswith(_HUB)
        if not to_hub:
            require_new(Path(self.destination))  # before anything is said
        name = self.destination.removeprefix(_HUB) if to_hub else Path(self.destination).resolve().name
        facts = Facts(
            name,
            run.config["data"]["name"],
            run.event_shape,
            run.config["timesteps"] or Facts.steps,
            command(run),
            _evaluation(run),
            self.licence,
        )
        if to_hub:
            print(f"published: {self._push(run, name, facts)}")
        else:
            with new_folder(Path(self.destination)) as folder:
                run.model.save_pretrained(folder, model_card_kwargs={"facts": facts})
            print(f"published: {self.destination} (config.json, model.safetensors, README.md)")
        return 0

    def _push(self, run: Run, name: str, facts: Facts) -> str:
        try:
            return str(
                run.model.push_to_hub(
                    name,
                    private=self.private or None,
                    commit_message="Publish with ndm",
                    model_card_kwargs={"facts": facts},
                )
            )
        except (OSError, ValueError, HTTPError) as error:  # no network, no token, no such name, no right to write
            why = " ".join(str(error).split())[:300] or type(error).__name__
            raise InputError(
                f"{self.destination}, which cannot be pushed ({why})",
                "a name of yours on a hub that can be reached",
                "log in with: hf auth login, or publish to a folder",
            ) from error


def _evaluation(run: Run) -> dict[str, Any] | None:
    """That of these weights; says what is missing where there is none."""
    found = of_the_model(run)
    missing = "no evaluation of its test split" if found is None else None
    if found is not None and (other := of_other_weights(run, found)) is not None:
        missing = f"an evaluation {other}"
    if missing is None:
        return found
    print(f"ndm: {missing}, and the card says so; to add its figures: ndm evaluate {run.folder}", file=sys.stderr)
    return None


def command(run: Run) -> str:
    """The command that trains such a run: what differs from the recipe of its data, or from nothing without them."""
    about = run.config["data"]
    source = about["from"] if about["from"] == about["name"] else Path(about["from"]).name
    try:
        start = dataclasses.asdict(recipe(None, run.data()))
    except InputError:  # the data are not here
        start = {}
    if any(run.config[name] != start.get(name) for name in BUDGET):  # a budget that is given replaces the recipe's
        start |= dict.fromkeys(BUDGET)
    words = ["ndm", "train", source]
    for field in dataclasses.fields(Config):
        value = run.config[field.name]
        value = tuple(value) if isinstance(value, list) else value
        if field.name not in start or value != start[field.name]:
            words += _option(field.name.replace("_", "-"), value)
    return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, dict):
        pairs = [f"{key}={json.dumps(option, separators=(',', ':'))}" for key, option in value.items()]
        return [f"--{name}", *pairs] if pairs else []
    if isinstance(value, tuple):
        return [f"--{name}", *map(str, value)]
    return [f"--{name}", str(value)]
