r"""A closed form of E[f_1(x_1) ... f_n(x_n)], proved by Price's equation.

The closed form F is proved if for every pair dF/dc_ij = E[f_i' f_j' times the other f_k], with distributional
derivatives, and F with all c_ij = 0 is the product of the E[f_i(x_i)]: the covariances of given variances
are star-shaped about the diagonal one. The right-hand sides are computed for themselves, never taken from F;
equality is decided in the normal form.
Source: Price, A useful theorem for nonlinear devices having Gaussian inputs, 1958.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from random import Random

from sympy import Basic, Eq, Expr, Rational, Symbol, srepr

from theory import balls
from theory.errors import InputError
from theory.gaussian.combination import Combination
from theory.gaussian.element import Element
from theory.gaussian.expectation import GaussianExpectation
from theory.gaussian.field import GaussianField, NotInField, Undetermined
from theory.gaussian.mehler import enclose_expectation, integrate
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
    """Proves ``Eq(GaussianExpectation(f_1(x_1) ... f_n(x_n)), closed form)``, n >= 2.

    All entries of the covariance are different symbols: [[a, c], [c, b]] for two variables.
    """

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES by Price's equation and the value at c = 0; NO if ball arithmetic contradicts the form."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, GaussianExpectation)):
            return Outcome(Answer.UNKNOWN, "Price's equation needs Eq(E[f(u) g(v)], closed form)")
        left, closed = relation.lhs, relation.rhs
        size = len(left.variables)
        if size < 2 or len(left.entries()) != size * (size + 1) // 2:
            return Outcome(
                Answer.UNKNOWN, "Price's equation needs a covariance whose entries are different symbols"
            )
        try:
            contradiction, points = _second_lock(left, closed, relation)
            if contradiction:
                return Outcome(Answer.NO, contradiction, points)
            answer, how = _price(left, closed)
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the normal form does not apply: {reason}")
        return Outcome(answer, how + _agreement(size, points), points)


def _agreement(size: int, points: int) -> str:
    if not points:
        return ""
    where = "" if size == 2 else ", one pair correlated at a time"
    return f"; the Mehler series agrees in ball arithmetic at {points} points{where}"


def _price(left: GaussianExpectation, closed: Expr) -> tuple[Answer, str]:
    elements = left.elements()
    derivatives = [element.derivative() for element in elements]
    field = field_of([*elements, *derivatives], left.entries(), [closed], left.sample())
    given = normal_form(closed, field)
    means = _Means(left, field)
    if not _satisfies_price(elements, given, means):
        return Answer.UNKNOWN, "Price's equation or the value at c = 0 was not reduced to 0"
    steps = _steps_to_gaussian_integrals(elements, means)
    how = "Price's equation d/dc E[f g] = E[f' g'] and the value at c = 0 hold in the radical normal form"
    if len(elements) > 2:
        how = f"Price's equation for each of the {len(list(_pairs(elements)))} pairs and the value at c = 0 "
        how += "hold in the radical normal form"
    if steps is not None and steps > 1:
        how += f"; {steps} such steps, each proved, end in Gaussian moments"
    return Answer.YES, how


def _pairs(elements: Sequence[Element]) -> combinations[tuple[int, ...]]:
    return combinations(range(len(elements)), 2)


class _Means:
    """E[product of elements] by the rules of `moments`, each computed once."""

    def __init__(self, left: GaussianExpectation, field: GaussianField) -> None:
        self.field, self.covariance = field, left.covariance
        self._rows = [[field.element(entry) for entry in row] for row in left.covariance.tolist()]
        self._known: dict[tuple[Element, ...], Combination] = {}

    def joint(self, elements: Sequence[Element]) -> Combination:
        """Under the covariance."""
        key = tuple(elements)
        if key not in self._known:
            self._known[key] = expectation(key, self._rows, self.field)
        return self._known[key]

    def independent(self, elements: Sequence[Element]) -> Combination:
        """Under its diagonal: the product of the means."""
        product = Combination.rational(self.field, 1)
        for i, element in enumerate(elements):
            product = product * expectation([element], [[self._rows[i][i]]], self.field)
        return product


def _satisfies_price(elements: list[Element], given: Combination, means: _Means) -> bool:
    at_zero = given
    for i, j in _pairs(elements):
        c: Symbol = means.covariance[i, j]
        moved = [e.derivative() if k in (i, j) else e for k, e in enumerate(elements)]
        if not (given.derivative(c) - means.joint(moved)).is_zero:
            return False
        at_zero = at_zero.substitute(c, means.field.field(0))
    return (at_zero - means.independent(elements)).is_zero


def _steps_to_gaussian_integrals(elements: list[Element], means: _Means) -> int | None:
    """How many derivatives of two functions lead to polynomials times exponentials or point masses.

    None if none do, or if there are more than two functions.

    Each step proves the next expectation by Price's equation too, so that the chain rests on moments of
    Gaussian laws alone.
    """
    if len(elements) != 2 or not all(map(_terminating, elements)):
        return None
    for depth in range(1, MAXIMUM_DEPTH):
        elements = [element.derivative() for element in elements]
        if all(map(_elementary, elements)):
            return depth
        if any(element.has_points() for element in elements):
            return None
        if not _satisfies_price(elements, means.joint(elements), means):
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
    variances = [Rational(random.randint(_GRID // 2, _GRID - 1), _GRID) for _ in elements]
    agreed = 0
    for (i, j), correlation in _correlated_pairs(elements):
        c = correlation * min(variances[i], variances[j])
        independent = enclose_expectation(elements[i], elements[j], variances[i], variances[j], c, _RADIUS)
        others = (k for k in range(len(elements)) if k not in (i, j))
        independent *= prod((integrate(elements[k], variances[k], None) for k in others), start=balls.ball(1))
        point = _point(left, variances, (i, j), c)
        if not balls.enclose(closed, point).overlaps(independent):
            values = ", ".join(f"{name} = {value}" for name, value in point.items())
            return f"the Mehler series contradicts it at {values}", agreed
        agreed += 1
    return "", agreed


def _correlated_pairs(elements: list[Element]) -> list[tuple[tuple[int, ...], Rational]]:
    """Four correlations of two variables; for more variables one of each pair, the others independent."""
    pairs = list(_pairs(elements))
    repeated = pairs * _POINTS if len(pairs) == 1 else pairs
    return [(pair, _CORRELATIONS[index % _POINTS]) for index, pair in enumerate(repeated)]


def _point(
    left: GaussianExpectation, variances: list[Rational], pair: tuple[int, ...], value: Rational
) -> dict[Symbol, Rational]:
    point = {left.covariance[i, i]: variance for i, variance in enumerate(variances)}
    for place in _pairs(left.elements()):
        point[left.covariance[place]] = value if place == pair else Rational(0)
    return point
