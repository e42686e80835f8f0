"""Start a training from a trained model: the settings that it gives, and the weights that fit.

A weight is taken where its name, its shape and the class of its part agree. What is made for the data is not: decoder,
condition, and what the parameterisation fits to the training split, unless the source was trained on the same data.
Embeddings of classes, and of named values, are matched by name. All else starts anew, as do the optimiser and the
averages.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ndm.base.errors import InputError
from ndm.base.files import sha256
from ndm.base.part import Part, made_with
from ndm.base.pretrained import CONFIG, WEIGHTS, model_files
from ndm.config import Config, read_yaml
from ndm.data import DataSet
from ndm.model import NeuralDiffusion
from ndm.nn.embeddings import LabelEmbedding, ValueEmbedding
from ndm.parts.conditions import Condition, LabelCondition
from ndm.parts.decoders import Decoder
from ndm.parts.options import settings_of
from ndm.parts.parameterisations import Parameterisation
from ndm.runs.checkpoint import latest
from ndm.runs.folder import CONFIGURATION
from ndm.training.build import seen

_SOURCE = ("from_model", "from_weights")
_OPTIONS = tuple(f"{part}_options" for part in ("schedule", "transform", "predictor", "volatility"))
_PARTS = ("schedule", "transform", "predictor", "volatility", "reverse_step", *_OPTIONS, "timesteps")
_PRIOR = "predictor.parameterisation."  # of each dimension by itself: without a network it is not worth a start
_SHOWN = 3  # tensors of a part, or names, that a line lists


class Found(NamedTuple):
    """A source: its model, the sha256 of its weights, and the configuration of its run, where it is one."""

    model: NeuralDiffusion
    weights: str
    config: dict[str, Any] | None


def settings_from(
    name: str, data: DataSet, given: Mapping[str, Any], run: Path, has_recipe: bool = False
) -> dict[str, Any]:
    """The settings that a training on `data` in the folder `run` has from its source, below those that are `given`.

    They are where it comes from, and its parts with their options: without a recipe that is named, and at its own
    number of steps; at another, the options of its network alone. They were written to config.yaml when `run` was
    started, and are read from there: the source may be gone.

    Args:
        name: the folder of a run or of a model, or OWNER/NAME of the Hugging Face hub.

    Raises:
        InputError: for a source that cannot be read, or is a model of events with another number of axes.
    """
    wanted = _SOURCE if has_recipe else (*_SOURCE, *_PARTS)
    if (run / CONFIGURATION).exists():
        own = read_yaml(run / CONFIGURATION)
        if own["from_model"] in (name, _absolute(name)):
            return {setting: own[setting] for setting in wanted}
    source = find(name)
    shape = source.model.event_shape
    if shape is not None and len(shape) != len(data.event_shape):
        raise InputError(
            f"{name}, a model of events of shape {shape}, for {data.name} of shape {data.event_shape}",
            "a model of events with as many axes",
            "train without --from",
        )
    settings = settings_of(source.model) | {"timesteps": _timesteps(source)}
    if "timesteps" in given and given["timesteps"] != settings["timesteps"]:
        network = settings.get("predictor_options", {})
        settings = {"predictor_options": {key: network[key] for key in network if "parameterisation" not in key}}
    settings |= {"from_model": _absolute(name) if Path(name).is_dir() else name, "from_weights": source.weights}
    return {setting: settings[setting] for setting in wanted if setting in settings}


def find(name: str) -> Found:
    """Read a source, its checksums verified; raises `InputError` where that cannot be done."""
    place, config = name, None
    if (Path(name) / CONFIGURATION).exists():
        checkpoint = latest(Path(name))
        if checkpoint is None:
            raise InputError(f"{name}, which has no checkpoint", "a run that has been trained")
        place, config = str(checkpoint / "model"), read_yaml(Path(name) / CONFIGURATION)
    digest = sha256(model_files(place, (CONFIG, WEIGHTS), {})[1])
    with torch.random.fork_rng(devices=[]):
        model = NeuralDiffusion.from_pretrained(place, digest=digest)
    return Found(model, digest, config)


def begin(model: NeuralDiffusion, config: Config, data: DataSet) -> list[str]:
    """Give a new model the weights of its source that fit, and say in lines what does not.

    Raises:
        InputError: for a source that has changed since it was configured, or of which nothing fits the predictor.
    """
    source, name = find(str(config.from_model)), config.from_model
    if source.weights != config.from_weights:
        raise InputError(
            f"{name}, whose weights have changed (sha256 {source.weights[:16]})",
            f"those that the run is configured to start from ({str(config.from_weights)[:16]})",
            "restore them, or start anew in another --run folder",
        )
    is_same = source.config is not None and source.config["data"]["fingerprint"] == data.fingerprint()
    taken, lines = matched(source.model, model, is_same)
    own = model.state_dict()
    if not any(key.startswith("predictor.") and not key.startswith(_PRIOR) for key in taken):
        raise InputError(
            f"{name}, of which nothing fits the predictor ({'; '.join(lines) or 'it has no weights'})",
            "a model with a network like that here",
            "give no other options of the network, or train without --from",
        )
    with torch.no_grad():
        for key, value in taken.items():
            own[key].copy_(value)
    model.check_noise(seen(model, data))
    number, every = (sum(value.numel() for value in each.values()) for each in (taken, own))
    return [
        f"from {name} (sha256 {source.weights[:16]}): {number:,} of {every:,} weights; "
        "optimiser and averages start anew",
        *(f"  {line}" for line in (*_of_settings(source.model, config), *lines)),
    ]


def _of_settings(source: NeuralDiffusion, config: Config) -> Iterator[str]:
    """Lines on the parts and options of a configuration that are those of its source, and on those that are not."""
    here = vars(config)
    settings = {name: value for name, value in settings_of(source).items() if value != {}}
    for word, are_same in (("as there", True), ("other than there", False)):
        chosen = [name for name, value in settings.items() if (here[name] == value) is are_same]
        if chosen:
            yield f"{word}: {'; '.join(f'{name} {_shown(here[name])}' for name in chosen)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{option}={each}" for option, each in value.items()) or "none"
    return "by default" if value is None else str(value)


def matched(source: NeuralDiffusion, model: NeuralDiffusion, is_same: bool) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of `source` that fit `model`, by name, and lines that say what does not.

    `is_same` says whether both are for the same data.
    """
    own, theirs = model.state_dict(), source.state_dict()
    mine, others = _parts(model), _parts(source)
    kinds = () if is_same else (Decoder, Parameterisation)
    taken: dict[str, Tensor] = {}
    named, of_data = dict(_by_name(model, source)), set()
    for path, keys in _grouped(own, mine).items():
        if isinstance(mine[path], kinds):
            of_data.add(path)
        elif type(mine[path]) is type(others.get(path)):
            fitting = [key for key in keys if key in theirs and theirs[key].shape == own[key].shape]
            taken |= {key: theirs[key] for key in fitting} | {key: named[key] for key in keys if key in named}
    return taken, [*_of_condition(model, source), *_of_parts(model, source, taken, of_data)]


