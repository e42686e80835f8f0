"""The training loop: trains the full bound, and resumes a stopped run as if it had not been stopped."""

import contextlib
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ndm.base.axes import PARALLEL
from ndm.base.errors import InputError
from ndm.base.files import make_folder
from ndm.base.pretrained import WEIGHTS
from ndm.base.processes import Processes
from ndm.config import Config
from ndm.data import DataSet
from ndm.data.batches import Batch, Prefetched, batches_of
from ndm.model import NeuralDiffusion
from ndm.runs import checkpoint
from ndm.runs.checkpoint import readable
from ndm.runs.folder import alone, check_folder, locked
from ndm.training.calendar import Calendar
from ndm.training.ending import Interruption, keep_batch, last_resort, what_failed
from ndm.training.learner import Learner
from ndm.training.monitors.metrics import Metrics, Trackers
from ndm.training.monitors.pictures import Draw, Pictures
from ndm.training.monitors.statistics import COLLAPSED, gradient_norms, memory, path_statistics
from ndm.training.monitors.validation import Validation
from ndm.training.objective import Piece, as_piece
from ndm.training.parallel import Parallel, load, make_accelerator, whole
from ndm.training.rates import set_learning_rate
from ndm.training.source import begin
from ndm.training.start import check, new_model
from ndm.training.state import read_state, write_state


