"""Finite sums of rational functions times radicals, exponentials, arc sines and normal probabilities.

The normal form is complete for radicals: square roots of products of distinct irreducible polynomials are
linearly independent over the rational functions, exponentials of exponents that differ by more than a
constant are independent over algebraic functions, and pi is transcendental. So a combination without arc
sines and normal probabilities vanishes exactly if its normal form is empty (up to relations between
exponentials of constants); with them, an empty normal form is still a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sympy import QQ, Symbol, pi
from sympy.polys.fields import FracElement

from theory.gaussian.field import GaussianField, Surd, Undetermined


class Atom(NamedTuple):
    """asin(s), Phi(s), or the bivariate normal probability Phi2(h, k, rho)."""

    kind: Literal["asin", "Phi", "Phi2"]
    arguments: tuple[Surd, ...]


class Monomial(NamedTuple):
    """pi^(half_pi/2) sqrt(product of radicals) exp(exponent) times the atoms."""

    half_pi: int
    radicals: frozenset[Any]
    exponent: FracElement
    atoms: tuple[Atom, ...]


@dataclass(frozen=True)
class Combination:
    """A sum of coefficients (rational functions) times monomials, in normal form."""

    field: GaussianField
    terms: Mapping[Monomial, FracElement]

    @classmethod
    def collect(cls, field: GaussianField, pairs: Iterable[tuple[Monomial, FracElement]]) -> Combination:
        """Merge equal monomials, reduce the coefficients and drop zeros."""
        merged: dict[Monomial, list[FracElement]] = {}
        circle = field.generators.get(pi)
        for monomial, value in pairs:
            if circle is not None and monomial.half_pi not in (0, 1):  # pi is a generator of the field
                value = value * circle ** (monomial.half_pi // 2)
                monomial = monomial._replace(half_pi=monomial.half_pi % 2)
            merged.setdefault(monomial, []).append(value)
        reduced = {monomial: field.reduce(field.sum(values)) for monomial, values in merged.items()}
        return cls(field, {monomial: value for monomial, value in reduced.items() if value})

    @classmethod
    def of(cls, field: GaussianField, surd: Surd, half_pi: int = 0, exponent: Any = 0) -> Combination:
        """A surd times a power of sqrt(pi) times an exponential."""
        exponent = field.reduce(field.lift(exponent))
        return cls.collect(field, [(Monomial(half_pi, surd.radicals, exponent, ()), surd.coefficient)])

    @classmethod
    def rational(cls, field: GaussianField, value: Any) -> Combination:
        """A rational function."""
        return cls.of(field, Surd(field.lift(value), frozenset()))

    @classmethod
    def total(cls, field: GaussianField, parts: Iterable[tuple[FracElement, Combination]]) -> Combination:
        """The sum of rational functions times combinations, over one denominator per monomial."""
        products = (
            (monomial, field.product(factor, value))
            for factor, combination in parts
            for monomial, value in combination.terms.items()
        )
        return cls.collect(field, products)

    @property
    def is_zero(self) -> bool:
        """Whether the normal form is empty, which proves that the combination vanishes."""
        return not self.terms

    def __add__(self, other: Combination) -> Combination:
        return Combination.collect(self.field, (*self.terms.items(), *other.terms.items()))

    def __sub__(self, other: Combination) -> Combination:
        negative = ((monomial, -value) for monomial, value in other.terms.items())
        return Combination.collect(self.field, (*self.terms.items(), *negative))

    def scaled(self, factor: FracElement) -> Combination:
        """This combination times a rational function."""
        return Combination.collect(
            self.field, ((m, self.field.product(v, factor)) for m, v in self.terms.items())
        )

    def __mul__(self, other: Combination) -> Combination:
        return Combination.collect(
            self.field,
            (
                self._times(left, left_value, right, right_value)
                for left, left_value in self.terms.items()
                for right, right_value in other.terms.items()
            ),
        )

    def _times(
        self, left: Monomial, left_value: FracElement, right: Monomial, right_value: FracElement
    ) -> tuple[Monomial, FracElement]:
        surd = self.field.multiply(Surd(left_value, left.radicals), Surd(right_value, right.radicals))
        exponent = self.field.reduce(left.exponent + right.exponent)
        atoms = tuple(sorted((*left.atoms, *right.atoms), key=str))
        return Monomial(left.half_pi + right.half_pi, surd.radicals, exponent, atoms), surd.coefficient

    def __pow__(self, exponent: int) -> Combination:
        result = Combination.rational(self.field, 1)
        for _ in range(exponent):
            result = result * self
        return result

    def derivative(self, symbol: Symbol) -> Combination:
        """The partial derivative with respect to a generator."""
        generator = self.field.generators[symbol]
        parts: list[tuple[Monomial, FracElement]] = []
        for monomial, value in self.terms.items():
            inside = _radical_derivative(self.field, monomial.radicals, generator)
            inside += self.field.derivative(monomial.exponent, generator)
            parts.append((monomial, self.field.derivative(value, generator)))
            parts.append((monomial, self.field.product(value, inside)))
            for index, atom in enumerate(monomial.atoms):
                rest = monomial._replace(atoms=monomial.atoms[:index] + monomial.atoms[index + 1 :])
                inner = _atom_derivative(self.field, atom, generator)
                parts.extend((Combination(self.field, {rest: value}) * inner).terms.items())
        return Combination.collect(self.field, parts)

    def substitute(self, symbol: Symbol, value: FracElement) -> Combination:
        """The combination at symbol = value, also on the boundary of the domain.

        Raises Undetermined where a denominator vanishes.
        """

        def at(element: FracElement) -> FracElement:
            return self.field.substitute(element, symbol, value)

        total = Combination(self.field, {})
        for monomial, coefficient in self.terms.items():
            part = Combination.of(
                self.field,
                _surd_at(self.field, Surd(coefficient, monomial.radicals), at),
                monomial.half_pi,
                at(monomial.exponent),
            )
            for atom in monomial.atoms:
                part = part * _atom_at(self.field, atom, at)
            total += part
        return total


def _surd_at(field: GaussianField, surd: Surd, at: Callable[[FracElement], FracElement]) -> Surd:
    value = Surd(at(surd.coefficient), frozenset())
    for radical in surd.radicals:
        root = (
            Surd(field.field(1), frozenset({radical}))
            if isinstance(radical, int)
            else field.sqrt(at(field.field(radical)))
        )
        value = field.multiply(value, root)
    return value


def _atom_at(field: GaussianField, atom: Atom, at: Callable[[FracElement], FracElement]) -> Combination:
    arguments = [_surd_at(field, surd, at) for surd in atom.arguments]
    if atom.kind == "Phi2":
        h, k, rho = arguments
        return bivariate_probability(field, h, k, rho)
    make = arc_sine if atom.kind == "asin" else normal_probability
    return make(field, arguments[0])


def _radical_derivative(
    field: GaussianField, radicals: frozenset[Any], generator: FracElement
) -> FracElement:
    """The logarithmic derivative of sqrt(product of the radicals)."""
    total = field.field(0)
    for radical in radicals:
        if not isinstance(radical, int):
            element = field.field(radical)
            total += element.diff(generator) / (2 * element)
    return total


def _surd_derivative(field: GaussianField, surd: Surd, generator: FracElement) -> Surd:
    inner = _radical_derivative(field, surd.radicals, generator)
    smooth = field.derivative(surd.coefficient, generator)
    return Surd(field.sum([smooth, field.product(surd.coefficient, inner)]), surd.radicals)


def _atom_derivative(field: GaussianField, atom: Atom, generator: FracElement) -> Combination:
    inner = [_surd_derivative(field, surd, generator) for surd in atom.arguments]
    if atom.kind == "asin":
        outer = field.inverse(field.sqrt(1 - field.square(atom.arguments[0])))
        return Combination.of(field, field.multiply(outer, inner[0]))
    if atom.kind == "Phi":
        return density(field, atom.arguments[0]) * Combination.of(field, inner[0])
    h, k, rho = atom.arguments
    rest = field.inverse(field.sqrt(1 - field.square(rho)))
    along_h = density(field, h) * normal_probability(field, _residual(field, k, rho, h, rest))
    along_k = density(field, k) * normal_probability(field, _residual(field, h, rho, k, rest))
    parts = (along_h, along_k, bivariate_density(field, h, k, rho))
    total = Combination(field, {})
    for part, change in zip(parts, inner, strict=True):
        total += part * Combination.of(field, change)
    return total


def _residual(field: GaussianField, k: Surd, rho: Surd, h: Surd, rest: Surd) -> Surd:
    """(k - rho h)/sqrt(1 - rho^2)."""
    return field.multiply(add_surds(field, k, -field.multiply(rho, h)), rest)


def add_surds(field: GaussianField, left: Surd, right: Surd) -> Surd:
    """The sum of two surds with the same radicals. Raises ValueError for others."""
    if not left.coefficient or not right.coefficient:
        return right if not left.coefficient else left
    if left.radicals != right.radicals:
        raise ValueError("the sum of these square roots is no single square root")
    return Surd(field.reduce(left.coefficient + right.coefficient), left.radicals)


def density(field: GaussianField, surd: Surd) -> Combination:
    """The standard normal density exp(-s^2/2)/sqrt(2 pi)."""
    half = field.field(QQ(1, 2))
    root = field.sqrt(half)
    return Combination.of(field, root, -1, -field.square(surd) * half)


def bivariate_density(field: GaussianField, h: Surd, k: Surd, rho: Surd) -> Combination:
    """The density of the standard bivariate normal law with correlation rho at (h, k)."""
    rest = 1 - field.square(rho)
    mixed = field.multiply(rho, field.multiply(h, k))
    if mixed.coefficient and mixed.radicals:
        raise ValueError("the exponent of the bivariate normal density is not rational")
    exponent = -(field.square(h) - 2 * mixed.coefficient + field.square(k)) / (2 * rest)
    inverse = field.inverse(field.sqrt(rest))
    return Combination.of(field, Surd(inverse.coefficient / 2, inverse.radicals), -2, exponent)


def arc_sine(field: GaussianField, surd: Surd) -> Combination:
    """asin(s), odd in s, with the values at 0 and +-1."""
    surd = Surd(field.reduce(surd.coefficient), surd.radicals)
    if not surd.coefficient:
        return Combination(field, {})
    positive = bool(surd.coefficient.numer.LC > 0)
    sign = field.field(1 if positive else -1)
    if field.square(surd) == 1:
        return Combination.of(field, Surd(sign / 2, frozenset()), 2)
    atom = Atom("asin", (surd if positive else -surd,))
    return Combination(field, {Monomial(0, frozenset(), field.field(0), (atom,)): sign})


def normal_probability(field: GaussianField, surd: Surd) -> Combination:
    """Phi(s), with Phi(0) = 1/2 and Phi(-s) = 1 - Phi(s)."""
    surd = Surd(field.reduce(surd.coefficient), surd.radicals)
    if not surd.coefficient:
        return Combination.rational(field, field.field(QQ(1, 2)))
    positive = bool(surd.coefficient.numer.LC > 0)
    atom = Atom("Phi", (surd if positive else -surd,))
    value = Combination(field, {Monomial(0, frozenset(), field.field(0), (atom,)): field.field(1)})
    return value if positive else Combination.rational(field, 1) - value


def bivariate_probability(field: GaussianField, h: Surd, k: Surd, rho: Surd) -> Combination:
    """P(X < h, Y < k) for standard normal X, Y with correlation rho."""
    h, k, rho = (Surd(field.reduce(surd.coefficient), surd.radicals) for surd in (h, k, rho))
    if not rho.coefficient:
        return normal_probability(field, h) * normal_probability(field, k)
    if not h.coefficient and not k.coefficient:
        quarter = Combination.rational(field, field.field(QQ(1, 4)))
        half = Combination.of(field, Surd(field.field(QQ(1, 2)), frozenset()), -2)
        return quarter + half * arc_sine(field, rho)
    if field.square(rho) == 1:
        return normal_probability(field, _smaller(field, h, k, rho))
    first, second = sorted((h, k), key=str)
    atom = Atom("Phi2", (first, second, rho))
    return Combination(field, {Monomial(0, frozenset(), field.field(0), (atom,)): field.field(1)})


def _smaller(field: GaussianField, h: Surd, k: Surd, rho: Surd) -> Surd:
    """At correlation 1, P(X < h, X < k) = Phi(min(h, k)). Raises Undetermined where that changes sides."""
    if not bool(rho.coefficient.numer.LC > 0):
        raise Undetermined("a bivariate normal probability degenerates at correlation -1")
    if h == k:
        return h
    if h.radicals != k.radicals:
        raise Undetermined("two thresholds of a degenerate probability were not compared")
    difference = field.reduce(h.coefficient - k.coefficient)
    if len(difference.numer) != 1 or len(difference.denom) != 1:  # one term keeps its sign: a, b > 0
        raise Undetermined("two thresholds of a degenerate probability were not compared")
    sign = field.value_at_sample(difference.numer) * field.value_at_sample(difference.denom)
    return h if sign < 0 else k
