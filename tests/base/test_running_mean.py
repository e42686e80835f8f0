"""Running averages: the plain mean first, the exponential one later."""

import copy

import pytest
import torch

from ndm.base.running_mean import OneBatch, RunningMean


def test_the_first_values_are_averaged_plainly():
    running = RunningMean((3, 2), decay=0.99)
    values = torch.randn(40, 2)
    index = torch.arange(40) % 2
    for i in range(0, 40, 4):
        running.update(index[i : i + 4], values[i : i + 4])
    for b in range(2):
        torch.testing.assert_close(running.value[b], values[index == b].mean(0))
    assert running.count.tolist() == [20, 20, 0] and (running.value[2] == 0).all()


def test_old_values_are_forgotten_at_the_rate_of_the_decay():
    running = RunningMean((1,), decay=0.9)
    running.update(torch.zeros(1000, dtype=torch.int64), torch.full((1000,), 5.0))
    running.update(torch.zeros(1, dtype=torch.int64), torch.zeros(1))
    torch.testing.assert_close(running.value, torch.tensor([4.5]))


def test_shares_of_a_batch_are_taken_as_the_whole():
    whole = RunningMean((3,), decay=0.9)
    whole.update(torch.tensor([0, 1]), torch.tensor([1.0, 2.0]))
    shared, values, index = copy.deepcopy(whole), torch.randn(12), torch.arange(12) % 2
    whole.update(index, values)
    batch = OneBatch(torch.nn.Sequential(shared), torch.Tensor.clone)
    with batch:
        for i in (0, 4, 8):
            shared.update(index[i : i + 4], values[i : i + 4])
        assert shared.count.tolist() == [1, 1, 0]  # until all are there
    torch.testing.assert_close(shared.state_dict(), whole.state_dict())


def test_a_batch_that_fails_is_not_taken():
    running = RunningMean((1,), decay=0.9)
    with pytest.raises(RuntimeError, match="half"), OneBatch(running, torch.Tensor.clone):
        running.update(torch.zeros(2, dtype=torch.int64), torch.ones(2))
        raise RuntimeError("half of it")
    assert running.count.tolist() == [0] and running.value.tolist() == [0.0]
    running.update(torch.zeros(2, dtype=torch.int64), torch.ones(2))
    assert running.count.tolist() == [2]
