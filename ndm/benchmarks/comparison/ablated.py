"""What is left out or replaced in an ablation, by name: changes of the configuration, or of the objective."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ndm.benchmarks.comparison.contenders import Change, default
from ndm.bound import Bound
from ndm.data import DataSet
from ndm.training.config import Config
from ndm.training.loop import Trainer


def volatility(name: str) -> Change:
    """Another file of ndm/volatilities."""
    return lambda config, data: replace(config, volatility=name, volatility_options={})


def schedule(name: str) -> Change:
    """Another file of ndm/schedules, with the same end points."""
    return lambda config, data: replace(config, schedule=name)


def num_functions(number: int) -> Change:
    """Another K of the time basis."""
    def change(config: Config, data: DataSet) -> Config:
        return replace(config, transform_options=config.transform_options | {"num_functions": number})

    return change


def without(term: str) -> type[Trainer]:
    """A trainer whose objective lacks this term of the bound: its gradient is never seen."""
    class Partial(Trainer):
        def objective(self, bound: Bound) -> Tensor:
            left_out: Tensor = getattr(bound, term)
            return bound.total - left_out + left_out.detach()

    return Partial


# What is trained is `default` in the last two; the objective is changed, and the whole bound is evaluated.
ABLATED: dict[str, Change] = {
    "schedule_fixed": schedule("linear"),
    "schedule_learned_shape": schedule("learned"),
    "one_function": num_functions(1),
    "eight_functions": num_functions(8),
    "volatility_learned": volatility("learned"),
    "volatility_best": volatility("best"),
    "without_prior": default,
    "without_reconstruction": default,
}

TRAINERS: dict[str, Callable[..., Trainer]] = {
    "without_prior": without("prior"),
    "without_reconstruction": without("reconstruction"),
}
