r"""Closed forms with bivariate normal distribution functions, made fit for nearly parallel inputs.

Their terms exp(-(a + b - 2c) / (2 (a b - c^2))), erf((a - c) / sqrt(2 a (a b - c^2)))
have differences that cancel where the inputs are parallel, over a determinant that vanishes there. With
a = p^2, b = q^2 and the area sqrt(a b - c^2) known from the inputs,

    a - c = p (p - q) + (p q - c),    a + b - 2c = (p - q)^2 + 2 (p q - c),    p q - c = area^2 / (p q + c),

all of full relative accuracy except p - q, whose rounding is that of one input's norm.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import sympy
from sympy import Add, Expr, Poly, cosh, exp, sinh, sqrt

from proofs_checks.lowering.expressions import AngularNormalCDF
from proofs_checks.lowering.kernels import AREA, C, P, Q
from theory.gaussian.special import BivariateNormalCDF

MINUS, PLUS = sympy.symbols("minus plus", positive=True)  # p q - c and p q + c

# Of p q, below which the area counts as this: its third power must not vanish.
_LEAST_AREA = {"float64": 1e-30, "float32": 1e-9}
LEAST_NORM = 1e-10  # thresholds are then beyond all reach, and nothing is divided by 0


def separated(form: Expr) -> Expr:
    """The form in (P, Q, C), rewritten with MINUS, PLUS, AREA and angles; equal for all vectors."""
    angular = form.replace(BivariateNormalCDF, _angular)
    joined = Add(*map(_exponentials, Add.make_args(angular)))
    reduced = joined.replace(exp, lambda x: exp(sympy.together(x)))
    return reduced.replace(lambda node: isinstance(node, Add), _without_difference)


def _exponentials(term: Expr) -> Expr:
    """exp(x) sinh(y) as exponentials of the sum and the difference: its factors overflow and vanish."""
    if not term.has(sinh, cosh):
        return term
    plain = term.replace(sinh, lambda x: (exp(x) - exp(-x)) / 2).replace(
        cosh, lambda x: (exp(x) + exp(-x)) / 2
    )
    return sympy.powsimp(sympy.expand_mul(plain, deep=False), combine="exp")


def _angular(h: Expr, k: Expr, correlation: Expr) -> Expr:
    sign = sympy.cancel(correlation * P * Q / C)
    if sign in (1, -1):
        return AngularNormalCDF(h, k, sign * C, AREA)
    return AngularNormalCDF(h, k, correlation, sqrt((1 - correlation) * (1 + correlation)))


def _without_difference(node: Add) -> Expr:
    """A quadratic form in P and Q that vanishes for some parallel vectors, without cancellation there."""
    if not node.is_polynomial(P, Q, C):
        return node
    terms = dict(Poly(node, P, Q, C).terms())
    first, second, mixed = (terms.pop(key, sympy.S.Zero) for key in ((2, 0, 0), (0, 2, 0), (0, 0, 1)))
    if terms or not mixed or not (first or second):
        return node
    sign = -1 if (first or second).is_negative else 1
    first, second, mixed = sign * first, sign * second, sign * mixed
    beside = MINUS if mixed.is_negative else PLUS
    size = abs(mixed)
    if not second:
        return sign * (P * (first * P - size * Q) + size * beside)
    if not first:  # the same difference as for the other input: their roundings shall be one
        return sign * (size * beside - Q * (size * P - second * Q))
    if sympy.expand(mixed**2 - 4 * first * second) == 0:
        return sign * ((sqrt(first) * P - sqrt(second) * Q) ** 2 + size * beside)
    return node


def arguments(p: Any, q: Any, c: jax.Array, area: jax.Array) -> tuple[jax.Array, ...]:
    """p, q, the area, p q - c and p q + c, away from where the terms above are 0/0."""
    p, q = jnp.maximum(p, LEAST_NORM), jnp.maximum(q, LEAST_NORM)
    product = p * q
    area = jnp.maximum(area, _LEAST_AREA[c.dtype.name] * product)
    large = product + jnp.abs(c)
    small = area * area / large
    return p, q, area, jnp.where(c > 0, small, large), jnp.where(c > 0, large, small)
