"""Lanes: every example once in an epoch, the same from any start, for any thread and in any order."""

from itertools import islice
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndm.base.errors import InputError
from ndm.data.hub.lanes import Lane

SIZES = st.lists(st.integers(0, 7), min_size=1, max_size=5).filter(any)


class Pieces:
    """Pieces of these sizes, and what was read of them."""

    def __init__(self, sizes):
        self.sizes, self.read_examples = sizes, []

    def __call__(self, piece, after):
        for i in range(after, self.sizes[piece]):
            self.read_examples.append((piece, i))
            yield piece, i


def lane(pieces, lengths=None, window=3, kept=4, seed=0):
    return Lane(
        pieces, 0, range(len(pieces.sizes)), {} if lengths is None else lengths, seed=seed, window=window, kept=kept
    )


@settings(deadline=None)
@given(SIZES, st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_holds_every_example_once_and_epochs_differ(sizes, window, seed):
    number = sum(sizes)
    found = lane(Pieces(sizes), window=window, seed=seed).take(0, 3 * number)
    every = sorted((piece, i) for piece, size in enumerate(sizes) for i in range(size))
    assert all(sorted(found[k * number : (k + 1) * number]) == every for k in range(3))
    assert found == lane(Pieces(sizes), window=window, seed=seed).take(0, 3 * number)
    if number > 12 and window > 4:
        assert found[:number] != found[number : 2 * number]


@settings(deadline=None)
@given(SIZES, st.integers(1, 9), st.integers(0, 60), st.booleans())
def test_it_goes_on_anywhere_whether_lengths_are_known_or_not(sizes, window, first, known):
    whole = lane(Pieces(sizes), window=window).take(0, first + 5)
    lengths = {str(piece): size for piece, size in enumerate(sizes)} if known else {}
    assert lane(Pieces(sizes), lengths, window=window).take(first, first + 5) == whole[first:]


def test_what_is_known_is_not_read_again():
    pieces, lengths = Pieces([100] * 6), {}
    unbroken = lane(pieces, lengths)
    unbroken.take(0, 1000)
    assert lengths == {str(i): 100 for i in range(6)}
    resumed = Pieces([100] * 6)
    assert lane(resumed, lengths).take(1450, 1460) == unbroken.take(1450, 1460)
    assert len(resumed.read_examples) < 24  # the ten, the four kept before them, and the windows around these


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4)), min_size=1, max_size=12))
def test_any_order_of_asking_is_right(asked):
    whole, found = lane(Pieces([5, 0, 9, 3])).take(0, 60), lane(Pieces([5, 0, 9, 3]))
    for first, number in asked:
        assert found.take(first, first + number) == whole[first : first + number]


def test_near_order_reads_once():
    pieces = Pieces([40, 40])
    found = lane(pieces, kept=8)
    for first in (4, 0, 2, 6, 6, 4, 10, 8):
        found.take(first, first + 2)
    assert len(set(pieces.read_examples)) == len(pieces.read_examples)


def test_threads_that_ask_together_all_get_theirs():
    whole, shared, got = lane(Pieces([50, 30]), kept=64).take(0, 400), lane(Pieces([50, 30]), kept=64), {}

    def ask(which):
        for k in range(which, 100, 4):
            got[k] = shared.take(4 * k, 4 * k + 4)

    threads = [Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [example for k in range(100) for example in got[k]] == whole


def test_who_asks_again_after_an_error_begins_again():
    failures = [OSError("the line is dead")]

    def read(piece, after):
        for i in range(after, 20):
            if i == 8 and failures:
                raise failures.pop()
            yield i

    broken = Lane(read, 0, [0], {}, seed=0, window=4, kept=4)
    whole = Lane(lambda _, after: iter(range(after, 20)), 0, [0], {}, seed=0, window=4, kept=4).take(0, 40)
    with pytest.raises(OSError, match="dead"):
        broken.take(4, 12)
    assert broken.take(4, 12) == whole[4:12]


def test_a_lane_without_examples_says_so():
    with pytest.raises(InputError, match="2 pieces of a stream without examples"):
        lane(Pieces([0, 0])).take(0, 1)
    with pytest.raises(InputError, match="without examples"):  # those that were there once are gone
        lane(Pieces([0, 0]), {"0": 3, "1": 4}).take(5, 6)
    assert list(islice(iter(Pieces([1])(0, 0)), 2)) == [(0, 0)]