def _by_name(model: NeuralDiffusion, source: NeuralDiffusion) -> Iterator[tuple[str, Tensor]]:
    """Weights with a row, or a column, for each name of a condition: those of names that both have are the source's."""
    here, there = _names(model.condition), _names(source.condition)
    if here == there or not here or not there:
        return
    places = [(here.index(name), there.index(name)) for name in here if name in there]
    mine, others = (torch.tensor([pair[k] for pair in places], dtype=torch.int64) for k in (0, 1))
    own, theirs = model.state_dict(), source.state_dict()
    for path, part in model.named_modules():
        key, axis = (f"{path}.enter.weight", 1) if isinstance(part, ValueEmbedding) else (f"{path}.rows.weight", 0)
        if not isinstance(part, ValueEmbedding | LabelEmbedding) or key not in own or key not in theirs:
            continue
        if own[key].shape[1 - axis] == theirs[key].shape[1 - axis]:
            yield key, own[key].clone().index_copy(axis, mine, theirs[key].index_select(axis, others).to(own[key]))


def _names(condition: Condition | None) -> list[str]:
    """The names of what an embedding has a place for; classes come with their kind, the last is that of no class."""
    if isinstance(condition, LabelCondition):
        return [*(f"class {name}" for name in condition.classes), "no class"]
    return [] if condition is None else list(condition.names)


def _of_condition(model: NeuralDiffusion, source: NeuralDiffusion) -> list[str]:
    """A line on the names of the condition that only one of both has."""
    here, there = _names(model.condition), _names(source.condition)
    new, gone = ([name for name in one if name not in other] for one, other in ((here, there), (there, here)))
    words = [f"{_some(new)} start anew"] * bool(new) + [f"{_some(gone)} of the source are left out"] * bool(gone)
    return ["condition: " + "; ".join(words)] if words else []


def _of_parts(
    model: NeuralDiffusion, source: NeuralDiffusion, taken: Mapping[str, Tensor], of_data: set[str]
) -> list[str]:
    """A line for each part of which something does not fit, with shapes there and here."""
    own, theirs = model.state_dict(), source.state_dict()
    mine, others = _parts(model), _parts(source)
    keys, strangers = _grouped(own, mine), _grouped({key: theirs[key] for key in theirs if key not in own}, others)
    lines = []
    for path in dict.fromkeys((*mine, *strangers)):
        here, there = mine.get(path), others.get(path)
        every, left = keys.get(path, []), [key for key in keys.get(path, []) if key not in taken]
        words = []
        if path in of_data:
            words.append("fitted to the data here")
        elif here is not None and there is not None and type(here) is not type(there):
            words.append(f"{type(there).__name__} there, {type(here).__name__} here")
        elif left:
            shown = _some([_shapes(key.removeprefix(f"{path}."), own[key], theirs.get(key)) for key in left])
            words.append(f"{len(left)} of {len(every)} tensors start anew: {shown}")
        if strangers.get(path) and not words:
            shown = _some([f"{key.removeprefix(f'{path}.')} {tuple(theirs[key].shape)}" for key in strangers[path]])
            words.append(f"{len(strangers[path])} of the source are left out: {shown}")
        if words:
            lines.append(f"{path}: {'; '.join(words)}")
    return lines


def _parts(model: NeuralDiffusion) -> dict[str, Part]:
    return {path: part for path, part in model.named_modules() if path and isinstance(part, Part)}


def _grouped(tensors: Mapping[str, Tensor], parts: Mapping[str, Part]) -> dict[str, list[str]]:
    """The names of tensors by the innermost part that they belong to."""
    found = defaultdict(list)
    for key in tensors:
        found[max((path for path in parts if key.startswith(f"{path}.")), key=len, default="")].append(key)
    return found


def _shapes(name: str, here: Tensor, there: Tensor | None) -> str:
    shape = tuple(here.shape)
    return f"{name} {shape}, not there" if there is None else f"{name} {tuple(there.shape)} there, {shape} here"


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)


def _absolute(name: str) -> str:
    return os.path.abspath(name)  # RUN/model stays the link, which leads to another checkpoint later


def _timesteps(source: Found) -> int | None:
    """T of a source: that of its run, or else of a part that was made for it."""
    if source.config is not None:
        found: int | None = source.config["timesteps"]
        return found
    every = (made_with(part).get("timesteps") for part in source.model.modules() if isinstance(part, Part))
    return next((number for number in every if number is not None), None)
