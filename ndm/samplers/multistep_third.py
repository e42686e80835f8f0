"""The deterministic sampler with a polynomial through three predictions: third order for one evaluation a step."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from ndm.base.noise import Noise
from ndm.process.curve import Curve
from ndm.samplers.deterministic import Deterministic

_LARGEST = 1e3  # gamma that counts, where it is infinite: exp(-500) of the step's start is nothing

Prediction = tuple[Tensor, Curve]  # the time u, and the curve f^_u predicted there


class ThirdOrderMultistep(Deterministic):
    """Extrapolates the last three predicted curves: third order for one evaluation a step.

    In y = z / sigma the process is dy = d(a f^_u)(u), a = exp(-gamma / 2), with f^_u fixed in the derivative. The last
    three predictions are interpolated by P(gamma) = sum_j l_j(gamma) f^_j, l_j quadratic: a curve for each
    gamma. By parts, and with P' = sum_j l_j' f^_j for the change of the prediction along the way,

        y_s = y_t + a_s P(gamma_s)(s) - a_t P(gamma_t)(t) - integral from t to s of a P'(gamma_u)(u) dgamma_u

    where P' is interpolated at t, s and the time between, and the integral of exp(-gamma / 2) times that is exact.
    The first step is taken twice, the second time with the prediction at its own end, which the next step needs anyway;
    the second step has two predictions. So the order is three from the start, and no evaluation is spent on it.
    Exact where the curve is constant. For F = identity P' is linear and nothing but the prediction is interpolated: it
    is the exponential Adams method in gamma, DPM-Solver++(3M) with its second derivative in full.
    Source: Lu et al., DPM-Solver++ (2022), https://arxiv.org/abs/2211.01095; Hochbruck, Ostermann, Exponential
    integrators (2010), https://doi.org/10.1017/S0962492910000048, section 2.5.
    """

    order = 3

    def walk(self, z_1: Tensor, times: Tensor, noise: Noise, cond: Tensor | None) -> Iterator[Tensor]:
        first, second = times[:2]
        known = [(first, self.model.predict(z_1, first, cond))]  # predictions, the latest first
        z = self.advance(z_1, second, first, known)
        if len(times) > 2:
            known = [(second, self.model.predict(z, second, cond)), *known]
            z = self.advance(z_1, second, first, known)
        yield z
        for number, (t, s) in enumerate(pairwise(times[1:])):
            if number:
                known = [(t, self.model.predict(z, t, cond)), *known[:2]]
            z = self.advance(z, s, t, known)
            yield z

    def advance(self, z_t: Tensor, s: Tensor, t: Tensor, known: list[Prediction]) -> Tensor:
        """Step from z_t to z_s along the polynomial through the known predictions, of any number."""
        at = (s, (s + t) / 2, t)
        level = self.model.schedule(torch.stack([*at, *(u for u, _ in known)]))
        gamma = level.gamma.double().clamp(max=_LARGEST)
        weights = adams_weights(gamma[:3], gamma[3:]).to(z_t)
        change = sum(
            weight * curve(u)
            for row, (_, curve) in zip(weights, known, strict=True)
            for weight, u in zip(row, at, strict=True)
        )
        return level.sigma[0] / level.sigma[2] * z_t + level.alpha[0] * change


def adams_weights(at: Tensor, known: Tensor) -> Tensor:
    """The weights W (p, 3) of the step (y_s - y_t) / a_s = sum_jk W_jk f^_j(u_k), u = (s, a time between, t).

    Args:
        at: gamma of s, of the time between, of t.
        known: gamma of the p predictions.
    """
    h = at[2] - at[0]
    theta, nodes = (at - at[0]) / h, (known - at[0]) / h  # the way back from s in steps: 0 at s, 1 at t
    value, slope = _lagrange(nodes, theta)
    k, b = torch.arange(3).to(h), h / 2
    moments = torch.special.gammainc(k + 1, b.expand(3)) * torch.exp(torch.lgamma(k + 1)) / b ** (k + 1)
    weights = _solve(theta, moments[:, None])[:, 0] * slope  # of the integral of exp(-b theta) P' over theta in (0, 1)
    weights[:, 0] += value[:, 0]
    weights[:, 2] -= math.exp(-b) * value[:, 2]
    return weights


def _lagrange(nodes: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Lagrange polynomials l_j(theta_k) and l_j'(theta_k), each (p, K): sum_j l_j(theta) nodes_j^i = theta^i, i < p."""
    i = torch.arange(len(nodes)).to(nodes)[:, None]
    return _solve(nodes, theta**i), _solve(nodes, i * theta ** (i - 1).clamp(min=0))


def _solve(nodes: Tensor, moments: Tensor) -> Tensor:
    """Solve sum_j w_j nodes_j^i = moments_i, i < p, for w, column by column."""
    return torch.linalg.solve(nodes ** torch.arange(len(nodes)).to(nodes)[:, None], moments)
