"""The order of examples: shares, flips and prefetching change nothing but what they say."""

import time

import numpy as np
import pytest

from ndm.base.errors import InputError
from ndm.data.batches import Batches, Prefetched
from ndm.data.dataset import Split

IMAGES = Split(np.arange(10 * 6, dtype=np.uint8).reshape(10, 1, 2, 3))


@pytest.mark.parametrize("flip", [False, True])
def test_shares_make_the_batch(flip):
    batches = Batches(IMAGES, 4, seed=3, flip=flip)
    for step in range(12):  # over several epochs
        shares = [batches.rows(step, first, last) for first, last in ((0, 1), (1, 3), (3, 4))]
        assert (np.concatenate([share.x for share in shares]) == batches[step].x).all()
        assert (Batches(IMAGES, 4, seed=3, flip=flip)[step].x == batches[step].x).all()  # as after a resume


def test_flips_turn_half_of_the_images_and_leave_the_order():
    plain, flipped = Batches(IMAGES, 5, seed=0), Batches(IMAGES, 5, seed=0, flip=True)
    turned = 0
    for step in range(100):
        for x, y in zip(plain[step].x, flipped[step].x, strict=True):
            assert (x == y).all() or (x[..., ::-1] == y).all()
            turned += not (x == y).all()
    assert 200 < turned < 300  # 250 of 500 in the mean, standard deviation 11
    assert (IMAGES.x == np.arange(60).reshape(IMAGES.x.shape)).all()  # the data themselves are left alone


def test_what_cannot_be_flipped_is_refused():
    with pytest.raises(InputError, match=r"flips of examples of shape \(2,\)"):
        Batches(Split(np.zeros((4, 2), np.float32)), 2, 0, flip=True)


def test_prefetched_batches_are_the_batches_in_any_order_of_asking():
    batches = Batches(IMAGES, 4, seed=1)
    with Prefetched(batches.__getitem__, 5, ahead=3) as ahead:
        for step in (5, 6, 7, 20, 21, 2):
            assert (ahead.get(step).x == batches[step].x).all()
        assert 0 <= ahead.waited <= 1


def test_an_error_reaches_the_consumer_and_no_more_is_made_than_asked():
    made = []

    def batch(step):
        made.append(step)
        if step == 2:
            raise InputError("a corrupted image", "a whole one")
        return step

    with Prefetched(batch, ahead=2) as ahead:
        assert [ahead.get(0), ahead.get(1)] == [0, 1]
        assert ahead.fails(2)
        with pytest.raises(InputError, match="a corrupted image"):
            ahead.get(2)
    assert max(made) <= 3


def test_waiting_is_a_share_of_time():
    with Prefetched(lambda step: time.sleep(0.02) or step, ahead=1, threads=1) as ahead:
        for step in range(5):
            ahead.get(step)
        assert 0 < ahead.waited <= 1
