"""What kind of thing an example is, by its shape, its levels, its columns and the axes of its network."""

import pytest

from ndm.data.event import Event, event_of, event_of_run

CASES = {
    (): {
        (2,): ("points", 1, (2,)),
        (1,): ("table", 1, (1,)),
        (15,): ("table", 1, (15,)),
        (16,): ("signal", 1, (16,)),
        (2, 3): ("signal", 2, (3,)),
        (19, 256): ("signal", 19, (256,)),
        (28, 28): ("float image", 1, (28, 28)),
        (1, 8, 8): ("float image", 1, (8, 8)),
        (4, 8, 8): ("float image", 4, (8, 8)),
        (5, 64, 64): ("float image", 5, (64, 64)),
        (16, 16, 16): ("volume", 1, (16, 16, 16)),
        (1, 8, 9, 10): ("volume", 1, (8, 9, 10)),
        (9, 8, 8, 8): ("volume", 9, (8, 8, 8)),
        (2, 2, 2, 2, 2): ("table", 1, (32,)),
    },
    (1,): {(9,): ("signal", 1, (9,)), (9, 9): ("signal", 9, (9,))},
    (2,): {(9, 64): ("float image", 1, (9, 64)), (8, 8, 8): ("float image", 8, (8, 8))},
    (3,): {(4, 64, 64): ("volume", 1, (4, 64, 64))},
}


@pytest.mark.parametrize(("axes", "shape"), [(axes, shape) for axes, cases in CASES.items() for shape in cases])
def test_the_shape_and_the_axes_tell_the_kind_of_real_values(axes, shape):
    event = event_of(shape, None, axes=axes[0] if axes else None)
    assert (event.kind, event.channels, event.sizes) == CASES[axes][shape]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 8), (9, 16, 16)])
def test_levels_are_images(shape):
    assert event_of(shape, 17) == Event("image", shape[0], shape[1:], 17)


def test_columns_are_named():
    wide = event_of((20,), None, [f"c{i}" for i in range(20)])
    assert wide.kind == "table" and wide.names[19] == "c19"
    assert event_of((2,), None, ("a", "b")).names == ("a", "b") and event_of((2,), None).names == ("x[0]", "x[1]")
    cities = event_of((2,), None, name="cities")
    assert cities.is_map and cities.names == ("longitude", "latitude")


def test_a_configuration_tells_the_kind():
    about = {"name": "t.csv", "event_shape": [2], "num_levels": None, "reading": {"dimensions": ["age", "height"]}}
    assert event_of_run({"data": about, "predictor_options": {}}).names == ("age", "height")
    about |= {"event_shape": [12, 16], "reading": {}}
    assert event_of_run({"data": about, "predictor_options": {}}).kind == "float image"
    assert event_of_run({"data": about, "predictor_options": {"axes": 1}}).kind == "signal"
