"""Ways to discharge the smaller rows of a Gaussian derivation: rewriting, derivatives, one variance."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sympy import Basic, Derivative, Eq, Expr, Rational, Symbol

from theory import balls
from theory.errors import InputError
from theory.gaussian.element import Element
from theory.gaussian.expectation import GaussianExpectation
from theory.gaussian.field import NotInField, Undetermined
from theory.gaussian.mehler import integrate
from theory.gaussian.moments import field_of
from theory.gaussian.reading import read
from theory.gaussian.sympy_reader import normal_form
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

_POINTS = 7


@dataclass(frozen=True)
class SameFunction:
    """Proves ``Eq(s, t)`` of two activations, almost everywhere, by their unique form in the class."""

    variable: Symbol
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if both sides have the same terms; ball arithmetic compares them at random points."""
        if not isinstance(relation, Eq):
            return Outcome(Answer.UNKNOWN, "two functions are compared by an equation")
        try:
            same = (read(relation.lhs, self.variable) - read(relation.rhs, self.variable)).terms == ()
        except InputError as reason:
            return Outcome(Answer.UNKNOWN, str(reason))
        points = _agreeing_points(relation, self.variable)
        if points is None:
            return Outcome(Answer.NO, "the two functions differ at a point")
        answer = Answer.YES if same else Answer.UNKNOWN
        return Outcome(answer, "both sides have the same terms polynomial * exp * step * Phi", points)


def _agreeing_points(relation: Eq, variable: Symbol) -> int | None:
    if not balls.available():
        return 0
    random = Random(7)
    for _ in range(_POINTS):
        point = {variable: Rational(random.randint(-3000, 3000), 997)}
        try:
            difference = balls.enclose(relation.lhs - relation.rhs, point)
        except balls.OutsideBalls:
            return 0
        if not difference.overlaps(balls.ball(0)):
            return None
    return _POINTS


@dataclass(frozen=True)
class DistributionalDerivative:
    """Proves ``Eq(Derivative(s, z), t)`` in the sense of distributions: a jump h at x gives h delta(z - x)."""

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the derivative, term by term, has the terms of the right-hand side."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, Derivative)):
            return Outcome(Answer.UNKNOWN, "a derivative is needed on the left")
        function, variable = relation.lhs.expr, relation.lhs.variables[0]
        try:
            element = read(function, variable)
            same = (element.derivative() - read(relation.rhs, variable)).terms == ()
        except InputError as reason:
            return Outcome(Answer.UNKNOWN, str(reason))
        points = _fundamental_theorem(element, relation.rhs, variable)
        if points is None:
            return Outcome(Answer.NO, "E[s(u) u] = a E[s'(u)] fails in ball arithmetic")
        return Outcome(
            Answer.YES if same else Answer.UNKNOWN,
            "differentiated term by term; a jump contributes a point mass, a kink a step",
            points,
        )


def _fundamental_theorem(element: Element, derivative: Expr, variable: Symbol) -> int | None:
    """Stein's identity E[u s(u)] = a E[s'(u)] at one variance: the second lock; 0 where it cannot be run."""
    other = read(derivative, variable)
    if not balls.available() or other.has_points():
        return 0
    linear = read(variable, variable)
    agreed = 0
    for variance in (Rational(3, 5), Rational(9, 10)):
        left = integrate(element * linear, variance, None)
        right = balls.ball(variance) * integrate(other, variance, None)
        if not left.overlaps(right):
            return None
        agreed += 1
    return agreed


@dataclass(frozen=True)
class GaussianRules:
    """Proves ``Eq(E[...], closed form)`` for any covariance the rules reach, by tilt, Stein and conditioning."""

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the normal form of the difference is empty; one variable is checked by quadrature too."""
        if not (isinstance(relation, Eq) and isinstance(relation.lhs, GaussianExpectation)):
            return Outcome(Answer.UNKNOWN, "the rules need Eq(E[...], closed form)")
        left = relation.lhs
        try:
            elements = left.elements()
            field = field_of(elements, left.entries(), [relation.rhs, *left.covariance])
            same = (left.value(field) - normal_form(relation.rhs, field)).is_zero
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the normal form does not apply: {reason}")
        points = _quadrature_points(left, relation.rhs)
        if points is None:
            return Outcome(Answer.NO, "validated quadrature contradicts it")
        how = "tilt, Stein recursion and conditioning; the difference has radical normal form 0"
        return Outcome(Answer.YES if same else Answer.UNKNOWN, how, points)


def _quadrature_points(left: GaussianExpectation, closed: Expr) -> int | None:
    elements, symbols = left.elements(), left.entries()
    if not balls.available() or len(elements) != 1 or elements[0].has_points() or len(symbols) != 1:
        return 0
    agreed = 0
    for variance in (Rational(2, 5), Rational(7, 10), Rational(19, 20)):
        value = balls.enclose(closed, {symbols[0]: variance})
        if not value.overlaps(integrate(elements[0], variance, None)):
            return None
        agreed += 1
    return agreed
