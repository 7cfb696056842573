"""Is a function continuous between two limits, for every value of its parameters? Yes or not shown."""

from __future__ import annotations

from collections import deque
from typing import Any

import sympy
from sympy import Dummy, Expr, Rational, Symbol

from theory import balls
from theory.statement import Domain

MAXIMUM_BOXES = 4000

# On real arguments; those of the first group on all complex ones.
_ENTIRE = (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.erf, sympy.erfc)
_REAL = (sympy.Abs, sympy.Max, sympy.Min, sympy.atan, sympy.asinh, sympy.tanh)
# Where these have a finite enclosure they may still jump.
_JUMPING = (
    sympy.Piecewise,
    sympy.Heaviside,
    sympy.sign,
    sympy.floor,
    sympy.ceiling,
    sympy.atan2,
    sympy.loggamma,
)

Box = dict[Symbol, tuple[Any, Any]]


def continuous(function: Expr, variable: Symbol, low: Expr, high: Expr, domain: Domain | None) -> bool:
    """Whether ``function`` of ``variable`` is shown to be continuous between the two limits.

    For all parameters that their assumptions allow, from the signs of the subexpressions; otherwise on the
    box that the domain gives, by finite enclosures on a cover.
    """
    between = Dummy(variable.name, **_signs(low, high))
    if _by_signs(function.xreplace({variable: between}), between):
        return True
    return balls.available() and _by_cover(function, variable, low, high, domain)


def _signs(low: Expr, high: Expr) -> dict[str, bool]:
    """What is known of every number between the limits, whichever is the larger."""
    signs: dict[str, bool] = {"real": True}
    if low.is_positive and high.is_positive:
        signs["positive"] = True
    elif low.is_nonnegative and high.is_nonnegative:
        signs["nonnegative"] = True
    elif low.is_nonpositive and high.is_nonpositive:
        signs["nonpositive"] = True
    return signs


def _by_signs(node: Expr, variable: Symbol) -> bool:
    if not node.has(variable) or node == variable:
        return True
    if isinstance(node, sympy.Pow):
        return _power(node, variable)
    if isinstance(node, sympy.log):
        allowed = bool(node.args[0].is_positive)
    elif isinstance(node, _REAL):
        allowed = all(argument.is_real for argument in node.args)
    else:
        allowed = isinstance(node, (sympy.Add, sympy.Mul, *_ENTIRE))
    return allowed and all(_by_signs(argument, variable) for argument in node.args)


def _power(node: sympy.Pow, variable: Symbol) -> bool:
    base, exponent = node.args
    if not (_by_signs(base, variable) and _by_signs(exponent, variable)):
        return False
    if base.is_positive:
        return bool(exponent.is_real)
    if exponent.is_Integer:
        return bool(exponent > 0 or base.is_nonzero)
    return bool(base.is_nonnegative and exponent.is_positive and not exponent.has(variable))


def _by_cover(function: Expr, variable: Symbol, low: Expr, high: Expr, domain: Domain | None) -> bool:
    share = Dummy("share", nonnegative=True)
    moved = function.subs(variable, low + (high - low) * share)
    known = domain.box if domain is not None else {}
    parameters = sorted(moved.free_symbols - {share}, key=str)
    if function.has(*_JUMPING) or not all(symbol in known for symbol in parameters):
        return False
    box: Box = {symbol: tuple(map(Rational, known[symbol])) for symbol in parameters}
    boxes = deque([{**box, share: (Rational(0), Rational(1))}])
    for _ in range(MAXIMUM_BOXES):
        if not boxes:
            return True
        part = boxes.popleft()
        try:
            finite = balls.enclose(moved, part).is_finite()
        except balls.OutsideBalls:
            return False
        if not finite:
            boxes.extend(halves(part))
    return False


def halves(box: Box) -> tuple[Box, Box]:
    """The box cut in the middle of its longest side."""
    longest = max(box, key=lambda symbol: box[symbol][1] - box[symbol][0])
    low, high = box[longest]
    middle = (low + high) / 2
    return {**box, longest: (low, middle)}, {**box, longest: (middle, high)}
