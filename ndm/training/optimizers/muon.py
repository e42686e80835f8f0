"""Muon: a step of each weight matrix along its orthogonalised momentum."""

from typing import Any

import torch
from torch import Tensor, nn

from ndm.training.optimizers.adamw import AdamW
from ndm.training.optimizers.optimizer import Optimizer
from ndm.training.parallel import distributed_like, gathered, own

_MOMENTUM = 0.95
_SIZE = 0.2  # root mean square of a step, in units of the learning rate: about that of AdamW
_SMALLEST = 8  # a matrix with fewer rows or columns has too few directions to be worth it
_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_TINY = 1e-7


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal, for weights of layers; AdamW for everything else.

    M <- 0.95 M + 0.05 G,   W <- W - rate (0.2 sqrt(max(n, m)) O(0.95 M + 0.05 G) + decay W)

    with G the gradient of an n x m matrix W, where a convolution's inputs and window are its columns, and O as in
    `orthogonalised`. All directions of a matrix then move equally far, and a step of every matrix has the size of one
    of AdamW, whatever its shape: both share the learning rate.
    Source: Jordan et al. (2024), https://kellerjordan.github.io/posts/muon; sizes as in Liu et al. (2025),
    https://arxiv.org/abs/2502.16982.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float]) -> None:
        torch.optim.Optimizer.__init__(self, groups, {"lr": lr, "weight_decay": 0.0, "matrices": False})
        self.matrices: list[list[nn.Parameter]] = []  # of each group
        others = []
        for group in self.param_groups:
            matrices = [p for p in group["params"] if group["matrices"] and min(p.flatten(1).shape) >= _SMALLEST]
            those = set(matrices)
            self.matrices.append(matrices)
            others.append(group | {"params": [p for p in group["params"] if p not in those]})
        self.adamw = AdamW([group for group in others if group["params"]], lr, betas)
        self.adamw.state = self.state  # one state, which is saved
        self.behind = [group for group, other in zip(self.param_groups, others, strict=True) if other["params"]]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.adamw.state, self.adamw.groups = self.state, []

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step along the gradients."""
        for mine, theirs in zip(self.behind, self.adamw.param_groups, strict=True):
            theirs["lr"] = mine["lr"]
        self.adamw.step()
        for group, matrices in zip(self.param_groups, self.matrices, strict=True):
            alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = {}
            for p in matrices:
                if p.grad is not None:
                    alike.setdefault(p.shape, []).append((p, p.grad))
            for pairs in alike.values():
                self._move(pairs, group["lr"], group["weight_decay"])

    def _move(self, pairs: list[tuple[nn.Parameter, Tensor]], rate: float, decay: float) -> None:
        """Take a step of parameters of one shape, each with its gradient."""
        directions = []
        for p, gradient in pairs:
            if not self.state[p]:
                self.state[p]["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            momentum = self.state[p]["exp_avg"].lerp_(gradient, 1 - _MOMENTUM)
            directions.append(gathered(gradient.lerp(momentum, _MOMENTUM)).flatten(1))
        steps = orthogonalised(torch.stack(directions))
        size = _SIZE * max(steps.shape[1:]) ** 0.5
        for (p, _), step in zip(pairs, steps, strict=True):
            whole = step.reshape(p.shape)
            own(p.detach()).mul_(1 - rate * decay).sub_(own(distributed_like(whole, p)), alpha=rate * size)


def orthogonalised(matrices: Tensor) -> Tensor:
    """Bring singular values near 1: U S V^T -> U f(S) V^T with f between 0.67 and 1.21, (N, n, m) -> the same.

    Five steps of X <- a X + (b A + c A^2) X with A = X X^T, which moves singular values by a s + b s^3 + c s^5 and
    leaves the singular vectors; it begins at unit norm. Singular values below a thousandth of the norm lag behind.
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + _TINY)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        squared = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(squared, squared, squared, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x
