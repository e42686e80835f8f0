"""Numbers as text: what is read, and that nothing else is."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndm import data
from ndm.base.errors import InputError
from ndm.data.formats.columns import number_of

STRANGE = [
    "3_21",
    "1_0.5",
    "1,5",
    "0x1F",
    "0b1",
    "1e",
    "e5",
    ".",
    "+",
    "",
    " ",
    "--1",
    "1 2",
    "1e5.0",
    "\u0663\u0662",
    "\uff13",
    "\u00b2",
    "1\u00a0",
    "1\n",
    "\u22121",
    "nano",
    "1j",
    "1/2",
    "50%",
    "True",
]


@given(st.floats(), st.sampled_from(["{}", " {}", "{}\t", "+{}"]))
def test_every_float_is_read_back(value, form):
    text = form.format(repr(value))
    if not text.startswith("+-"):
        found = number_of(text)
        assert found == value or (math.isnan(found) and math.isnan(value))


@given(st.text(alphabet=st.sampled_from("0123456789.eE+-_ \t,xinfaNF\u0663\uff13\u00a0"), max_size=9))
def test_what_is_read_is_what_python_reads_and_only_of_ascii(text):
    found = number_of(text)
    if found is not None:
        assert text.isascii() and "_" not in text and (float(text) == found or math.isnan(found))
    else:
        try:
            float(text)
        except ValueError:
            return
        assert "_" in text or not text.isascii()  # all that Python reads besides


@given(st.characters(categories=["Nd", "Nl", "No"]))
def test_digits_of_other_alphabets_are_no_numbers(digit):
    assert number_of(digit) == (float(unicodedata.digit(digit)) if digit.isascii() else None)


@pytest.mark.parametrize("text", STRANGE)
def test_a_cell_that_is_no_number_is_named_by_its_column_and_row(tmp_path, text):
    assert number_of(text) is None
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f'{i}.5,"{text if i == 7 else i / 7}"\n' for i in range(20)))
    with pytest.raises(InputError) as caught:
        data.load(str(tmp_path / "t.csv"))
    assert f"t.csv, column 'b', row 8: {text!r}; expected a number" in str(caught.value)
