"""The closed-form bounds on trial: their letters for one network, and how sharp they are there."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from random import Random

from sympy import Expr, Function, Integer, Rational, Symbol

from proofs_checks.bump_networks.cases import case
from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory.approximation.bumps import closed_form, read_activation
from theory.bump_networks import Approximation
from theory.bump_networks.arithmetic import rational
from theory.bump_networks.construct import STEEPNESS
from theory.bump_networks.rows import symbols as letter
from theory.bump_networks.rows.symbols import axis_symbols, curvature_symbol
from theory.bump_networks.towers import Orthants
from theory.errors import InputError

_DENOMINATOR = 97


def main_term(size: int, rule: str, activation: str, modulus: Callable[[Expr], Expr] | None = None) -> Expr:
    """The theorem's bound without what rounding and tails add.

    ``modulus`` is the modulus of continuity of the function, where the bound is written with one.
    """
    bound = closed_form(size, rule, read_activation(activation))
    bound = bound.xreplace({one: Integer(0) for one in (letter.rho, letter.tau, letter.D)})
    return bound if modulus is None else bound.replace(Function("omega"), modulus)


def letters(found: Approximation) -> dict[Symbol, Rational]:
    """L, M, h and u of one network, exactly."""
    construction, size = found.construction, found.problem.dimension
    smooth, axes = construction.regularity, range(size)
    values: dict[Symbol, Fraction | None] = {letter.u: STEEPNESS}
    values |= dict(zip(axis_symbols("h", size), construction.widths, strict=True))
    values |= dict(zip(axis_symbols("L", size), smooth.lipschitz, strict=True))
    values |= {curvature_symbol(k, m, size): smooth.curvature(k, m) for k in axes for m in axes}
    return {symbol: rational(value) for symbol, value in values.items() if value is not None}


def granted(found: Approximation) -> Fraction:
    """What rounding, and the units of an orthant, may add to the main term."""
    construction = found.construction
    tail = construction.network.tail if isinstance(construction.network, Orthants) else Fraction(0)
    return construction.rounding + tail


def sharpness(
    seed: int, function: str, box: str, epsilon: str, activation: str, rule: str
) -> tuple[float, float]:
    """Certified upper (less what is granted) and lower bound of the error in units of the main term."""
    found = case(function, box, epsilon, activation).approximation
    upper, scale = found.certificate.upper, unit(found, rule, activation)
    if upper is None:
        raise ArithmeticError("no upper bound was certified")
    above, below = upper - granted(found), found.certificate.lower
    return float(rational(above) / scale), float(rational(below) / scale)


def unit(found: Approximation, rule: str, activation: str) -> Rational:
    """The main term with the letters of this network."""
    size = found.problem.dimension
    form = main_term(size, rule, activation, _modulus(found) if rule == "modulus" else None)
    return value_of(form, letters(found))


def _modulus(found: Approximation) -> Callable[[Expr], Expr]:
    """omega(h) = f(h) of an increasing, concave f on [0, b] with f(0) = 0, such as the square root."""
    function, (variable,) = found.problem.function, found.problem.variables
    return lambda width: function.xreplace({variable: width})


def ratio(other: Expr, form: Expr, function: str, box: str, epsilon: str, activation: str) -> float:
    """Another bound in units of the closed form, with the letters of this network.

    Raises InputError unless it is finite, real and positive: no error lies below another bound.
    """
    values = letters(case(function, box, epsilon, activation).approximation)
    found = value_of(other, values)
    if found <= 0:
        raise InputError(f"{other} is {float(found):.6g} for this network: no bound of an error")
    return float(found / value_of(form, values))


def regimes(form: Expr, steep: bool) -> dict[str, Sampler]:
    """Cells narrower and wider than 1, since powers of h are only told apart away from 1.

    Units as steep as the construction makes them, or so shallow that their tails are most of the bound.
    """
    symbols = sorted(form.free_symbols, key=lambda symbol: symbol.name)
    sides = {"narrow cells": (1, _DENOMINATOR - 1), "wide cells": (_DENOMINATOR + 1, 4 * _DENOMINATOR)}
    tails = (3 * _DENOMINATOR, 6 * _DENOMINATOR) if steep else (_DENOMINATOR // 8, _DENOMINATOR // 2)
    return {name: partial(_drawn, symbols, {"h": side, "u": tails}) for name, side in sides.items()}


def _drawn(
    symbols: list[Symbol], sides: dict[str, tuple[int, int]], random: Random
) -> dict[Symbol, Rational]:
    ends = [sides.get(symbol.name[0], (1, 6 * _DENOMINATOR)) for symbol in symbols]
    drawn = [Rational(random.randint(*side), _DENOMINATOR) for side in ends]
    return dict(zip(symbols, drawn, strict=True))
