"""SymPy expressions in one variable as functions of complex balls that refuse to cross branch cuts.

The value at a ball is finite only where the function is proved to be analytic on all of it: logarithms and
roots answer nan on balls that touch their cuts, and so do inverse functions; a quotient is nan where its
denominator may vanish. Johansson, Numerical integration in arbitrary-precision ball arithmetic (2018),
section 2, calls this the analyticity flag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, Symbol

from theory import balls
from theory.errors import OutsideClass

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

ComplexBall = Any  # flint.acb, which has no types
ComplexFunction = Callable[[ComplexBall], ComplexBall]
Step = Callable[[list[ComplexBall]], ComplexBall]


@lru_cache(maxsize=512)
def complex_function(expression: Expr, variable: Symbol) -> ComplexFunction:
    """The function of a complex ball, at the precision of the caller.

    Raises OutsideClass for functions that are not analytic or unknown here: kinks are resolved before.
    """
    places: dict[Any, int] = {variable: 0}
    steps: list[Step] = []
    for node in sympy.postorder_traversal(expression):
        if node not in places:
            places[node] = 1 + len(steps)
            steps.append(_step(node, [places[argument] for argument in node.args]))
    result = places[expression]

    def function(z: ComplexBall) -> ComplexBall:
        slots = [z]
        for step in steps:
            slots.append(step(slots))
        return slots[result]

    return function


def _step(node: Any, places: list[int]) -> Step:
    if not node.free_symbols:
        return _constant(node)
    if isinstance(node, sympy.Add):
        return lambda slots: sum((slots[place] for place in places[1:]), slots[places[0]])
    if isinstance(node, sympy.Mul):
        return lambda slots: _product([slots[place] for place in places])
    if isinstance(node, sympy.Pow):
        return _power(node, places)
    if type(node) not in _ANALYTIC:
        raise OutsideClass(f"{node} has no complex ball arithmetic here ({type(node).__name__})")
    apply, (place,) = _ANALYTIC[type(node)], places
    return lambda slots: apply(slots[place])


def _constant(node: Any) -> Step:
    """Rounded outwards at the precision of each call and kept per precision."""
    kept: dict[int, ComplexBall] = {}

    def step(_: list[ComplexBall]) -> ComplexBall:
        precision = flint.ctx.prec
        if precision not in kept:
            kept[precision] = flint.acb(balls.ball(node))
        return kept[precision]

    return step


def _product(values: list[ComplexBall]) -> ComplexBall:
    result = values[0]
    for value in values[1:]:
        result = result * value
    return result


def _power(node: sympy.Pow, places: list[int]) -> Step:
    base, exponent = places
    if isinstance(node.exp, Integer):
        whole = int(node.exp)
        return lambda slots: integer_power(slots[base], whole)
    if node.exp == Rational(1, 2):
        return lambda slots: slots[base].sqrt(analytic=True)
    return lambda slots: (slots[base].log(analytic=True) * slots[exponent]).exp()


def integer_power(base: ComplexBall, exponent: int) -> ComplexBall:
    """By repeated squaring: python-flint's own power of a ball around 0 is nan."""
    if exponent < 0:
        return 1 / integer_power(base, -exponent)
    result, square = flint.acb(1), base
    while exponent:
        if exponent % 2:
            result = result * square
        exponent //= 2
        if exponent:
            square = square * square
    return result


def _off_cuts(
    name: str, *distances: Callable[[ComplexBall], ComplexBall]
) -> Callable[[ComplexBall], ComplexBall]:
    """A function whose cuts are where one of the ``distances`` lies on the negative real axis."""

    def apply(w: ComplexBall) -> ComplexBall:
        if all(distance(w).log(analytic=True).is_finite() for distance in distances):
            return getattr(w, name)()
        return flint.acb("nan")

    return apply


def _method(name: str) -> Callable[[ComplexBall], ComplexBall]:
    return lambda w: getattr(w, name)()


_ENTIRE_OR_MEROMORPHIC = "exp sin cos tan cot sec csc sinh cosh tanh coth erf erfc".split()
_ANALYTIC: Mapping[Any, Callable[[ComplexBall], ComplexBall]] = {
    **{getattr(sympy, name): _method(name) for name in _ENTIRE_OR_MEROMORPHIC},
    sympy.log: lambda w: w.log(analytic=True),
    sympy.atan: _off_cuts("atan", lambda w: 1 + w * w),
    sympy.asinh: _off_cuts("asinh", lambda w: 1 + w * w),
    sympy.asin: _off_cuts("asin", lambda w: 1 - w, lambda w: 1 + w),
    sympy.acos: _off_cuts("acos", lambda w: 1 - w, lambda w: 1 + w),
    sympy.atanh: _off_cuts("atanh", lambda w: 1 - w, lambda w: 1 + w),
    sympy.acosh: _off_cuts("acosh", lambda w: w - 1),
}
