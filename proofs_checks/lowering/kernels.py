"""Lower a kernel's closed form in (a, b, c) = (|x|^2, |y|^2, <x, y>) to a function of the vectors themselves.

The closed form is rewritten first: determinants such as a b - c^2 become the squared area of the two
vectors, asin and acos of normalized inner products become their angle, and what remains is positive sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import sympy
from sympy import Add, Expr, Integer, Poly, Rational, Symbol, acos, asin, atan, atan2, pi, sqrt

from numerics.geometry import geometry
from proofs_checks.lowering.expressions import CACHE_SIZE, evaluator
from theory.errors import InputError

Kernel = Callable[[jax.Array, jax.Array], jax.Array]

# |x|, |y|, <x, y>, the area |x| |y| sin(angle), and the supplement pi - angle.
P, Q = sympy.symbols("p q", positive=True)
C = Symbol("c", real=True)
AREA = Symbol("area", positive=True)
SUPPLEMENT = Symbol("supplement", real=True)
GEOMETRY = (P, Q, C, AREA, SUPPLEMENT)

SERIES_BELOW = 1.0
SERIES_ORDER = 48
NEGLIGIBLE = 1e-20  # of the leading term


def lower_kernel(
    expression: Expr, symbols: Sequence[Symbol], *, scale: float = 1.0, bias: float = 0.0
) -> Kernel:
    """The kernel ``expression`` in ``symbols`` = (a, b, c) as a jitted function of two vectors.

    a = scale |x|^2 + bias, b = scale |y|^2 + bias, c = scale <x, y> + bias; x and y have shape (d,), the
    value is a scalar; use ``vmap`` for Gram matrices. Accurate at all angles: a b - c^2, also inside affine
    variants such as (1 + 2a)(1 + 2b) - 4c^2, and asin, acos, atan of normalized inner products are evaluated
    from the vectors' area and angle; of kernels that are homogeneous in |x| and in |y|, such as those of
    ReLU^n, the cancellation at antiparallel vectors is removed by a Taylor series. What is not recognized is
    evaluated as it stands. Gradients are finite, also at x = y and x = -y, wherever the kernel's are.

    Raises InputError for other symbols, scale <= 0 or bias < 0, OutsideClass as `lower` does.
    """
    if len(symbols) != 3 or not isinstance(expression, Expr):
        raise InputError(f"{expression!r} in {symbols}: give a kernel in three symbols a, b, c")
    unknown = sorted(str(symbol) for symbol in expression.free_symbols - set(symbols))
    if unknown:
        raise InputError(f"{expression} contains {', '.join(unknown)}: allowed are {symbols}")
    if not (scale > 0 and bias >= 0):
        raise InputError(f"scale {scale} and bias {bias}: give scale > 0 and bias >= 0")
    return _lowered(expression, tuple(symbols), float(scale), float(bias))


@lru_cache(maxsize=CACHE_SIZE)
def _lowered(expression: Expr, symbols: tuple[Symbol, ...], scale: float, bias: float) -> Kernel:
    a, b, c = symbols
    form = stable_form(expression.xreplace({a: P**2, b: Q**2, c: C}))
    evaluate = evaluator(form, GEOMETRY)
    series = _series_at_antiparallel(form)

    def kernel(x: jax.Array, y: jax.Array) -> jax.Array:
        floating = jnp.result_type(float)
        pair = geometry(jnp.asarray(x, floating), jnp.asarray(y, floating), scale=scale, bias=bias)
        if series is None:
            return evaluate(*pair)
        near = pair.supplement < SERIES_BELOW
        value = evaluate(*pair)
        small = jnp.where(near, pair.supplement, 0.5)
        return jnp.where(near, series(pair.norm_x, pair.norm_y, small), value)

    return jax.jit(kernel)


def stable_form(expression: Expr) -> Expr:
    """``expression`` in (P, Q, C), rewritten with AREA and SUPPLEMENT; equal for all vectors.

    From P^2 Q^2 - C^2 = AREA^2, and asin(C/(P Q)) = SUPPLEMENT - pi/2. Constants that cancel once the angle
    is the supplement, as in pi/2 + asin, are cancelled here.
    """
    rewritten = _rewritten(expression, {})
    return sympy.expand(rewritten, deep=False) if rewritten.has(SUPPLEMENT) else rewritten


def _rewritten(node: Any, known: dict[Any, Any]) -> Any:
    if not node.args:
        return node
    if node not in known:
        known[node] = _rewritten_node(node, known)
    return known[node]


def _rewritten_node(node: Any, known: dict[Any, Any]) -> Any:
    angle = _angle(node)
    if angle is not None:
        return angle
    if isinstance(node, Add) and node.is_rational_function(P, Q, C):
        numerator, denominator = sympy.fraction(sympy.together(node))
        paired = _without_determinants(numerator)
        if paired is not None:
            return paired / _rewritten(denominator, known)
    return node.func(*(_rewritten(argument, known) for argument in node.args))


def _angle(node: Any) -> Expr | None:
    """The inverse trigonometric functions of ratios, through the area; None for everything else."""
    if not isinstance(node, asin | acos | atan):
        return None
    legs = _legs(node.args[0], tangent=isinstance(node, atan))
    if legs is None:
        return None
    angle = _direction(*legs)
    return pi / 2 - angle if isinstance(node, acos) else angle


def _legs(ratio: Expr, tangent: bool) -> tuple[Expr, Expr] | None:
    """(u, v) with asin(ratio), or atan(ratio), = atan2(u, v), v without cancellation; None if unknown."""
    square = sympy.cancel(sympy.powdenest(ratio**2))
    if not square.is_rational_function(P, Q, C):
        return None
    numerator, denominator = sympy.fraction(sympy.together(square))
    for sign in (1, -1):  # of numerator and denominator alike: SymPy orders them as it likes
        hypotenuse = sympy.expand(sign * (numerator + denominator if tangent else denominator))
        adjacent = sympy.expand(sign * denominator if tangent else hypotenuse - sign * numerator)
        paired = _without_determinants(adjacent)
        if paired is not None and _has_no_negative_term(hypotenuse):
            return ratio * sqrt(adjacent if tangent else hypotenuse), sqrt(paired)
    return None


def _direction(u: Expr, v: Expr) -> Expr:
    quotient = sympy.simplify(u * AREA / (v * C)) if v.has(AREA) and not (v / AREA).free_symbols else None
    if quotient is not None and quotient in (1, -1):
        return quotient * (SUPPLEMENT - pi / 2)
    return atan2(u, v)


def _has_no_negative_term(expression: Expr) -> bool:
    polynomial = _polynomial(expression)
    return polynomial is not None and all(coefficient > 0 for coefficient in polynomial.coeffs())


def _polynomial(expression: Expr) -> Poly | None:
    """As a polynomial in (P, Q, C) with rational coefficients, None where it is none."""
    if not expression.is_polynomial(P, Q, C):
        return None
    polynomial = Poly(expression, P, Q, C)
    return polynomial if polynomial.domain.is_ZZ or polynomial.domain.is_QQ else None


def _without_determinants(expression: Expr) -> Expr | None:
    """Every m P^2 Q^2 - m C^2 in a polynomial becomes m AREA^2; None if there is none.

    >>> _without_determinants((1 + 2*P**2) * (1 + 2*Q**2) - 4*C**2)
    4*area**2 + 2*p**2 + 2*q**2 + 1
    """
    polynomial = _polynomial(expression)
    if polynomial is None:
        return None
    terms = dict(polynomial.terms())
    areas = Integer(0)
    for (i, j, k), coefficient in sorted(terms.items(), reverse=True):
        partner = (i + 2, j + 2, k - 2)
        if coefficient < 0 and k >= 2 and terms.get(partner, 0) > 0:
            shared = min(-coefficient, terms[partner])
            terms[i, j, k] += shared
            terms[partner] -= shared
            areas += shared * P**i * Q**j * C ** (k - 2) * AREA**2
    if areas == 0:
        return None
    return Add(areas, *(coefficient * P**i * Q**j * C**k for (i, j, k), coefficient in terms.items()))


def _series_at_antiparallel(form: Expr) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array] | None:
    """The kernel |x|^m |y|^n h(supplement) with h as a Taylor polynomial, where the form is of this kind.

    At antiparallel vectors the terms of h cancel to a power of the supplement. The Taylor coefficients are
    exact rationals times the form's constants; below SERIES_BELOW the neglected terms are below 1e-30.
    """
    polar = polar_form(form) if form.has(SUPPLEMENT) else None
    if polar is None:
        return None
    (m, n), angular = polar
    coefficients = taylor(angular)
    if coefficients[0] != 0:  # no cancellation there
        return None

    def series(norm_x: jax.Array, norm_y: jax.Array, supplement: jax.Array) -> jax.Array:
        value = jnp.zeros_like(supplement)
        for coefficient in reversed(coefficients):
            value = value * supplement + coefficient
        return norm_x**m * norm_y**n * value

    return series


def polar_form(form: Expr) -> tuple[tuple[int, int], Poly] | None:
    """((m, n), h) where the form is |x|^m |y|^n h, h a polynomial in the supplement, its cosine and sine."""
    cosine, sine = sympy.symbols("cosine sine", real=True)
    polar = sympy.expand(form.xreplace({C: -P * Q * cosine, AREA: P * Q * sine}))
    degrees = {_degrees(term) for term in Add.make_args(polar)}
    degree = next(iter(degrees))
    if len(degrees) != 1 or degree is None:
        return None
    angular = polar.xreplace({P: Integer(1), Q: Integer(1)})
    if not angular.is_polynomial(cosine, sine, SUPPLEMENT):
        return None
    return degree, Poly(angular, cosine, sine, SUPPLEMENT)


def _degrees(term: Expr) -> tuple[int, int] | None:
    powers = term.as_powers_dict()
    degrees = powers.get(P, Integer(0)), powers.get(Q, Integer(0))
    rest = term / (P ** degrees[0] * Q ** degrees[1])
    if rest.has(P, Q) or not all(isinstance(degree, Integer) and degree >= 0 for degree in degrees):
        return None
    return int(degrees[0]), int(degrees[1])


def taylor(angular: Poly) -> list[float]:
    """Coefficients at 0 of a polynomial in cos, sin and the angle; rationals add up exactly per constant."""
    cosine = [Fraction((-1) ** (k // 2), int(sympy.factorial(k))) * (k % 2 == 0) for k in range(SERIES_ORDER)]
    sine = [Fraction((-1) ** (k // 2), int(sympy.factorial(k))) * (k % 2) for k in range(SERIES_ORDER)]
    sums: dict[Expr, list[Fraction]] = {}
    for (i, j, k), coefficient in angular.terms():
        rational, constant = coefficient.as_coeff_Mul()
        product = _times_power(_times_power([Fraction(int(rational.p), int(rational.q))], cosine, i), sine, j)
        shifted = ([Fraction(0)] * k + product + [Fraction(0)] * SERIES_ORDER)[:SERIES_ORDER]
        total = sums.setdefault(constant, [Fraction(0)] * SERIES_ORDER)
        sums[constant] = [old + new for old, new in zip(total, shifted, strict=True)]
    exact = [
        Add(*(Rational(series[k]) * constant for constant, series in sums.items()))
        for k in range(SERIES_ORDER)
    ]
    values = [float(value.evalf(20)) for value in exact]
    leading = next((abs(value) for value in values if value), 0.0)
    while abs(values[-1]) < NEGLIGIBLE * leading:
        values.pop()
    return values


def _times_power(series: list[Fraction], factor: list[Fraction], exponent: int) -> list[Fraction]:
    for _ in range(exponent):
        series = [
            sum((series[i] * factor[k - i] for i in range(min(k + 1, len(series)))), Fraction(0))
            for k in range(SERIES_ORDER)
        ]
    return series
