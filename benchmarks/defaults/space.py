"""The search space of the study, as plain data, and the trials that are drawn from it."""

import math
import random
from collections.abc import Mapping
from typing import Any

from ndm.recipes import Facts

EMA = "ema"  # relative length of the average: 1 / (1 - ema_decay) by the number of steps
SPACE: dict[str, dict[str, tuple[Any, ...]]] = {
    "unet": {
        "predictor_options.channels": (16, 24, 32, 48, 64, 96),
        "predictor_options.multipliers": ([1, 2], [1, 1], [1, 2, 2]),
        "predictor_options.parameterisation": ("scaled", "gaussian_mixture", "categorical"),
        "batch_size": (8, 16, 32),
        "optimizer": ("adamw", "muon"),
        "learning_rate": (0.002, 0.004, 0.008, 0.016),
        "schedule_rate": (2.0, 5.0),
        "schedule_options.gamma_min": (-13.3, -11.5),
        "precision": ("float32", "bf16"),
        EMA: (0.005, 0.02, 0.05),
    },
    "mlp": {
        "predictor_options.width": (64, 128, 256, 512),
        "predictor_options.depth": (2, 3, 4),
        "predictor_options.num_frequencies": (0, 6),
        "predictor_options.parameterisation": ("scaled", "gaussian_mixture"),
        "batch_size": (128, 512, 2048),
        "optimizer": ("adamw", "muon"),
        "learning_rate": (0.001, 0.002, 0.004, 0.008),
    },
}
"""Values of settings by the network, in the words of a `Config`, its options dotted. gamma_min is for 256 levels."""
MINUTES = (1, 2, 10)  # of all trials, of those that are left, and of the last two
LONG = 60  # minutes, of the rule that other sets choose
SHARE = {"table": 0.25}  # of these minutes: a step of a table takes a tenth of one of images
CHAIN = 8  # steps of the chains that are trained beside continuous time
TARGETS = {2: 1.06, 10: 0.92, 60: 0.85}  # bits by those of lossless WebP, after so many minutes
SETS_BY_DEFAULT = (
    *("emoji32", "photos32", "brain32", "digits", "fashion_mnist", "glyphs28", "game16", "satellite32"),
    *("cancer", "diamonds", "segments", "shuttle", "weather", "abalone"),
)

_CATEGORICAL = 32  # levels, beyond which the categorical parameterisation takes too much memory
_SEED = 295  # of the first 400 the one in whose trials 1 to 7 pairs of settings are the least associated (Cramer's V^2)


def network_of(kind: str) -> str:
    """The network that is searched for a kind of data."""
    return "mlp" if kind == "table" else "unet"


def drawn(trial: int, network: str) -> dict[str, Any]:
    """The settings of a trial; none for trial 0, which leaves all to the rules as they are.

    It depends on nothing but its number: trial k is the same for every set and however many there are. The values of
    each setting are shuffled, and shuffled anew when all were drawn, so that a few trials have each of them about
    equally often.
    """
    found: dict[str, Any] = {}
    if trial:
        for name, values in SPACE[network].items():
            turn, place = divmod(trial - 1, len(values))
            found[name] = random.Random(f"{_SEED} {network} {name} {turn}").sample(values, len(values))[place]
        found["predictor_options.network"] = network
    return found


def given(settings: Mapping[str, Any], facts: Facts, timesteps: int | None) -> dict[str, Any]:
    """The settings of a `Config` that a trial gives for these data; what they cannot have is left to the rules.

    - `categorical` stands for levels: beyond 32 of them it is `discrete_gaussian`, and `scaled` for real values.
      `scaled` has no p(x | z_t), which the reverse steps of a chain need: in its place a chain has what rules choose.
    - gamma_min + 2 log(255 / (L - 1)) gives L levels as much noise, in units of their distance, as gamma_min gives 256.
    - a batch has no more examples than there are.
    """
    levels, found = facts.num_levels, dict(settings)
    found.pop(EMA, None)
    parameterisation = found.pop("predictor_options.parameterisation", None)
    if parameterisation == "categorical":
        parameterisation = _over_levels(levels)
    if parameterisation is not None and not (parameterisation == "scaled" and timesteps):
        found["predictor_options.parameterisation"] = parameterisation
    gamma_min = found.pop("schedule_options.gamma_min", None)
    if gamma_min is not None and levels is not None:
        found["schedule_options.gamma_min"] = gamma_min + _of_levels(levels)
    if "batch_size" in found and facts.num_examples is not None:
        found["batch_size"] = min(found["batch_size"], facts.num_examples)
    nested: dict[str, Any] = {}
    for name, value in found.items():
        setting, _, option = name.partition(".")
        if option:
            nested.setdefault(setting, {})[option] = value
        else:
            nested[setting] = value
    return nested


def _over_levels(levels: int | None) -> str:
    """The parameterisation of a distribution over so many levels."""
    if levels is None:
        return "scaled"
    return "categorical" if levels <= _CATEGORICAL else "discrete_gaussian"


def searched(config: Mapping[str, Any], steps: int, network: str, levels: int | None) -> dict[str, Any]:
    """The values that a configuration of so many steps has for the settings of the search space, in its units."""
    found: dict[str, Any] = {EMA: round(1 / (1 - config["ema_decay"]) / max(steps, 1), 4)}
    for name in SPACE[network]:
        setting, _, option = name.partition(".")
        if setting in config and (not option or option in config[setting]):
            found[name] = config[setting][option] if option else config[setting]
    if "schedule_options.gamma_min" in found and levels is not None:
        found["schedule_options.gamma_min"] = round(found["schedule_options.gamma_min"] - _of_levels(levels), 2)
    return {name: found[name] for name in SPACE[network] if name in found}


def _of_levels(levels: int) -> float:
    """How much larger gamma is for so many levels than for 256."""
    return 2 * math.log(255 / (levels - 1))
