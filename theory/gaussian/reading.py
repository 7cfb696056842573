"""From a SymPy expression of an activation to an element of the class, or the reason why it has none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache

import sympy
from sympy import Abs, And, Expr, Heaviside, Max, Min, Not, Or, Piecewise, Poly, S, Symbol, sign, sqrt
from sympy.core.relational import Relational

from theory.errors import InputError, OutsideClass
from theory.gaussian.element import ONE, Element, Term, exponential, normal, point_mass, step

_MAXIMUM_POWER = 60

_CLASS = (
    "the class holds sums and products of polynomials, exp of a quadratic, sin, cos, sinh, cosh, erf of a "
    "linear function, max, min, abs, sign, Heaviside and Piecewise"
)


@lru_cache(maxsize=512)
def read(expression: Expr, variable: Symbol) -> Element:
    """The element of the class that ``expression`` is, as a function of ``variable``.

    Raises OutsideClass, which names the sub-expression and the reason, InputError for free symbols.
    """
    others = sorted(str(symbol) for symbol in expression.free_symbols - {variable})
    if others:
        raise InputError(f"{expression} has the free symbols {', '.join(others)}: allowed is {variable} only")
    if expression.has(S.NaN, S.Infinity, S.NegativeInfinity, S.ComplexInfinity):
        raise InputError(f"{expression} is not a finite function")
    # a float means the decimal that was written: 0.1 is 1/10, not the nearest double
    decimals = {number: sympy.Rational(str(number)) for number in expression.atoms(sympy.Float)}
    return _read(expression.xreplace(decimals), variable)


def require_square_integrable(element: Element, expression: Expr) -> None:
    """Refuse a function s with E[s(z)^2] infinite for z ~ N(0, 1): its exponent must stay below z^2/4.

    Raises InputError, OutsideClass where it grows faster on a bounded part of the line only.
    """
    lowest = _lowest(element)
    if 2 * lowest + 1 > 0:
        return
    if all(2 * _lowest(end) + 1 > 0 for end in _ends(element)):
        raise OutsideClass(
            f"{expression} is outside the class: on a bounded interval it contains exp({-lowest / 2}*z**2)"
        )
    raise InputError(
        f"{expression} is not square integrable under N(0, 1): it contains exp(p*z**2) with "
        f"p = {-lowest / 2}, and E[s(z)**2] is finite only for p < 1/4"
    )


def _lowest(element: Element) -> Expr:
    """The coefficient q of the fastest growing exp(-q x^2/2), at most 0."""
    return min((term.quadratic for term, _ in element.terms), default=S.Zero)


def _ends(element: Element) -> tuple[Element, Element]:
    """What the function is beyond all of its steps, to the left and to the right."""
    kept = [(t, tuple(f for f in t.factors if f.kind != "step"), value) for t, value in element.terms]
    left = Element.collect((t, value) for t, factors, value in kept if factors == t.factors)
    return left, Element.collect((t._replace(factors=factors), value) for t, factors, value in kept)


def require_finite_at(element: Element, a: Expr, b: Expr, c: Expr) -> None:
    """Refuse a covariance at which E[s(u) s(v)] is infinite, though its closed form has a value there.

    exp(-p x^2/2) needs Sigma^-1 + p positive definite. Raises InputError.
    """
    lowest = _lowest(element)
    if not (
        1 + lowest * a > 0 and 1 + lowest * b > 0 and (1 + lowest * a) * (1 + lowest * b) > (lowest * c) ** 2
    ):
        raise InputError(
            f"the expectation is infinite at a = {a}, b = {b}, c = {c}: the activation grows like "
            f"exp({-lowest / 2}*z**2), give smaller variances"
        )


def _read(expression: Expr, x: Symbol) -> Element:
    if not expression.has(x):
        return Element.constant(_real_or_imaginary(expression))
    if expression == x:
        return Element.collect([(ONE._replace(power=1), S.One)])
    for kinds, reader in _READERS:
        if isinstance(expression, kinds):
            return reader(expression, x)
    raise OutsideClass(f"{expression} is outside the class: {_reason(expression, x)}; {_CLASS}")


def _real_or_imaginary(value: Expr) -> Expr:
    if value.is_extended_real is False and value.is_imaginary is not True:
        raise InputError(f"{value} is not a real number")
    return value


def _add(expression: Expr, x: Symbol) -> Element:
    return Element.collect(pair for part in expression.args for pair in _read(part, x).terms)


def _mul(expression: Expr, x: Symbol) -> Element:
    product = Element.constant(S.One)
    for part in expression.args:
        product = product * _read(part, x)
    return product


def _pow(expression: Expr, x: Symbol) -> Element:
    base, exponent = expression.as_base_exp()
    if not base.has(x) and base.is_positive:
        return _exp(sympy.exp(exponent * sympy.log(base), evaluate=False), x)
    if not (exponent.is_Integer and exponent > 0):
        raise OutsideClass(
            f"{expression} is outside the class: the power {exponent} of a function of {x} is not a "
            f"positive integer; {_CLASS}"
        )
    if exponent > _MAXIMUM_POWER:
        raise OutsideClass(f"{expression} is too large: powers up to {_MAXIMUM_POWER} are allowed")
    return _read(base, x) ** int(exponent)


def _quadratic(exponent: Expr, whole: Expr, x: Symbol) -> tuple[Expr, Expr, Expr]:
    """The coefficients (constant, linear, quadratic) of a polynomial of degree at most 2."""
    polynomial = _polynomial(exponent, x)
    if polynomial is None or polynomial.degree() > 2:
        raise OutsideClass(
            f"{whole} is outside the class: {exponent} is not a polynomial of degree at most 2 in {x}"
        )
    constant, linear, quadratic = (polynomial.coeff_monomial(x**k) for k in range(3))
    return constant, linear, quadratic


def _polynomial(expression: Expr, x: Symbol) -> Poly | None:
    expanded = sympy.expand(expression)
    return Poly(expanded, x) if expanded.is_polynomial(x) else None


def _linear(argument: Expr, whole: Expr, x: Symbol) -> tuple[Expr, Expr]:
    constant, linear, quadratic = _quadratic(argument, whole, x)
    if quadratic != 0:
        raise OutsideClass(f"{whole} is outside the class: its argument {argument} is not linear in {x}")
    return constant, linear


def _exp(expression: Expr, x: Symbol) -> Element:
    exponent = expression.args[0] if isinstance(expression, sympy.exp) else expression.exp
    polynomial = _polynomial(exponent, x)
    if polynomial is None and exponent.has(*_PIECEWISE):
        return _piecewise_exponential(exponent, expression, x)
    if polynomial is not None and polynomial.degree() > 2:
        bounded = polynomial.degree() % 2 == 0 and polynomial.LC().is_negative
        if not bounded:
            raise InputError(
                f"{expression} is not square integrable under N(0, 1): it outgrows every Gaussian"
            )
    constant, linear, quadratic = _quadratic(exponent, expression, x)
    return exponential(-2 * quadratic, linear, constant)


def _piecewise_exponential(exponent: Expr, whole: Expr, x: Symbol) -> Element:
    """exp of a piecewise polynomial: exp(p_0) + sum_k 1{x > t_k} (exp(p_k) - exp(p_(k-1)))."""
    element = _read(exponent, x)
    if not _is_piecewise_polynomial(element):
        raise OutsideClass(f"{whole} is outside the class: {exponent} is not a piecewise polynomial")
    edges, pieces = _pieces(element, x)
    first, *others = (_exp(sympy.exp(piece.as_expr(), evaluate=False), x) for piece in pieces)
    total = first
    for edge, before, after in zip(edges, [first, *others], others, strict=False):
        total = total + step(edge) * (after - before)
    return total


def _from_exponentials(
    combine: Callable[[Element, Element], Element], unit: Expr
) -> Callable[[Expr, Symbol], Element]:
    def reader(expression: Expr, x: Symbol) -> Element:
        constant, linear, quadratic = _quadratic(expression.args[0], expression, x)
        plus = exponential(-2 * unit * quadratic, unit * linear, unit * constant)
        minus = exponential(2 * unit * quadratic, -unit * linear, -unit * constant)
        return combine(plus, minus)

    return reader


def _erf(expression: Expr, x: Symbol) -> Element:
    constant, linear = _linear(expression.args[0], expression, x)
    value = normal(sqrt(2) * linear, sqrt(2) * constant).scaled(sympy.Integer(2)) - Element.constant(S.One)
    return value if isinstance(expression, sympy.erf) else Element.constant(S.One) - value


def _positive(condition: Expr, whole: Expr, x: Symbol) -> Element:
    """The indicator of {condition > 0} for a piecewise polynomial with explicit real roots."""
    element = _read(condition, x)
    if not _is_piecewise_polynomial(element):
        raise OutsideClass(
            f"{whole} is outside the class: the zeros of {condition} are kinks or jumps, and it is not a "
            "piecewise polynomial"
        )
    edges, pieces = _pieces(element, x)
    inside = zip(pieces, [-S.Infinity, *edges], [*edges, S.Infinity], strict=True)
    zeros = {r for piece, low, high in inside for r in _real_roots(piece, whole) if low < r < high}
    points = sorted(zeros.union(edges))
    between = [(left + right) / 2 for left, right in itertools.pairwise(points)]
    probes = [points[0] - 1, *between, points[-1] + 1] if points else [S.Zero]
    signs = [int(bool(_at(pieces, edges, probe) > 0)) for probe in probes]
    indicator = Element.constant(sympy.Integer(signs[0]))
    for point, before, after in zip(points, signs, signs[1:], strict=False):
        indicator = indicator + step(point).scaled(sympy.Integer(after - before))
    return indicator


def _at(pieces: list[Poly], edges: list[Expr], probe: Expr) -> Expr:
    return pieces[sum(bool(edge < probe) for edge in edges)].eval(probe)


def _is_piecewise_polynomial(element: Element) -> bool:
    return not any(
        term.quadratic != 0 or term.linear != 0 or any(factor.kind != "step" for factor in term.factors)
        for term, _ in element.terms
    )


def _pieces(element: Element, x: Symbol) -> tuple[list[Expr], list[Poly]]:
    """Where a piecewise polynomial changes, and the polynomials before, between and after."""
    edges = sorted({factor.shift for term, _ in element.terms for factor in term.factors})
    return edges, [_piece(element, edges[:count], x) for count in range(len(edges) + 1)]


def _piece(element: Element, passed: list[Expr], x: Symbol) -> Poly:
    """The polynomial that holds to the right of the ``passed`` jumps and to the left of all others."""
    active = (
        value * x**term.power
        for term, value in element.terms
        if all(factor.shift in passed for factor in term.factors)
    )
    return Poly(sympy.Add(*active), x)


def _real_roots(polynomial: Poly, whole: Expr) -> list[Expr]:
    if polynomial.degree() <= 0:
        return []
    if polynomial.degree() == 1:
        return [-polynomial.coeff_monomial(1) / polynomial.LC()]
    roots = sorted(set(polynomial.real_roots(multiple=True)))
    if any(isinstance(root, sympy.CRootOf) for root in roots):
        raise OutsideClass(f"{whole} is outside the class: its kinks have no expression in radicals")
    return roots


def _max(expression: Expr, x: Symbol) -> Element:
    """Sum of f_i 1{f_i is the largest}; on ties, which may fill an interval, the first one counts."""
    direction = S.One if isinstance(expression, Max) else S.NegativeOne
    total, one = Element.collect([]), Element.constant(S.One)
    for index, part in enumerate(expression.args):
        here = _read(part, x)
        for other in expression.args[:index]:
            here = here * _positive(direction * (part - other), expression, x)
        for other in expression.args[index + 1 :]:
            here = here * (one - _positive(direction * (other - part), expression, x))
        total = total + here
    return total


def _abs(expression: Expr, x: Symbol) -> Element:
    (argument,) = expression.args
    return _read(argument, x) * _sign(expression, x)


def _sign(expression: Expr, x: Symbol) -> Element:
    return _positive(expression.args[0], expression, x).scaled(sympy.Integer(2)) - Element.constant(S.One)


def _heaviside(expression: Expr, x: Symbol) -> Element:
    return _positive(expression.args[0], expression, x)


def _dirac(expression: Expr, x: Symbol) -> Element:
    constant, linear = _linear(expression.args[0], expression, x)
    if len(expression.args) > 1 and expression.args[1] != 0:
        raise OutsideClass(f"{expression} is outside the class: it is the derivative of a point mass")
    return Element.collect([(point_mass(-constant / linear), 1 / Abs(linear))])


def _piecewise(expression: Expr, x: Symbol) -> Element:
    remaining, total = Element.constant(S.One), Element.collect([])
    for value, condition in expression.args:
        here = _condition(condition, expression, x)
        total = total + _read(value, x) * (remaining * here)
        remaining = remaining - remaining * here
    if remaining.terms:
        raise InputError(f"{expression} is not defined everywhere: end the Piecewise with (value, True)")
    return total


def _condition(condition: object, whole: Expr, x: Symbol) -> Element:
    one = Element.constant(S.One)
    if condition in (S.true, S.false):
        return one if condition == S.true else Element.collect([])
    if isinstance(condition, Not):
        return one - _condition(condition.args[0], whole, x)
    if isinstance(condition, And | Or):
        conjunction = isinstance(condition, And)
        result = one
        for part in condition.args:
            truth = _condition(part, whole, x)
            result = result * (truth if conjunction else one - truth)
        return result if conjunction else one - result
    if isinstance(condition, Relational) and condition.rel_op in ("<", "<=", ">", ">="):
        return _positive(condition.gts - condition.lts, whole, x)
    raise OutsideClass(f"{whole} is outside the class: the condition {condition} is not an inequality")


def _reason(expression: Expr, x: Symbol) -> str:
    name = type(expression).__name__
    if isinstance(expression, sympy.tanh | sympy.coth | sympy.sech | sympy.csch):
        return f"{name} is a quotient of exponentials, whose Gaussian integrals have no finite closed form"
    if isinstance(expression, sympy.log):
        return "logarithms of functions have no finite closed form here"
    return f"the function {name} has no rule"


_HALF = S.Half
_PIECEWISE = (Abs, Max, Min, sign, Heaviside, Piecewise)
_READERS: tuple[tuple[type | tuple[type, ...], Callable[[Expr, Symbol], Element]], ...] = (
    (sympy.Add, _add),
    (sympy.Mul, _mul),
    (sympy.exp, _exp),
    (sympy.Pow, _pow),
    (sympy.sin, _from_exponentials(lambda p, m: (p - m).scaled(-S.ImaginaryUnit * _HALF), S.ImaginaryUnit)),
    (sympy.cos, _from_exponentials(lambda p, m: (p + m).scaled(_HALF), S.ImaginaryUnit)),
    (sympy.sinh, _from_exponentials(lambda p, m: (p - m).scaled(_HALF), S.One)),
    (sympy.cosh, _from_exponentials(lambda p, m: (p + m).scaled(_HALF), S.One)),
    ((sympy.erf, sympy.erfc), _erf),
    ((Max, Min), _max),
    (Abs, _abs),
    (sign, _sign),
    (Heaviside, _heaviside),
    (sympy.DiracDelta, _dirac),
    (Piecewise, _piecewise),
)

__all__ = ["Term", "read", "require_square_integrable"]
