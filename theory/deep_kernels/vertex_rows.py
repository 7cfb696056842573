r"""What a layer of n neurons does to the variance of its kernel, at order 1/n: the four-point vertex.

Given layer l the preactivations of layer l + 1 are independent N(0, k), k = C_b + (C_W/n) sum s(z_i)^2, over
the neurons. To order 1/n, with K the kernel of infinite width, Var k = V/n and E k = K + delta/n:

    V_{l+1} = C_W^2 (E s^4 - (E s^2)^2) + (C_W M'(K))^2 V_l,      V_1 = 0,
    delta_{l+1} = C_W (M'(K) delta_l + M''(K) V_l / 2),           delta_1 = 0,

M(K) = E s(u)^2, u ~ N(0, K), where C_W M'(K) = (C_W / (2 K^2)) E s(u)^2 (u^2 - K) is chi_parallel.

Sources: Roberts, Yaida and Hanin (2022), sections 4.3 and 5.3; Hanin and Zlokapa (2023).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sympy import Derivative, Eq, Expr, Gt, Integer, Lt, Rational, Subs, Sum, Symbol, diff, symbols

from theory.deep_kernels.recursion import diagonal
from theory.derivation import Row
from theory.errors import OutsideClass
from theory.gaussian import single_expectation
from theory.gaussian.expectation import A
from theory.gaussian.rows import (
    ClosedFormDerivative,
    GaussianRules,
    Independence,
    Mean,
    MehlerEnclosure,
    enclose_terms,
)
from theory.proving import Consequence, Definition, Given, Identity

Z = Symbol("z", real=True)
# C_W, the vertices of two successive layers, the corrections of their kernels; E s^4 outside the class is F.
WEIGHTS = Symbol("C_W", positive=True)
VERTEX, NEXT_VERTEX, FOURTH = symbols("V_l V_next F", nonnegative=True)
SHIFT, NEXT_SHIFT = symbols("delta_l delta_next", real=True)
WIDTH = Symbol("n", integer=True, positive=True)
SQUARE, SLOPE, CURVATURE = symbols("m_0 m_1 m_2", real=True)
AT = Rational(7, 10)  # the variance at which a fourth moment outside the class is certified


class VertexForms(NamedTuple):
    """Closed forms in K = a: E s^2, its two derivatives, and E s^4 (the symbol F outside the class)."""

    square: Expr
    slope: Expr
    curvature: Expr
    fourth: Expr


@lru_cache(maxsize=32)
def vertex_forms(activation: Expr) -> VertexForms:
    """The moments that the recursions need. Raises InputError, OutsideClass."""
    square = diagonal(activation)
    slope = diff(square, A)
    try:
        fourth = single_expectation(activation**4, Z).doit()
    except OutsideClass:
        fourth = FOURTH
    return VertexForms(square, slope, diff(slope, A), fourth)


def next_vertex(activation: Expr) -> Expr:
    """V_{l+1} in C_W, K = a and V_l."""
    forms = vertex_forms(activation)
    return WEIGHTS**2 * (forms.fourth - forms.square**2) + (WEIGHTS * forms.slope) ** 2 * VERTEX


def next_shift(activation: Expr) -> Expr:
    """delta_{l+1} in C_W, K = a, delta_l and V_l."""
    forms = vertex_forms(activation)
    return WEIGHTS * (forms.slope * SHIFT + forms.curvature * VERTEX / 2)


def vertex_conclusions(activation: Expr) -> tuple[Eq, Eq]:
    """The two recursions in closed form."""
    return Eq(NEXT_VERTEX, next_vertex(activation)), Eq(NEXT_SHIFT, next_shift(activation))


def vertex_rows(activation: Expr) -> tuple[Row, ...]:
    """Squares of two neurons, the variance of a layer's mean, the expansion, the activation."""
    return (*_pair_rows(), *_expansion_rows(), *_moment_rows(activation), *_closed_rows(activation))


def _pair_rows() -> tuple[Row, ...]:
    kernel, first, second = symbols("k xi_1 xi_2", real=True)
    apart = Independence(((kernel,), (first,), (second,)))
    both = Eq(Mean(kernel**2 * first**2 * second**2), Mean(kernel**2) * Mean(first**2) * Mean(second**2))
    ones = tuple(Eq(Mean(one**2), 1) for one in (first, second))
    return (
        Row(both, r"two neurons, $z_i = \sqrt{k} \xi_i$, share $k$ and nothing else", apart),
        *(Row(one, "standard normal variables", Given()) for one in ones),
        Row(
            Eq(
                Mean(kernel**2 * first**2 * second**2) - Mean(kernel) ** 2,
                Mean(kernel**2) - Mean(kernel) ** 2,
            ),
            r"so that $\mathrm{Cov}(z_i^2, z_j^2) = \mathrm{Var} k$ for $i \neq j$, at every width",
            Consequence((both, *ones)),
        ),
    )


