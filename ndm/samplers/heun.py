"""The deterministic sampler by Heun's rule: the mean of the steps along two predicted curves."""

from torch import Tensor

from ndm.samplers.deterministic import Deterministic


class Heun(Deterministic):
    """Heun's rule: the mean of z_t's steps along f^_t and along f^_s, predicted where the first step ends.

    A step along a curve is linear in it, so that this is the trapezoidal rule for the integral of (a f^_u)'(u) over u,
    a = alpha / sigma. Of second order, two evaluations of the network in a step; exact where the curve is constant.
    Source of the rule for diffusion models: Karras et al., EDM (2022), https://arxiv.org/abs/2206.00364.
    """

    order = 2

    def step(self, z_t: Tensor, s: Tensor, t: Tensor, noise: Tensor, cond: Tensor | None) -> Tensor:
        step = self.model.kernel(z_t, s, t, self.volatility)
        first = step(z_t, self.model.predict(z_t, t, cond)).mean
        second = step(z_t, self.model.predict(first, s, cond)).mean
        return (first + second) / 2
