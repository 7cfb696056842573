"""Functions of one variable in the class that is closed under Gaussian expectation.

The class is the span of x^k exp(-p x^2/2 + r x) h(x), where h is a product of steps 1{x > t}, of normal
distribution functions Phi(alpha x + beta) with alpha > 0, or a point mass at t.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, NamedTuple

import sympy
from sympy import DiracDelta, Expr, Heaviside, I, Integer, Rational, S, Symbol, erf, exp, expand, pi, sqrt

from theory.errors import OutsideClass

MAXIMUM_TERMS = 400
_CONSTANT_DIGITS = 50


class Factor(NamedTuple):
    """1{x > shift} ("step"), Phi(scale x + shift) ("normal"), or a point mass at shift ("point")."""

    kind: Literal["step", "normal", "point"]
    scale: Expr
    shift: Expr


class Term(NamedTuple):
    """x^power exp(-quadratic x^2/2 + linear x) times the factors; the coefficient is kept beside it."""

    power: int
    quadratic: Expr
    linear: Expr
    factors: tuple[Factor, ...]


ONE = Term(0, S.Zero, S.Zero, ())


@dataclass(frozen=True)
class Element:
    """A finite sum of terms with constant coefficients; equal functions have equal terms."""

    terms: tuple[tuple[Term, Expr], ...]

    @classmethod
    def collect(cls, pairs: Iterable[tuple[Term, Expr]]) -> Element:
        """Merge equal terms and drop those whose coefficient is zero."""
        merged: dict[Term, Expr] = {}
        for term, coefficient in pairs:
            merged[term] = merged.get(term, S.Zero) + coefficient
        if len(merged) > MAXIMUM_TERMS:
            raise OutsideClass(f"the expression has more than {MAXIMUM_TERMS} terms when multiplied out")
        kept = {term: value for term, raw in merged.items() if not vanishes(value := expand(raw))}
        return cls(tuple(sorted(kept.items(), key=lambda item: str(item[0]))))

    @classmethod
    def constant(cls, value: Expr) -> Element:
        """The constant function."""
        return cls.collect([(ONE, value)])

    def __add__(self, other: Element) -> Element:
        return Element.collect((*self.terms, *other.terms))

    def scaled(self, factor: Expr) -> Element:
        """This function times a constant."""
        return Element.collect((term, factor * value) for term, value in self.terms)

    def __sub__(self, other: Element) -> Element:
        return self + other.scaled(S.NegativeOne)

    def __mul__(self, other: Element) -> Element:
        return Element.collect(
            product
            for left, left_value in self.terms
            for right, right_value in other.terms
            for product in _product(left, right, left_value * right_value)
        )

    def __pow__(self, exponent: int) -> Element:
        return reduce(lambda value, _: value * self, range(exponent), Element.constant(S.One))

    def reflected(self) -> Element:
        """The function x -> f(-x), for almost every x."""
        return reduce(Element.__add__, (_reflected(*pair) for pair in self.terms), Element(()))

    def parity(self) -> tuple[Element, Element]:
        """The even and the odd part."""
        return (self + self.reflected()).scaled(S.Half), (self - self.reflected()).scaled(S.Half)

    def derivative(self) -> Element:
        """The distributional derivative: a jump of height h at t contributes h times a point mass at t.

        Raises OutsideClass for the derivative of a point mass.
        """
        return Element.collect(part for term, value in self.terms for part in _derivative(term, value))

    def continuous(self) -> bool:
        """Whether the function has no jump and no point mass (so that its derivative is a function)."""
        return not self.has_points() and not self.derivative().has_points()

    def has_points(self) -> bool:
        """Whether a point mass occurs."""
        return any(factor.kind == "point" for term, _ in self.terms for factor in term.factors)

    def as_expr(self, variable: Symbol) -> Expr:
        """The function as a SymPy expression in Heaviside form."""
        groups: dict[tuple[Any, ...], Expr] = {}
        for term, value in self.terms:
            key = (term.quadratic, term.linear, term.factors)
            groups[key] = groups.get(key, S.Zero) + value * variable**term.power
        return sympy.Add(*(_group_expr(key, polynomial, variable) for key, polynomial in groups.items()))


def vanishes(value: Expr) -> bool:
    """Whether a constant is zero; a constant that is zero to 40 digits must be shown to be zero exactly."""
    if value.is_Rational or value.is_zero is not None:
        return bool(value.is_zero)
    if abs(sympy.N(value, _CONSTANT_DIGITS)) > Rational(1, 10**40):
        return False
    return bool(sympy.simplify(value) == 0)


def _group_expr(key: tuple[Any, ...], polynomial: Expr, x: Symbol) -> Expr:
    quadratic, linear, factors = key
    value = _real_wave(polynomial, linear, x) * exp(-quadratic * x**2 / 2 + sympy.re(linear) * x)
    for factor in factors:
        if factor.kind == "normal":
            value *= (1 + erf((factor.scale * x + factor.shift) / sqrt(2))) / 2
        else:
            value *= (Heaviside if factor.kind == "step" else DiracDelta)(x - factor.shift)
    return value


def _real_wave(polynomial: Expr, linear: Expr, x: Symbol) -> Expr:
    """The real part of polynomial * exp(i Im(linear) x): the conjugate terms of a real function add to it."""
    if not (polynomial.has(I) or linear.has(I)):
        return polynomial
    coefficients = sympy.Poly(polynomial, x).all_terms()
    real = sympy.Add(*(sympy.re(value) * x**power for (power,), value in coefficients))
    imaginary = sympy.Add(*(sympy.im(value) * x**power for (power,), value in coefficients))
    angle = sympy.im(linear) * x
    return real * sympy.cos(angle) - imaginary * sympy.sin(angle)


def _product(left: Term, right: Term, value: Expr) -> Iterator[tuple[Term, Expr]]:
    factors = (*left.factors, *right.factors)
    points = [factor.shift for factor in factors if factor.kind == "point"]
    if len(points) > 1:
        raise OutsideClass("the product of two point masses in one variable is not defined")
    steps = [factor.shift for factor in factors if factor.kind == "step"]
    normals = tuple(sorted((f for f in factors if f.kind == "normal"), key=str))
    last = sympy.Max(*steps) if steps else None
    kept = normals if last is None else (Factor("step", S.One, last), *normals)
    term = Term(
        left.power + right.power, left.quadratic + right.quadratic, expand(left.linear + right.linear), kept
    )
    if not points:
        yield term, value
    else:
        yield point_mass(points[0]), value * _value_at(term, points[0])


def _reflected(term: Term, value: Expr) -> Element:
    bare = term._replace(linear=-term.linear, factors=())
    result = Element.collect([(bare, value * (-1) ** term.power)])
    for factor in term.factors:
        if factor.kind == "point":
            result = result * Element.collect([(point_mass(-factor.shift), S.One)])
        else:  # 1{-x > t} = 1 - 1{x > -t} beside the jump, Phi(-y) = 1 - Phi(y)
            opposite = factor._replace(shift=-factor.shift)
            here = Element.collect([(ONE._replace(factors=(opposite,)), S.One)])
            result = result * (Element.constant(S.One) - here)
    return result


def point_mass(position: Expr) -> Term:
    """The term delta(x - position)."""
    return Term(0, S.Zero, S.Zero, (Factor("point", S.One, position),))


def step(position: Expr) -> Element:
    """The function 1{x > position}."""
    return Element.collect([(Term(0, S.Zero, S.Zero, (Factor("step", S.One, position),)), S.One)])


def normal(scale: Expr, shift: Expr) -> Element:
    """The function Phi(scale x + shift); scale 0 gives a constant."""
    if scale.is_zero:
        return Element.constant((1 + erf(shift / sqrt(2))) / 2)
    if scale.is_negative:
        return Element.constant(S.One) - normal(-scale, -shift)
    return Element.collect([(Term(0, S.Zero, S.Zero, (Factor("normal", scale, shift),)), S.One)])


def exponential(quadratic: Expr, linear: Expr, constant: Expr) -> Element:
    """The function exp(-quadratic x^2/2 + linear x + constant)."""
    return Element.collect([(Term(0, quadratic, linear, ()), exp(constant))])


def _value_at(term: Term, x: Expr) -> Expr:
    """The value of a term at x; a jump exactly there has no value."""
    value = (x**term.power if term.power else S.One) * exp(-term.quadratic * x**2 / 2 + term.linear * x)
    if value == 0:
        return S.Zero
    for factor in term.factors:
        if factor.kind == "normal":
            value *= (1 + erf((factor.scale * x + factor.shift) / sqrt(2))) / 2
        elif factor.shift == x:
            raise OutsideClass(f"a jump and a point mass meet at {x}: their product is not defined")
        else:
            value *= Integer(1 if x > factor.shift else 0)
    return value


def _derivative(term: Term, value: Expr) -> Iterator[tuple[Term, Expr]]:
    power, quadratic, linear, factors = term
    if any(factor.kind == "point" for factor in factors):
        raise OutsideClass("the derivative of a point mass is outside the class: differentiate less often")
    if power:
        yield Term(power - 1, quadratic, linear, factors), value * power
    if quadratic != 0:
        yield Term(power + 1, quadratic, linear, factors), -value * quadratic
    if linear != 0:
        yield term, value * linear
    for index, factor in enumerate(factors):
        rest = factors[:index] + factors[index + 1 :]
        if factor.kind == "step":
            bare = Term(power, quadratic, linear, rest)
            yield point_mass(factor.shift), value * _value_at(bare, factor.shift)
            continue
        alpha, beta = factor.scale, factor.shift
        density = alpha * exp(-(beta**2) / 2) / sqrt(2 * pi)
        yield Term(power, quadratic + alpha**2, expand(linear - alpha * beta), rest), value * density