def _expansion_rows() -> tuple[Row, ...]:
    """One layer at order e = 1/n."""
    small, noise = symbols("e f", nonnegative=True)
    i, j = symbols("i j", integer=True, positive=True)
    pairs = Sum(Symbol("q_2"), (i, 1, WIDTH)) + 2 * Sum(Sum(Symbol("q_1") ** 2, (j, 1, i - 1)), (i, 1, WIDTH))
    mean = SQUARE + SLOPE * small * SHIFT + CURVATURE * small * VERTEX / 2
    square = SQUARE**2 + 2 * SQUARE * (mean - SQUARE) + SLOPE**2 * small * VERTEX
    variance = WEIGHTS**2 * (small * noise + square - mean**2)
    return (
        Row(
            Eq(WIDTH * (pairs / WIDTH**2 - Symbol("q_1") ** 2), Symbol("q_2") - Symbol("q_1") ** 2),
            r"given $k$, the variance of the mean of $n$ independent $s(z_i)^2$ is $f/n$, "
            r"$f = E s^4 - (E s^2)^2$: squares and pairs",
            Identity(),
        ),
        Row(
            Eq(
                Subs(Derivative(WEIGHTS * mean, small), small, 0),
                WEIGHTS * (SLOPE * SHIFT + CURVATURE * VERTEX / 2),
            ),
            r"the mean over $k$ by Taylor's formula: $E M(k) = m_0 + e (m_1 \delta + m_2 V/2) + O(e^2)$, "
            r"$e = 1/n$, with $m_0, m_1, m_2$ the derivatives of $M$ at $K$; higher central moments of $k$ "
            r"are $O(e^2)$",
            Identity(),
        ),
        Row(
            Eq(Subs(Derivative(variance, small), small, 0), WEIGHTS**2 * (noise + SLOPE**2 * VERTEX)),
            r"the variance is that given $k$, in the mean, plus that of $C_W M(k)$",
            Identity(),
        ),
    )


def _moment_rows(activation: Expr) -> tuple[Row, ...]:
    forms = vertex_forms(activation)
    square = single_expectation(activation**2, Z)
    weighted = (single_expectation(activation**2 * Z**2, Z) - A * square) / (2 * A**2)
    rows = (
        Row(
            Eq(square, forms.square, evaluate=False),
            r"this activation: $M(K)$ at $K = a$",
            GaussianRules((A,)),
        ),
        Row(Eq(Derivative(forms.square, A), forms.slope), r"$m_1 = M'(K)$", ClosedFormDerivative((A,))),
        Row(
            Eq(weighted, forms.slope, evaluate=False),
            r"which is $E \sigma(u)^2 (u^2 - K) / (2 K^2)$, so that $C_W m_1 = \chi_\parallel$",
            GaussianRules((A,)),
        ),
        Row(Eq(Derivative(forms.slope, A), forms.curvature), r"$m_2 = M''(K)$", ClosedFormDerivative((A,))),
        _fourth_row(activation),
    )
    return tuple(row for row in rows if row is not None)


def _fourth_row(activation: Expr) -> Row:
    """E s^4 in closed form, or certified at one variance where it leaves the class."""
    fourth, form = single_expectation(activation**4, Z), vertex_forms(activation).fourth
    if form != FOURTH:
        return Row(Eq(fourth, form, evaluate=False), r"$E \sigma(u)^4$", GaussianRules((A,)))
    here = fourth.subs(A, AT)
    middle, width = Rational(str(round(float(enclose_terms(here, {}).mid()), 8))), Rational(1, 10**6)
    return Row(
        Gt(here, middle - width) & Lt(here, middle + width),
        rf"$F = E \sigma(u)^4$ leaves the class: its value at $a = {AT}$",
        MehlerEnclosure(),
    )


def _closed_rows(activation: Expr) -> tuple[Row, ...]:
    forms = vertex_forms(activation)
    fourth = Symbol("s_4", nonnegative=True)
    vertex = Eq(NEXT_VERTEX, WEIGHTS**2 * (fourth - SQUARE**2 + SLOPE**2 * VERTEX))
    shift = Eq(NEXT_SHIFT, WEIGHTS * (SLOPE * SHIFT + CURVATURE * VERTEX / 2))
    values = (
        Eq(SQUARE, forms.square, evaluate=False),
        Eq(SLOPE, forms.slope, evaluate=False),
        Eq(CURVATURE, forms.curvature, evaluate=False),
        Eq(fourth, forms.fourth, evaluate=False),
    )
    last, moved = vertex_conclusions(activation)
    return (
        Row(vertex, "the coefficient of $1/n$ of the variance, from above", Definition()),
        Row(shift, "that of the mean", Definition()),
        *(Row(value, "for this activation", Definition()) for value in values),
        Row(last, "the vertex", Consequence((vertex, *values))),
        Row(moved, "the correction of the kernel", Consequence((shift, *values))),
    )


def solved_rows() -> tuple[Row, ...]:
    """Linear and ReLU networks at criticality: the vertex grows by a constant for each layer."""
    depth = Symbol("l", integer=True, positive=True)
    layers = Symbol("j", integer=True, positive=True)
    kinds = (("linear", Integer(1), A, 3 * A**2, 2), ("ReLU", Integer(2), A / 2, 3 * A**2 / 2, 5))
    rows: list[Row] = []
    for kind, weight, square, fourth, gain in kinds:
        step = weight**2 * (fourth - square**2 + diff(square, A) ** 2 * VERTEX)
        rows += [
            Row(
                Eq(step, VERTEX + gain * A**2, evaluate=False),
                f"one step at the critical $C_W = {weight}$ ({kind})",
                Identity(),
            ),
            Row(
                Eq(Sum(gain * A**2, (layers, 1, depth)), gain * depth * A**2),
                f"the vertex of layer $l + 1$ ({kind})",
                Identity(),
            ),
        ]
    return tuple(rows)


def limiting_case() -> Row:
    """The exact law of ReLU at order 1/n."""
    small, depth = Symbol("e", nonnegative=True), Symbol("l", integer=True, positive=True)
    return Row(
        Eq(Subs(Derivative((1 + 5 * small) ** depth - 1, small), small, 0), 5 * depth, evaluate=False),
        r"wide layers: the relative variance $\prod (1 + 5/n) - 1$ of $R_{relu}$ is $5 l/n + O(n^{-2})$, "
        r"as the vertex says",
        Identity(),
    )
