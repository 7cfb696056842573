"""Whether a planted relation is true after all, found by another route than the method that accepted it.

Exact instances for matrix words; for the others values to 40 digits at random points of the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations, product
from random import Random
from typing import Any

import mpmath
from sympy import And, Basic, Derivative, Eq, Expr, Ge, Gt, Le, Lt, Rational, S, Subs, Symbol
from sympy.core.function import AppliedUndef, Function
from sympy.logic.boolalg import BooleanFunction
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.tensor.indexed import Indexed

from theory.derivation import Row
from theory.equivalence import AGREEMENT, Missing, Value, values
from theory.gaussian.expectation import GaussianExpectation
from theory.proving.matrix_words import MatrixWords
from theory.proving.words.evaluation import NotEvaluable, holds_at
from theory.statement import Domain, EmptyDomain

POINTS = 12
DECISIVE = 4  # of the points, at least
CASES = 30  # points for a combination of conditions, which mostly has integer symbols
INSTANCES = 8
_ORDERS = (Le, Lt, Ge, Gt)
_FAILURES = (EmptyDomain, NotEvaluable, ArithmeticError, NotImplementedError, TypeError, ValueError)


def still_true(row: Row, planted: Basic, domain: Domain | None, seed: str) -> str:
    """Why the planted relation holds although it is not that of the row; empty if that is not shown."""
    random, where = Random(seed), row.domain or domain or Domain({})
    try:
        if isinstance(row.method, MatrixWords):
            return _at_instances(planted, row.method.instance, random)
        if isinstance(planted, And) and _follows(planted, row.relation, where, random):
            return "it gives something away, but follows from the row"
        if isinstance(planted, BooleanFunction):
            return _in_all_cases(planted, where, random)
        if _same(planted, row.relation, where, random):
            return "it says the same as the row"
        if _follows(planted, row.relation, where, random):
            return "it gives something away, but follows from the row"
        return _at_points(planted, where, random)
    except _FAILURES:
        return ""


def harmless(row: Row, planted: Basic, user: Row, domain: Domain | None, seed: str) -> str:
    """Why a planted premise serves ``user`` as well as that of ``row``; empty if that is not shown."""
    random, where = Random(seed), user.domain or domain or Domain({})
    try:
        if isinstance(user.method, MatrixWords):
            return _at_instances(planted, user.method.instance, random)
        given = [one for one in getattr(user.method, "premises", ()) if one != row.relation]
        wrong, right = _inserted(planted, given), _inserted(row.relation, given)
        if _same(planted, row.relation, where, random) or _same(wrong, right, where, random):
            return "with the other premises it says the same"
        return "what is used of it follows" if _follows(right, wrong, where, random) else ""
    except _FAILURES:
        return ""


def _inserted(relation: Basic, premises: Sequence[Basic]) -> Basic:
    equations = [one for one in premises if isinstance(one, Eq)]
    sides = list(relation.args)
    for equation in equations:
        sides = [side.subs(equation.lhs, equation.rhs) for side in sides]
    return relation.func(*sides, evaluate=False)


def _at_instances(relation: Basic, draw: Callable[[Random], Mapping[Any, Any]], random: Random) -> str:
    if all(holds_at(relation, draw(random)) for _ in range(INSTANCES)):
        return f"it holds exactly at {INSTANCES} more rational instances"
    return ""


def _in_all_cases(relation: Basic, where: Domain, random: Random) -> str:
    points = [where.extended_to(relation).sample(random) for _ in range(CASES)]
    return f"it holds at {CASES} random points" if all(relation.xreplace(p) == S.true for p in points) else ""


def _same(planted: Basic, original: Basic, where: Domain, random: Random) -> bool:
    """Whether both relations have the same sides, at all points."""
    if type(planted) is not type(original) or not isinstance(planted, (Eq, *_ORDERS)):
        return False
    rows = _table([*planted.args, *original.args], where, random)
    return bool(rows) and all(_equal(a, c) and _equal(b, d) for a, b, c, d in rows)


def _follows(planted: Basic, original: Basic, where: Domain, random: Random) -> bool:
    """Whether the larger side only grew and the smaller only shrank, at all points; in every part."""
    if isinstance(planted, And) and isinstance(original, And):
        known = original.args
        return all(p in known or any(_follows(p, o, where, random) for o in known) for p in planted.args)
    if not (isinstance(planted, _ORDERS) and isinstance(original, _ORDERS)):
        return False
    if isinstance(planted, (Lt, Gt)) and not isinstance(original, (Lt, Gt)):
        return False
    rows = _table([planted.lts, original.lts, original.gts, planted.gts], where, random)
    ordered = all(_at_most(a, b) and _at_most(c, d) for a, b, c, d in rows)
    return bool(rows) and ordered


def _at_points(relation: Basic, where: Domain, random: Random) -> str:
    if not isinstance(relation, (Eq, *_ORDERS)):
        return ""
    rows = _table(list(relation.args), where, random)
    if not rows or not all(_holds(relation, *row) for row in rows):
        return ""
    return f"it holds to 30 digits at {len(rows)} random points"


def _holds(relation: Basic, left: Value, right: Value) -> bool:
    if isinstance(relation, Eq):
        return _equal(left, right)
    smaller, larger = (right, left) if isinstance(relation, (Ge, Gt)) else (left, right)
    return _at_most(smaller, larger) and (isinstance(relation, (Le, Ge)) or not _equal(left, right))


def _equal(left: Any, right: Any) -> bool:
    with mpmath.workdps(50):
        return bool(abs(left - right) <= AGREEMENT * max(abs(left), abs(right), mpmath.mpf(1)))


def _at_most(left: Any, right: Any) -> bool:
    with mpmath.workdps(50):
        return bool(left <= right) or _equal(left, right)


def _table(sides: Sequence[Basic], where: Domain, random: Random) -> list[tuple[Any, ...]]:
    """The values of all sides at random points, where all have one; nothing if that is at too few."""
    plain = _plain(sides)
    for side in plain:
        where = where.extended_to(side)
    points = [where.sample(random) for _ in range(POINTS)]
    rows = list(zip(*(values(side, points) for side in plain), strict=True))
    known = [row for row in rows if not any(isinstance(value, Missing) for value in row)]
    return known if len(known) >= DECISIVE else []


def _plain(sides: Sequence[Basic]) -> list[Expr]:
    """The sides, with a symbol for whatever has no value of its own; bound letters are renamed."""
    taken = [_evaluated(side) for side in sides]
    names: dict[GaussianExpectation, Symbol] = {}
    for node in sorted({node for side in taken for node in side.atoms(GaussianExpectation)}, key=str):
        like = next((other for other in names if _same_expectation(node, other)), None)
        names[node] = names[like] if like is not None else Symbol(f"expectation_{len(names)}", real=True)
    taken = [side.xreplace(names) for side in taken]
    kinds = (AppliedUndef, Indexed, MatrixExpr, Function, Derivative, Subs)
    unknown = {node for side in taken for node in side.atoms(*kinds) if not _has_values(node)}
    named = {node: Symbol(f"value_{k}", real=True) for k, node in enumerate(sorted(unknown, key=str))}
    return [side.xreplace(named) for side in taken]


def _evaluated(side: Basic) -> Basic:
    taken = side.replace(lambda node: isinstance(node, Derivative), lambda node: node.doit())
    return taken if isinstance(taken, Symbol) else taken.as_dummy()


def _same_expectation(one: GaussianExpectation, other: GaussianExpectation) -> bool:
    """Whether two Gaussian expectations average the same function, almost everywhere.

    The variables may stand in another order, and all of them may be reflected: their law stays the same.
    """
    size = len(one.variables)
    if size != len(other.variables):
        return False
    orders = [
        order
        for order in permutations(range(size))
        if all(
            one.covariance[i, k] == other.covariance[order[i], order[k]]
            for i in range(size)
            for k in range(size)
        )
    ]
    random = Random(1)
    rows = [[Rational(random.randint(-3000, 3000), 997) for _ in range(size)] for _ in range(2 * POINTS)]
    here = values(one.integrand, [dict(zip(one.variables, row, strict=True)) for row in rows])
    for order, sign in product(orders, (1, -1)):
        letters = [other.variables[k] for k in order]
        points = [{x: sign * y for x, y in zip(letters, row, strict=True)} for row in rows]
        pairs = zip(here, values(other.integrand, points), strict=True)
        if all(not isinstance(a, Missing) and not isinstance(b, Missing) and _equal(a, b) for a, b in pairs):
            return True
    return False


def _has_values(node: Basic) -> bool:
    """Functions of SymPy have values; those of a theorem, unspecified functions and traces have none."""
    return type(node).__module__.startswith("sympy.functions.") and not node.atoms(AppliedUndef, Indexed)
