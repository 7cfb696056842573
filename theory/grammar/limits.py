"""What an expression may grow to, checked before SymPy computes it."""

from __future__ import annotations

from fractions import Fraction

import sympy
from sympy import Expr, Rational, log

from theory.grammar.names import GROWING
from theory.grammar.sizes import (
    LARGEST_CONSTANT_ARGUMENT,
    LARGEST_EXPONENT,
    bounded_exponent,
    bounded_number,
    huge_exponential,
    refuse,
)


def bounded_power(text: str, base: Expr, exponent: Expr) -> None:
    """Refuse a power whose exact value, or whose exponent, would be too large to work with."""
    if isinstance(exponent, Rational):
        _exponent(text, base, exponent)
    elif base == sympy.E:
        bounded_argument(text, "exp", exponent)
    elif base.free_symbols or exponent.free_symbols:
        _bounded_logarithms(text, exponent)
    elif base.is_nonzero and _size(text, exponent * log(abs(base))) > LARGEST_CONSTANT_ARGUMENT:
        refuse(text, "a power of numbers is too large", f"keep it below exp({LARGEST_CONSTANT_ARGUMENT})")


def bounded_argument(text: str, function: str, argument: Expr) -> None:
    """Refuse roots and exponentials of huge constants, and exponentials of large multiples of logarithms."""
    if function == "sqrt":
        bounded_power(text, argument, Rational(1, 2))
    if function not in GROWING:
        return
    if not argument.free_symbols and _size(text, argument) > LARGEST_CONSTANT_ARGUMENT:
        huge_exponential(text)
    _bounded_logarithms(text, argument)


def bounded_result(text: str, value: Expr) -> Expr:
    """Refuse a value that is not a real, finite number of bounded size; symbolic values pass."""
    if value in (sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
        refuse(text, "a part of it is infinite or undefined, as 1/0 is", "keep every part finite")
    if isinstance(value, Rational):
        bounded_number(text, max(value.p.bit_length(), value.q.bit_length()))
    elif not value.free_symbols:
        _size(text, value)
    return value


def vanishes(value: Expr) -> bool:
    """Whether a value is 0, or a constant that a hundred digits cannot tell from 0."""
    if value.free_symbols or isinstance(value, Rational):
        return bool(value.is_zero)
    return bool(abs(value.evalf(5, maxn=100)) < Rational(1, 10**50))


def _exponent(text: str, base: Expr, exponent: Rational) -> None:
    powers = [abs(power.exp) for power in base.atoms(sympy.Pow) if isinstance(power.exp, Rational)]
    inner = max(powers, default=Rational(1))
    bounded_exponent(text, _bits(base), Fraction(exponent.p, exponent.q), Fraction(inner.p, inner.q))


def _bounded_logarithms(text: str, exponent: Expr) -> None:
    # SymPy turns exp(n*log(y)) into y**n by itself.
    if not exponent.has(log):
        return
    factors = [max(abs(number.p), number.q) for number in exponent.atoms(Rational)]
    if sympy.prod(factors) > LARGEST_EXPONENT:
        refuse(text, "an exponential of a large multiple of a logarithm", "write it as a power")


def _bits(value: Expr) -> int:
    return max((max(n.p.bit_length(), n.q.bit_length()) for n in value.atoms(Rational)), default=1)


def _size(text: str, constant: Expr) -> Expr:
    """The absolute value of a constant, to a few digits."""
    value = constant.evalf(5, maxn=100)
    if value.has(sympy.I) or constant.is_extended_real is False:
        refuse(text, "a part of it is complex", "keep to real values, such as roots of numbers >= 0")
    if not value.is_Float and not isinstance(value, Rational):
        refuse(text, "a part of it is infinite or cannot be evaluated", "keep every part finite")
    return abs(value)
