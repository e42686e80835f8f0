"""The ladder: networks by size, each with how it is trained. All numbers of the rules are here.

They are provisional, until a study of many data sets has fitted them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ndm.recipes._facts import Facts


class Row(NamedTuple):
    """A size, the fewest steps in which it is worth its time, and its learning rate."""

    size: int
    fewest_steps: int
    learning_rate: float


class Calendar(NamedTuple):
    """How often something is done in a run, and the fewest and the most steps between two."""

    times: int
    least: int
    most: int


@dataclass(frozen=True)
class Family:
    """Networks that differ in size.

    Args:
        name: of the file of the network.
        option, units: what the size is called, as an option and in words.
        default: the size of the network itself.
        batch_size: examples in a step.
        optimizer: what makes a step.
        schedule_rate: factor on the learning rate of the schedule's end points.
        threads: of the CPU; None for all.
        varies: whether other threads and precisions are worth trying.
        rows: from the smallest.
    """

    name: str
    option: str
    units: str
    default: int
    batch_size: int
    optimizer: str
    schedule_rate: float
    threads: int | None
    varies: bool
    rows: tuple[Row, ...]


UNET = Family(
    name="unet",
    option="channels",
    units="channels",
    default=32,
    batch_size=16,
    optimizer="muon",
    schedule_rate=2.0,
    threads=None,
    varies=True,
    rows=(
        Row(16, 300, 8e-3),
        Row(24, 600, 8e-3),
        Row(32, 900, 8e-3),
        Row(48, 1200, 8e-3),
        Row(64, 1800, 8e-3),
        Row(96, 4000, 6e-3),
        Row(128, 8000, 4e-3),
    ),
)
MLP = Family(
    name="mlp",
    option="width",
    units="units",
    default=128,
    batch_size=512,
    optimizer="adamw",
    schedule_rate=10.0,
    threads=1,  # more would wait for each other: the operations are small
    varies=False,
    rows=(Row(64, 4000, 2e-3), Row(128, 4000, 2e-3), Row(256, 8000, 2e-3), Row(512, 16_000, 2e-3)),
)
FAMILIES = {family.name: family for family in (UNET, MLP)}
OF_VOLUMES = 2  # by which a U-Net of volumes has fewer channels
SMALLEST, LARGEST_COARSEST, MOST_RESOLUTIONS = 8, 32, 6  # places on a side: of a U-Net, of its last resolution but one
DEPTH = 3  # of an MLP

SECONDS = 600.0  # of training, where no budget is given
FEWEST_STEPS = 20  # of the smallest network: a shorter budget is refused
WARM_UP, MOST_WARM_UP = 1 / 20, 100  # of the steps; steps
FORGOTTEN, AVERAGES = 20, (0.9, 0.9999)  # ema_decay is 1 - 20 / steps, within these
MANY_PASSES, DROPOUT = 100, 0.1  # over the data, from which a U-Net has dropout
CHECKPOINTS, LINES = Calendar(10, 50, 10_000), Calendar(200, 5, 100)
VALIDATING = 0.05  # of the time; an example takes about as long in a pass of validation as in a step
VALIDATIONS, VALIDATED = (5, 20), (32, 256)  # the fewest and the most in a run, and examples in each
BETWEEN = (20, 10_000)  # steps between two of them, the fewest and the most
GAMMA = {32: (-8.0, 6.0), 64: (-10.0, 6.0), 256: (-12.5, 5.0)}  # the ends for up to so many levels
GAMMA_OF_REAL = (-10.0, 6.0)
PARAMETERISATIONS = {32: "categorical", 256: "discrete_gaussian"}  # for up to so many levels that occur
FASTER, HOPELESS = 0.9, 3.0  # of the time of a step: from here another way is better, or is not tried on larger rungs
EXPECTED: dict[float, float | None] = {120.0: None, 600.0: None, 3600.0: None}  # bits by WebP's, after so many seconds


@dataclass(frozen=True)
class Rung:
    """A network of one size, and how it is trained: `options` are the predictor's, and `size` says both in words."""

    network: str
    options: Mapping[str, Any]
    size: str
    fewest_steps: int
    batch_size: int
    learning_rate: float
    optimizer: str
    schedule_rate: float
    threads: int | None
    varies: bool
    precision: str = "float32"


def ladder(facts: Facts, given: Mapping[str, Any], are_all: bool = False) -> list[Rung]:
    """Networks for data from the smallest, with the options of the predictor that are `given`.

    By default they are U-Nets for what has neighbours, and at least 8 places on a side, and MLPs else. A size that is
    given has the row of the nearest size, and so has that of the network itself, where the given options `are_all`
    that there are. Networks of another kind are a ladder of one rung.
    """
    wants_unet = facts.is_grid and min(facts.sizes) >= SMALLEST
    name = given.get("network") or (UNET if wants_unet else MLP).name
    family = FAMILIES.get(name)
    if family is None:
        return [_rung(UNET, _nearest(UNET.rows, given.get(UNET.option, UNET.default)), name, {}, name)]
    given = {family.option: family.default, **given} if are_all else given
    fewer = OF_VOLUMES if family is UNET and facts.kind == "volume" else 1
    rows = [row._replace(size=row.size // fewer) for row in family.rows]
    if family.option in given:
        rows = [_nearest(rows, given[family.option])._replace(size=given[family.option])]
    return [
        _rung(family, row, name, _options(family, row.size, facts), f"{name} of {row.size} {family.units}")
        for row in rows
    ]


def _nearest(rows: Sequence[Row], size: int) -> Row:
    return min(rows, key=lambda row: abs(row.size - size))


def _rung(family: Family, row: Row, network: str, options: Mapping[str, Any], size: str) -> Rung:
    return Rung(
        network,
        options,
        size,
        row.fewest_steps,
        family.batch_size,
        row.learning_rate,
        family.optimizer,
        family.schedule_rate,
        family.threads,
        family.varies,
    )


def _options(family: Family, size: int, facts: Facts) -> dict[str, Any]:
    options: dict[str, Any] = {"network": family.name, family.option: size}
    if family is MLP:
        return options | {"depth": DEPTH}
    more = max(0, int(math.log2(max(facts.sizes) / LARGEST_COARSEST)))
    options["multipliers"] = [1] + [2] * min(MOST_RESOLUTIONS - 1, 1 + more)
    return options | ({} if facts.has_channels else {"axes": len(facts.sizes)})
