"""Numbers as text, read in one way everywhere: in decimal digits of ASCII."""

import re

_NUMBER = re.compile(r"[ \t]*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|nan|inf|infinity)[ \t]*", re.IGNORECASE)


def number_of(text: str) -> float | None:
    """The number that `text` is, or None: it may have a sign, a point, an exponent, and blanks around it.

    The words nan, inf and infinity are the numbers that are not finite. Not read are `3_21`, `0x1F`, `1,5` and
    the digits of other alphabets.
    """
    return float(text) if _NUMBER.fullmatch(text) else None