class Trainer(Learner):
    """One run: `Trainer(config, data, folder).fit()` starts it, or goes on where its latest checkpoint ends.

    `source` is the name or path that `data` were loaded from, for those who evaluate the run. `clock` is what the
    seconds of the run are counted by, e.g. `time.process_time` on a machine that does other work as well. `draw` makes
    the pictures of `pictures_every`.

    All randomness of a step is a function of (seed, step), so that a resumed run repeats an unbroken one bit by bit.

    Processes that were started together take equal rows of each batch, and draw what the whole batch would draw: a run
    does not depend on how many there are, up to rounding (dropout and random volatilities excepted, which each process
    draws for itself). The first of them speaks and writes.

    Raises:
        InputError: for a folder that holds something else, another configuration, a damaged checkpoint, or a batch that
            the processes cannot divide equally.
    """

    def __init__(
        self,
        config: Config,
        data: DataSet,
        run: Path,
        source: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Draw | None = None,
    ) -> None:
        check(config)
        if config.max_steps is None and config.max_seconds is None:
            raise InputError("no budget", "max_steps, max_seconds or both")
        self.data, self.run, self.clock = data, run, clock
        self.text = config.to_yaml(data, source or data.name)
        latest = check_folder(run, self.text)
        # Who trains: the processes, and how they divide a batch and the model.
        self.accelerator, self.interruption, self.processes = make_accelerator(), Interruption(), Processes().join()
        slices = self.processes.slices(config.batch_size, config.accumulate)
        parallel: Parallel = PARALLEL.find(config.parallel)(self.accelerator)
        # What is trained.
        model = new_model(config, data)
        self.begun: list[str] = []  # what it has of the model that it starts from, and what not
        if config.from_model is not None and latest is None:
            with self.processes.agreed():
                self.begun = begin(model, config, data)
            if len(set(self.processes.gather(config.from_weights))) > 1:
                raise InputError(f"{config.from_model} of other weights in other processes", "one file for all")
        super().__init__(model, config, data, slices, parallel, self.processes.number, self._total)
        self.batches = batches_of(data.train, config.batch_size, config.seed, flip=config.flip)
        self.step, self.seconds, self.began = 0, 0.0, clock()
        # What is watched and written.
        self.calendar = Calendar(config, draws=draw is not None)
        self.metrics = Metrics(run, data)
        self.validation = Validation(config, data)
        self.pictures = Pictures(run, draw) if draw is not None else None
        self.trackers = Trackers(config.tracker, run, self.text)
        if latest is not None:
            with locked(run, self.processes):
                self._resume(latest)
        if config.max_steps is not None and config.max_steps < self.step:
            raise InputError(
                f"max_steps = {config.max_steps} for a run of {self.step} steps",
                "at least as many",
                "choose another --run folder for a shorter run",
            )
        self.processes.by_first(lambda: make_folder(run))

    def fit(self) -> bool:
        """Train until the budget is spent, then return True; False if a signal stopped it (saved all the same).

        What fails in one process, as data that cannot be read, is raised in all of them, after the last step is saved.
        """
        with alone(self.run, self.text, self.step, self.processes):
            if self.step:
                self.processes.by_first(self._settle)  # a crash may have come before it
            if not self.done or self.metrics.unwritten:
                self._train()
        return self.done

    def _train(self) -> None:
        bar = self.processes.progress_bar(f"training on {self.data.name}")
        with (
            self.interruption,
            self.processes.in_first(self.metrics, self.trackers),
            bar,
            Prefetched(self.read, self.step) as batches,
            last_resort(self.save, self.processes),
        ):
            before, first = self.seconds, self.step
            self.began, stopped = self.clock() - before, False
            self.terms.train()
            while not self.done and not stopped:
                with self.processes.agreed() if self.step == first else contextlib.nullcontext():
                    rows = batches.get(self.step)
                self.interruption.came |= batches.fails(self.step + 1)
                values = self._train_step(self.pieces(rows))
                self.step += 1
                self.seconds, stopped = values.pop("seconds"), values.pop("interrupted") > 0
                self.metrics.add(values)
                if self.calendar.validation(self.step):
                    self._validate()
                rate = (self.step - first) * self.config.batch_size / (self.seconds - before)
                bar.update(self.fraction, partial(self._status, rate))
                if self.calendar.line(self.step):
                    with self.processes.agreed():
                        self._log({"examples_per_second": rate, "waiting": batches.waited})
                if self.calendar.pictures(self.step):
                    self._draw()
                if self.calendar.checkpoint(self.step) or self.validation.is_best(self.step):
                    self.save()
            self.save()
            with self.processes.agreed():
                if stopped and not self.done and batches.fails(self.step):
                    batches.get(self.step)

    def _status(self, rate: float) -> str:
        return f"{self.metrics.recent_total:.3f} {self.metrics.unit}  {rate:.0f}/s{self.validation.status}"

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or validation has not become better for long enough."""
        return self.fraction >= 1 or self.validation.exhausted

    @property
    def fraction(self) -> float:
        """The fraction of the budget that is spent."""
        spent = ((self.step, self.config.max_steps), (self.seconds, self.config.max_seconds))
        return max(used / budget for used, budget in spent if budget is not None)

    # The step

    def read(self, step: int) -> list[Batch]:
        """Read the slices of a step's batch that this process computes; ahead of time, in another thread.

        No tensor is made here: on a CPU, operations in two threads of Python have two teams of threads, which would
        wait for each other.
        """
        return [self.batches.rows(step, part.first, part.first + part.number) for part in self.slices]

    def pieces(self, rows: list[Batch]) -> list[Piece]:
        """What was read, as the model takes it. The values were checked when the data set was made."""
        return [as_piece(self.raw_model, *each) for each in rows]

    def own_batch(self, step: int) -> list[Piece]:
        """The slices of a step's batch that this process computes."""
        return self.pieces(self.read(step))

    def batch(self, step: int) -> dict[str, Tensor]:
        """x of the batch of a step, and cond where there is one, on the CPU; a call of all processes together."""
        mine = [[each.cpu() for each in piece if each is not None] for piece in self.own_batch(step)]
        every = [piece for found in self.processes.gather(mine) for piece in found]
        return dict(zip(("x", "cond"), map(torch.cat, zip(*every, strict=True)), strict=False))

    def _train_step(self, pieces: list[Piece]) -> dict[str, float]:
        """One step on its `own_batch`; the means over the batch of all that was computed, the same in every process.

        The host reads the device once, when all is computed and nothing has changed: whether the step is finite.
        """
        rate = set_learning_rate(self.optimizer, self.config, self.step, self.fraction)
        gradients = self.compute_gradient(pieces, self.step)
        norm = self.parallel.norm(gradients)
        values = self._agreed(norm)
        if not all(map(math.isfinite, values.values())):
            self._stop(values)
        self.update(gradients, norm, values["gradient_norm"], self.step)
        return values | {"learning_rate": rate}

    def _agreed(self, norm: Tensor) -> dict[str, float]:
        """Agree with all processes on a step: the mean of each term, the norm of the gradient, the clock of the first
        process, and whether any was interrupted. The one read of the device.
        """
        names = (*self.terms_of_slices[0], "gradient_norm", "seconds", "interrupted")
        sums = [torch.stack(list(terms.values())).double().sum(1) for terms in self.terms_of_slices]
        means = (torch.stack(sums).sum(0) if len(sums) > 1 else sums[0]) / self.config.batch_size
        seconds = self.clock() - self.began if self.processes.is_main else 0.0
        others = torch.tensor([seconds, float(self.interruption.came)], dtype=torch.float64)
        mine = (means, norm.double().reshape(1) / self.processes.number, others.to(means.device))
        return dict(zip(names, self._total(torch.cat(mine)).tolist(), strict=True))

    def _total(self, value: Tensor) -> Tensor:
        """Sum over all processes."""
        if self.processes.number == 1:
            return value
        total: Tensor = self.accelerator.reduce(value, "sum")
        return total

    def _stop(self, values: dict[str, float]) -> None:
        """Raise `FloatingPointError` in every process, with what is not finite and where the batch is saved."""
        batch = self.batch(self.step) | {"t": self.bins.latest}
        terms = {name: values[name] for name in self.terms_of_slices[0]}
        what = what_failed(terms, self.raw_model, self.processes)
        kept = keep_batch(self.run / f"failure-{self.step:08d}.npz", batch, self.terms_of_slices, self.processes)
        raise FloatingPointError(f"the {what} is not finite at step {self.step}; {kept}")

    # What is due after some steps

    def _validate(self) -> None:
        """Validate in the first process, and return the value in all."""
        model = self.parallel.plain(self.ema.model)
        self.validation.take(self.step, self.processes.by_first(lambda: self.validation.measure(self.step, model)))

    def validated(self) -> float:
        """Compute the bound of the present averaged weights as validation does, unless it has; in all processes."""
        found = self.validation.value
        if found is None or self.validation.step != self.step:
            model = self.parallel.plain(self.ema.model)
            found = self.processes.by_first(lambda: self.validation.measure(self.step, model))
        return found

    def _draw(self) -> None:
        pictures, model = self.pictures, self.parallel.plain(self.ema.model)
        assert pictures is not None
        self.processes.by_first(lambda: pictures(self.step, model, self.metrics.writer))

    def _log(self, pace: dict[str, float]) -> None:
        """Write a line of metrics, from the values of all processes."""
        model, means = self.parallel.plain(self.raw_model), self.metrics.means()
        bins, norms = self.bins.line(self._total), gradient_norms(self.raw_model, self.parallel.norm)
        if not self.processes.is_main:
            return
        path = path_statistics(model, *self._shown(model))
        line = self.metrics.write(
            self.step,
            means | {"seconds": self.seconds} | pace | path | norms | bins | memory() | self.validation.line(self.step),
        )
        self.trackers.log(line)
        if (ratio := path["variance_ratio"]) < COLLAPSED:
            warnings.warn(f"F has collapsed: Var F / Var x = {ratio:.2g} at t = 1/2, step {self.step}", stacklevel=2)

    def _shown(self, model: NeuralDiffusion) -> Piece:
        """The examples that a line of metrics is about; where they cannot be read the last step is saved first.

        In one process: of several, the first alone has met that.
        """
        try:
            return as_piece(model, *self.batches.shown(self.step))
        except InputError:
            if self.processes.number == 1:
                self.save()
            raise

    # The state on the disk

    def save(self) -> None:
        """Write the checkpoint of this step, if there is none; raises `FloatingPointError` if it would hold a NaN."""
        if not self.step:  # nothing is trained yet
            return
        weights, averaged = whole(self.raw_model.state_dict()), self.parallel.plain(self.ema.model)
        averages = self.averages.state()
        moments = {
            name: whole(self.optimizer.state.get(weight, {})) for name, weight in self.raw_model.named_parameters()
        }
        bins = self._total(self.bins.sums).tolist()
        data = {
            piece: number for found in self.processes.gather(self.batches.state()) for piece, number in found.items()
        }
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise FloatingPointError(f"{name} is not finite after step {self.step}: the checkpoint is not written")

        def write(folder: Path) -> None:
            averaged.save_pretrained(folder / "model")
            progress = {
                "step": self.step,
                "seconds": self.seconds,
                "examples": self.step * self.config.batch_size,
                "metrics": self.metrics.state(),
                "validation": self.validation.state(),
                "bins": bins,
                "data": data,
                "configuration": self.text,
            }
            write_state(folder / "state", weights, moments, self.time_sampler.state_dict(), progress)
            self.averages.write(folder / "state", averages)

        def save() -> None:
            checkpoint.save(self.run, self.step, write)
            self._settle()

        self.processes.by_first(save)

    def _settle(self) -> None:
        """Do what follows the checkpoint of this step: link the best, take snapshots."""
        self.validation.mark(self.run)
        self.averages.keep(self.run, self.step, self.config.save_every)

    def _resume(self, folder: Path) -> None:
        """Resume from a checkpoint whose checksums are right."""
        progress = read_state(folder / "state", self.raw_model, self.optimizer, self.time_sampler)
        self.step, self.seconds = progress["step"], progress["seconds"]
        with readable(folder / "state"):
            load(self.ema.model, load_file(folder / "model" / WEIGHTS))
            self.metrics.load(self.step, progress["metrics"])
            self.batches.load(progress["data"])
            self.validation.load(progress["validation"])
            if self.processes.is_main:  # the sums of all: the others begin anew
                self.bins.load(progress["bins"])
        self.averages.read(folder / "state")
