"""From the normal form to the expression that a paper would print."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import QQ, Expr, I, Rational, S, Symbol, acos, asin, cos, cosh, exp, pi, sin, sinh, sqrt
from sympy.polys.fields import FracElement

from theory.gaussian.combination import Atom, Combination, Monomial
from theory.gaussian.field import GaussianField, Surd
from theory.gaussian.special import BivariateNormalCDF, normal_cdf

Terms = dict[Monomial, FracElement]


def present(combination: Combination) -> Expr:
    """The (real) value as a SymPy expression.

    Conjugate exponentials become cosines, opposite ones hyperbolic functions, pi/2 + asin becomes
    pi - acos, a common factor is taken out, and polynomials are written as p(a, b) - c^2 q(a, b).
    """
    field, terms = combination.field, dict(combination.terms)
    common = _common_factor(field, terms)
    inner = Combination(field, {_shift(m, common): value / common[1] for m, value in terms.items()})
    total = sympy.Add(*_summands(field, dict(inner.terms)))
    return sympy.Mul(*_factors(field, common[1]), pi ** Rational(common[0], 2), total)


def _shift(monomial: Monomial, common: tuple[int, FracElement]) -> Monomial:
    return monomial._replace(half_pi=monomial.half_pi - common[0])


def _common_factor(field: GaussianField, terms: Terms) -> tuple[int, FracElement]:
    """The power of sqrt(pi) and the number that every summand shares."""
    companions = {m for m, value in terms.items() if _partner(field, m, value, terms) is not None}
    rest = {m: value for m, value in terms.items() if m not in companions}
    if len({m.half_pi for m in rest}) != 1 or len(rest) < 2:
        return 0, field.field(1)
    contents = [_content(value) for value in rest.values()]
    number = Rational(
        sympy.igcd(*(content.p for content in contents)), sympy.ilcm(*(content.q for content in contents))
    )
    return next(iter(rest)).half_pi, field.field(QQ(number.p, number.q))


def _content(value: FracElement) -> Rational:
    ratio = value.numer.factor_list()[0] / value.denom.factor_list()[0]
    return abs(Rational(int(ratio.numerator), int(ratio.denominator)))


def _partner(
    field: GaussianField, monomial: Monomial, value: FracElement, terms: Terms
) -> tuple[Monomial, int] | None:
    """The term with asin(c/sqrt(a b)), the angle of the inputs, to which this one adds +-pi/2; the sign."""
    squared_angle = _squared_angle(field)
    if monomial.atoms or squared_angle is None:
        return None
    for other, other_value in terms.items():
        if len(other.atoms) == 1 and other.atoms[0].kind == "asin":
            angle = field.square(other.atoms[0].arguments[0]) == squared_angle
            bare = other._replace(atoms=(), half_pi=other.half_pi + 2)
            if angle and bare == monomial and other_value in (2 * value, -2 * value):
                return other, (1 if other_value == 2 * value else -1)
    return None


def _squared_angle(field: GaussianField) -> FracElement | None:
    """The squared cosine of the angle of two inputs: c^2/(a b), or rho^2 on the unit sphere."""
    entries = [field.generators[symbol] for symbol in field.symbols]
    if len(entries) == 3:
        return entries[2] ** 2 / (entries[0] * entries[1])
    return entries[0] ** 2 if len(entries) == 1 and not field.symbols[0].is_positive else None


def _summands(field: GaussianField, terms: Terms) -> list[Expr]:
    summands = []
    for monomial, value in list(terms.items()):
        partner = _partner(field, monomial, value, terms)
        if partner is not None:
            other, sign = partner
            (surd,) = other.atoms[0].arguments
            cosine = acos(_surd(field, surd))
            prefactor = _product(field, other._replace(atoms=()), terms.pop(other))
            summands.append(prefactor * (pi - cosine if sign > 0 else -cosine))
            del terms[monomial]
    return summands + _hyperbolic_groups(field, terms)


def _surd(field: GaussianField, surd: Surd) -> Expr:
    return _factored(field, surd.coefficient) * _root(field, surd.radicals)


def _hyperbolic_groups(field: GaussianField, terms: Terms) -> list[Expr]:
    """Pairs whose exponents are exchanged when all covariances change sign become sinh or cosh."""
    result, remaining = [], dict(terms)
    while remaining:
        monomial, value = remaining.popitem()
        mirror = _mirrored(field, monomial)
        other = remaining.get(mirror) if mirror is not None and mirror != monomial else None
        if (
            mirror is None
            or other is None
            or other not in (value, -value)
            or not field.is_real(monomial.exponent)
        ):
            result.append(_product(field, monomial, value))
            continue
        del remaining[mirror]
        middle = (monomial.exponent + mirror.exponent) / 2
        half = (monomial.exponent - mirror.exponent) / 2
        if half.numer.LC < 0:
            value, half = other, -half
        function = cosh if terms[monomial] == terms[mirror] else sinh
        angle = function(_factored(field, half))
        result.append(_product(field, monomial._replace(exponent=middle), 2 * value) * angle)
    return result


def _mirrored(field: GaussianField, monomial: Monomial) -> Monomial | None:
    if monomial.atoms:
        return None
    exponent = monomial.exponent
    for c in (symbol for symbol in field.symbols if not symbol.is_positive):
        exponent = field.substitute(exponent, c, -field.generators[c])
    return monomial._replace(exponent=exponent)


def _product(field: GaussianField, monomial: Monomial, value: FracElement) -> Expr:
    """One term; of complex ones the real part, since the sum is real."""
    exponent, real = monomial.exponent, field.is_real(monomial.exponent) and field.is_real(value)
    factor = pi ** Rational(monomial.half_pi, 2) * _root(field, monomial.radicals)
    for atom in monomial.atoms:
        factor *= _atom(field, atom)
    if real:
        return sympy.Mul(
            *_factors(field, value), *sympy.Mul.make_args(factor), exp(_factored(field, exponent))
        )
    re, im = _parts(field, value)
    size, phase = _parts(field, exponent)
    angle = _factored(field, phase)
    wave = _factored(field, re) * cos(angle) - _factored(field, im) * sin(angle)
    return factor * wave * exp(_factored(field, size))


def _parts(field: GaussianField, value: FracElement) -> tuple[FracElement, FracElement]:
    conjugate, two_i = field.conjugate(value), 2 * field.generators[I]
    return field.reduce((value + conjugate) / 2), field.reduce((value - conjugate) / two_i)


def _atom(field: GaussianField, atom: Atom) -> Expr:
    arguments = [_surd(field, surd) for surd in atom.arguments]
    return {"asin": asin, "Phi": normal_cdf, "Phi2": BivariateNormalCDF}[atom.kind](*arguments)


def _root(field: GaussianField, radicals: frozenset[Any]) -> Expr:
    roots = S.One
    for radical in radicals:
        roots *= sqrt(radical if isinstance(radical, int) else _polynomial(field, radical))
    return roots


def _factored(field: GaussianField, value: FracElement) -> Expr:
    return sympy.Mul(*_factors(field, value))


def _factors(field: GaussianField, value: FracElement) -> list[Expr]:
    """The number and the polynomial factors of a quotient, each factor positive at the sample point."""
    if not value:
        return [S.Zero]
    number, factors = S.One, []
    for part, direction in ((value.numer, 1), (value.denom, -1)):
        content, found = part.factor_list()
        number *= Rational(int(content.numerator), int(content.denominator)) ** direction
        for factor, power in found:
            if field.is_real(field.field(factor)) and field.value_at_sample(factor) < 0:
                factor, number = -factor, number * (-1) ** power
            factors.append(_polynomial(field, factor) ** (direction * power))
    # One product of all factors: SymPy would multiply a number into a sum that stands alone beside it.
    return [number, *factors]


def _polynomial(field: GaussianField, polynomial: Any) -> Expr:
    """A polynomial as a sum over powers of c of factored coefficients: (1 + a)(1 + b) - c^2."""
    names: tuple[Symbol, ...] = (*field.symbols, *field.constants)
    expression = polynomial.as_expr(*names)
    if len(field.symbols) != 3 or len(polynomial) < 3:
        return expression
    c = field.symbols[2]
    powers = sympy.collect(expression, c, evaluate=False)
    return sympy.Add(*(power * sympy.factor(value) for power, value in powers.items()))


def merge_roots(expression: Expr) -> Expr:
    """sqrt(1 - rho) sqrt(1 + rho) becomes sqrt(1 - rho^2); the radicands must be positive."""
    return expression.replace(lambda node: node.is_Mul, _merged_product)


def _merged_product(product: Expr) -> Expr:
    radicands: dict[Rational, Expr] = {}
    others = []
    for part in product.args:
        if part.is_Pow and part.base.free_symbols and (2 * part.exp).is_Integer and not part.exp.is_Integer:
            radicands[part.exp] = radicands.get(part.exp, S.One) * part.base
        else:
            others.append(part)
    return sympy.Mul(*others, *(sympy.expand(base) ** power for power, base in radicands.items()))
