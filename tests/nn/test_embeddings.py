"""Time and label embeddings by themselves."""

import math

import pytest
import torch

from ndm.base.errors import InputError
from ndm.nn.embeddings import NO_LABEL, LabelEmbedding, TimeEmbedding, ValueEmbedding, condition_embedding


def test_shape_and_dtype_follow_the_weights() -> None:
    t = torch.linspace(0, 1, 5)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        embedding = TimeEmbedding(12).to(dtype)(t)
        assert embedding.shape == (5, 12) and embedding.dtype == dtype


def test_close_times_are_told_apart_and_lie_close() -> None:
    """The embedding is injective on a fine grid, and its steps shrink with the grid's."""
    torch.manual_seed(0)
    embed, steps = TimeEmbedding(32).double(), []
    for count in (1001, 2001):
        points = embed(torch.linspace(0, 1, count, dtype=torch.float64))
        steps.append((points[1:] - points[:-1]).norm(dim=1))
        assert steps[-1].min() > 1e-4
    assert steps[1].max() < 0.51 * steps[0].max()


def test_each_label_has_its_row_and_none_has_the_last() -> None:
    label = LabelEmbedding(3, 4)
    rows = label(torch.tensor([0, 1, 2, NO_LABEL]), 4)
    assert torch.equal(rows, label.rows.weight)
    assert torch.equal(label(None, 3), label.rows.weight[3])
    assert LabelEmbedding(0, 4)(None, 3) == 0.0 and not list(LabelEmbedding(0, 4).parameters())


@pytest.mark.parametrize(
    "labels, row", [([1, 2, 3], 2), ([0, -2, 1], 1), ([4, 0, 9], 0), ([0, 2**63 - 1, 5], 1), ([-(2**63), 0, 0], 0)]
)
def test_labels_out_of_range_are_refused(labels, row) -> None:
    """Those that begin at 1 end at the number of classes, which is no label and not "no label"."""
    label = LabelEmbedding(3, 4)
    for way in (label, label.check):
        with pytest.raises(InputError, match=rf"label {labels[row]} of example {row}; expected labels from 0 to 2"):
            way(torch.tensor(labels), 3)


@pytest.mark.parametrize("num_classes", [-1, 2.0, True])
def test_a_number_of_classes_is_a_whole_number(num_classes) -> None:
    with pytest.raises(InputError, match="num_classes = "):
        condition_embedding(num_classes, 0, 4)


def test_labels_or_values_but_not_both() -> None:
    assert isinstance(condition_embedding(3, 0, 4), LabelEmbedding) and condition_embedding(3, 0, 4).sizes == (3, 0)
    assert isinstance(condition_embedding(0, 2, 4), ValueEmbedding) and condition_embedding(0, 2, 4).sizes == (0, 2)
    assert condition_embedding(0, 0, 4).sizes == (0, 0)
    with pytest.raises(InputError, match="num_classes = 3 and num_values = 2; expected one of them above 0"):
        condition_embedding(3, 2, 4)


def test_values_are_embedded_smoothly_and_none_is_zero() -> None:
    torch.manual_seed(0)
    embedding = ValueEmbedding(2, 8).double()
    cond = torch.randn(5, 2, dtype=torch.float64)
    assert embedding(cond, 5).shape == (5, 8)
    assert embedding(None, 5) == 0.0
    near = embedding(cond + 1e-6, 5) - embedding(cond, 5)
    assert 0 < near.abs().max() < 1e-4


@pytest.mark.parametrize(
    "cond, match",
    [
        (torch.zeros(3, dtype=torch.int64), r"cond of shape \(3,\) and torch.int64; expected floating point numbers"),
        (torch.zeros(3, 1), r"cond of shape \(3, 1\) .*expected floating point numbers of shape \(3, 2\)"),
        (torch.tensor([[0.0, 0.0], [0.0, math.nan], [0.0, 0.0]]), r"cond\[1, 1\] = nan; expected finite numbers"),
    ],
)
def test_values_of_another_kind_and_missing_ones_are_refused(cond, match) -> None:
    with pytest.raises(InputError, match=match):
        ValueEmbedding(2, 4).check(cond, 3)
