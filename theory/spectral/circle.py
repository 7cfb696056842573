"""Eigenvalues of a zonal kernel on the circle, lambda_k = int_0^1 Theta(pi s) cos(k pi s) ds, for every k.

The angle between two points is pi s; the measure is uniform with total mass 1, so that cos(k phi) and
sin(k phi) are eigenfunctions with this eigenvalue.
"""

from __future__ import annotations

from typing import NamedTuple

from sympy import (
    Add,
    Eq,
    Expr,
    Integer,
    Integral,
    Poly,
    Rational,
    Symbol,
    acos,
    asin,
    cos,
    diff,
    expand,
    integrate,
    pi,
    sin,
    sqrt,
)
from sympy.simplify.fu import TR8

from theory.derivation import Row
from theory.gaussian.expectation import A, B, C
from theory.proving import Antiderivative

ANGLE = Symbol("s", real=True)  # in units of pi
HALF = Symbol("l", integer=True, positive=True)  # half the frequency, rounded down

RELU_KERNEL = sin(pi * ANGLE) / (2 * pi) + (1 - ANGLE) * cos(pi * ANGLE)
BIAS_KERNEL = (1 - ANGLE) / 2  # E[s' s'] of ReLU: what biases that start at 0 add to the tangent kernel


class Eigenvalue(NamedTuple):
    """lambda_k of ReLU: the frequencies it is for, and its value without and with biases."""

    name: str
    frequency: Expr
    plain: Expr
    biased: Expr


EVEN = (4 * HALF**2 + 3) / (pi**2 * (4 * HALF**2 - 1) ** 2)
ODD_WITH_BIAS = 1 / (pi**2 * (2 * HALF + 1) ** 2)
EIGENVALUES = (
    Eigenvalue("the mean", Integer(0), 3 / pi**2, 3 / pi**2 + Rational(1, 4)),
    Eigenvalue("linear functions", Integer(1), Rational(1, 4), Rational(1, 4) + 1 / pi**2),
    Eigenvalue("every even frequency", 2 * HALF, EVEN, EVEN),
    Eigenvalue("every odd frequency from 3 on", 2 * HALF + 1, Integer(0), ODD_WITH_BIAS),
)


def coefficient(kernel: Expr, frequency: Expr) -> Integral:
    """The eigenvalue of frequency k, unevaluated."""
    return Integral(kernel * cos(frequency * pi * ANGLE), (ANGLE, 0, 1))


def on_circle(kernel: Expr) -> Expr:
    """A kernel Theta(a, b, c) on unit vectors at the angle pi s, 0 <= s <= 1: a = b = 1, c = cos(pi s)."""
    cosine, sine = cos(pi * ANGLE), sin(pi * ANGLE)
    known = {
        sqrt(1 - cosine**2): sine,
        1 / sqrt(1 - cosine**2): 1 / sine,
        acos(cosine): pi * ANGLE,
        asin(cosine): pi / 2 - pi * ANGLE,
    }
    return kernel.subs({A: 1, B: 1}).subs(C, cosine).subs(known)


def relations() -> tuple[Eq, ...]:
    """Every eigenvalue of ReLU, without biases and then with them."""
    kernels = (RELU_KERNEL, RELU_KERNEL + BIAS_KERNEL)
    return tuple(
        Eq(coefficient(kernel, one.frequency), value, evaluate=False)
        for place, kernel in enumerate(kernels, start=2)
        for one in EIGENVALUES
        for value in one[place : place + 1]
    )


def coefficient_rows() -> tuple[Row, ...]:
    """Each of them, by an antiderivative at symbolic frequency."""
    biases = ("without biases", "with biases that start at 0")
    names = [f"{one.name}, {bias}" for bias in biases for one in EIGENVALUES]
    return tuple(
        Row(relation, name, Antiderivative(primitive(relation.lhs.function)))
        for relation, name in zip(relations(), names, strict=True)
    )


def primitive(integrand: Expr) -> Expr:
    """An antiderivative in s of a sum of polynomials times products of sines and cosines of multiples of s.

    Products become sums; then int p sin(w s + c) and int p cos(w s + c) by parts. The result is a candidate:
    `theory.proving.Antiderivative` differentiates it back.
    """
    terms = Add.make_args(expand(TR8(expand(integrand))))
    return Add(*map(_primitive, terms))


def _primitive(term: Expr) -> Expr:
    waves = [factor for factor in term.args if isinstance(factor, sin | cos)] if term.is_Mul else []
    waves = [term] if isinstance(term, sin | cos) else waves
    if not waves:
        return integrate(term, ANGLE)
    (wave,) = waves
    polynomial, rate, total = term / wave, diff(wave.args[0], ANGLE), Integer(0)
    for order in range(Poly(polynomial, ANGLE).degree() + 1):
        wave = _integrated(wave) / rate
        total += (-1) ** order * diff(polynomial, ANGLE, order) * wave
    return total


def _integrated(wave: Expr) -> Expr:
    """The antiderivative, in its argument, of a multiple of one sine or cosine."""
    (found,) = wave.atoms(sin, cos)
    argument = found.args[0]
    return wave.subs(found, sin(argument) if isinstance(found, cos) else -cos(argument))
