"""Readers of the parameters that theorems with certified minima share."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Rational

from theory.certified_minima.minimum import PRECISION, PRECISIONS, RADIUS
from theory.errors import InputError
from theory.parameters import Parameter, as_rational, positive_integer

WIDEST = Rational(1, 1000)


def whole_number(low: int, high: int, even: bool = False) -> Callable[[object], int]:
    """Read one integer from ``low`` to ``high``."""
    read = positive_integer(high)

    def checked(value: object) -> int:
        number: int = read(value)
        if number < low or (even and number % 2):
            kind = "an even whole number" if even else "a whole number"
            raise InputError(f"{number} is not allowed: give {kind} from {low} to {high}")
        return number

    return checked


def _radius(value: object) -> Rational:
    number = as_rational(value)
    if not 0 < number <= WIDEST:
        raise InputError(f"{number} is not allowed: give a radius above 0, at most {WIDEST}")
    return number


CERTIFICATE = (
    Parameter("radius", "of the box in which Krawczyk's test shows uniqueness", RADIUS, _radius),
    Parameter("precision", "bits of the balls", PRECISION, whole_number(*PRECISIONS)),
)
