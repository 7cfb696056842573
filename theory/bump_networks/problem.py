"""What a user asks for: a function on a box, and the accuracy wanted. Bad input stops here, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from sympy import Expr, Rational, Symbol

from theory.bump_networks.arithmetic import fraction
from theory.bump_networks.tape import Tape, compiled
from theory.errors import InputError

COORDINATES = ("x", "y", "z")
MAXIMUM_DIMENSION = 3


@dataclass(frozen=True)
class Problem:
    """Approximate ``function`` of ``variables`` on ``box`` to within ``epsilon`` in supremum norm.

    Raises InputError for epsilon <= 0, empty intervals, free symbols, complex parts and dimensions beyond
    the maximum.
    """

    function: Expr
    variables: tuple[Symbol, ...]
    box: tuple[tuple[Fraction, Fraction], ...]
    epsilon: Fraction

    def __post_init__(self) -> None:
        if self.epsilon <= 0:
            raise InputError(f"epsilon = {self.epsilon} is not positive: give a number > 0, for example 0.01")
        for variable, (low, high) in zip(self.variables, self.box, strict=True):
            if low >= high:
                raise InputError(
                    f"the interval [{low}, {high}] of {variable} is empty: give LO,HI with LO < HI"
                )
        if not 1 <= len(self.variables) <= MAXIMUM_DIMENSION:
            raise InputError(
                f"{len(self.variables)} variables: networks are built in 1 to {MAXIMUM_DIMENSION}"
            )
        extra = sorted(str(symbol) for symbol in self.function.free_symbols - set(self.variables))
        if extra:
            raise InputError(
                f"free symbols {', '.join(extra)} in {self.function}: allowed are "
                f"{', '.join(map(str, self.variables))}, one for each interval"
            )
        if self.function.has(sympy.I, sympy.zoo, sympy.nan, sympy.oo):
            raise InputError(f"{self.function} is not a finite real function: give real expressions")

    @property
    def dimension(self) -> int:
        """Number of variables."""
        return len(self.variables)

    @property
    def tape(self) -> Tape:
        """The function as a straight-line program."""
        return compiled(self.function, self.variables)


def pose(function: Expr, box: Sequence[tuple[Any, Any]], epsilon: Any) -> Problem:
    """Build the problem: the variables are x, y, z, as many as the box has intervals.

    Raises InputError as Problem does.
    """
    if len(box) > len(COORDINATES):
        raise InputError(f"{len(box)} intervals: networks are built in 1 to {MAXIMUM_DIMENSION} dimensions")
    variables = tuple(Symbol(name, real=True) for name in COORDINATES[: len(box)])
    function = function.xreplace(_realized(function, variables))
    sides = tuple((_exact(low), _exact(high)) for low, high in box)
    return Problem(function, variables, sides, _exact(epsilon))


def _realized(function: Expr, variables: Sequence[Symbol]) -> Mapping[Symbol, Symbol]:
    named = {variable.name: variable for variable in variables}
    return {symbol: named[symbol.name] for symbol in function.free_symbols if symbol.name in named}


def _exact(value: Any) -> Fraction:
    number = Rational(str(value)) if isinstance(value, float) else value
    if isinstance(number, Expr) and not number.is_Rational:
        raise InputError(
            f"{number} is not rational: the ends of a box and epsilon are exact, such as 3.1416 or 22/7"
        )
    return fraction(number)
