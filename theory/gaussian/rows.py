"""Ways to discharge the smaller rows of a Gaussian derivation: rewriting, derivatives, one variance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from random import Random
from typing import Any

from sympy import (
    And,
    Basic,
    Derivative,
    Eq,
    Expr,
    Function,
    Ge,
    Gt,
    Le,
    Lt,
    Poly,
    PolynomialError,
    Rational,
    Symbol,
    true,
)
from sympy.printing.pretty.stringpict import prettyForm

from theory import balls
from theory.errors import InputError
from theory.gaussian.combination import Combination
from theory.gaussian.element import Element
from theory.gaussian.expectation import A, B, C, GaussianExpectation
from theory.gaussian.field import NotInField, Undetermined
from theory.gaussian.mehler import enclose_expectation, integrate
from theory.gaussian.moments import field_of
from theory.gaussian.reading import read
from theory.gaussian.sympy_reader import normal_form
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain

_POINTS = 7
_LAWS = 3
_RADIUS = Rational(1, 10**7)  # a tenth of the width of a certified row


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


def _is_first_derivative(node: Basic) -> bool:
    return isinstance(node, Derivative) and len(node.variables) == 1


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
    """Proves ``Eq(Derivative(s, z), t)`` for distributions: a jump h at x gives h delta(z - x)."""

    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the derivative, term by term, has the terms of the right-hand side."""
        if relation == true:
            return Outcome(Answer.YES, "both sides are the same expression")
        if not (isinstance(relation, Eq) and _is_first_derivative(relation.lhs)):
            return Outcome(Answer.UNKNOWN, "a first derivative is needed on the left")
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
    """Proves an equation between expressions in Gaussian expectations, by tilt, Stein and conditioning.

    ``symbols`` are the entries of the covariance (variances first).
    """

    symbols: tuple[Symbol, ...] = (A, B, C)
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the normal form of the difference is empty; ball arithmetic compares both sides too."""
        if relation == true:
            return Outcome(Answer.YES, "both sides are the same expression")
        if not isinstance(relation, Eq):
            return Outcome(Answer.UNKNOWN, "the rules need an equation between expectations")
        try:
            difference = difference_normal_form(relation, self.symbols)
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the normal form does not apply: {reason}")
        contradiction, points = compare_by_quadrature(relation.lhs, relation.rhs, self.symbols)
        if contradiction:
            return Outcome(Answer.NO, contradiction, points)
        how = "tilt, Stein recursion and conditioning: the difference has radical normal form 0"
        agreed = f"; validated quadrature agrees at {points} points" if points else ""
        return Outcome(Answer.YES if difference.is_zero else Answer.UNKNOWN, how + agreed, points)


@dataclass(frozen=True)
class ClosedFormDerivative:
    """Proves ``Eq(Derivative(F, c), G)`` between closed forms by their normal forms."""

    symbols: tuple[Symbol, ...] = (A, B, C)
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the normal form of dF/dc - G is empty."""
        if relation == true:
            return Outcome(Answer.YES, "both sides are the same expression")
        if not (isinstance(relation, Eq) and _is_first_derivative(relation.lhs)):
            return Outcome(Answer.UNKNOWN, "a first derivative of a closed form is needed on the left")
        closed, variable = relation.lhs.expr, relation.lhs.variables[0]
        try:
            field = field_of([], self.symbols, [closed, relation.rhs])
            difference = normal_form(closed, field).derivative(variable) - normal_form(relation.rhs, field)
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the normal form does not apply: {reason}")
        contradiction, points = compare_by_quadrature(closed.diff(variable), relation.rhs, self.symbols)
        if contradiction:
            return Outcome(Answer.NO, contradiction, points)
        how = f"differentiated in the radical normal form; ball arithmetic agrees at {points} points"
        return Outcome(Answer.YES if difference.is_zero else Answer.UNKNOWN, how, points)


