"""What exact numbers may grow to, and the refusals in one line; free of SymPy."""

from __future__ import annotations

from fractions import Fraction
from typing import NoReturn

from theory.errors import InputError

LARGEST_EXPONENT = 1000
MOST_BITS = 4096
MOST_BITS_UNDER_A_ROOT = 512
LARGEST_CONSTANT_ARGUMENT = 2000


def shown(text: object) -> str:
    """``text`` as it arrived, in ASCII, cut to a length that fits one line."""
    # ASCII: a sign that is invisible, reorders the line or looks like another is seen for what it is.
    quoted = ascii(text[:60] if isinstance(text, str) else text)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."


def refuse(text: object, problem: str, advice: str) -> NoReturn:
    """Raise the one-line InputError: what arrived, what is wrong with it, what to try."""
    raise InputError(f"{shown(text)}: {problem}; {advice}")


def bits(value: Fraction) -> int:
    """The length of the longer of numerator and denominator."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def bounded_number(text: str, length: int) -> None:
    """Refuse an exact number of so many bits."""
    if length > MOST_BITS:
        refuse(text, "a number is too large", f"keep exact numbers below {MOST_BITS} bits")


def bounded_exponent(text: str, length: int, exponent: Fraction, inner: Fraction = Fraction(1)) -> None:
    """Refuse a power of a base of ``length`` bits whose own powers reach the exponent ``inner``."""
    if max(abs(exponent.numerator), exponent.denominator) * inner > LARGEST_EXPONENT:
        refuse(text, "an exponent is too large", f"keep exponents at most {LARGEST_EXPONENT} in size")
    if length * abs(exponent) > MOST_BITS:
        refuse(text, "a power of numbers is too large", f"keep exact numbers below {MOST_BITS} bits")
    if exponent.denominator > 1 and length > MOST_BITS_UNDER_A_ROOT:
        refuse(text, "a root of a huge number", f"keep roots of numbers below {MOST_BITS_UNDER_A_ROOT} bits")


def huge_exponential(text: str) -> NoReturn:
    """Refuse the exponential of a huge number."""
    refuse(text, "the exponential of a huge number", f"keep exponents below {LARGEST_CONSTANT_ARGUMENT}")
