"""Where the closed forms apply: random points for each regime."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from sympy import Rational, Symbol

from proofs_checks.challenge import Sampler

_DENOMINATOR = 97


def fraction(random: Random, low: int, high: int) -> Rational:
    """Uniform on the fractions of one denominator strictly between two integers."""
    return Rational(random.randint(low * _DENOMINATOR + 1, high * _DENOMINATOR - 1), _DENOMINATOR)


def sampler(
    real: tuple[Symbol, ...], positive: Mapping[Symbol, int], zero: tuple[Symbol, ...] = ()
) -> Sampler:
    """Real letters of either sign, positive ones up to a bound, and letters that are 0 in this regime."""

    def draw(random: Random) -> dict[Symbol, Rational]:
        found = {letter: fraction(random, -2, 2) for letter in real}
        found |= {letter: fraction(random, 0, most) for letter, most in positive.items()}
        return found | dict.fromkeys(zero, Rational(0))

    return draw
