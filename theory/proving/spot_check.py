"""The second lock: a proved relation is evaluated by ball arithmetic at random points of its domain.

A computer algebra system errs too. Points are no proof, but one point at which two balls are disjoint
is a refutation.
"""

from __future__ import annotations

import zlib
from random import Random

from sympy import (
    Basic,
    Derivative,
    Dummy,
    Eq,
    Expr,
    Ge,
    Gt,
    Indexed,
    Le,
    Lt,
    Ne,
    Product,
    Rational,
    S,
    Sum,
    Symbol,
    cos,
    srepr,
)
from sympy.core.function import AppliedUndef

from theory import balls
from theory.proving.outcome import Answer, Outcome
from theory.statement import Domain

POINTS = 5
Values = dict[Symbol, Rational]
DIGITS = 40
_INEQUALITIES = (Le, Lt, Ge, Gt)


def spot_check(relation: Basic, domain: Domain | None, points: int = POINTS) -> Outcome:
    """Evaluate ``relation`` at random rational points: NO if one contradicts it, YES if all agree.

    UNKNOWN when ball arithmetic is missing or cannot evaluate the expressions; ``points`` of the outcome
    counts the evaluations that were decisive.
    """
    if not balls.available():
        return Outcome(Answer.UNKNOWN, "the second lock was not run: python-flint is missing")
    if relation in (S.true, S.false):
        return Outcome(Answer.YES if relation == S.true else Answer.NO, f"it evaluates to {relation}")
    relation = _without_unknown_functions(relation)
    where = (domain or Domain({})).extended_to(relation)
    random = Random(zlib.crc32(srepr(relation).encode()))  # reproducible, and different for each relation
    agreed = 0
    for _ in range(points):
        point = where.sample(random)
        verdict = _at(relation, point)
        if verdict is Answer.NO:
            return Outcome(Answer.NO, f"ball arithmetic contradicts it at {_readable(point)}", agreed)
        agreed += verdict is Answer.YES
    if agreed == 0:
        return Outcome(Answer.UNKNOWN, "ball arithmetic decided at no point", 0)
    return Outcome(Answer.YES, f"ball arithmetic agrees at {agreed} random points", agreed)


def _without_unknown_functions(relation: Basic) -> Basic:
    """Unspecified functions may take any value: each of their values becomes a real symbol."""
    if relation.has(Sum, Product, Derivative):
        # Under a sum or a derivative the values belong together: an example of a function is put in.
        return relation.replace(lambda node: isinstance(node, AppliedUndef), _example)
    unknown = sorted(relation.atoms(AppliedUndef, Indexed), key=str)
    return relation.xreplace({value: Dummy(f"value_{i}", real=True) for i, value in enumerate(unknown)})


def _example(value: Expr) -> Expr:
    """A function that satisfies no simple relation of its own, different for every name."""
    phase = zlib.crc32(str(value.func).encode()) % 89
    return sum((cos((number + 2) * x + phase) for number, x in enumerate(value.args)), S.Zero)


def _at(relation: Basic, point: Values) -> Answer:
    if not isinstance(relation, (Eq, Ne, *_INEQUALITIES)):
        return Answer.UNKNOWN
    try:
        difference = balls.enclose(_evaluable(relation.lhs - relation.rhs, point), point, digits=DIGITS)
    except (NotImplementedError, balls.OutsideBalls):
        return Answer.UNKNOWN
    if not difference.is_finite():
        return Answer.UNKNOWN
    return _decide(relation, difference)


def _decide(relation: Basic, difference: object) -> Answer:
    narrow = bool(difference.rad() < balls.ball("1e-12"))  # type: ignore[attr-defined]  # flint is untyped
    if isinstance(relation, (Eq, Ne)):
        contains = bool(difference.contains(0))  # type: ignore[attr-defined]
        if isinstance(relation, Ne):
            return Answer.UNKNOWN if contains else Answer.YES
        return Answer.NO if not contains else (Answer.YES if narrow else Answer.UNKNOWN)
    sign = 1 if isinstance(relation, (Ge, Gt)) else -1
    signed = sign * difference  # type: ignore[operator]
    if bool(signed < 0):
        return Answer.NO
    return Answer.YES if bool(signed > 0) or (narrow and isinstance(relation, (Ge, Le))) else Answer.UNKNOWN


def _evaluable(expression: Expr, point: Values) -> Expr:
    """Finite sums and products with integer limits become explicit at the point."""
    if not expression.has(Sum, Product, Derivative):
        return expression
    if not expression.has(Sum, Product):
        return expression.doit()
    integers = {symbol: value for symbol, value in point.items() if symbol.is_integer}
    return expression.subs(integers).doit()


def _readable(point: Values) -> str:
    return ", ".join(f"{symbol} = {value}" for symbol, value in point.items()) or "the only point"
