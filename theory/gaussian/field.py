"""The field of rational functions in which Gaussian expectations are computed, with its square roots.

Generators are the entries of the covariance, the imaginary unit where sin or cos occur, and every
irrational constant that enters a covariance. Quadratic constants are reduced by their own equation;
other constants (pi, log 2) are independent variables, so that what is proved holds for all their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import sympy
from sympy import QQ, Expr, I, Integer, Rational, S, Symbol
from sympy.polys.fields import FracElement, FracField
from sympy.polys.fields import field as make_field

# Entries of a covariance inside every domain that a square-integrable activation allows (a, b <= 1).
SAMPLE = (Rational(9, 10), Rational(7, 10), Rational(3, 10))


class Surd(NamedTuple):
    """coefficient * sqrt(product of the radicals); the radicals are primes and irreducible polynomials."""

    coefficient: FracElement
    radicals: frozenset[Any]

    def __neg__(self) -> Surd:
        return Surd(-self.coefficient, self.radicals)


class Undetermined(ArithmeticError):
    """A substitution hits a zero of a denominator, or a limit is not determined by the normal form."""


class NotInField(ValueError):
    """An expression is no rational function of the generators."""


def irrational_atoms(expressions: Iterable[Expr], symbols: Sequence[Symbol]) -> list[Expr]:
    """The constants from which ``expressions`` are built by field operations, rationals and symbols aside."""
    found: dict[Expr, None] = {}

    def visit(node: Expr) -> None:
        if node.is_Rational or node in symbols:
            return
        if node.is_Add or node.is_Mul:
            for part in node.args:
                visit(part)
        elif node.is_Pow and node.exp.is_Integer:
            visit(node.base)
        else:
            found[_root(node)] = None

    for expression in expressions:
        visit(expression)
    return sorted((atom for atom in found if not atom.has(*symbols)), key=str) if symbols else list(found)


def _root(node: Expr) -> Expr:
    """base^(p/q) is a power of the generator base^(1/q)."""
    if node.is_Pow and node.exp.is_Rational:
        return node.base ** Rational(1, node.exp.q)
    return node


@dataclass(frozen=True)
class GaussianField:
    """Rational functions of ``symbols`` over the rationals with the given irrational constants adjoined."""

    symbols: tuple[Symbol, ...]
    constants: tuple[Expr, ...] = ()
    sample: tuple[Rational, ...] = SAMPLE

    @cached_property
    def _names(self) -> tuple[Symbol, ...]:
        return (*self.symbols, *(Symbol(f"_k{i}") for i in range(len(self.constants))))

    @cached_property
    def _made(self) -> tuple[Any, ...]:
        return make_field(self._names, QQ)

    @property
    def field(self) -> FracField:
        """SymPy's field of fractions."""
        return self._made[0]

    @cached_property
    def generators(self) -> dict[Expr, FracElement]:
        """The element that stands for each symbol and each constant."""
        return dict(zip((*self.symbols, *self.constants), self._made[1:], strict=True))

    @cached_property
    def squares(self) -> tuple[tuple[int, int], ...]:
        """(index, square) of the generators that are the imaginary unit or square roots of integers."""
        offset = len(self.symbols)
        return tuple(
            (offset + i, int(constant**2))
            for i, constant in enumerate(self.constants)
            if (constant**2).is_Integer
        )

    @cached_property
    def _memory(self) -> dict[FracElement, Surd]:
        return {}

    def lift(self, value: Any) -> FracElement:
        """A number or an element as an element (SymPy's 0 + 1 would stay an int)."""
        return value if isinstance(value, FracElement) else self.field(value)

    def element(self, expression: Expr) -> FracElement:
        """The element that ``expression`` is. Raises NotInField."""
        if expression.is_Rational:
            return self.field(QQ(expression.p, expression.q))
        if expression in self.generators:
            return self.generators[expression]
        if expression.is_Add:
            return sum((self.element(part) for part in expression.args), self.field(0))
        if expression.is_Mul:
            product = self.field(1)
            for part in expression.args:
                product *= self.element(part)
            return product
        if expression.is_Pow and expression.exp.is_Rational:
            if expression.exp.is_Integer:
                return self.element(expression.base) ** int(expression.exp)
            return self._root_element(_root(expression)) ** int(expression.exp.p)
        raise NotInField(str(expression))

    def _root_element(self, root: Expr) -> FracElement:
        if root in self.generators:
            return self.generators[root]
        square = root**2
        if not (square.is_Rational and square > 0):
            raise NotInField(str(root))
        surd = self.sqrt(self.element(square))
        if surd.radicals:
            raise NotInField(str(root))
        return surd.coefficient

    def expression(self, element: FracElement) -> Expr:
        """The SymPy expression of an element."""
        return element.as_expr(*self.symbols, *self.constants)

    def reduce(self, element: FracElement) -> FracElement:
        """The canonical form: denominator free of quadratic constants, numerator linear in each."""
        for index, square in self.squares:
            element = self._reduce_one(element, index, square)
        return element

    def _reduce_one(self, element: FracElement, index: int, square: int) -> FracElement:
        if all(m[index] < 2 for m in element.numer) and not any(m[index] for m in element.denom):
            return element  # canonical already: to divide again would cost a gcd
        numerator, denominator = (
            self._lowered(part, index, square) for part in (element.numer, element.denom)
        )
        if any(monomial[index] for monomial in denominator):
            conjugate = denominator.ring.from_dict(
                {m: (-v if m[index] else v) for m, v in denominator.items()}
            )
            numerator = self._lowered(numerator * conjugate, index, square)
            denominator = self._lowered(denominator * conjugate, index, square)
        return self.field(numerator) / self.field(denominator)

    @staticmethod
    def _lowered(polynomial: Any, index: int, square: int) -> Any:
        lowered: dict[tuple[int, ...], Any] = {}
        for monomial, value in polynomial.items():
            twice, rest = divmod(monomial[index], 2)
            new = (*monomial[:index], rest, *monomial[index + 1 :])
            lowered[new] = lowered.get(new, 0) + value * QQ(square) ** twice
        return polynomial.ring.from_dict({m: v for m, v in lowered.items() if v})

    def sum(self, elements: Sequence[FracElement]) -> FracElement:
        """The sum over the least common denominator: one gcd of numerators, where pairwise sums need many.

        SymPy adds n/d + m/e over d e, whose gcd with the numerator costs more than all the rest.
        """
        if len(elements) == 1:
            return elements[0]
        common = self.common_denominator(elements)
        total = sum((self.numerator(element, common) for element in elements), self.field.ring.zero)
        return self.fraction(total, common)

    def common_denominator(self, elements: Sequence[FracElement]) -> Any:
        """The least common multiple of the denominators, a polynomial."""
        common = self.field.ring.one
        for denominator in sorted({element.denom for element in elements}, key=len, reverse=True):
            common *= denominator.cofactors(common)[1]
        return common

    @staticmethod
    def numerator(element: FracElement, denominator: Any) -> Any:
        """The polynomial over a multiple of the element's denominator."""
        if element.denom == denominator:
            return element.numer
        return element.numer * denominator.quo(element.denom)

    def fraction(self, numerator: Any, denominator: Any) -> FracElement:
        """numerator/denominator, reduced."""
        return self.field.one.new(numerator, denominator)

    @staticmethod
    def product(left: FracElement, right: FracElement) -> FracElement:
        """The product: reduced fractions cancel crosswise only, so the gcds are those of the factors."""
        first, below_right = left.numer.cancel(right.denom)
        second, below_left = right.numer.cancel(left.denom)
        return left.raw_new(first * second, below_left * below_right)

    @staticmethod
    def derivative(element: FracElement, generator: FracElement) -> FracElement:
        """d(n/d) = (n' e - n f)/(d e) with d'/d = f/e reduced; over d^2 much more would cancel."""
        numerator, denominator, by = element.numer, element.denom, generator.numer
        inner, below = denominator.diff(by).cancel(denominator)
        return element.new(numerator.diff(by) * below - numerator * inner, denominator * below)

    def substitute(self, element: FracElement, symbol: Symbol, value: FracElement) -> FracElement:
        """The element at symbol = value. Raises Undetermined where the denominator vanishes."""
        index = self.symbols.index(symbol)
        numerator, denominator = (
            self._polynomial_at(part, index, value) for part in (element.numer, element.denom)
        )
        if not denominator:
            raise Undetermined("a denominator vanishes")
        return self.reduce(numerator / denominator)

    def _polynomial_at(self, polynomial: Any, index: int, value: FracElement) -> FracElement:
        powers: dict[int, dict[tuple[int, ...], Any]] = {}
        for monomial, coefficient in polynomial.items():
            rest = (*monomial[:index], 0, *monomial[index + 1 :])
            powers.setdefault(monomial[index], {})[rest] = coefficient
        total = self.field(0)
        for power, part in powers.items():
            lifted = value**power if power else self.field(1)  # SymPy refuses 0**0
            total += self.field(polynomial.ring.from_dict(part)) * lifted
        return total

    def conjugate(self, element: FracElement) -> FracElement:
        """The complex conjugate of a reduced element."""
        if I not in self.constants:
            return element
        index = len(self.symbols) + self.constants.index(I)
        flipped = element.numer.ring.from_dict({m: (-v if m[index] else v) for m, v in element.numer.items()})
        return self.field(flipped) / self.field(element.denom)

    def is_real(self, element: FracElement) -> bool:
        """Whether a reduced element is free of the imaginary unit."""
        return bool(self.conjugate(element) == element)

    def value_at_sample(self, polynomial: Any) -> Any:
        """A polynomial at the sample point (exact where no irrational constant occurs)."""
        values = (*self.sample[: len(self.symbols)], *self.constants)
        total = S.Zero
        for monomial, coefficient in polynomial.items():
            term = Rational(int(coefficient.numerator), int(coefficient.denominator))
            for base, power in zip(values, monomial, strict=True):
                term = term * base**power
            total += term
        return total if total.is_Rational else sympy.N(total, 30)

    def sqrt(self, element: FracElement) -> Surd:
        """The square root of an element that is positive on the whole (connected) domain.

        A factor of such an element has no zero in the domain, hence one sign, read off at one point.
        Raises ValueError if the element is negative there.
        """
        element = self.reduce(element)
        if element not in self._memory:
            self._memory[element] = self._sqrt(element)
        return self._memory[element]

    def _sqrt(self, element: FracElement) -> Surd:
        denominator = element.denom
        if self.value_at_sample(denominator) < 0:
            denominator = -denominator
        radicand = element.numer * element.denom
        if not radicand:
            return Surd(self.field(0), frozenset())
        content, factors = radicand.factor_list()
        coefficient, radicals, odd = self.field(1) / self.field(denominator), [], 0
        for factor, power in factors:
            if self.value_at_sample(factor) < 0:
                factor, odd = -factor, odd + power
            coefficient *= self.field(factor) ** (power // 2)
            if power % 2:
                radicals.append(factor)
        number = Rational(int(content.numerator), int(content.denominator)) * (-1) ** (odd % 2)
        if number <= 0:
            raise ValueError(f"{self.expression(element)} is not positive")
        outside, primes = self._root_of_rational(number)
        return Surd(self.reduce(coefficient * outside), frozenset((*radicals, *primes)))

    def _root_of_rational(self, number: Rational) -> tuple[FracElement, list[int]]:
        outside, primes = self.field(QQ(1, number.q)), []
        for prime, power in sympy.factorint(number.p * number.q).items():
            outside *= prime ** (power // 2)
            if power % 2:
                if sympy.sqrt(prime) in self.generators:
                    outside *= self.generators[sympy.sqrt(prime)]
                else:
                    primes.append(int(prime))
        return outside, primes

    def multiply(self, left: Surd, right: Surd) -> Surd:
        """The product of two surds: a radical that occurs twice leaves the root."""
        coefficient = self.product(left.coefficient, right.coefficient)
        for common in left.radicals & right.radicals:
            coefficient *= common if isinstance(common, int) else self.field(common)
        return Surd(coefficient, left.radicals ^ right.radicals)

    def square(self, surd: Surd) -> FracElement:
        """The square of a surd."""
        return self.reduce(self.multiply(surd, surd).coefficient)

    def inverse(self, surd: Surd) -> Surd:
        """1/surd."""
        return Surd(surd.coefficient / self.square(surd), surd.radicals)

    def surd_expression(self, surd: Surd) -> Expr:
        """The SymPy expression of a surd."""
        return self.expression(surd.coefficient) * self.root_expression(surd.radicals)

    def root_expression(self, radicals: frozenset[Any]) -> Expr:
        """The SymPy expression of the square root of the product of the radicals."""
        product = S.One
        for radical in radicals:
            product *= (
                Integer(radical)
                if isinstance(radical, int)
                else radical.as_expr(*self.symbols, *self.constants)
            )
        return sympy.sqrt(product)


def field_for(
    expressions: Iterable[Expr],
    symbols: tuple[Symbol, ...],
    imaginary: bool,
    sample: tuple[Rational, ...] = SAMPLE,
) -> GaussianField:
    """The field whose constants are those of ``expressions``; square roots are split into primes."""
    constants: dict[Expr, None] = {I: None} if imaginary else {}
    for atom in irrational_atoms(expressions, symbols):
        if (atom**2).is_Integer and atom**2 > 0:
            constants |= {sympy.sqrt(prime): None for prime in sympy.factorint(int(atom**2))}
        elif (atom**2).is_Rational and atom != I:
            pair = (atom**2).p * (atom**2).q
            constants |= {sympy.sqrt(prime): None for prime in sympy.factorint(abs(int(pair)))}
        else:
            constants[atom] = None
    if not (symbols or constants):
        constants[sympy.sqrt(2)] = None  # SymPy cannot factor polynomials in no variable
    ordered = sorted(constants, key=lambda constant: (constant != I, str(constant)))
    return GaussianField(symbols, tuple(ordered), sample)
