"""What each part of the default is worth: it is left out or replaced, one at a time."""

import math
from dataclasses import dataclass, replace

from pandas import DataFrame

from benchmarks.engine.comparison import difference
from benchmarks.engine.figure import INK, OTHERS, OURS, subplots, tidy
from benchmarks.engine.plan import Block, Case
from benchmarks.engine.tables import number_of_steps
from benchmarks.pays import Pays
from ndm.evaluation.figures import png

_TERMS = ("without_prior", "without_diffusion", "without_reconstruction")
_STEPS = ("steps_moments", "steps_learned", "steps_posterior")
IN_CHAINS = (
    *("default", "identity", "schedule_fixed", "schedule_ends", "scale_of_one_function", "volatility_constant"),
    *(*_STEPS, *(f"identity_{name}" for name in _STEPS), "series_steps_learned"),
    *("series_control_steps_learned", "order_given", "order_found", "frequencies", "uniform_times"),
    *("series", "series_width_32", "series_width_512", "series_convolutional"),
    *("series_monomials", "series_pieces", "series_sigmoids", "alternating", *_TERMS),
)
IN_CONTINUOUS_TIME = (
    *("scaling", "identity", "schedule_fixed", "volatility_constant", "uniform_times", "series", *_TERMS),
    *("schedule_shape", "series_eta_quarter", "series_eta_4", "series_open"),
    *("residual", "residual_gate_interpolation", "residual_gate_variance"),
)

# All keep the recipe's learning rate: what is asked is what one change does.
_BLOCKS = (Block((4,), IN_CHAINS, seeds=3, seconds=12), Block((None,), IN_CONTINUOUS_TIME, seeds=3, seconds=12))
PLAN = (Case("digits", draws=16, limit=297, reference=4, blocks=_BLOCKS),)
_LINEAR = 0.1  # differences up to it are drawn to scale, larger ones by their logarithm


def dots(found: DataFrame) -> bytes:
    """PNG of contender - learned path by size, a panel for each T; bars are two standard errors over seeds."""
    panels = {
        time: [(name, less) for name, cell in own.groupby("contender", sort=False) if (less := difference(cell))]
        for time, own in found.groupby("timesteps")
    }
    height = 1.2 + 0.22 * max(map(len, panels.values()))
    figure, (axes,) = subplots(1, len(panels), (6.2 * len(panels), height))
    for axis, (time, panel) in zip(axes, panels.items(), strict=True):
        panel.sort(key=lambda pair: -pair[1].value)
        for row, (_, less) in enumerate(panel):
            colour, error = OURS if less.value > 0 else OTHERS, 2 * (less.error or 0.0)
            axis.errorbar(less.value, row, xerr=error, fmt="o", markersize=4, capsize=2, color=colour)
        axis.set_yticks(range(len(panel)), [name for name, _ in panel], fontsize=8)
        axis.set_xscale("symlog", linthresh=_LINEAR)
        least = min((less.value - 2 * (less.error or 0.0) for _, less in panel), default=math.inf)
        axis.set_xlim(left=min(least, 0.0) - _LINEAR / 5)
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel(f"contender - learned path, {found['unit'].iloc[0]}; right of 0 the change loses")
        axis.set_title(number_of_steps(time), color=INK)
        tidy(axis, "x")
    return png(figure)


@dataclass(frozen=True)
class Ablations(Pays):
    """What each part of the default is worth: leaves out or replaces one at a time, at equal CPU time."""

    plan = PLAN
    method = replace(Pays.method, pictures={"figure.png": dots})
