"""Sums of exponentials and of squares: values against PyTorch's, and every derivative that they are given by hand."""

import torch
from exact_models import assert_close
from torch.autograd import gradcheck, gradgradcheck
from torch.func import jvp, vmap

import ndm
from ndm.autodiff.softmax import LogSumExp, MinusSquare, logsumexp_and_softmax, minus_square
from ndm.process.mixture import Mixture


def test_both_are_torchs() -> None:
    for shape in ((7,), (4, 7), (2, 3, 5, 7)):
        x = 20 * torch.randn(shape)
        total, p = logsumexp_and_softmax(x)
        assert_close(total, torch.logsumexp(x, -1), rtol=1e-14)
        assert_close(p, torch.softmax(x, -1), rtol=1e-12, atol=1e-25)


def test_exponents_that_are_cut_off_count_for_nothing() -> None:
    """Nor are there denormal numbers, on which a CPU is slow: in float32 below 1e-38."""
    x = torch.linspace(-6000, 0, 50, dtype=torch.float32)
    total, p = logsumexp_and_softmax(x)
    assert total == torch.logsumexp(x, -1) == 0
    assert (p[p < 1e-38] == 0).all() and p.min() > 1e-30
    assert_close(p.double(), torch.softmax(x.double(), -1), atol=1e-25, rtol=1e-6)


def test_every_derivative_of_the_softmax() -> None:
    x = torch.randn(2, 4, 3, requires_grad=True)
    assert gradcheck(LogSumExp.apply, (x,), check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(LogSumExp.apply, (x,), check_fwd_over_rev=True, check_rev_over_rev=True)


def test_every_derivative_of_the_square() -> None:
    """Where x is broadcast, too."""
    r = torch.randn(2, 4, 3, requires_grad=True)
    for shape in ((2, 4, 3), (4, 3), (1, 1, 1)):
        x = torch.randn(shape, requires_grad=True)
        assert_close(minus_square(x, r), x - r**2)
        assert gradcheck(MinusSquare.apply, (x, r), check_forward_ad=True)
        assert gradgradcheck(MinusSquare.apply, (x, r), check_fwd_over_rev=True)


def test_they_nest_in_the_functions_of_torch() -> None:
    x, v = torch.randn(5, 2, 4, 3), torch.randn(5, 2, 4, 3)

    def ours(x: torch.Tensor) -> torch.Tensor:
        total, p = LogSumExp.apply(MinusSquare.apply(x, 0.3 * x))
        return total + (p**2).sum(1)

    def plain(x: torch.Tensor) -> torch.Tensor:
        x = x - (0.3 * x) ** 2
        return torch.logsumexp(x, 1) + (torch.softmax(x, 1) ** 2).sum(1)

    got, expected = (vmap(lambda x, v, f=f: jvp(f, (x,), (v,))[1])(x, v) for f in (ours, plain))
    assert_close(got, expected)


def test_the_divergence_of_a_mixture_is_the_plain_formula_with_its_gradient() -> None:
    """log q - log p at mean +- std noise, by the definition of p, components of one variance and of many."""
    for variances in (torch.rand(3, 2, 5) + 0.2, torch.rand(3, 2, 1) + 0.2):
        given = [torch.randn(3, 2, 5), torch.randn(3, 2, 5), variances, torch.randn(3, 2), torch.rand(3, 2) + 0.3]
        given = [value.requires_grad_() for value in given]
        logits, means, variances, mean, std = given
        noise = torch.randn(3, 2)

        def log_p(x, logits=logits, means=means, variances=variances):
            each = torch.distributions.Normal(means, variances.sqrt()).log_prob(x[..., None])
            return torch.logsumexp(torch.log_softmax(logits, -1) + each, -1)

        ends = (log_p(mean + std * noise) + log_p(mean - std * noise)) / 2
        expected = (torch.distributions.Normal(0.0, std).log_prob(std * noise) - ends).sum(1)
        got = Mixture(logits, means, variances).kl_from(ndm.Gaussian(mean, std), noise)
        assert_close(got, expected)
        for one, other in zip(*(torch.autograd.grad(value.sum(), given) for value in (got, expected)), strict=True):
            assert_close(one, other, rtol=1e-8)
