"""Options KEY=VALUE: decimal numbers, true, false, null, lists and words, and nothing that is taken for another."""

import math
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ndm.base.settings import _parse_options
from ndm.data.formats.columns import number_of


def value(text: str):
    return _parse_options([f"key={text}"])["key"]


@pytest.mark.parametrize(
    "text",
    [
        "3_21",
        "1_0.5",
        "1:30",
        "1:30.5",
        "017",
        "0o17",
        "0x1F",
        "0b11",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "2024-01-02",
        "2024-01-02 10:00:00",
        "1,5",
        "\uff13",
        "\u0663\u0662",
        "<<",
        "=",
        "1.5.2",
        "--3",
        "1e",
        "nan",
        "inf",
    ],
)
def test_what_is_no_decimal_number_is_text(text):
    assert value(text) == text
    assert value(f"[{text}]" if "," not in text else f"['{text}']") == [text]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("3", 3),
        ("-13", -13),
        ("+5", 5),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e-3", 1e-3),
        ("-1E+5", -1e5),
        ("1.5e3", 1500.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        (".inf", math.inf),
        ("[1,2]", [1, 2]),
        ("[a, 0.5]", ["a", 0.5]),
        ("'3'", "3"),
        ("[]", []),
        ("a b", "a b"),
    ],
)
def test_what_is_read(text, expected):
    assert value(text) == expected and type(value(text)) is type(expected)


@pytest.mark.parametrize(
    "words", [["key"], ["=3"], ["key="], ["key=#3"], ["key=[1"], ["key={a"], ["key=*a"], ["a=1", "a=2"]]
)
def test_what_is_not_a_value_is_refused(words):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        _parse_options(words)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_back_and_survives_the_file_of_a_run(number):
    assert value(repr(number)) == number and type(value(repr(number))) is type(number)
    assert yaml.safe_load(yaml.safe_dump({"key": value(repr(number))})) == {"key": number}


@given(st.text(alphabet=st.sampled_from("0123456789.:_-+eExobnyT \u0663\uff13"), min_size=1, max_size=8))
def test_a_number_is_one_of_ascii_digits_and_what_is_text_survives(text):
    try:
        found = value(text)
    except ValueError:
        return
    if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        assert number_of(text) == found
    assert yaml.safe_load(yaml.safe_dump({"key": found})) == {"key": found}


def test_configurations_need_no_torch():
    """So that the command line can show its help at once."""
    code = "import sys, ndm.config, ndm.recipes, ndm.runs.writing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