@dataclass(frozen=True)
class DiagonalLimit:
    """Proves ``Eq(E[...] in one variable, value)`` and that a closed form tends to it as b = a, c -> a."""

    closed: Expr
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if rules and limit both give the right-hand side."""
        rules = GaussianRules((A,)).discharge(relation, domain)
        if rules.answer is not Answer.YES or not isinstance(relation, Eq):
            return rules
        elements = [e for node in relation.lhs.atoms(GaussianExpectation) for e in node.elements()]
        try:
            field = field_of(elements, (A, B, C), [self.closed, relation.rhs])
            a = field.generators[A]
            limit = normal_form(self.closed, field).substitute(B, a).substitute(C, a)
            same = (limit - normal_form(relation.rhs, field)).is_zero
        except (InputError, NotInField, Undetermined) as reason:
            return Outcome(Answer.UNKNOWN, f"the limit was not determined: {reason}")
        how = f"the closed form at b = a, c -> a, and {rules.how}"
        return Outcome(Answer.YES if same else Answer.UNKNOWN, how, rules.points)


@dataclass(frozen=True)
class MehlerEnclosure:
    """Certifies ``And(low < E[f(u) g(v)], E[f(u) g(v)] < high)`` at rational covariances."""

    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the Mehler series with its remainder lies between the bounds, NO if it lies outside.

        Raises BallsUnavailable without python-flint.
        """
        if not balls.available():
            raise balls.BallsUnavailable("python-flint is missing")
        parts = relation.args if isinstance(relation, And) else (relation,)
        if not all(isinstance(part, (Lt, Le, Gt, Ge)) for part in parts):
            return Outcome(Answer.UNKNOWN, "an enclosure needs inequalities, one or several joined by and")
        for part in parts:
            value = enclose_terms(part.gts - part.lts, {})
            if value < 0:
                return Outcome(Answer.NO, f"the Mehler series contradicts {part}")
            if not value > 0:
                return Outcome(Answer.UNKNOWN, "the enclosure by the Mehler series is too wide")
        return Outcome(Answer.YES, "Mehler series in ball arithmetic, with its remainder", len(parts))


def difference_normal_form(relation: Eq, symbols: tuple[Symbol, ...]) -> Combination:
    """The normal form of left - right. Raises NotInField, InputError, Undetermined."""
    nodes = relation.atoms(GaussianExpectation)
    elements = [element for node in nodes for element in node.elements()]
    entries = [entry for node in nodes for entry in node.covariance]
    bare = relation.xreplace({node: Symbol("_expectation") for node in nodes})
    field = field_of(elements, symbols, [bare.lhs, bare.rhs, *entries])
    return normal_form(relation.lhs, field) - normal_form(relation.rhs, field)


def compare_by_quadrature(left: Expr, right: Expr, symbols: tuple[Symbol, ...]) -> tuple[str, int]:
    """The second lock: a contradiction in words, if there is one, and how many points agreed."""
    nodes = (left - right).atoms(GaussianExpectation)
    elements = [element for node in nodes for element in node.elements()]
    if not balls.available() or any(element.has_points() for element in elements):
        return "", 0
    agreed = 0
    for point in _covariances(symbols):
        if not enclose_terms(left, point).overlaps(enclose_terms(right, point)):
            return f"validated quadrature contradicts it at {point}", agreed
        agreed += 1
    return "", agreed


def _covariances(symbols: tuple[Symbol, ...]) -> list[dict[Symbol, Rational]]:
    """Variances below 1, where every square-integrable activation has its expectation."""
    correlations = (Rational(-3, 10), Rational(2, 7))
    if len(symbols) == 3:
        a, b = Rational(49, 64), Rational(41, 64)
        return [dict(zip(symbols, (a, b, r * b), strict=True)) for r in correlations]
    return [{symbol: variance for symbol in symbols} for variance in (Rational(2, 5), Rational(19, 20))]


