"""Closed forms of the engine against published formulas and independent two-dimensional quadrature."""

import itertools
import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, Symbol, acos, asin, pi, sqrt

from theory.gaussian import (
    derivative,
    derivative_kernel,
    dual_activation,
    dual_kernel,
    pair_expectation,
    single_expectation,
    tangent_kernel,
)
from theory.gaussian.expectation import RHO, A, B, C
from theory.gaussian.moments import field_of
from theory.gaussian.sympy_reader import normal_form
from theory.grammar import parse

Z = Symbol("z", real=True)
POINTS = ((1.3, 0.8, 0.55), (0.6, 1.1, -0.45))
D = sqrt(A * B - C**2)
ANGLE = acos(C / sqrt(A * B))


def read(text):
    return parse(text, symbols=("z",))


def at(expression, point):
    return float(sympy.N(expression.subs(dict(zip((A, B, C), point, strict=True))), 30))


def legendre(edges, count=40):
    nodes, weights = np.polynomial.legendre.leggauss(count)
    pairs = list(itertools.pairwise(edges))
    return (
        np.concatenate([(high - low) / 2 * nodes + (high + low) / 2 for low, high in pairs]),
        np.concatenate([(high - low) / 2 * weights for low, high in pairs]),
    )


def quadrature(function, point, kinks=(0.0,)):
    """Panels between the kinks of each variable, in the variables themselves: no rule of the engine."""
    a, b, c = point
    edges = [sorted({-9.0 * math.sqrt(v), -3.0, 3.0, 9.0 * math.sqrt(v), *kinks}) for v in (a, b)]
    (u, weight_u), (v, weight_v) = (legendre(e) for e in edges)
    determinant = a * b - c * c
    exponent = (b * u[:, None] ** 2 - 2 * c * u[:, None] * v[None] + a * v[None] ** 2) / (2 * determinant)
    density = np.exp(-exponent) / (2 * math.pi * math.sqrt(determinant))
    return float((weight_u * function(u)) @ density @ (weight_v * function(v)))


ERF = np.vectorize(math.erf)

# The truth in NumPy, and where it has kinks or jumps.
CASES = {
    "max(z, 0)": (lambda x: np.maximum(x, 0), (0,)),
    "max(z, z/10)": (lambda x: np.where(x > 0, x, x / 10), (0,)),
    "abs(z)": (np.abs, (0,)),
    "heaviside(z)": (lambda x: (x > 0) * 1.0, (0,)),
    "sign(z)": (np.sign, (0,)),
    "erf(z)": (ERF, ()),
    "erf(z/sqrt(2))": (lambda x: ERF(x / math.sqrt(2)), ()),
    "gelu(z)": (lambda x: x * (1 + ERF(x / math.sqrt(2))) / 2, ()),
    "sin(z)": (np.sin, ()),
    "cos(z)": (np.cos, ()),
    "sin(sqrt(2)*z + 1)": (lambda x: np.sin(math.sqrt(2) * x + 1), ()),
    "exp(-z**2/2)": (lambda x: np.exp(-(x**2) / 2), ()),
    "z*exp(-z**2/2)": (lambda x: x * np.exp(-(x**2) / 2), ()),
    "cos(3*z)*exp(-z**2/2)": (lambda x: np.cos(3 * x) * np.exp(-(x**2) / 2), ()),
    "max(z, 0)**2": (lambda x: np.maximum(x, 0) ** 2, (0,)),
    "max(z, 0)**3": (lambda x: np.maximum(x, 0) ** 3, (0,)),
    "z**3 - 3*z": (lambda x: x**3 - 3 * x, ()),
    "z + sin(z)**2": (lambda x: x + np.sin(x) ** 2, ()),
    "z*sin(z)": (lambda x: x * np.sin(x), ()),
    "max(-1, min(1, z))": (lambda x: np.clip(x, -1, 1), (-1, 1)),
    "max(z + 1/2, 0)": (lambda x: np.maximum(x + 0.5, 0), (-0.5,)),
    "max(z**2 - 1, 0)": (lambda x: np.maximum(x**2 - 1, 0), (-1, 1)),
    "z*abs(z)*exp(-z**2/3)": (lambda x: x * np.abs(x) * np.exp(-(x**2) / 3), (0,)),
    "exp(z/2)": (lambda x: np.exp(x / 2), ()),
    "elu(z)": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (0,)),
    "max(z, 0) + sin(z)": (lambda x: np.maximum(x, 0) + np.sin(x), (0,)),
    "erf(z) + cos(z)": (lambda x: ERF(x) + np.cos(x), ()),
    "exp(-z**2) + sin(2*z) + abs(z)": (lambda x: np.exp(-(x**2)) + np.sin(2 * x) + np.abs(x), (0,)),
    "exp(-abs(z))": (lambda x: np.exp(-np.abs(x)), (0,)),
    "exp(-abs(z - 1))": (lambda x: np.exp(-np.abs(x - 1)), (1,)),
    "exp(-max(z, 0)**2)": (lambda x: np.exp(-(np.maximum(x, 0) ** 2)), (0,)),
    "selu(z)": (
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
        (0,),
    ),
    "hardswish(z)": (lambda x: x * np.clip(x + 3, 0, 6) / 6, (-3, 3)),
}


