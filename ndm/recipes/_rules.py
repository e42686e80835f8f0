"""Rules for what is left open: settings that fit the data, the machine and the budget, each with a reason."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ndm.base.axes import PREDICTORS
from ndm.base.errors import InputError
from ndm.base.options import options_of
from ndm.config import VALIDATION_DRAWS, Config
from ndm.recipes import _ladder as table
from ndm.recipes._facts import Facts
from ndm.recipes._ladder import Rung, ladder
from ndm.recipes._settled import Settled

# The settings that there is a rule for.
RULED = frozenset(
    {
        *("predictor_options", "schedule_options", "batch_size", "precision", "threads", "max_seconds"),
        *("optimizer", "learning_rate", "schedule_rate", "warmup_steps", "ema_decay"),
        *("validate_every", "validation_limit", "save_every", "log_every"),
    }
)
_OF_DATA = ("parameterisation", "gamma_min", "gamma_max", "dropout")  # options that follow from the data


class Chosen(NamedTuple):
    """The value of a setting, and why."""

    value: Any
    reason: str


@dataclass(frozen=True)
class Choice:
    """What the rules chose.

    settings    by name, with options dotted, as predictor_options.channels
    facts       of the data
    size, why   of the network, and why it is that one
    steps       of the run; as many as fit, where the budget is one of time
    seconds     of a step, where it was measured
    batch_size  given or chosen
    """

    settings: Mapping[str, Chosen]
    facts: Facts
    size: str
    why: str
    steps: int
    seconds: float | None
    batch_size: int

    @property
    def values(self) -> dict[str, Any]:
        """The settings without their reasons."""
        return {name: chosen.value for name, chosen in self.settings.items()}

    @property
    def passes(self) -> float | None:
        """How often the run sees each example; None for a stream."""
        number = self.facts.num_examples
        return None if number is None else self.steps * self.batch_size / number

    def of_data(self) -> str:
        """Say what the data are, and what follows from that."""
        found = {name.partition(".")[2]: chosen.value for name, chosen in self.settings.items()}
        follows = [f"{option} {found[option]}" for option in _OF_DATA if option in found]
        return f"data: {self.facts.text}" + f": {', '.join(follows)}" * bool(follows)

    def of_steps(self) -> str:
        """Say how long the training is."""
        fit = (
            f"{self.steps:,} step{'s' * (self.steps > 1)}"
            if self.seconds is None
            else f"about {_rounded(self.steps):,} steps fit"
        )
        words = [f"{fit}, of {self.batch_size} examples"]
        words += [] if self.seconds is None else [f"{1e3 * self.seconds:.3g} ms a step"]
        words += [] if self.passes is None else [f"{_digits(self.passes)} passes over the data"]
        words += [f"expected: {ratio:.2f} of the bits of lossless WebP" for ratio in self._expected()]
        return f"steps: {', '.join(words)}"

    def _expected(self) -> Iterator[float]:
        """The bits of the trained model by those of WebP, where that is known for a budget of this length."""
        if self.facts.kind == "image" and self.seconds is not None:
            reached = [ratio for after, ratio in table.EXPECTED.items() if after <= self.steps * self.seconds * 1.01]
            yield from (ratio for ratio in reached[-1:] if ratio is not None)


def choose(
    facts: Facts,
    settled: Settled,
    seconds_per_step: Callable[[Rung], float],
    ways: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    shares: int = 1,
) -> Choice:
    """Choose what is not `settled`.

    The network is the largest of the ladder that gets as many steps as it needs. A budget of steps says by itself which
    that is; for one of time a step of each rung is measured, from the smallest until one does not fit.

    Args:
        facts: of the data.
        settled: what is given, with what it is given on top of.
        seconds_per_step: measures a rung; raises `InputError` where memory does not hold it.
        ways: values of precision and threads that the machine can be tried with, the first of each first.
        shares: equal parts of a batch, of which its size must be a multiple.

    Raises:
        InputError: for a budget of time in which the smallest network makes fewer than 20 steps.
    """
    networks = ladder(facts, settled.options("predictor"), are_all="predictor" in settled.closed)
    rungs = [_fitted(rung, facts, settled, shares) for rung in networks]
    most_steps, most_seconds = settled.get("max_steps"), settled.get("max_seconds")
    if is_by_default := most_steps is None and most_seconds is None:
        most_seconds = table.SECONDS
    enough = [rung for rung in rungs if most_steps is None or rung.fewest_steps <= most_steps] or rungs[:1]
    if most_seconds is None or (most_steps is not None and len(enough) == 1):
        rung, seconds, steps = enough[-1], None, most_steps
        why = _why_of_steps(rungs, len(enough), steps)
    else:
        open_ways = {name: values for name, values in ways.items() if name not in settled.values}
        rung, seconds, why = _climb(enough, most_seconds, _Fastest(seconds_per_step, open_ways))
        steps = int(min(most_steps or math.inf, _fit(most_seconds, seconds)))
    why = "the one that is given" if len(rungs) == 1 else why
    found = Choice({}, facts, rung.size, why, steps, seconds, rung.batch_size)
    every = dict([*_of_rung(facts, settled, rung, why), *_of_length(found, settled, rung)])
    if is_by_default:
        every["max_seconds"] = Chosen(most_seconds, "ten minutes, as no budget is given")
    return replace(found, settings={name: each for name, each in every.items() if settled.is_open(name)})


def measured(facts: Facts, settled: Settled, rung: Rung) -> Config:
    """The configuration whose step is measured for a rung: what depends on the number of steps is left out."""
    return settled.config({name: each.value for name, each in _of_rung(facts, settled, rung) if settled.is_open(name)})


def _fitted(rung: Rung, facts: Facts, settled: Settled, shares: int) -> Rung:
    """The rung with what is settled, and a batch that the data and the processes can give."""
    most = rung.batch_size if facts.num_examples is None else min(rung.batch_size, facts.num_examples)
    return replace(
        rung,
        batch_size=settled.get("batch_size", max(shares, most // shares * shares)),
        precision=settled.get("precision", rung.precision),
        threads=settled.get("threads", rung.threads),
    )


def _climb(rungs: list[Rung], most: float, fastest: "_Fastest") -> tuple[Rung, float, str]:
    """The largest rung of which enough steps fit into `most` seconds, the seconds of a step, and why it is that one."""
    best, seconds = fastest(rungs[0])
    fit, length = _fit(most, seconds), duration(most)
    if fit < table.FEWEST_STEPS:
        least = math.ceil(table.FEWEST_STEPS * seconds / (1 - table.VALIDATING))
        raise InputError(
            f"a budget of {length} for {best.size} with batches of {best.batch_size}, of which a step takes "
            f"{seconds:.2g} s on this machine",
            f"{least}s or more, which is {table.FEWEST_STEPS} steps",
            "give a longer --budget",
        )
    if fit < best.fewest_steps:
        return best, seconds, f"the smallest, as {fit:,} of its steps fit into {length}"
    for rung in rungs[1:]:
        try:
            larger, its_seconds = fastest(rung)
        except InputError:
            return best, seconds, f"memory does not hold {rung.size}"
        if (fit := _fit(most, its_seconds)) < rung.fewest_steps:
            needed = f"{rung.size} needs {rung.fewest_steps:,} steps, of which {fit:,} fit into {length}"
            return best, seconds, needed
        best, seconds = larger, its_seconds
    return best, seconds, "the largest that there is"


def _fit(most: float, seconds: float) -> int:
    """The steps of so many seconds that fit into a budget, beside validation."""
    return int(most * (1 - table.VALIDATING) / seconds)


class _Fastest:
    """Finds the way in which a rung is fastest; one that was hopeless on a smaller rung is not tried again.

    That is more than a saving: where other programs hold the cores, a step on all threads can take a hundred times as
    long as on one.
    """

    def __init__(self, seconds_per_step: Callable[[Rung], float], ways: Mapping[str, Sequence[Any]]) -> None:
        self.seconds_per_step, self.ways = seconds_per_step, {name: list(values) for name, values in ways.items()}

    def __call__(self, rung: Rung) -> tuple[Rung, float]:
        """The rung in its fastest way, and the seconds of a step."""
        ways = dict(self.ways) if rung.varies else {}
        best = replace(rung, **{name: values[0] for name, values in ways.items()})
        seconds = self.seconds_per_step(best)
        for name, (_, *others) in ways.items():
            left = []
            for value in others:
                other = replace(best, **{name: value})
                found = self.seconds_per_step(other)
                if found < table.FASTER * seconds:
                    value, best, seconds = getattr(best, name), other, found
                if found < table.HOPELESS * seconds:
                    left.append(value)
            self.ways[name] = [getattr(best, name), *left]
        return best, seconds


def _why_of_steps(rungs: list[Rung], enough: int, steps: int) -> str:
    """Why a rung is chosen for so many steps, of which the first `enough` rungs have as many as they need."""
    if enough == len(rungs):
        return "the largest that there is"
    larger = rungs[enough]
    return f"{larger.size} needs {larger.fewest_steps:,} steps, and the budget is {steps:,}"


def _of_rung(facts: Facts, settled: Settled, rung: Rung, why: str = "") -> Iterator[tuple[str, Chosen]]:
    """The settings that follow from the network, of which `why` says why it is that one, and from the data."""
    reasons = {
        "network": f"for {facts.kind} of {'x'.join(map(str, facts.sizes))}",
        "axes": "none is of channels",
        "multipliers": f"for {max(facts.sizes)} places",
        "depth": "as for every width",
    }
    for option, value in rung.options.items():
        yield f"predictor_options.{option}", Chosen(value, reasons.get(option, why))
    few = (
        facts.num_examples is not None and facts.num_examples < table.FAMILIES.get(rung.network, table.UNET).batch_size
    )
    yield "batch_size", Chosen(rung.batch_size, "all examples" if few else f"as for every {rung.network}")
    is_exact = rung.precision == "float32"
    yield "precision", Chosen(rung.precision, "exact" if is_exact else "measured faster than float32")
    yield "learning_rate", Chosen(rung.learning_rate, f"for {rung.size}")
    yield "optimizer", Chosen(rung.optimizer, f"as for every {rung.network}")
    yield "schedule_rate", Chosen(rung.schedule_rate, f"as for every {rung.network}")
    if rung.threads is not None:
        why_few = "measured faster than all" if rung.varies else "operations are small: more would wait for each other"
        yield "threads", Chosen(rung.threads, why_few)

    levels, ends = facts.num_levels, table.GAMMA_OF_REAL
    if levels is not None:
        ends = next(ends for most, ends in table.GAMMA.items() if levels <= most)
    of = "for real values" if levels is None else f"for {levels} levels"
    yield "schedule_options.gamma_min", Chosen(ends[0], of)
    yield "schedule_options.gamma_max", Chosen(ends[1], of)
    if levels is not None and _takes_parameterisation(settled):
        used = facts.levels_used or levels
        form = next(form for most, form in table.PARAMETERISATIONS.items() if used <= most)
        yield "predictor_options.parameterisation", Chosen(form, f"{of}, {used} of which occur")


def _of_length(found: Choice, settled: Settled, rung: Rung) -> Iterator[tuple[str, Chosen]]:
    """The settings that follow from the number of steps."""
    steps, passes = found.steps, found.passes
    if rung.network == table.UNET.name:
        dropout = table.DROPOUT if passes is not None and passes > table.MANY_PASSES else 0.0
        reason = "data without an end" if passes is None else f"{_digits(passes)} passes over the data"
        yield "predictor_options.dropout", Chosen(dropout, reason)
    of, (least, most) = f"for {steps:,} steps", table.AVERAGES
    yield "warmup_steps", Chosen(min(table.MOST_WARM_UP, int(steps * table.WARM_UP)), of)
    yield "ema_decay", Chosen(round(min(most, max(least, 1 - table.FORGOTTEN / steps)), 5), of)
    limit, times = _validated(steps * rung.batch_size)
    yield "validation_limit", Chosen(limit, f"{table.VALIDATING:.0%} of the time is for validation")
    yield "validate_every", Chosen(_apart(steps, table.Calendar(times, *table.BETWEEN)), f"{of}, about {times} times")
    yield "save_every", Chosen(_apart(steps, table.CHECKPOINTS), of)
    yield "log_every", Chosen(_apart(steps, table.LINES), of)


def _validated(examples: int) -> tuple[int, int]:
    """The examples of a validation, and how often there is one, in a run that trains on so many examples."""
    passes = int(table.VALIDATING * examples / VALIDATION_DRAWS)
    (fewest, most), (least, whole) = table.VALIDATIONS, table.VALIDATED
    limit = min(whole, max(least, passes // fewest))
    return limit, min(most, max(fewest, passes // limit))


def _apart(steps: int, calendar: table.Calendar) -> int:
    """The steps between two of what is done so often in a run."""
    return min(calendar.most, max(calendar.least, _rounded(steps // calendar.times)))


def _takes_parameterisation(settled: Settled) -> bool:
    name = settled.get("predictor")
    return name is None or "parameterisation" in options_of(PREDICTORS.find(name))


def duration(seconds: float) -> str:
    """A length of time as --budget takes it."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _digits(number: float) -> str:
    """Write a number with three digits, or all those before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _rounded(number: int) -> int:
    """The number with two digits."""
    return int(float(f"{number:.2g}"))