def enclose_terms(expression: Expr, point: dict[Symbol, Rational]) -> Any:
    """A ball of an expression in expectations and symbols at a rational point."""
    values: dict[Symbol, Any] = dict(point)
    renamed = {}
    for index, node in enumerate(sorted(expression.atoms(GaussianExpectation), key=str)):
        symbol = Symbol(f"_expectation_{index}", real=True)
        renamed[node], values[symbol] = symbol, _enclose(node.subs(point))
    return balls.enclose(expression.xreplace(renamed), values)


def _enclose(node: GaussianExpectation) -> Any:
    elements, covariance = node.elements(), node.covariance
    if len(elements) == 1:
        return integrate(elements[0], covariance[0], None)
    f, g = elements
    return enclose_expectation(f, g, covariance[0, 0], covariance[1, 1], covariance[0, 1], _RADIUS)


class Mean(Function):
    """E[...] of a polynomial in random symbols, their law left open."""

    nargs = 1
    is_real = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        mean = rf"\mathbb{{E}}\left[{printer._print(self.args[0])}\right]"
        return rf"{mean}^{{{exp}}}" if exp else mean

    def _sympystr(self, printer: Any) -> str:
        return f"E[{printer._print(self.args[0])}]"

    def _pretty(self, printer: Any) -> Any:
        inside = prettyForm(*printer._print(self.args[0]).parens("[", "]"))
        return prettyForm(*inside.left("E"))


@dataclass(frozen=True)
class Independence:
    """Proves an equation between polynomials in means, for every law with independent ``groups``.

    Two rules are used: the mean is linear, and the mean of a product of functions of different groups is
    the product of the means. Symbols outside the groups are constants.
    """

    groups: tuple[tuple[Symbol, ...], ...]
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if both sides have the same moments; NO if some finite law tells them apart."""
        if not isinstance(relation, Eq):
            return Outcome(Answer.UNKNOWN, "means are compared by an equation")
        letters = [symbol for group in self.groups for symbol in group]
        if len(set(letters)) < len(letters):
            return Outcome(Answer.UNKNOWN, "a letter in two groups is not independent of itself")
        difference = relation.lhs - relation.rhs
        random = Random(7)
        if any(_under_a_finite_law(difference, self.groups, random) != 0 for _ in range(_LAWS)):
            return Outcome(Answer.NO, "a law on finitely many values tells the two sides apart")
        try:
            moments = difference.replace(Mean, self._moments)
        except PolynomialError:
            return Outcome(Answer.UNKNOWN, "the rules need polynomials in the random symbols")
        how = (
            f"the mean is linear and multiplicative over independent groups; exact under {_LAWS} finite laws"
        )
        return Outcome(Answer.YES if moments.expand() == 0 else Answer.UNKNOWN, how, _LAWS)

    def _moments(self, integrand: Expr) -> Expr:
        variables = [symbol for group in self.groups for symbol in group]
        total = Rational(0)
        for powers, coefficient in Poly(integrand, *variables).terms():
            power = dict(zip(variables, powers, strict=True))
            parts = [prod((s ** power[s] for s in group), start=Rational(1)) for group in self.groups]
            total += coefficient * prod((Mean(part) for part in parts if part != 1), start=Rational(1))
        return total


def _under_a_finite_law(expression: Expr, groups: tuple[tuple[Symbol, ...], ...], random: Random) -> Expr:
    """The value when each group has three random rational atoms: the second lock."""
    laws = [
        [({s: _rational(random) for s in group}, abs(_rational(random))) for _ in range(3)]
        for group in groups
    ]
    masses = [sum(weight for _, weight in law) for law in laws]

    def mean(integrand: Expr) -> Expr:
        total = Rational(0)
        for atoms in product(*laws):
            weight = prod(w / mass for (_, w), mass in zip(atoms, masses, strict=True))
            total += weight * integrand.subs({s: v for values, _ in atoms for s, v in values.items()})
        return total

    value = expression.replace(Mean, mean)
    constants = sorted(value.free_symbols, key=str)
    return value.subs({symbol: _rational(random) for symbol in constants}).expand()


def _rational(random: Random) -> Rational:
    return Rational(random.choice((-1, 1)) * random.randint(1, 999), random.randint(1, 99))
