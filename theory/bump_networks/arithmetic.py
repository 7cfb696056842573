"""Numbers of the engine: exact rationals outside, balls of python-flint inside, one precision for both.

The module imports without python-flint; whatever needs a ball then raises BallsUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from sympy import Rational

from theory.balls import BallsUnavailable

try:
    import flint as _flint
except ImportError:  # the package works without it; certified results then say that they were not run
    flint: Any = None
else:
    flint = _flint

Ball = Any  # flint.arb, which publishes no types
PRECISION = 80  # bits: double precision plus enough that cancellation in a leaf costs nothing visible
# A weight that is not a short rational is rounded to a multiple of epsilon * 2^-ROUNDING_BITS.
ROUNDING_BITS = 12
LEAST_EXPONENT = -4000


@contextmanager
def precision(bits: int = PRECISION) -> Iterator[None]:
    """Run ball arithmetic with this many bits. Raises BallsUnavailable when python-flint is missing."""
    if flint is None:
        raise BallsUnavailable("python-flint is missing")
    with flint.ctx.workprec(bits):
        yield


def ball(value: Any) -> Ball:
    """A ball around an exact number (int, Fraction, SymPy Rational), or a ball as it is."""
    if flint is None:
        raise BallsUnavailable("python-flint is missing")
    if type(value) is Fraction:
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    if isinstance(value, int):
        return flint.arb(value)
    if isinstance(value, Rational):
        return flint.arb(flint.fmpq(int(value.p), int(value.q)))
    return flint.arb(value)


def hull(low: Fraction, high: Fraction) -> Ball:
    """A ball that contains the interval [low, high]; its radius is rounded up, so it is slightly wider."""
    return ball(low) if low == high else ball(low).union(ball(high))


def fraction(value: Any) -> Fraction:
    """An exact SymPy Rational, int or Fraction as a Fraction."""
    return Fraction(int(value.p), int(value.q)) if isinstance(value, Rational) else Fraction(value)


def rational(value: Fraction) -> Rational:
    """A Fraction as a SymPy Rational."""
    return Rational(value.numerator, value.denominator)


def upper(value: Ball) -> Fraction:
    """An upper bound of a finite ball as a rational."""
    return _outward(value.upper(), 1)


def lower(value: Ball) -> Fraction:
    """A lower bound of a finite ball as a rational."""
    return _outward(value.lower(), -1)


def magnitude(value: Ball) -> Fraction:
    """An upper bound of the absolute value of a finite ball."""
    return _outward(value.abs_upper(), 1)


def _outward(end: Ball, side: int) -> Fraction:
    # exp(-2^200) is a ball, but no Fraction: what is that small is moved to 0 or to the least size.
    mantissa, exponent = (int(part) for part in end.man_exp())
    if exponent + mantissa.bit_length() > LEAST_EXPONENT:
        return Fraction(mantissa) * Fraction(2) ** exponent
    return side * Fraction(2) ** LEAST_EXPONENT if mantissa * side > 0 else Fraction(0)


def round_up(value: Fraction, bits: int = 12) -> Fraction:
    """The least fraction with ``bits`` significant bits that is at least ``value``: short to print."""
    if value <= 0:
        return Fraction(0)
    scale = Fraction(2) ** (bits - (value.numerator.bit_length() - value.denominator.bit_length()))
    return Fraction(-((-value * scale).__floor__())) / scale
