"""E[product of elements] under a centered Gaussian law, by tilting, Stein's recursion and conditioning.

No integral is computed. exp(quadratic) tilts the Gaussian law into another; a step or Phi of a variable
becomes the event that a jointly Gaussian latent variable is positive; Stein's identity

    E[x_i G] = E[x_i] E[G] + sum_j cov(x_i, x_j) E[d_j G]

lowers the powers, where the derivative of a latent event is a point mass, that is, a density times a
conditional law; what remains are orthant probabilities.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, NamedTuple

import sympy
from sympy import QQ, Expr, I, Rational, Symbol, pi
from sympy.core.numbers import Exp1
from sympy.polys.fields import FracElement

from theory.errors import OutsideClass
from theory.gaussian.combination import (
    Combination,
    Monomial,
    arc_sine,
    bivariate_probability,
    normal_probability,
)
from theory.gaussian.element import Element, Factor, Term
from theory.gaussian.field import SAMPLE, GaussianField, NotInField, Surd, field_for, irrational_atoms
from theory.gaussian.special import BivariateNormalCDF


class Law(NamedTuple):
    """Mean and covariance of a Gaussian vector: first the variables, then the latent ones."""

    mean: tuple[FracElement, ...]
    covariance: tuple[tuple[FracElement, ...], ...]


def field_of(
    elements: Sequence[Element],
    symbols: tuple[Symbol, ...],
    also: Sequence[Expr] = (),
    sample: tuple[Rational, ...] = SAMPLE,
) -> GaussianField:
    """The field in which products of these elements, and the expressions ``also``, have their values.

    ``sample``: values of the symbols at which the covariance is positive definite.
    """
    entering: list[Expr] = []
    beside: list[Expr] = list(also)
    complex_numbers = any(expression.has(I, sympy.sin, sympy.cos) for expression in also)
    for term, value in (pair for element in elements for pair in element.terms):
        entering += [term.quadratic, term.linear]
        beside.append(value)
        for factor in term.factors:
            entering += [factor.shift / factor.scale, factor.scale**2]
        complex_numbers = complex_numbers or term.linear.has(I) or value.has(I)
    entering += [atom for atom in irrational_atoms(beside, symbols) if not _known(atom)]
    return field_for(entering, symbols, complex_numbers, sample)


def _known(atom: Expr) -> bool:
    """Constants that a combination holds outside the field: pi, square roots, exponentials, erf."""
    if isinstance(atom, sympy.exp | Exp1 | sympy.erf | sympy.erfc | sympy.asin | sympy.acos | sympy.atan):
        return True
    return atom == pi or atom**2 == pi or (atom**2).is_Rational or atom.has(BivariateNormalCDF)


def expectation(
    elements: Sequence[Element], covariance: Sequence[Sequence[FracElement]], field: GaussianField
) -> Combination:
    """E[product of elements[i](x_i)] for x ~ N(0, covariance), in closed form.

    An even function of one variable times an odd function of another has mean 0. Where a wave meets a step,
    whose threshold it would make complex, only parts of one parity meet: the odd part of max(x, 0) is x/2.
    Raises OutsideClass when an orthant probability without elementary form remains.
    """
    if len(elements) == 2 and any(map(_mixed, _meetings(elements))):
        pairs = zip(*(element.parity() for element in elements), strict=True)
        even, odd = (_expectation(pair, covariance, field) for pair in pairs)
        return even + odd
    return _expectation(elements, covariance, field)


def _meetings(elements: Sequence[Element]) -> itertools.product[tuple[Term, ...]]:
    return itertools.product(*([term for term, _ in element.terms] for element in elements))


def _mixed(terms: Sequence[Term]) -> bool:
    """Whether a wave and a step or Phi meet."""
    return any(term.linear.has(I) for term in terms) and any(term.factors for term in terms)


def _expectation(
    elements: Sequence[Element], covariance: Sequence[Sequence[FracElement]], field: GaussianField
) -> Combination:
    parts: list[tuple[Monomial, FracElement]] = []
    laws: dict[tuple[Any, ...], _Orthant] = {}
    for combination in itertools.product(*(element.terms for element in elements)):
        key = tuple((term.quadratic, term.linear, term.factors) for term, _ in combination)
        if key not in laws:
            laws[key] = _Orthant.build([term for term, _ in combination], covariance, field)
        value = constant(field, sympy.Mul(*(coefficient for _, coefficient in combination)))
        powers = tuple(term.power for term, _ in combination)
        parts.extend((value * laws[key].moment(powers)).terms.items())
    return Combination.collect(field, parts)


def constant(field: GaussianField, value: Expr) -> Combination:
    """A constant expression (rational, radicals, pi, exp, erf, other constants) as a combination."""
    if value.is_Add:
        total = Combination(field, {})
        for part in value.args:
            total += constant(field, part)
        return total
    if value.is_Mul:
        product = Combination.rational(field, 1)
        for part in value.args:
            product = product * constant(field, part)
        return product
    if isinstance(value, sympy.exp | Exp1):
        return _constant_exponential(field, value)
    if isinstance(value, sympy.erf | sympy.erfc):
        sign = 1 if isinstance(value, sympy.erf) else -1
        root = field.multiply(surd_of(field, value.args[0]), field.sqrt(field.field(2)))
        twice = normal_probability(field, root).scaled(field.field(2 * sign))
        return twice + Combination.rational(field, -sign + (sign < 0) * 1)
    if isinstance(value, sympy.sin | sympy.cos) and value.args[0].is_Rational and I in field.generators:
        return _constant_wave(field, value)
    base, power = value.as_base_exp()
    if power.is_Integer and power > 1 and not base.is_Rational and base != pi:
        return constant(field, base) ** int(power)
    surd, half_pi = _surd_and_pi(field, value)
    return Combination.of(field, surd, half_pi)


def _constant_wave(field: GaussianField, value: Expr) -> Combination:
    """sin or cos of a rational in exponentials, in which the phase of a wave has its normal form."""
    one, unit = Surd(field.field(1), frozenset()), field.element(I)
    angle = unit * field.element(value.args[0])
    plus, minus = (Combination.of(field, one, 0, exponent) for exponent in (angle, -angle))
    if isinstance(value, sympy.cos):
        return (plus + minus).scaled(field.field(1) / 2)
    return (plus - minus).scaled(1 / (2 * unit))


def _constant_exponential(field: GaussianField, value: Expr) -> Combination:
    try:
        return Combination.of(
            field, Surd(field.field(1), frozenset()), 0, field.element(value.as_base_exp()[1])
        )
    except NotInField:
        raise OutsideClass(f"the constant {value} is not in the class") from None


def surd_of(field: GaussianField, value: Expr) -> Surd:
    """A constant that is a rational number times a square root. Raises OutsideClass for others."""
    product = constant(field, value)
    if len(product.terms) == 0:
        return Surd(field.field(0), frozenset())
    [(monomial, coefficient), *rest] = product.terms.items()
    if rest or monomial.half_pi or monomial.exponent or monomial.atoms:
        raise OutsideClass(f"the constant {value} is no square root of a rational")
    return Surd(coefficient, monomial.radicals)


def _surd_and_pi(field: GaussianField, value: Expr) -> tuple[Surd, int]:
    one = Surd(field.field(1), frozenset())
    base, power = value.as_base_exp()
    if base == pi and pi not in field.generators and (2 * power).is_Integer:
        return one, int(2 * power)
    if base.is_Rational and base > 0 and (2 * power).is_Integer and not power.is_Integer:
        root = field.sqrt(field.element(base))
        return field.multiply(Surd(field.element(base) ** int(power - sympy.S.Half), frozenset()), root), 0
    try:
        return Surd(field.element(value), frozenset()), 0
    except NotInField:
        raise OutsideClass(f"the constant {value} is not in the class") from None


@dataclass(frozen=True)
class _Orthant:
    """weight * E[x^powers 1{all latent > 0}], with a memory for conditional laws and moments."""

    field: GaussianField
    weight: Combination
    law: Law
    variables: int
    _laws: dict[frozenset[int], Law] = dataclass_field(default_factory=dict)
    _moments: dict[tuple[Any, ...], Combination] = dataclass_field(default_factory=dict)

    @classmethod
    def build(
        cls, terms: Sequence[Term], covariance: Sequence[Sequence[FracElement]], k: GaussianField
    ) -> _Orthant:
        if _mixed(terms):
            raise OutsideClass(
                "sin or cos times a step or erf is outside the class: its thresholds would be complex"
            )
        law, weight = _tilted(terms, covariance, k)
        for index, factor in _located(terms, "point"):
            point = k.element(factor.shift)
            shifted = law.mean[index] - point
            weight = weight * _density(k, shifted, law.covariance[index][index])
            law = _conditioned(law, index, shifted, k)
        latents = [*_located(terms, "step"), *_located(terms, "normal")]
        return cls(k, weight, _with_latents(law, latents, k), len(terms))

    def moment(self, powers: tuple[int, ...]) -> Combination:
        latents = frozenset(range(self.variables, len(self.law.mean)))
        return self.weight * self._moment(frozenset(), latents, powers)

    def _law(self, known: frozenset[int]) -> Law:
        """The law given that the latent variables in ``known`` are 0."""
        if known not in self._laws:
            if not known:
                self._laws[known] = self.law
            else:
                last = max(known)
                before = self._law(known - {last})
                self._laws[known] = _conditioned(before, last, before.mean[last], self.field)
        return self._laws[known]

    def _moment(self, known: frozenset[int], active: frozenset[int], powers: tuple[int, ...]) -> Combination:
        key = (known, active, powers)
        if key not in self._moments:
            self._moments[key] = self._stein(known, active, powers)
        return self._moments[key]

    def _stein(self, known: frozenset[int], active: frozenset[int], powers: tuple[int, ...]) -> Combination:
        law = self._law(known)
        index = next((i for i, power in enumerate(powers) if power), None)
        if index is None:
            return _probability(law, sorted(active), self.field)
        lower = _lowered(powers, index)
        parts = [(law.mean[index], self._moment(known, active, lower))] if law.mean[index] else []
        for other, power in enumerate(lower):
            factor = power * law.covariance[index][other]
            if factor:
                parts.append((factor, self._moment(known, active, _lowered(lower, other))))
        for latent in sorted(active):
            factor = law.covariance[index][latent]
            if factor:
                weight = _density(self.field, law.mean[latent], law.covariance[latent][latent])
                inner = self._moment(known | {latent}, active - {latent}, lower)
                parts.append((factor, weight * inner))
        return Combination.total(self.field, parts)


def _lowered(powers: tuple[int, ...], index: int) -> tuple[int, ...]:
    return (*powers[:index], powers[index] - 1, *powers[index + 1 :])


def _located(terms: Sequence[Term], kind: str) -> list[tuple[int, Factor]]:
    return [(i, factor) for i, term in enumerate(terms) for factor in term.factors if factor.kind == kind]


def _tilted(
    terms: Sequence[Term], covariance: Sequence[Sequence[FracElement]], k: GaussianField
) -> tuple[Law, Combination]:
    """The law tilted by the exponentials: S' = (1 + S P)^-1 S, mean S' J, and the total mass."""
    n = len(terms)
    quadratic = [k.element(term.quadratic) for term in terms]
    linear = [k.element(term.linear) for term in terms]
    rows = [[k.lift(entry) for entry in row] for row in covariance]
    weight = Combination.rational(k, 1)
    if any(quadratic):
        matrix = [[k.lift(rows[i][j] * quadratic[j] + (i == j)) for j in range(n)] for i in range(n)]
        rows, determinant = _solve(matrix, rows, k)
        weight = Combination.of(k, k.inverse(k.sqrt(determinant)))
    mean = [k.reduce(_dot(row, linear, k)) for row in rows]
    if any(linear):
        weight = weight * Combination.of(k, Surd(k.field(1), frozenset()), 0, _dot(linear, mean, k) / 2)
    return Law(tuple(mean), tuple(map(tuple, rows))), weight


def _dot(left: Sequence[FracElement], right: Sequence[FracElement], k: GaussianField) -> FracElement:
    return k.sum([k.product(x, y) for x, y in zip(left, right, strict=True)])


def _solve(
    matrix: list[list[FracElement]], right: list[list[FracElement]], k: GaussianField
) -> tuple[list[list[FracElement]], FracElement]:
    """matrix^-1 right and det(matrix) by Bareiss' elimination (leading minors are not zero).

    Over one denominator all divisions are exact, so that one gcd per entry remains, at the end.
    Source: Bareiss, Sylvester's identity and multistep integer-preserving Gaussian elimination, 1968.
    """
    n = len(matrix)
    scale = k.common_denominator([entry for row in (*matrix, *right) for entry in row])
    rows = [[k.numerator(entry, scale) for entry in (*matrix[i], *right[i])] for i in range(n)]
    before = k.field.ring.one
    for pivot in range(n):
        head = rows[pivot][pivot]
        for i in range(n):
            if i != pivot:
                factor = rows[i][pivot]
                rows[i] = [
                    (head * x - factor * y).quo(before) for x, y in zip(rows[i], rows[pivot], strict=True)
                ]
        before = head
    solved = [[k.reduce(k.fraction(entry, before)) for entry in row[n:]] for row in rows]
    return solved, k.reduce(k.fraction(before, scale**n))


def _with_latents(law: Law, latents: Sequence[tuple[int, Factor]], k: GaussianField) -> Law:
    """Add w = x - t for 1{x > t}, and w = x + beta/alpha + g/alpha, g ~ N(0, 1), for Phi(alpha x + beta)."""
    mean, rows = list(law.mean), [list(row) for row in law.covariance]
    owners = list(range(len(mean)))
    for index, factor in latents:
        is_step = factor.kind == "step"
        shift = -factor.shift if is_step else factor.shift / factor.scale
        noise = k.field(0) if is_step else 1 / k.element(factor.scale**2)
        mean.append(k.reduce(law.mean[index] + k.element(sympy.expand(shift))))
        new = [law.covariance[index][owner] for owner in owners]
        for row, entry in zip(rows, new, strict=True):
            row.append(entry)
        rows.append([*new, k.reduce(law.covariance[index][index] + noise)])
        owners.append(index)
    return Law(tuple(mean), tuple(map(tuple, rows)))


def _conditioned(law: Law, index: int, shifted_mean: FracElement, k: GaussianField) -> Law:
    """The law given that variable ``index`` minus its threshold is zero."""
    column = [row[index] for row in law.covariance]
    variance = column[index]
    mean = tuple(k.reduce(m - c * shifted_mean / variance) for m, c in zip(law.mean, column, strict=True))
    rows = tuple(
        tuple(k.reduce(entry - column[i] * column[j] / variance) for j, entry in enumerate(row))
        for i, row in enumerate(law.covariance)
    )
    return Law(mean, rows)


def _density(k: GaussianField, mean: FracElement, variance: FracElement) -> Combination:
    """The density at 0 of N(mean, variance)."""
    root = k.inverse(k.sqrt(2 * variance))
    return Combination.of(k, root, -1, -(mean**2) / (2 * variance))


def _probability(law: Law, latents: list[int], k: GaussianField) -> Combination:
    """P(all latents > 0). A latent of zero variance does not occur: steps in one variable were merged."""
    blocks = _independent_blocks(law, latents)
    result = Combination.rational(k, 1)
    for block in blocks:
        result = result * _block_probability(law, block, k)
    return result


def _independent_blocks(law: Law, latents: list[int]) -> list[list[int]]:
    blocks: list[list[int]] = []
    for latent in latents:
        touching = [block for block in blocks if any(law.covariance[latent][other] for other in block)]
        merged = [latent, *(other for block in touching for other in block)]
        blocks = [block for block in blocks if block not in touching] + [sorted(merged)]
    return blocks


def _block_probability(law: Law, block: list[int], k: GaussianField) -> Combination:
    thresholds = [_standardized(law, i, k) for i in block]
    if len(block) == 1:
        return normal_probability(k, thresholds[0])
    if len(block) == 2:
        i, j = block
        return bivariate_probability(k, thresholds[0], thresholds[1], _correlation(law, i, j, k))
    if len(block) == 3 and not any(law.mean[i] for i in block):
        total = Combination.rational(k, k.field(QQ(1, 8)))
        quarter = Combination.of(k, Surd(k.field(QQ(1, 4)), frozenset()), -2)
        for i, j in itertools.combinations(block, 2):
            total += quarter * arc_sine(k, _correlation(law, i, j, k))
        return total
    raise OutsideClass(
        f"the probability of an orthant in {len(block)} dimensions remains, which is not elementary"
    )


def _standardized(law: Law, index: int, k: GaussianField) -> Surd:
    if not law.mean[index]:
        return Surd(k.field(0), frozenset())
    inverse = k.inverse(k.sqrt(law.covariance[index][index]))
    return k.multiply(Surd(law.mean[index], frozenset()), inverse)


def _correlation(law: Law, i: int, j: int, k: GaussianField) -> Surd:
    variance: Any = law.covariance[i][i] * law.covariance[j][j]
    inverse = k.inverse(k.sqrt(variance))
    return k.multiply(Surd(law.covariance[i][j], frozenset()), inverse)
