"""Means and standard errors of noisy estimates, where equal rows have the same noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mean:
    """A mean over rows, with two standard errors, each () in float64; NaN where it cannot be told."""

    value: Tensor
    standard_error: Tensor  # of the value as that of the law from which the rows are drawn: over rows and noise
    standard_error_of_estimate: Tensor  # from noise alone, for these rows: the spread over seeds; 0 without noise


def mean_over_rows(repeats: Tensor, owners: Tensor | None) -> Mean:
    """The mean of L_i = (1/R) sum_r L_ir over N rows, for `repeats` L (R, N), independent in r given the rows.

    Rows i and j of one owner (`noise_owners`), g(i) = g(j), share their noise: that never averages out over them, so
    that they count as one row. Over seeds, for these rows, and then over rows drawn independently from one law as well,

        Var_noise = 1/N^2 sum_g Var(S_g),        S_g = sum of L_i over the rows of owner g
        Var       = s^2 / N + 1/(N (N - 1)) sum_g [ Var(S_g) - sum over g of Var(L_i) ]

    with s^2 the sample variance of the L_i, which holds the noise of a row but not what it shares with others, and
    Var(.) of a mean over repeats from their spread. By the law of total variance, conditioning on the noise: the second
    term is the unbiased estimate of Var_noise(E_x L), of N (N - 1) pairs of rows. Where no two rows are equal it is 0.

    Args:
        owners: (N,) integers; None where nothing is random, and the only repeat is exact.
    """
    repeats = repeats.double()
    values, (number, rows) = repeats.mean(0), repeats.shape
    noise, shared = repeats.new_zeros(()), repeats.new_zeros(())
    if owners is not None:
        owner, place = torch.unique(owners.to(repeats.device), return_inverse=True)
        of_owners = repeats.new_zeros(number, len(owner)).index_add(1, place, repeats)
        noise = _variance_of_mean(of_owners).sum()
        if len(owner) < rows:
            shared = noise - _variance_of_mean(repeats).sum()
    spread = values.var() / rows if rows > 1 else values.new_full((), math.nan)
    noise /= rows**2
    total = spread + shared / max(rows * (rows - 1), 1)
    total = torch.maximum(total, noise.nan_to_num(0.0))  # the one holds the other, and its estimate may fall below
    return Mean(values.mean(), total.sqrt(), noise.sqrt())


def standard_errors(repeats: Tensor, owners: Tensor | None) -> Tensor:
    """The standard error of each row's mean over repeats (R, N), (N,); NaN for one repeat, 0 without owners."""
    return torch.zeros_like(repeats[0]) if owners is None else _variance_of_mean(repeats).sqrt()


def _variance_of_mean(repeats: Tensor) -> Tensor:
    """The variance of each column's mean over repeats (R, N), (N,); NaN for one repeat."""
    number = len(repeats)
    return repeats.var(0) / number if number > 1 else torch.full_like(repeats[0], math.nan)
