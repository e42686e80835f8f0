"""Publish the averaged model of a run with a card, as a folder or on the Hugging Face hub."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HTTPError

from ndm.base.errors import InputError
from ndm.base.files import new_folder, require_new
from ndm.base.model_card import Facts
from ndm.base.settings import OPTION
from ndm.config import BUDGET, Config
from ndm.evaluation.kept import of_other_weights, of_the_model
from ndm.recipes import RULED, settle
from ndm.runs.run import Run

HUB = "hub:"


def check_destination(destination: str) -> None:
    """Raise `InputError` for a folder that is there, and has something in it."""
    if not destination.startswith(HUB):
        require_new(Path(destination))


def evaluation_for_card(run: Run) -> tuple[dict[str, Any] | None, str]:
    """The evaluation of these weights; None where there is none, and why."""
    found = of_the_model(run)
    if found is None:
        return None, "no evaluation of its test split"
    other = of_other_weights(run, found)
    return (found, "") if other is None else (None, f"an evaluation {other}")


def publish(
    run: Run,
    destination: str,
    evaluation: dict[str, Any] | None = None,
    licence: str | None = None,
    private: bool = False,
) -> str:
    """Write config.json, model.safetensors and README.md, the card; where they are, a folder or an address.

    Args:
        destination: a folder that is new or empty, or hub:OWNER/NAME.
        evaluation: whose figures the card has.
        licence: for the card.
        private: whether a new repository of the hub is one.

    Raises:
        InputError: for a folder that has something in it, and a hub that does not take the model.
    """
    check_destination(destination)
    to_hub = destination.startswith(HUB)
    name = destination.removeprefix(HUB) if to_hub else Path(destination).resolve().name
    facts = Facts(
        name,
        run.config["data"]["name"],
        run.event_shape,
        run.config["timesteps"] or Facts.steps,
        command(run),
        evaluation,
        licence,
    )
    if to_hub:
        return _push(run, destination, name, facts, private)
    with new_folder(Path(destination)) as folder:
        run.model.save_pretrained(folder, model_card_kwargs={"facts": facts})
    return destination


def _push(run: Run, destination: str, name: str, facts: Facts, private: bool) -> str:
    try:
        return str(
            run.model.push_to_hub(
                name,
                private=private or None,
                commit_message="Publish with ndm",
                model_card_kwargs={"facts": facts},
            )
        )
    except (OSError, ValueError, HTTPError) as error:  # no network, no token, no such name, no right to write
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"{destination}, which cannot be pushed ({why})",
            "a name of yours on a hub that can be reached",
            "log in with: hf auth login, or publish to a folder",
        ) from error


def command(run: Run) -> str:
    """Write the command that trains such a run, with what differs from the recipe of its data.

    Without such a recipe it has all that would otherwise be chosen, for another machine perhaps.
    """
    about = run.config["data"]
    source = about["from"] if about["from"] == about["name"] else Path(about["from"]).name
    try:
        settled = settle(None, run.data(), {})
        start = dataclasses.asdict(settled.config({}))
        start = {name: value for name, value in start.items() if settled.is_whole or name not in RULED}
    except InputError:  # the data are not here
        start = {}
    if any(run.config[name] != start.get(name) for name in BUDGET):  # a budget that is given replaces the recipe's
        start |= dict.fromkeys(BUDGET)
    words = ["ndm", "train", source]
    for field in dataclasses.fields(Config):
        option, value = field.metadata.get(OPTION, field.name), run.config[field.name]
        value = tuple(value) if isinstance(value, list) else value
        if option is not None and (field.name not in start or value != start[field.name]):
            words += _option(option.replace("_", "-"), value)
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