@pytest.mark.parametrize("text", CASES)
def test_dual_kernel_against_panel_quadrature(text):
    function, kinks = CASES[text]
    closed = dual_kernel(read(text), Z)
    for point in POINTS:
        # 9 standard deviations leave 1e-18 of the weight, 40 nodes a panel resolve it to rounding
        assert at(closed, point) == pytest.approx(quadrature(function, point, kinks), rel=1e-10, abs=1e-11)


PUBLISHED = {
    # Cho and Saul, NIPS 2009, equations 3 to 6, with (u, v) in place of the weights
    "heaviside(z)": (pi - ANGLE) / (2 * pi),
    "max(z, 0)": (D + (pi - ANGLE) * C) / (2 * pi),
    "max(z, 0)**2": (3 * C * D + (pi - ANGLE) * (A * B + 2 * C**2)) / (2 * pi),
    # Williams, NIPS 1996, equation 11
    "erf(z)": 2 / pi * asin(2 * C / sqrt((1 + 2 * A) * (1 + 2 * B))),
    # Tsuchida et al., 2020, for the GELU
    "gelu(z)": C / 4
    + C / (2 * pi) * asin(C / sqrt((1 + A) * (1 + B)))
    + (A * B * (1 + A) * (1 + B) + C**2 * (1 - A * B))
    / (2 * pi * (1 + A) * (1 + B) * sqrt((1 + A) * (1 + B) - C**2)),
    "exp(-z**2/2)": 1 / sqrt((1 + A) * (1 + B) - C**2),
    "sin(z)": sympy.exp(-(A + B) / 2) * sympy.sinh(C),
    "cos(z)": sympy.exp(-(A + B) / 2) * sympy.cosh(C),
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_dual_kernel_has_the_published_form(text):
    assert dual_kernel(read(text), Z).equals(PUBLISHED[text])
    assert sympy.count_ops(dual_kernel(read(text), Z)) <= 1.2 * sympy.count_ops(PUBLISHED[text])


def test_relu_tangent_kernel_is_the_known_one():
    expected = (D + 2 * (pi - ANGLE) * C) / (2 * pi)
    assert tangent_kernel(read("max(z, 0)"), Z).equals(expected)
    assert derivative_kernel(read("sign(z)"), Z).equals(2 / (pi * D))


def isserlis(coefficients, a, b, c):
    """E[p(u) p(v)] from E[u^i v^j] = sum over pairings, counted by the number k of mixed pairs."""
    total = Rational(0)
    for i, p in enumerate(coefficients):
        for j, q in enumerate(coefficients):
            for k in range(min(i, j) + 1):
                if (i - k) % 2 == 0 and (j - k) % 2 == 0:
                    pairings = (
                        math.comb(i, k)
                        * math.comb(j, k)
                        * math.factorial(k)
                        * sympy.factorial2(i - k - 1)
                        * sympy.factorial2(j - k - 1)
                    )
                    total += p * q * pairings * a ** ((i - k) // 2) * b ** ((j - k) // 2) * c**k
    return total


@settings(max_examples=25)
@given(st.lists(st.fractions(min_value=-3, max_value=3, max_denominator=7), min_size=1, max_size=6))
def test_polynomials_agree_with_isserlis(coefficients):
    exact = [Rational(value.numerator, value.denominator) for value in coefficients]
    polynomial = sum((value * Z**power for power, value in enumerate(exact)), sympy.Integer(0))
    closed = pair_expectation(polynomial, polynomial, Z).doit()
    assert sympy.expand(closed - isserlis(exact, A, B, C)) == 0


def test_two_different_activations():
    closed = pair_expectation(sympy.sin(Z), Z**3, Z).doit()
    # Stein's lemma by hand: E[sin(u) v^3] = e^(-a/2) (3 b c - c^3)
    assert sympy.simplify(closed - sympy.exp(-A / 2) * (3 * B * C - C**3)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("erf(z)**2", 2 / pi * asin(2 * A / (1 + 2 * A))),
        ("max(z, 0)**2", A / 2),
        ("cos(z)", sympy.exp(-A / 2)),
        ("z**6", 15 * A**3),
    ],
)
def test_one_variable(text, expected):
    assert single_expectation(read(text), Z).doit().equals(expected)


# On the unit sphere, with the correlation r: Daniely, Frostig and Singer 2016, Table 1, and the forms of
# Cho and Saul 2009, Williams 1996 (a = b = 1) and Tsuchida et al. 2020.
SPHERE = {
    "z": lambda r: r,
    "max(z, 0)": lambda r: (sqrt(1 - r**2) + (pi - acos(r)) * r) / (2 * pi),
    "heaviside(z)": lambda r: (pi - acos(r)) / (2 * pi),
    "sign(z)": lambda r: 2 * asin(r) / pi,
    "exp(z)": lambda r: sympy.exp(1 + r),
    "sin(z)": lambda r: sympy.exp(-1) * sympy.sinh(r),
    "(z**2 - 1)/sqrt(2)": lambda r: r**2,
    "(z**3 - 3*z)/sqrt(6)": lambda r: r**3,
    "abs(z)": lambda r: 2 * (sqrt(1 - r**2) + r * asin(r)) / pi,
    "erf(z)": lambda r: 2 * asin(2 * r / 3) / pi,
    "gelu(z)": lambda r: r / 4 + r * asin(r / 2) / (2 * pi) + 1 / (2 * pi * sqrt(4 - r**2)),
    "exp(-z**2/2)": lambda r: 1 / sqrt(4 - r**2),
}


@pytest.mark.parametrize("text", SPHERE)
def test_dual_activation_has_the_published_form(text):
    difference = dual_activation(read(text), Z) - SPHERE[text](RHO)
    # acos(r) and asin(r) are two names of one angle; sinh and exp of one exponential
    assert sympy.simplify(difference.subs(asin(RHO), pi / 2 - acos(RHO)).rewrite(sympy.exp)) == 0


@pytest.mark.parametrize(
    "text", ["max(z, 0)", "max(z, 0)**2", "erf(z)", "gelu(z)", "sin(z)", "abs(z)", "elu(z)"]
)
def test_derivative_of_the_dual_activation_is_that_of_the_derivative(text):
    """Daniely, Frostig and Singer 2016: the dual commutes with differentiation."""
    slope = dual_activation(derivative(read(text), Z), Z)
    moved = dual_activation(read(text), Z).diff(RHO)
    for rho in (Rational(-2, 3), Rational(1, 5), Rational(9, 10)):
        # 30 digits are asked for; a wrong term would show in the first ones
        assert abs(sympy.N((moved - slope).subs(RHO, rho), 30, maxn=200)) < 1e-25


@pytest.mark.parametrize("power", range(6))
def test_rectified_powers_are_arc_cosine_kernels(power):
    """Cho and Saul: (a b)^(n/2)/(2 pi) J_n, J_n = (-1)^n sin^(2n+1) (1/sin d/dt)^n ((pi - t)/sin t).

    With x = cos t, (-1/sin) d/dt is d/dx. Term by term in the normal form, and at points.
    """
    x, text = Symbol("x"), "heaviside(z)" if power == 0 else f"max(z, 0)**{power}"
    slope = ((pi - acos(x)) / sqrt(1 - x**2)).diff(x, power)
    angular = sympy.expand((1 - x**2) ** (power + Rational(1, 2)) * slope)
    published = (A * B) ** Rational(power, 2) / (2 * pi) * angular.subs(x, C / sqrt(A * B))
    field, closed = field_of([], (A, B, C)), dual_kernel(read(text), Z)
    assert (normal_form(closed, field) - normal_form(published, field)).is_zero
    for point in POINTS:
        assert at(closed, point) == pytest.approx(at(published, point), rel=1e-10)


def abrelu(negative, positive):
    """negative min(z, 0) + positive max(z, 0), for which s(u) s(v) has four arc-cosine kernels."""
    return negative * sympy.Min(Z, 0) + positive * sympy.Max(Z, 0)


@pytest.mark.parametrize(("negative", "positive"), [(Rational(1, 10), 1), (Rational(1, 3), 2), (-1, 1)])
def test_abrelu_is_a_mixture_of_arc_cosine_kernels(negative, positive):
    same = (D + (pi - ANGLE) * C) / (2 * pi)  # Cho and Saul, order 1; c -> -c for opposite sides
    opposite = (D - ANGLE * C) / (2 * pi)
    expected = (negative**2 + positive**2) * same - 2 * negative * positive * opposite
    field = field_of([], (A, B, C))
    closed = dual_kernel(abrelu(negative, positive), Z)
    assert (normal_form(closed, field) - normal_form(expected, field)).is_zero
