"""Everything that decides a run, as plain data."""

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from ndm.base.axes import (
    OPTIMIZERS,
    PARALLEL,
    PREDICTORS,
    REVERSE_STEPS,
    SAMPLERS,
    SCHEDULES,
    TIME_SAMPLERS,
    TRANSFORMS,
    VOLATILITIES,
)
from ndm.base.errors import InputError
from ndm.base.kinds import fits
from ndm.base.seeds import check_seed
from ndm.base.settings import OPTION, Names, Options, parsed, read, written
from ndm.data import DataSet

VALIDATION_DRAWS = 4  # of (t, z_t) for each example of a validation
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Config:
    """A model, and how it is trained. Parts are named by their file; their options are arguments of that part."""

    data_options: Options = field(default_factory=dict)
    """How the data are read, e.g. release=new for imagenet32, size=32 crop=center for a folder of images, columns=[a,b]
    for a table, dequantise=true for integers."""
    condition: Names = ()
    """What the model is told of each example, by which it is conditional: label, its class, or columns of a table, as
    in age,sex, which are then no part of the example. By default nothing."""
    flip: bool = False
    """Train on images as they are or flipped from left to right, half and half."""

    from_model: str | None = field(default=None, metadata={OPTION: "from"})
    """Start from a trained model: the folder of a run or of a model, or OWNER/NAME of the Hugging Face hub. Its weights
    are taken where they fit, and its network and parts where no others are given; the rest starts anew."""
    from_weights: str | None = None
    """The sha256 of the weights of --from; others are refused. By default that of those that are there at the start."""

    schedule: str | None = None
    """The noise schedule gamma(t). By default learned with --timesteps T, where the shape says how the steps are spent,
    else learned_linear."""
    schedule_options: Options = field(default_factory=dict)
    """E.g. gamma_min=-13.3 gamma_max=5."""
    transform: str | None = None
    """F(x, t). By default scaling with --timesteps T for up to 8 steps, where a learned path pays, and identity beyond
    and in continuous time, where it does not."""
    transform_options: Options = field(default_factory=dict)
    """E.g. basis=frequency for scaling; num_functions=3 width=128 for series; gate=time for residual;
    sigma_blur_max=20 for blurring."""
    predictor: str | None = None
    """How the curve of x is guessed from z_t; by default direct where the transformation allows it."""
    predictor_options: Options = field(default_factory=dict)
    """Of the network and its parameterisation, e.g. network=unet channels=32 multipliers=[1,2] parameterisation=scaled.
    By default gaussian_mixture where the reverse step is mixture or moments, and scaled elsewhere."""
    volatility: str = "markov"
    """eta(t) of the reverse process."""
    volatility_options: Options = field(default_factory=dict)
    """E.g. value=1 for constant, ratio=4 for random."""
    reverse_step: str | None = None
    """The form of p(z_s|z_t) at --timesteps T. By default mixture, or analytic where the predictor
    has no p(x | z_t)."""
    timesteps: int | None = None
    """T of the discrete bound; without it the continuous bound is trained."""
    sampler: str = "ancestral"
    """The sampler of ndm sample and ndm report for this run, where they are not told."""

    kinetic_weight: float = 0.0
    """Of the process's kinetic energy beside the bound (nats): straightens the paths of a learned F."""

    max_steps: int | None = None
    """Stop after this many steps. The learning rate decays over it."""
    max_seconds: float | None = None
    """Stop after this many seconds of training (all sittings together). The learning rate decays over it."""
    batch_size: int = 64
    """Examples in a step, all processes together."""
    accumulate: int = 1
    """Slices of its rows of a batch that a process computes one after the other: less memory, the same gradient."""
    parallel: str = "ddp"
    """What each of several processes has of the model: ddp, a copy; fsdp, a part of weights, gradients and moments."""
    optimizer: str = "adamw"
    """What makes a step of a gradient: muon moves weight matrices by orthogonalised momentum, and the rest like adamw.
    """
    learning_rate: float = 2e-3
    """After the warm-up."""
    schedule_rate: float = 10.0
    """Factor on the learning rate of the schedule's end points, the volatility and the reverse steps."""
    transform_rate: float = 1.0
    """Factor on the learning rate of the transform (besides its own `rate`)."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Of AdamW."""
    weight_decay: float = 0.01
    """Of weight matrices, in units of the learning rate."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises from 0."""
    decay: Literal["cosine", "constant"] = "cosine"
    """The learning rate after the warm-up: to 0 at the end of the budget, or constant."""
    clip: float = 1.0
    """Largest norm of the gradient of the loss in bits/dim (nats/dim for real-valued data)."""
    ema_decay: float = 0.999
    """Of the averaged weights, which are the model that is evaluated and published."""
    average_lengths: tuple[float, ...] = ()
    """Keep averages of these relative lengths as well, e.g. 0.05 0.1: ndm average makes one of any length of them. Each
    takes the memory of the weights once more."""
    time_sampler: str = "importance"
    """Where the loss is evaluated in time: by its running second moments (importance), or evenly."""
    precision: Literal["float32", "bf16"] = "float32"
    """Of the networks; the schedule, the posterior and the bound are always float32 at least."""
    seed: int = 0
    """Decides the initial weights, the order of the data and all noise."""
    log_every: int = 100
    """Steps between lines of metrics.jsonl."""
    save_every: int = 2000
    """Steps between checkpoints; one more is written at the end and on Ctrl-C."""
    checkpointing: bool = False
    """Keep only the inputs of a network's blocks, and compute them again for the gradient: a third more work for a
    fraction of the memory."""
    compile: bool = False
    """Compile the predictor's network with torch.compile: needs a C++ compiler, and a minute at the start. The
    transformation's, whose derivative in time is taken, stays as it is."""
    validate_every: int = 2000
    """Steps between validations of the averaged weights; RUN/best is the best of them. 0: none."""
    validation_limit: int = 256
    """Examples of the validation split in one."""
    patience: int | None = None
    """Stop after so many validations in a row without a new best."""
    pictures_every: int = 0
    """Steps between pictures of samples and of F, in RUN/pictures and TensorBoard. 0: none."""
    tracker: tuple[str, ...] = ()
    """wandb, mlflow, aim, comet_ml, clearml, dvclive, swanlab or trackio: they get the metrics too (Accelerate)."""
    threads: int | None = None
    """CPU threads; PyTorch's choice if not given."""

    chosen: tuple[str, ...] = field(default=(), metadata={OPTION: None})
    """The settings that were chosen for the data, the machine and the budget when the run was started, options dotted
    as in predictor_options.channels: a run that goes on has them from its config.yaml."""

    def check(self) -> None:
        """Raise `InputError` for a setting that cannot be; what names stand for is checked where it is made."""
        for name in (
            "max_steps",
            "max_seconds",
            "timesteps",
            "threads",
            "batch_size",
            "learning_rate",
            "clip",
            "log_every",
            "save_every",
            "accumulate",
            "validation_limit",
            "patience",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} = {value}", "a positive number")
        if self.patience is not None and not self.validate_every:
            raise InputError(f"patience = {self.patience} without validation", "both", "give validate_every as well")
        if (self.from_model is None) != (self.from_weights is None):
            raise InputError(
                f"from_model = {self.from_model} and from_weights = {self.from_weights}",
                "both or neither",
                "ndm.training.source.settings_from finds both",
            )
        check_seed(self.seed)
        if self.threads is not None and self.threads > _MOST_THREADS:
            raise InputError(f"threads = {self.threads}", f"at most {_MOST_THREADS}")
        for name in (
            "weight_decay",
            "schedule_rate",
            "transform_rate",
            "warmup_steps",
            "kinetic_weight",
            "validate_every",
            "pictures_every",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} = {getattr(self, name)}", "a finite number, at least 0")
        for name, decay in (("ema_decay", self.ema_decay), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if not 0 <= decay < 1:
                raise InputError(f"{name} = {getattr(self, name)}", "at least 0 and below 1")
        if len(set(self.average_lengths)) < len(self.average_lengths):
            raise InputError(f"average_lengths = {self.average_lengths}", "each of them once")

    def to_yaml(self, data: DataSet, source: str) -> str:
        """This configuration, with the data it is for and the name or path they came from."""
        about = {
            "name": data.name,
            "from": source,
            "source": data.source,
            "fingerprint": data.fingerprint(),
            "event_shape": list(data.event_shape),
            "num_levels": data.num_levels,
            "reading": dict(data.reading),
        }
        values = {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }
        return written({"data": about} | values)


# The settings that name a choice, and what there is to choose from.
CHOICES = {
    "schedule": SCHEDULES,
    "transform": TRANSFORMS,
    "predictor": PREDICTORS,
    "volatility": VOLATILITIES,
    "reverse_step": REVERSE_STEPS,
    "time_sampler": TIME_SAMPLERS,
    "sampler": SAMPLERS,
    "parallel": PARALLEL,
    "optimizer": OPTIMIZERS,
}
BUDGET = ("max_steps", "max_seconds")  # one of them given on the command line takes the place of a recipe's
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# What may change when a run goes on: how long it is, what it writes, how it is sampled, and the machine it is on.
_MAY_CHANGE = {
    "max_steps",
    "max_seconds",
    "log_every",
    "save_every",
    "sampler",
    "threads",
    "accumulate",
    "parallel",
    "checkpointing",
    "compile",
    "validate_every",
    "validation_limit",
    "patience",
    "pictures_every",
    "tracker",
}
_DATA_MAY_CHANGE = {"name", "from", "source"}  # where they are; what they are, the fingerprint says


def budget(words: str) -> dict[str, Any]:
    """The settings that a length of training stands for: 90s, 2m, 1.5h and 1d are max_seconds, 5000steps max_steps.

    Raises `InputError` for other words, and for nothing.
    """
    found = re.fullmatch(r"(?P<number>[0-9]+([.][0-9]+)?)(?P<unit>s|m|h|d|steps)", words, re.ASCII)
    number = float(found["number"]) if found else 0.0
    is_whole = found is not None and (found["unit"] != "steps" or number.is_integer())
    if found is None or not 0 < number < math.inf or not is_whole:
        raise InputError(f"a budget of {words!r}", "a length above 0, such as 90s, 10m, 2h, 1d or 5000steps")
    if found["unit"] == "steps":
        return {"max_steps": int(number)}
    return {"max_seconds": number * _SECONDS[found["unit"]]}


def read_yaml(path: Path, trained: str | None = None) -> dict[str, Any]:
    """A run's configuration; `trained`, a YAML text, is what its checkpoint was trained with, if there is one.

    They are the same but for what may change. Raises `InputError`, naming the first setting that is unknown, missing,
    of a wrong type or another than was trained.
    """
    values = _checked(path, read(path))
    if trained is not None:
        before = _checked(path, parsed(trained))
        _compare(path, values, before, _MAY_CHANGE | {"data"})
        _compare(path, values["data"], before["data"], _DATA_MAY_CHANGE, "data.")
    kinds = get_type_hints(Config, include_extras=True)
    for name in (name for name in values if name != "data"):
        if name not in kinds:
            raise InputError(f"{path} with the unknown setting {name}", "those that ndm train wrote", "remove it")
        if not fits(values[name], kinds[name]):
            raise InputError(f"{path} with {name}: {values[name]}", "a value that ndm train takes", "restore the file")
    if missing := [name for name in kinds if name not in values]:
        raise InputError(f"{path} without {missing[0]}", "all settings that ndm train wrote", "restore the file")
    if not _are_data(values["data"]):
        raise InputError(f"{path}, which does not say what its data were", "what ndm train wrote", "restore the file")
    return values


def _checked(path: Path, values: Any) -> dict[str, Any]:
    """Check that values have the types of a configuration."""
    if not isinstance(values, dict) or not isinstance(values.get("data"), dict):
        raise InputError(f"{path}, which is not a configuration", "the file that ndm train wrote", "restore it")
    return values


def _compare(
    path: Path, values: dict[str, Any], before: dict[str, Any], may_change: set[str], prefix: str = ""
) -> None:
    """Raise `InputError` for the first setting that is not as it was trained."""
    for name in (name for name in values | before if name not in may_change):
        found = f"{prefix}{name}: {_shown(values[name])}" if name in values else f"no {prefix}{name}"
        if name not in before:
            raise InputError(f"{path} with the unknown setting {found}", "those that ndm train wrote", "remove it")
        if name not in values or values[name] != before[name]:
            raise InputError(
                f"{path} with {found}", f"{_shown(before[name])}, with which its checkpoint was trained", "restore it"
            )


def _shown(value: Any) -> Any:
    return "none" if value is None else value


def _are_data(about: dict[str, Any]) -> bool:
    """Whether a value describes data as readers of a run need it."""
    shape, levels = about.get("event_shape"), about.get("num_levels")
    return (
        all(isinstance(about.get(name), str) for name in ("name", "from", "fingerprint"))
        and isinstance(shape, list)
        and bool(shape)
        and all(isinstance(size, int) and size > 0 for size in shape)
        and (levels is None or isinstance(levels, int))
        and isinstance(about.get("reading"), dict)
    )


def check_same(path: Path, new: str, trained: str | None) -> None:
    """Raise `InputError` if the run at `path` has another configuration than the YAML text `new`, or was `trained`."""
    old_values, new_values = read_yaml(path, trained), parsed(new)
    about = new_values["data"]
    if any(old_values["data"][key] != about[key] for key in about.keys() - _DATA_MAY_CHANGE):
        before, why = old_values["data"].get("name"), ""
        if before == about["name"]:  # then it is the way that they are read
            why = "".join(
                f", {name}: {_shown(old_values.get(name) or None)} is now {_shown(new_values[name] or None)}"
                for name in ("condition", "data_options")
                if old_values.get(name) != new_values[name]
            )
        raise InputError(
            f"other data for the run in {path.parent} (now {about['name']}{why})",
            f"those it was started with ({before}{', read alike' if why else ''})",
            "choose another --run folder" + (", or the same command to resume" if why else ""),
        )
    changed = [
        f"{key}: {old_values.get(key)} is now {value}"
        for key, value in new_values.items()
        if key not in _MAY_CHANGE | {"data"} and old_values.get(key) != value
    ]
    if changed:
        raise InputError(
            f"another configuration for the run in {path.parent} ({'; '.join(changed)})",
            "the one it was started with",
            "choose another --run folder, or the same command to resume",
        )
