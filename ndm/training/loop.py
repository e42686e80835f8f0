"""The training loop: the full bound, nothing left out, and nothing lost."""

import contextlib
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from accelerate import Accelerator
from filelock import FileLock, Timeout
from torch import Tensor

from ndm.bound import Bound
from ndm.data import DataSet
from ndm.data.batches import Batches
from ndm.errors import InputError
from ndm.files import make_folder, write_atomically
from ndm.kinetic import kinetic_energy
from ndm.likelihood import bits_per_dim
from ndm.model import NeuralDiffusion
from ndm.seeds import mix
from ndm.training import checkpoint
from ndm.training.build import as_tensor, build_model, make_times
from ndm.training.config import Config, check_same
from ndm.training.ema import ExponentialMovingAverage
from ndm.training.metrics import Metrics
from ndm.training.optimizer import make_optimizer, set_learning_rate
from ndm.training.pictures import Draw, Pictures
from ndm.training.progress import ProgressBar
from ndm.training.state import read_state, write_state
from ndm.training.statistics import COLLAPSED, movement, variance_ratio
from ndm.training.trackers import Trackers
from ndm.training.validation import Validation
from ndm.training.watching import LossBins, gradient_norms, memory, not_finite


class Trainer:
    """One run: `Trainer(config, data, folder).fit()` starts it, or goes on where its latest checkpoint ends.

    `source` is the name or path that `data` were loaded from, for those who evaluate the run. `clock` is what the
    seconds of the run are counted by, e.g. `time.process_time` on a machine that does other work as well. `draw` makes
    the pictures of `pictures_every`.

    All randomness of a step is a function of (seed, step), so that a resumed run repeats an unbroken one bit by bit.

    Raises:
        InputError: for a folder that holds something else, another configuration, or a damaged checkpoint.
    """

    def __init__(self, config: Config, data: DataSet, run: Path, source: str | None = None,
                 clock: Callable[[], float] = time.monotonic, draw: Draw | None = None) -> None:
        config.check()
        if config.max_steps is None and config.max_seconds is None:
            raise InputError("no budget", "max_steps, max_seconds or both")
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config, self.data, self.run, self.clock = config, data, run, clock
        text = config.to_yaml(data, source or data.name)
        _check_folder(run, text)
        torch.manual_seed(config.seed)
        self.raw_model = build_model(config, data)  # without what Accelerate wraps around it
        self.ema = ExponentialMovingAverage(self.raw_model, config.ema_decay)
        self.accelerator = Accelerator()
        if self.accelerator.num_processes > 1:
            raise InputError(f"{self.accelerator.num_processes} processes", "one", "training on many is not built yet")
        optimizer = make_optimizer(self.raw_model, config)
        self.model, self.optimizer = self.accelerator.prepare(self.raw_model, optimizer)
        self.ema.model.to(self.accelerator.device)
        self.times = make_times(config).to(self.accelerator.device)
        self.batches = Batches(data.train, config.batch_size, config.seed)
        self.step, self.seconds = 0, 0.0
        self.metrics = Metrics(run, "bits/dim" if data.is_image else "nats")
        self.bins = LossBins(self.times)
        self.validation = Validation(config, data)
        self.pictures = Pictures(run, config.pictures_every, draw)
        self.trackers = Trackers(config.tracker, run, yaml.safe_load(text))
        self._resume()
        if config.max_steps is not None and config.max_steps < self.step:
            raise InputError(f"max_steps = {config.max_steps} for a run of {self.step} steps", "at least as many",
                             "choose another --run folder for a shorter run")
        _write_configuration(run, text)

    def fit(self) -> bool:
        """Train until the budget is spent, then return True; False if a signal stopped it (saved all the same)."""
        if self.done:
            return True
        bar = ProgressBar(f"training on {self.data.name}")
        with self._alone(), _Interruption() as interruption, self.metrics, self.trackers, bar:
            began, before, first = self.clock(), self.seconds, self.step
            self.model.train()
            while not self.done and not interruption:
                values = self._train_step()
                self.step += 1
                sitting = self.clock() - began
                self.seconds = before + sitting
                self.metrics.add(values)
                rate = (self.step - first) * self.config.batch_size / sitting
                validated = self.validation(self.step, self.ema.model)
                status = f"{self._to_unit(self.metrics.recent_total):.3f} {self.metrics.unit}  {rate:.0f}/s"
                status += self.validation.status
                bar.update(self.fraction, status)
                if validated or self.step % self.config.log_every == 0:
                    self._log(rate)
                self.pictures(self.step, self.ema.model, self.metrics.writer)
                if self.validation.is_best(self.step) or self.step % self.config.save_every == 0:
                    self.save()
            self.save()
        return self.done

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a folder in which another process trains; the system gives the lock back, however a process ends."""
        lock = FileLock(self.run / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{self.run}, where another process trains", "a run that nobody else is training",
                             "wait for it, or choose another --run folder") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or validation has not become better for long enough."""
        return self.fraction >= 1 or self.validation.exhausted

    @property
    def fraction(self) -> float:
        """The share of the budget that is spent."""
        spent = ((self.step, self.config.max_steps), (self.seconds, self.config.max_seconds))
        return max(used / budget for used, budget in spent if budget is not None)

    def objective(self, bound: Bound) -> Tensor:
        """What is minimised, (B,): the bound, all of its terms alike."""
        return bound.total

    def batch(self, step: int) -> Tensor:
        """The examples of a step, as the model takes them, on its device."""
        return as_tensor(self.batches[step], self.raw_model.decoder).to(self.accelerator.device)

    def save(self) -> None:
        """Write the checkpoint of this step, if there is none; raises `FloatingPointError` if it would hold a NaN."""
        for name, value in self.raw_model.state_dict().items():
            if not torch.isfinite(value).all():
                raise FloatingPointError(f"{name} is not finite after step {self.step}: the checkpoint is not written")

        def write(folder: Path) -> None:
            self.ema.model.save_pretrained(folder / "model")
            progress = {"step": self.step, "seconds": self.seconds, "examples": self.step * self.config.batch_size,
                        "metrics": self.metrics.state(), "validation": self.validation.state(),
                        "bins": self.bins.state()}
            write_state(folder / "state", self.raw_model.state_dict(), self.optimizer.state_dict(), self.times,
                        progress)

        checkpoint.save(self.run, self.step, write)
        self.validation.mark(self.run)

    def _resume(self) -> None:
        folder = checkpoint.latest(self.run)
        if folder is None:
            return
        progress = read_state(folder / "state", self.raw_model, self.optimizer, self.times)
        averaged = NeuralDiffusion.from_pretrained(folder / "model")
        self.ema.model.load_state_dict(averaged.state_dict())
        self.step, self.seconds = progress["step"], progress["seconds"]
        self.metrics.load(self.step, progress["metrics"])
        self.validation.load(progress.get("validation"))
        self.bins.load(progress.get("bins"))
        self.validation.mark(self.run)  # a crash may have come between the checkpoint and its link

    def _train_step(self) -> dict[str, float]:
        """One step; the means over the batch of all that was computed."""
        x = self.batch(self.step)
        torch.manual_seed(mix(self.config.seed, self.step))
        rate = set_learning_rate(self.optimizer, self.config, self.step, self.fraction)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            bound = self.model(x, None, self.config.timesteps, self.bins)
            terms = {"prior": bound.prior, "diffusion": bound.diffusion, "reconstruction": bound.reconstruction}
            loss = self.objective(bound).mean()
            if self.config.kinetic_weight:
                terms["kinetic"] = kinetic_energy(self.raw_model, x)
                loss = loss + self.config.kinetic_weight * terms["kinetic"].mean()
        loss = loss / x[0].numel()
        if not torch.isfinite(loss):
            names, examples = not_finite(terms)
            self._stop(names, "term", x, {name: term.detach().float().cpu().numpy() for name, term in terms.items()}
                       | {"examples": examples, "t": self.bins.latest.cpu().numpy()})
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip * np.log(2))
        if not torch.isfinite(norm):
            names = [name for name, weight in self.raw_model.named_parameters()
                     if weight.grad is not None and not torch.isfinite(weight.grad).all()]
            self._stop(names or ["norm of the"], "gradient", x)
        self.optimizer.step()
        self.ema.update(self.raw_model, self.step)
        means = {name: float(term.detach().mean()) for name, term in terms.items()}
        return means | {"gradient_norm": float(norm), "learning_rate": rate}

    def _stop(self, names: list[str], what: str, x: Tensor, found: dict[str, Any] | None = None) -> None:
        path = self.run / f"failure-{self.step:08d}.npz"
        np.savez(path, **{"x": x.cpu().numpy()} | (found or {}))
        where = f" for {len(found['examples'])} of its {len(x)} examples" if found else ""
        raise FloatingPointError(f"the {' and '.join(names)} {what} is not finite at step {self.step}{where}; "
                                 f"its batch is saved in {path}")

    def _log(self, rate: float) -> None:
        x = self.batch(self.step)
        ratio = variance_ratio(self.raw_model, x)
        ends = self.raw_model.schedule.gamma(torch.tensor([0.0, 1.0], device=self.accelerator.device)).detach()
        line = self.metrics.write(self.step, {
            "unit": self.metrics.unit, "total": self._to_unit(self.metrics.recent_total), "variance_ratio": ratio,
            "gamma_0": float(ends[0]), "gamma_1": float(ends[1]),
            "examples_per_second": rate, "seconds": self.seconds}
            | movement(self.raw_model, x) | gradient_norms(self.raw_model) | self.bins.line() | memory()
            | self.validation.line(self.step))
        self.trackers.log(line)
        if ratio < COLLAPSED:
            warnings.warn(f"F has collapsed: Var F / Var x = {ratio:.2g} at t = 1/2, step {self.step}", stacklevel=2)

    def _to_unit(self, nats: float) -> float:
        return float(bits_per_dim(nats, self.data.event_shape)) if self.data.is_image else nats


def _check_folder(run: Path, text: str) -> None:
    """Raise `InputError` unless the folder is this run's, empty, or not there yet."""
    if (run / "config.yaml").exists():
        check_same(run / "config.yaml", text)
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise InputError(f"{run}, which exists and is not a run", "a new or empty folder, or that of this run",
                         "choose another --run folder")


def _write_configuration(run: Path, text: str) -> None:
    path = run / "config.yaml"
    make_folder(run)
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text.encode())


class _Interruption:
    """True once SIGINT or SIGTERM has come: the step under way ends, and all is saved. A second one stops at once."""

    def __enter__(self) -> "_Interruption":
        self.came = False
        try:
            self.before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not the main thread, which is the only one that signals reach
            self.before = {}
        return self

    def _note(self, number: int, frame: Any) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True

    def __bool__(self) -> bool:
        return self.came

    def __exit__(self, *error: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
