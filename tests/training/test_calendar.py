"""What is due after which step."""

from dataclasses import replace

from tiny import POINTS

from ndm.training.calendar import Calendar

CONFIG = replace(POINTS, log_every=4, save_every=5, validate_every=6, pictures_every=3)
STEPS = range(1, 13)


def test_what_is_due_is_a_multiple_of_its_distance_and_validations_have_a_line():
    calendar = Calendar(CONFIG, draws=True)
    assert [step for step in STEPS if calendar.validation(step)] == [6, 12]
    assert [step for step in STEPS if calendar.line(step)] == [4, 6, 8, 12]
    assert [step for step in STEPS if calendar.pictures(step)] == [3, 6, 9, 12]
    assert [step for step in STEPS if calendar.checkpoint(step)] == [5, 10]


def test_what_is_not_wanted_or_has_nothing_to_draw_with_is_never_due():
    never = Calendar(replace(CONFIG, validate_every=0, pictures_every=0), draws=True)
    assert not any(never.validation(step) or never.pictures(step) for step in STEPS)
    assert not any(Calendar(CONFIG, draws=False).pictures(step) for step in STEPS)
