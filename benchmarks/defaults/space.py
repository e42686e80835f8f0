"""The search space of the study, as plain data, and the trials: what the rules choose, with changes of the space."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ndm.recipes import Facts

EMA = "ema"  # relative length of the average: 1 / (1 - ema_decay) by the number of steps
_FORM, _END = "predictor_options.parameterisation", "schedule_options.gamma_min"
SPACE: dict[str, dict[str, tuple[Any, ...]]] = {
    "unet": {
        "predictor_options.channels": (16, 32, 64, 96, 128),
        "predictor_options.multipliers": ([1, 2], [1, 2, 2]),
        "predictor_options.blocks": (1, 2),
        _FORM: ("scaled", "gaussian_mixture", "discrete_gaussian", "categorical"),
        "batch_size": (8, 16, 32),
        "optimizer": ("adamw", "muon"),
        "learning_rate": (0.004, 0.008, 0.016),
        "schedule_rate": (1.0, 2.0, 5.0),
        _END: (-13.3, -12.5, -11.5),
        EMA: (0.005, 0.02, 0.05),
    },
    "mlp": {
        "predictor_options.width": (64, 128, 256, 512),
        "predictor_options.depth": (2, 3, 4),
        "predictor_options.num_frequencies": (0, 6),
        _FORM: ("scaled", "gaussian_mixture"),
        "batch_size": (128, 512, 2048),
        "optimizer": ("adamw", "muon"),
        "learning_rate": (0.001, 0.002, 0.004, 0.008),
    },
}
"""Values of settings by the network, in the words of a `Config`, its options dotted. gamma_min is for 256 levels."""
UNRULED = {_FORM: "scaled", "predictor_options.blocks": 1, "predictor_options.num_frequencies": 0}
"""What predictors and networks have by default, where no rule chooses it."""
SIZES = ("predictor_options.channels", "predictor_options.width")
"""Settings whose best value grows with the budget: a rule has them up to `SIZES_UNTIL` minutes alone."""
SIZES_UNTIL = 2
RULES = "rules"  # the trial that changes nothing
MINUTES = (1, 2, 10)  # of all trials, of those that are left, and of the last two
LONG = 60  # minutes, of the rule that other sets choose
SHARE = {"table": 0.25}  # of these minutes: a step of a table takes a tenth of one of images
CHAIN = 8  # steps of the chains that are trained beside continuous time
TARGETS = {2: 1.06, 10: 0.92, 60: 0.85}  # bits by those of lossless WebP, after so many minutes
SETS_BY_DEFAULT = (
    *("emoji32", "photos32", "game16", "digits", "fashion_mnist", "photos16", "glyphs28", "brain32", "satellite32"),
    *("cancer", "diamonds", "segments", "shuttle", "weather", "abalone"),
)

_OVER_LEVELS = ("categorical", "discrete_gaussian")

Changes = Mapping[str, Any]
"""Settings that a trial changes, by name; none for what the rules choose."""


def network_of(kind: str) -> str:
    """The network that is searched for a kind of data."""
    return "mlp" if kind == "table" else "unet"


def name_of(changes: Changes) -> str:
    """The name of a trial: what it changes, such as `batch_size=8`; `rules` for nothing. It has the space's order."""
    return " ".join(f"{short(name)}={text(value)}" for name, value in changes.items()) or RULES


def changes_of(trial: str, network: str) -> dict[str, Any]:
    """What the trial of this name changes."""
    known = {name_of({name: value}): (name, value) for name, values in SPACE[network].items() for value in values}
    return dict(known[word] for word in trial.split() if word != RULES)


def short(name: str) -> str:
    """A setting by the last part of its name."""
    return name.rpartition(".")[2]


def text(value: Any) -> str:
    """A value without spaces."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def is_own(name: str, value: Any, own: Changes) -> bool:
    """Whether a value is the one that the rules chose themselves, up to what is lost by rounding."""
    found = own.get(name)
    if isinstance(value, float) and isinstance(found, float | int):
        return math.isclose(value, found, rel_tol=1e-2)
    return bool(value == found)


def size_of(network: str) -> str:
    """The setting that is the size of a network."""
    return next(name for name in SIZES if name in SPACE[network])


def larger(trial: str, settings: Changes, network: str) -> str | None:
    """The trial with the next larger size of the space; None where there is none."""
    name = size_of(network)
    values = [value for value in SPACE[network][name] if value > settings[name]]
    return name_of({name: None} | changes_of(trial, network) | {name: min(values)}) if values else None


def is_possible(name: str, value: Any, levels: int | None, examples: int | None) -> bool:
    """Whether data of so many levels and training examples can have a value; real ones have no levels."""
    if name == _END:
        return levels is not None
    if name == _FORM and value in _OVER_LEVELS:
        return levels is not None
    return not (name == "batch_size" and examples is not None and value > examples)


def single(network: str, own: Changes, levels: int | None, examples: int | None) -> Iterator[tuple[str, Any]]:
    """Every change of one setting to a value that the data can have, and that the rules did not choose themselves."""
    for name, values in SPACE[network].items():
        for value in values:
            if not is_own(name, value, own) and is_possible(name, value, levels, examples):
                yield name, value


def given(changes: Changes, facts: Facts, timesteps: int | None) -> dict[str, Any]:
    """What changes are in the words of a `Config`, its options dotted; what these data cannot have is left out.

    - `scaled` has no p(x | z_t), which the reverse steps of a chain need.
    - gamma_min + 2 log(255 / (L - 1)) gives L levels as much noise, in units of their distance, as gamma_min gives 256.
    """
    found, levels = {}, facts.num_levels
    for name, value in changes.items():
        if name == EMA or not is_possible(name, value, levels, facts.num_examples):
            continue
        if not (name == _FORM and value == "scaled" and timesteps):
            found[name] = value + _of_levels(levels) if name == _END and levels is not None else value
    return found


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted settings as those of a `Config`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        setting, _, option = name.partition(".")
        if option:
            found.setdefault(setting, {})[option] = value
        else:
            found[setting] = value
    return found


def searched(config: Mapping[str, Any], steps: int, network: str, levels: int | None) -> dict[str, Any]:
    """The values that a configuration of so many steps has for the settings of the search space, in its units."""
    found: dict[str, Any] = {**UNRULED, EMA: round(1 / (1 - config["ema_decay"]) / max(steps, 1), 4)}
    for name in SPACE[network]:
        setting, _, option = name.partition(".")
        if setting in config and (not option or option in config[setting]):
            value = config[setting][option] if option else config[setting]
            found[name] = list(value) if isinstance(value, tuple) else value
    if _END in found and levels is not None:
        found[_END] = round(found[_END] - _of_levels(levels), 2)
    return {name: found[name] for name in SPACE[network] if name in found}


def _of_levels(levels: int) -> float:
    """How much larger gamma is for so many levels than for 256."""
    return 2 * math.log(255 / (levels - 1))
