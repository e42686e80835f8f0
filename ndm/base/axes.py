"""Every kind of choice there is, as data: where its files are, and the entry points of other people's packages."""

from typing import Any

from ndm.base.registry import Axis

SCHEDULES = Axis("schedule", "ndm.schedules", "ndm.parts.schedules", "ndm.parts.schedules.schedule:Schedule")
TRANSFORMS = Axis("transform", "ndm.transforms", "ndm.parts.transforms", "ndm.parts.transforms.transform:Transform")
PREDICTORS = Axis(
    "predictor", "ndm.predictors", "ndm.parts.predictors", "ndm.parts.predictors.predictor:Predictor", ("transform",)
)
PARAMETERISATIONS = Axis(
    "parameterisation",
    "ndm.parameterisations",
    "ndm.parts.parameterisations",
    "ndm.parts.parameterisations.parameterisation:Parameterisation",
)
DECODERS = Axis("decoder", "ndm.decoders", "ndm.parts.decoders", "ndm.parts.decoders.decoder:Decoder")
VOLATILITIES = Axis(
    "volatility", "ndm.volatilities", "ndm.parts.volatilities", "ndm.parts.volatilities.volatility:Volatility"
)
REVERSE_STEPS = Axis(
    "reverse step", "ndm.reverse_steps", "ndm.parts.reverse_steps", "ndm.parts.reverse_steps.reverse_step:ReverseStep"
)
GATES = Axis("gate", "ndm.gates", "ndm.parts.gates", "ndm.parts.gates.gate:Gate")
TIME_FUNCTIONS = Axis(
    "functions of time",
    "ndm.time_functions",
    "ndm.parts.time_functions",
    "ndm.parts.time_functions.time_functions:TimeFunctions",
    ("num",),
)
BASES = Axis("basis", "ndm.bases", "ndm.process.bases", "ndm.process.bases.basis:Basis")
NETWORKS = Axis("network", "ndm.networks", "ndm.nn.networks", "ndm.nn.network:Network", ("num_outputs",))
LAYERS = Axis("layer", "ndm.layers", "ndm.nn.layers", "ndm.nn.layers.layer:Layer", ("num_outputs",))
ACTIVATIONS = Axis("activation", "ndm.activations", "ndm.nn.activations", "ndm.nn.activations.activation:Activation")
PARTS = (
    SCHEDULES,
    TRANSFORMS,
    PREDICTORS,
    PARAMETERISATIONS,
    DECODERS,
    VOLATILITIES,
    REVERSE_STEPS,
    GATES,
    TIME_FUNCTIONS,
    BASES,
    NETWORKS,
    LAYERS,
    ACTIVATIONS,
)

TIME_SAMPLERS = Axis(
    "time sampler", "ndm.time_samplers", "ndm.bounds.time_samplers", "ndm.bounds.time_samplers.time_sampler:TimeSampler"
)
DIVERGENCES = Axis("divergence", "ndm.divergences", "ndm.ode.divergences", "ndm.ode.divergences.divergence:Divergence")
DEQUANTISATIONS = Axis(
    "dequantisation",
    "ndm.dequantisations",
    "ndm.ode.dequantisations",
    "ndm.ode.dequantisations.dequantisation:Dequantisation",
)
SOLVERS = Axis("solver", "ndm.solvers", base="ndm.ode.solvers.solver:Solver")  # ours are the methods of torchdiffeq
SAMPLERS = Axis("sampler", "ndm.samplers", "ndm.samplers", "ndm.samplers.sampler:Sampler")
GRIDS = Axis("grid", "ndm.grids", "ndm.samplers.grids", "ndm.samplers.grids.grid:Grid")
DATA_SETS = Axis("data", "ndm.data", "ndm.data.sets", function="load")
FORMATS = Axis(
    "format", "ndm.formats", function="load_file"
)  # by the suffix of a file; ours are those of `ndm.data.formats`
RECIPES = Axis("recipe", "ndm.recipes", "ndm.recipes")  # modules with RECIPE or MODEL
PARALLEL = Axis("parallel", "ndm.parallel", "ndm.training.parallel", "ndm.training.parallel.parallel:Parallel")
OPTIMIZERS = Axis(
    "optimizer", "ndm.optimizers", "ndm.training.optimizers", "ndm.training.optimizers.optimizer:Optimizer"
)
TRACKERS = Axis("tracker", "ndm.trackers", base="accelerate.tracking:GeneralTracker")  # ours are those of Accelerate
AXES = (
    *PARTS,
    TIME_SAMPLERS,
    DIVERGENCES,
    DEQUANTISATIONS,
    SOLVERS,
    SAMPLERS,
    GRIDS,
    DATA_SETS,
    FORMATS,
    RECIPES,
    PARALLEL,
    OPTIMIZERS,
    TRACKERS,
)


def axis_of(kind: Any) -> Axis | None:
    """The kind of choice whose objects are of that class; None where there is none."""
    place = f"{getattr(kind, '__module__', '')}:{getattr(kind, '__qualname__', '')}"
    return next((axis for axis in AXES if axis.base == place), None)
