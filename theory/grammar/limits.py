"""What an expression may grow to, checked before SymPy computes it, and the refusals in one line."""

from __future__ import annotations

from typing import NoReturn

import sympy
from sympy import Expr, Integer, Rational, log

from theory.errors import InputError

LARGEST_EXPONENT = 1000
MOST_BITS = 4096
MOST_BITS_UNDER_A_ROOT = 512
LARGEST_CONSTANT_ARGUMENT = 2000

_GROWING = (sympy.exp, sympy.sinh, sympy.cosh)


def shown(text: object) -> str:
    """``text`` as it arrived, cut to a length that fits one line."""
    quoted = repr(text)
    return quoted if len(quoted) <= 60 else quoted[:57] + "..."


def refuse(text: object, problem: str, advice: str) -> NoReturn:
    """Raise the one-line InputError: what arrived, what is wrong with it, what to try."""
    raise InputError(f"{shown(text)}: {problem}; {advice}")


def bounded_power(text: str, base: Expr, exponent: Expr) -> None:
    """Refuse a power whose exact value, or whose exponent, would be too large to work with."""
    if isinstance(exponent, Rational):
        _bounded_exponent(text, base, exponent)
    elif base == sympy.E:
        bounded_argument(text, sympy.exp, exponent)
    elif base.free_symbols or exponent.free_symbols:
        _bounded_logarithms(text, exponent)
    elif base.is_nonzero and _size(text, exponent * log(abs(base))) > LARGEST_CONSTANT_ARGUMENT:
        refuse(text, "a power of numbers is too large", f"keep it below exp({LARGEST_CONSTANT_ARGUMENT})")


def bounded_argument(text: str, function: object, argument: Expr) -> None:
    """Refuse roots and exponentials of huge constants, and exponentials of large multiples of logarithms."""
    if function is sympy.sqrt:
        bounded_power(text, argument, Rational(1, 2))
    if function not in _GROWING:
        return
    if not argument.free_symbols and _size(text, argument) > LARGEST_CONSTANT_ARGUMENT:
        refuse(text, "the exponential of a huge number", f"keep exponents below {LARGEST_CONSTANT_ARGUMENT}")
    _bounded_logarithms(text, argument)


def bounded_result(text: str, value: Expr) -> Expr:
    """Refuse a value that is not a real, finite number of bounded size; symbolic values pass."""
    if value in (sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
        refuse(text, "a part of it is infinite or undefined, as 1/0 is", "keep every part finite")
    if isinstance(value, Rational):
        if max(value.p.bit_length(), value.q.bit_length()) > MOST_BITS:
            refuse(text, "a number is too large", f"keep exact numbers below {MOST_BITS} bits")
    elif not value.free_symbols:
        _size(text, value)
    return value


def vanishes(value: Expr) -> bool:
    """Whether a value is 0, or a constant that a hundred digits cannot tell from 0."""
    if value.free_symbols or isinstance(value, Rational):
        return bool(value.is_zero)
    return bool(abs(value.evalf(5, maxn=100)) < Rational(1, 10**50))


def _bounded_exponent(text: str, base: Expr, exponent: Rational) -> None:
    largest = max(abs(exponent.p), exponent.q)
    powers = [abs(power.exp) for power in base.atoms(sympy.Pow) if isinstance(power.exp, Rational)]
    if largest * max(powers, default=Integer(1)) > LARGEST_EXPONENT:
        refuse(text, "an exponent is too large", f"keep exponents at most {LARGEST_EXPONENT} in size")
    bits = _bits(base)
    if bits * abs(exponent) > MOST_BITS:
        refuse(text, "a power of numbers is too large", f"keep exact numbers below {MOST_BITS} bits")
    if exponent.q > 1 and bits > MOST_BITS_UNDER_A_ROOT:
        refuse(text, "a root of a huge number", f"keep roots of numbers below {MOST_BITS_UNDER_A_ROOT} bits")


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
