r"""A closed form of E[f(u) g(v)], proved by Price's equation.

The closed form F is proved if dF/dc = E[f'(u) g'(v)], with distributional derivatives, and F at c = 0 is
E[f(u)] E[g(v)]. The right-hand sides are computed for themselves, never taken from F; equality is decided in
the normal form. Source: Price, A useful theorem for nonlinear devices having Gaussian inputs, 1958.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from random import Random

from sympy import Basic, Eq, Expr, Rational, srepr

from theory import balls
from theory.errors import InputError
from theory.gaussian.combination import Combination
from theory.gaussian.element import Element
from theory.gaussian.expectation import GaussianExpectation
from theory.gaussian.field import GaussianField, NotInField, Undetermined
from theory.gaussian.mehler import enclose_expectation
from theory.gaussian.moments import expectation, field_of
from theory.gaussian.sympy_reader import normal_form
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

MAXIMUM_DEPTH = 8
_POINTS = 4
_CORRELATIONS = (Rational(-1, 3), Rational(-1, 7), Rational(1, 5), Rational(3, 10))
# A planted sign or factor moves the value by far more; the balls are about this wide.
_RADIUS = Rational(1, 10**6)
_GRID = 64


@dataclass(frozen=True)
class PriceEquation:
    """Proves ``Eq(GaussianExpectation(f(u) g(v)), closed form)`` for a covariance [[a, c], [c, b]]."""

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES by Price's equation and the value at c = 0; NO if ball arithmetic contradicts the form."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, GaussianExpectation)):
            return Outcome(Answer.UNKNOWN, "Price's equation needs Eq(E[f(u) g(v)], closed form)")
        left, closed = relation.lhs, relation.rhs
        symbols = left.entries()
        if len(left.variables) != 2 or len(symbols) != 3:
            return Outcome(Answer.UNKNOWN, "Price's equation needs a covariance of three symbols")
        contradiction, points = _second_lock(left, closed, relation)
        if contradiction:
            return Outcome(Answer.NO, contradiction, points)
        try:
            answer, how = _price(left, closed)
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the normal form does not apply: {reason}", points)
        agreed = f"; the Mehler series agrees in ball arithmetic at {points} points" if points else ""
        return Outcome(answer, how + agreed, points)


def _price(left: GaussianExpectation, closed: Expr) -> tuple[Answer, str]:
    elements = left.elements()
    derivatives = [element.derivative() for element in elements]
    field = field_of([*elements, *derivatives], left.entries(), [closed])
    given = normal_form(closed, field)
    if not _satisfies_price(elements, given, left, field):
        return Answer.UNKNOWN, "Price's equation or the value at c = 0 was not reduced to 0"
    steps = _steps_to_gaussian_integrals(elements, left, field)
    how = "Price's equation d/dc E[f g] = E[f' g'] and the value at c = 0 hold in the radical normal form"
    if steps is not None and steps > 1:
        how += f"; {steps} such steps, each proved, end in Gaussian moments"
    return Answer.YES, how


def _satisfies_price(
    elements: list[Element], given: Combination, left: GaussianExpectation, field: GaussianField
) -> bool:
    c = left.covariance[0, 1]
    rows = [[field.element(entry) for entry in row] for row in left.covariance.tolist()]
    moved = expectation([element.derivative() for element in elements], rows, field)
    if not (given.derivative(c) - moved).is_zero:
        return False
    at_zero = given.substitute(c, field.field(0))
    singles = [expectation([e], [[rows[i][i]]], field) for i, e in enumerate(elements)]
    return (at_zero - singles[0] * singles[1]).is_zero


def _steps_to_gaussian_integrals(
    elements: list[Element], left: GaussianExpectation, field: GaussianField
) -> int | None:
    """How many derivatives lead to polynomials times exponentials or point masses; None if none do.

    Each step proves the next expectation by Price's equation too, so that the chain rests on moments of
    Gaussian laws alone.
    """
    if not all(map(_terminating, elements)):
        return None
    for depth in range(1, MAXIMUM_DEPTH):
        elements = [element.derivative() for element in elements]
        if all(map(_elementary, elements)):
            return depth
        if any(element.has_points() for element in elements):
            return None
        value = expectation(
            elements, [[field.element(entry) for entry in row] for row in left.covariance.tolist()], field
        )
        if not _satisfies_price(elements, value, left, field):
            return None
    return None


def _terminating(element: Element) -> bool:
    """A step or Phi times an exponential keeps the exponential in every derivative."""
    return all(t.quadratic == 0 and t.linear == 0 for t, _ in element.terms if t.factors)


def _elementary(element: Element) -> bool:
    return all(factor.kind == "point" for term, _ in element.terms for factor in term.factors)


def _second_lock(left: GaussianExpectation, closed: Expr, relation: Basic) -> tuple[str, int]:
    """A contradiction in words, if there is one, and the number of points that agreed."""
    elements = left.elements()
    if not balls.available() or any(element.has_points() for element in elements):
        return "", 0
    random = Random(zlib.crc32(srepr(relation).encode()))
    # below 1, where every square-integrable activation has its expectation
    a, b = (Rational(random.randint(_GRID // 2, _GRID - 1), _GRID) for _ in range(2))
    symbols, agreed = left.entries(), 0
    for correlation in _CORRELATIONS[:_POINTS]:
        c = correlation * min(a, b)
        independent = enclose_expectation(elements[0], elements[1], a, b, c, _RADIUS)
        value = balls.enclose(closed, dict(zip(symbols, (a, b, c), strict=True)))
        if not value.overlaps(independent):
            return f"the Mehler series contradicts it at a = {a}, b = {b}, c = {c}", agreed
        agreed += 1
    return "", agreed
