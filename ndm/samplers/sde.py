"""The sampler of the reverse SDE by a solver of torchsde."""

import warnings
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from ndm.base.noise import Noise
from ndm.base.registry import choose, optional
from ndm.base.shapes import like_event
from ndm.model import NeuralDiffusion
from ndm.parts.volatilities import Volatility
from ndm.samplers._times import NO_SIGNAL
from ndm.samplers.exponential import Exponential
from ndm.samplers.sampler import Grid

_STABLE = 4.0  # of (1 + eta) (gamma_t - gamma_s): twice the rate at which the drift draws back, in one step
METHODS = {"euler": 1, "srk": 2}  # of torchsde, that differ where g depends on t alone: their orders


class Sde(Exponential):
    """Solves the reverse SDE with torchsde, one step of it for each step of the grid, to check other samplers.

    dz = drift dt + B^T diag(g) B dw, see `NeuralDiffusion.reverse_sde`. It does not treat the linear part of the drift
    apart, so that it needs small steps, (1 + eta) (gamma_t - gamma_s) well below 2, where the exponential sampler is
    exact. Where gamma_t exceeds 20 there is no signal, and g may be infinite (flow matching at t = 1): that step is the
    exact one of the predicted curve.
    Source: Li et al., Scalable Gradients for SDEs (2020), https://arxiv.org/abs/2001.01328.

    Args:
        eta: a constant volatility; the model's own if not given.
        method: srk (Roessler's SRA1: two evaluations of the network in a step, of second order in law, strong order
            3/2) or euler (one, of first order in both).

    Raises:
        InputError: where torchsde is not installed, and for unknown methods.
    """

    order = METHODS["srk"]

    def __init__(
        self,
        model: NeuralDiffusion,
        steps: int = 50,
        eta: float | None = None,
        *,
        grid: str | Grid = "time",
        method: str = "srk",
    ) -> None:
        self.sdeint = optional("torchsde", "sde").sdeint
        choose("method of torchsde", method, METHODS)
        super().__init__(model, steps, eta, grid=grid)
        self.method, self.order = method, METHODS[method]

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        self._warn_of_large_steps(times)
        z = z_1
        for t, s in pairwise(times):
            if self.model.schedule.gamma(t) > NO_SIGNAL:
                z = self.step(z, s, t, noise.normal(), cond)
            else:
                process = ReverseProcess(self.model, t, z.shape, cond, self.volatility)
                way, motion = torch.stack([torch.zeros_like(t), t - s]), WhiteNoise(noise, z.flatten(1).shape)
                with torch.random.fork_rng([z.device] if z.is_cuda else []):  # it tries g_prod on a random vector
                    path = self.sdeint(process, process.coordinates(z), way, motion, self.method, dt=1.0)  # one step
                z = process.event(path[-1])
            yield z

    def _warn_of_large_steps(self, times: Tensor) -> None:
        gamma, volatility = self.model.schedule.gamma(times), self.volatility or self.model.volatility
        eta = volatility.eta(times, self.model.schedule, self.model.transform)
        eta = eta[:-1] if len(eta) == len(times) else eta
        rates = (1 + eta) * like_event(-gamma.diff(), eta)
        walked = rates[gamma[:-1] <= NO_SIGNAL]
        if walked.numel() and walked.max() > _STABLE:
            warnings.warn(
                f"steps too large for sde: (1 + eta) (gamma_t - gamma_s) reaches {float(walked.max()):.3g}, "
                f"and errors grow beyond {_STABLE:g}; take more steps, or the exponential sampler",
                stacklevel=3,
            )


class ReverseProcess:
    """The reverse SDE from t on, in the form that torchsde takes.

    States (B, d) are coordinates in the transform's basis, and the time tau = t - u runs forwards. The diffusion is a
    product with values that depend on time alone, without a matrix (B, d, d).
    """

    noise_type, sde_type = "additive", "ito"

    def __init__(
        self, model: NeuralDiffusion, t: Tensor, shape: torch.Size, cond: Tensor | None, volatility: Volatility | None
    ) -> None:
        self.model, self.t, self.shape, self.cond, self.volatility = model, t, shape, cond, volatility
        self.last: tuple[Tensor, Tensor, Tensor] | None = None  # tau, state and drift: solvers ask again

    def coordinates(self, z: Tensor) -> Tensor:
        """Return the coordinates (B, d) of z (B, *event) in the transform's basis."""
        return self.model.transform.basis(z).flatten(1)

    def event(self, state: Tensor) -> Tensor:
        """Return the event z (B, *event) of a state (B, d), the inverse of `coordinates`."""
        return self.model.transform.basis.inverse(state.reshape(self.shape))

    def f(self, tau: Tensor, state: Tensor) -> Tensor:
        """Return the drift, (B, d)."""
        if self.last is None or self.last[1] is not state or self.last[0] != tau:
            z, u = self.event(state), (self.t - tau).expand(len(state))
            drift, _ = self.model.reverse_sde(z, self.model.predict(z, u, self.cond), u, self.volatility)
            self.last = tau, state, -self.coordinates(drift)
        return self.last[2]

    def g_prod(self, tau: Tensor, state: Tensor, v: Tensor) -> Tensor:
        """Return the diffusion g times v (B, d)."""
        v = v.reshape(self.shape)
        return (self.model.diffusion(v, (self.t - tau).expand(len(v)), self.volatility) * v).flatten(1)


class WhiteNoise:
    """The increments W of a Brownian motion (B, d) and their integrals U, for consecutive intervals.

    W = sqrt(h) n, U = h/2 W + sqrt(h^3 / 12) n', with the noise of each sample.
    """

    levy_area_approximation = "space-time"

    def __init__(self, noise: Noise, shape: torch.Size) -> None:
        self.noise, self.shape = noise, shape

    def __call__(self, start: Tensor, end: Tensor, return_U: bool = False, return_A: bool = False):
        h = end - start
        w = h.sqrt() * self.noise.normal().flatten(1)
        return (w, h / 2 * w + (h**3 / 12).sqrt() * self.noise.normal().flatten(1)) if return_U else w
