"""The training loop: the full bound, nothing left out, and nothing lost."""

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from ndm.bound import Bound
from ndm.data import DataSet
from ndm.data.batches import Batches
from ndm.errors import InputError
from ndm.likelihood import bits_per_dim
from ndm.model import NeuralDiffusion
from ndm.times import ImportanceTimes, LowDiscrepancyTimes, Times
from ndm.training import checkpoint
from ndm.training.build import as_tensor, build_model
from ndm.training.config import Config, check_same
from ndm.training.ema import ExponentialMovingAverage
from ndm.training.metrics import Metrics
from ndm.training.optimizer import make_optimizer, set_learning_rate
from ndm.training.progress import ProgressBar
from ndm.training.state import read_state, write_state
from ndm.training.statistics import COLLAPSED, variance_ratio


class Trainer:
    """One run: `Trainer(config, data, folder).fit()` starts it, or goes on where its latest checkpoint ends.

    `source` is the name or path that `data` were loaded from, for those who evaluate the run.

    All randomness of a step is a function of (seed, step), so that a resumed run repeats an unbroken one bit by bit.

    Raises:
        InputError: for a folder that holds something else, another configuration, or a damaged checkpoint.
    """

    def __init__(self, config: Config, data: DataSet, run: Path, source: str | None = None) -> None:
        if config.max_steps is None and config.max_seconds is None:
            raise InputError("no budget", "max_steps, max_seconds or both")
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config, self.data, self.run = config, data, run
        text = config.to_yaml(data, source or data.name)
        _claim(run, text)
        torch.manual_seed(config.seed)
        # Channels-last weights make convolutions faster, on CPUs and GPUs; nothing else changes.
        model = build_model(config, data)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = ExponentialMovingAverage(model, config.ema_decay)
        self.accelerator = Accelerator(mixed_precision="bf16" if config.precision == "bf16" else "no")
        self.model: NeuralDiffusion
        self.model, self.optimizer = self.accelerator.prepare(model, make_optimizer(model, config))
        self.ema.model.to(self.accelerator.device)
        self.times: Times = ImportanceTimes() if config.importance else LowDiscrepancyTimes()
        self.times.to(self.accelerator.device)
        self.batches = Batches(data.train, config.batch_size, config.seed)
        self.step, self.seconds = 0, 0.0
        self._resume()
        (run / "config.yaml").write_text(text)

    @property
    def raw_model(self) -> NeuralDiffusion:
        """The model itself, without what Accelerate wraps around it."""
        model: NeuralDiffusion = self.accelerator.unwrap_model(self.model)
        return model

    def fit(self) -> bool:
        """Train until the budget is spent, then return True; False if a signal stopped it (saved all the same)."""
        with _Interruption() as interruption, Metrics(self.run, self.step) as metrics, \
                ProgressBar(f"training on {self.data.name}") as bar:
            began, first = time.monotonic() - self.seconds, self.step
            self.model.train()
            while self.fraction < 1 and not interruption:
                bound, values = self._train_step()
                self.step += 1
                self.seconds = time.monotonic() - began
                metrics.add({name: float(term.detach().mean()) for name, term in _terms(bound).items()} | values)
                rate = (self.step - first) * self.config.batch_size / max(self.seconds, 1e-9)
                bar.update(self.fraction, f"{self._in_unit(metrics.recent_total)}  {rate:.0f}/s")
                if self.step % self.config.log_every == 0:
                    self._log(metrics, rate)
                if self.step % self.config.save_every == 0:
                    self.save()
            if self.step % self.config.save_every != 0 or checkpoint.latest(self.run) is None:
                self.save()
        return self.fraction >= 1

    @property
    def fraction(self) -> float:
        """The share of the budget that is spent."""
        spent = ((self.step, self.config.max_steps), (self.seconds, self.config.max_seconds))
        return max(used / budget for used, budget in spent if budget is not None)

    def batch(self, step: int) -> Tensor:
        """The examples of a step, as the model takes them, on its device."""
        return as_tensor(self.batches[step], self.raw_model.decoder).to(self.accelerator.device)

    def save(self) -> None:
        """Write a checkpoint."""
        def write(folder: Path) -> None:
            self.ema.model.save_pretrained(folder / "model")
            write_state(folder / "state", self.raw_model, self.optimizer, self.times,
                        {"step": self.step, "seconds": self.seconds, "examples": self.step * self.config.batch_size})

        checkpoint.save(self.run, self.step, write)

    def _resume(self) -> None:
        folder = checkpoint.latest(self.run)
        if folder is None:
            return
        progress = read_state(folder / "state", self.raw_model, self.optimizer, self.times)
        averaged = NeuralDiffusion.from_pretrained(folder / "model")
        self.ema.model.load_state_dict(averaged.state_dict())
        self.step, self.seconds = progress["step"], progress["seconds"]

    def _train_step(self) -> tuple[Bound, dict[str, float]]:
        x = self.batch(self.step)
        torch.manual_seed(_mix(self.config.seed, self.step))
        rate = set_learning_rate(self.optimizer, self.config, self.step, self.fraction)
        bound = self.model(x, None, self.config.timesteps, self.times)
        loss = bound.total.mean() / x[0].numel()
        if not torch.isfinite(loss):
            self._stop_at(bound, x)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip * np.log(2))
        self.optimizer.step()
        self.ema.update(self.raw_model, self.step)
        return bound, {"gradient_norm": float(norm), "learning_rate": rate}

    def _stop_at(self, bound: Bound, x: Tensor) -> None:
        path = self.run / f"failure-{self.step:08d}.npz"
        np.savez(path, x=x.cpu().numpy())
        bad = [name for name, term in _terms(bound).items() if not torch.isfinite(term).all()]
        raise FloatingPointError(f"the {' and '.join(bad)} term is not finite at step {self.step}; "
                                 f"its batch is saved in {path}")

    def _log(self, metrics: Metrics, rate: float) -> None:
        ratio = variance_ratio(self.raw_model, self.batch(self.step))
        ends = self.raw_model.schedule.gamma(torch.tensor([0.0, 1.0], device=self.accelerator.device)).detach()
        metrics.write(self.step, {
            "unit": "bits/dim" if self.data.is_image else "nats", "total": self._to_unit(metrics.recent_total),
            "variance_ratio": ratio, "gamma_0": float(ends[0]), "gamma_1": float(ends[1]),
            "examples_per_second": rate, "seconds": self.seconds})
        if ratio < COLLAPSED:
            metrics.warn(f"F has collapsed: Var F / Var x = {ratio:.2g} at t = 1/2, step {self.step}")

    def _to_unit(self, nats: float) -> float:
        return float(bits_per_dim(nats, self.data.event_shape)) if self.data.is_image else nats

    def _in_unit(self, nats: float) -> str:
        return f"{self._to_unit(nats):.3f} {'bits/dim' if self.data.is_image else 'nats'}"


def _terms(bound: Bound) -> dict[str, Tensor]:
    return {"prior": bound.prior, "diffusion": bound.diffusion, "reconstruction": bound.reconstruction}


def _mix(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)


def _claim(run: Path, text: str) -> None:
    """Make the run's folder, or check that it is this run's."""
    if (run / "config.yaml").exists():
        check_same(run / "config.yaml", text)
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise InputError(f"{run}, which exists and is not a run", "a new or empty folder, or that of this run",
                         "choose another --run folder")
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{run}, which cannot be made ({error.strerror})", "a folder that can be written") from error


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
