"""Running averages: the plain mean first, the exponential one later."""

import torch

from ndm.base.running_mean import RunningMean


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
