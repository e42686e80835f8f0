"""The network corrects a mixture of Gaussians for each dimension, for real values or many levels."""

import math

import torch
from torch import Tensor, nn

from ndm.base.ranges import check_count, check_shape
from ndm.base.shapes import like_event
from ndm.parts.parameterisations.parameterisation import Parameterisation
from ndm.parts.schedules import NoiseLevel
from ndm.process.mixture import Mixture

_LEAST_STD = 1e-3  # of a component, in units of the standardised data
_PSEUDO_COUNT = 1.0  # examples' worth of the weights of all dimensions, added to those of each
_EXAMPLES, _FITTED, _ITERATIONS = 1000, 10_000, 60  # examples, values and iterations of the first fit
_FITTED_STD = 1e-2  # least standard deviation of a component of the first fit
_TINY = 1e-6
_MOST_LOG_STD = 5.0  # that the network can add: exp of a spike of its outputs would overflow


class GaussianMixtureParameterisation(Parameterisation):
    """The network corrects a posterior mixture of Gaussians for each dimension, which is made by Bayes' rule.

    p(x_i | z_t) ~ N(z_i; alpha x_i, sigma^2) sum_k pi_ik N(x_i; mu_ik, s_ik^2), again a mixture:

    pi'_k ~ pi_k N(z; alpha mu_k, tot_k),   mu'_k = (sigma^2 mu_k + alpha s_k^2 z) / tot_k,
    s'_k^2 = sigma^2 s_k^2 / tot_k,         tot_k = sigma^2 + alpha^2 s_k^2

    The likelihood of z_i is known, the prior starts as a fit to the training data (K components for all dimensions,
    weights for each; then all is learned), and the network's 3 K outputs shift its log pi_k, mu_k and (by at most 5)
    log s_k, with the information of the other dimensions. It is like `CategoricalParameterisation`, for data without
    levels or with many. A mean is shifted in units of its component's first standard deviation: components of
    different widths, such as the black of a background beside the greys, then learn at one rate.

    Args:
        event_shape: shape of one example.
        num_components: K.
    """

    first_means: Tensor
    first_stds: Tensor

    def __init__(self, event_shape: tuple[int, ...], num_components: int = 8) -> None:
        super().__init__()
        self.event_shape = check_shape(event_shape)
        check_count("num_components", num_components, 1)
        self.num_components = num_components
        self.num_outputs = 3 * num_components
        self.log_weights = nn.Parameter(torch.zeros(*event_shape, num_components))
        spread = torch.linspace(-1, 1, num_components) if num_components > 1 else torch.zeros(1)
        self.shifts = nn.Parameter(torch.zeros(*event_shape, num_components))
        self.log_stds = nn.Parameter(torch.full((*event_shape, num_components), math.log(2 / num_components)))
        self.register_buffer("first_means", spread)
        self.register_buffer("first_stds", torch.full((num_components,), 2 / num_components))

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        x = x[:_EXAMPLES].flatten(1)
        order = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0))
        values = x.flatten()[order[:_FITTED].to(x.device)]
        spread = (x.amax() - x.amin()) / max(1, self.num_components - 1)
        means = x.amin() + spread * torch.arange(self.num_components).to(x)
        variances = (spread / 2).square().clamp(min=_FITTED_STD**2).expand_as(means)
        shares = torch.full_like(means, 1 / self.num_components)
        for _ in range(_ITERATIONS):  # expectation maximisation
            found = _responsibilities(values, means, variances, shares)
            total = found.sum(0) + _TINY
            means = (found * values[:, None]).sum(0) / total
            variances = (found * (values[:, None] - means) ** 2).sum(0) / total + _FITTED_STD**2
            shares = total / total.sum()
        counts = torch.stack([_responsibilities(d, means, variances, shares).sum(0) for d in x.T])
        weights = counts + _PSEUDO_COUNT * shares
        self.log_weights.copy_(torch.log(weights / weights.sum(-1, keepdim=True)).reshape_as(self.log_weights))
        self.log_stds.copy_((variances.log() / 2).expand_as(self.log_stds))
        self.first_means.copy_(means)
        self.first_stds.copy_(variances.sqrt())

    def network_input(self, z_t: Tensor, level: NoiseLevel) -> Tensor:
        return self._posterior(z_t, level, *self._prior().unsqueeze(2).unbind()).mean

    def posterior(self, z_t: Tensor, outputs: Tensor, level: NoiseLevel) -> Mixture:
        # Components come first in memory: innermost loops are then over batch and event.
        by_weights, by_shifts, by_stds = outputs.unflatten(1, (3, -1)).movedim(0, 2).contiguous().unbind()
        log_weights, shifts, log_stds = self._prior().unsqueeze(2).unbind()
        limited = torch.tanh(by_stds / _MOST_LOG_STD)
        return self._posterior(
            z_t,
            level,
            log_weights + by_weights,
            shifts + by_shifts,
            torch.add(log_stds, limited, alpha=_MOST_LOG_STD),
        )

    def _prior(self) -> Tensor:
        """log pi, the shifts and log s, (3, K, *event)."""
        return torch.stack((self.log_weights, self.shifts, self.log_stds)).movedim(-1, 1).contiguous()

    def _posterior(
        self, z_t: Tensor, level: NoiseLevel, log_weights: Tensor, shifts: Tensor, log_stds: Tensor
    ) -> Mixture:
        """Bayes' rule, from log pi, shifts and log s, each (K, B, *event) or (K, 1, *event)."""
        first_means, first_stds = (value.reshape(-1, *(1,) * z_t.ndim) for value in (self.first_means, self.first_stds))
        means = first_means + first_stds * shifts
        # Written out for every dimension: a number for each example meets (K, B, *event) in short loops only.
        alpha, sigma = (like_event(value, z_t).expand_as(z_t).contiguous() for value in (level.alpha, level.sigma))
        noise_variance = sigma**2
        prior_variance = torch.exp(2 * log_stds) + _LEAST_STD**2
        gained = alpha * prior_variance
        total = noise_variance + alpha * gained
        residual = z_t - alpha * means
        relative = residual / total
        logits = log_weights - 0.5 * (total.log() + residual * relative)
        posterior_variance = noise_variance * prior_variance / total
        posterior_means = means + gained * relative
        return Mixture(*(value.movedim(0, -1) for value in (logits, posterior_means, posterior_variance)))


def _responsibilities(values: Tensor, means: Tensor, variances: Tensor, shares: Tensor) -> Tensor:
    """The probability that each value (N,) comes from each component, (N, K)."""
    logits = shares.log() - 0.5 * ((values[:, None] - means) ** 2 / variances + variances.log())
    return torch.softmax(logits, dim=-1)
