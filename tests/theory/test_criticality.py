"""Critical lines, fixed points and correlation lengths against published formulas and direct iteration."""

import math

import pytest
import sympy
from sympy import Rational, S, Symbol, pi

from theory.deep_kernels.criticality import (
    correlation_length,
    correlation_map,
    critical_line,
    fixed_correlation,
    fixed_point,
    slope_moment,
    variance_map,
)
from theory.errors import InputError
from theory.gaussian.expectation import A
from theory.grammar import parse

Z = Symbol("z", real=True)


def activation(text):
    return parse(text, symbols=("z",))


def test_critical_line_of_erf_is_the_published_one():
    line = critical_line(activation("erf(z)"))
    assert sympy.simplify(line.weight_variance - pi * sympy.sqrt(1 + 4 * A) / 4) == 0
    published = A - line.weight_variance * 2 / pi * sympy.asin(2 * A / (1 + 2 * A))
    assert sympy.simplify(line.bias_variance - published) == 0


def test_critical_line_of_relu_is_a_point():
    """He et al. (2015): variance 2/n and no biases."""
    assert critical_line(activation("max(z, 0)")) == (2, 0)


@pytest.mark.parametrize("variance", [Rational(1, 10), Rational(2)])
def test_the_point_of_the_line_has_its_variance_as_fixed_point(variance):
    f = activation("sin(z)")
    weight, bias = (entry.subs(A, variance) for entry in critical_line(f))
    found = fixed_point(f, weight, bias, start=variance * Rational(11, 10))
    assert abs(found - variance) < Rational(1, 10**20)
    assert sympy.simplify(weight * slope_moment(f).subs(A, variance)) == 1


def test_fixed_point_by_plain_iteration_in_floats():
    weight, bias, q = 1.6, 0.05, 1.0
    for _ in range(300):
        q = bias + weight * 2 / math.pi * math.asin(2 * q / (1 + 2 * q))
    assert float(fixed_point(activation("erf(z)"), Rational(8, 5), Rational(1, 20))) == pytest.approx(q)


def test_correlations_of_a_chaotic_network_by_plain_iteration():
    f, weight, bias = activation("erf(z)"), Rational(2), Rational(1, 10)
    q = fixed_point(f, weight, bias)
    rho, steps = 0.3, []
    for _ in range(150):
        cosine = 2 * float(q) * rho / (1 + 2 * float(q))
        rho, before = (0.1 + 2 * 2 / math.pi * math.asin(cosine)) / float(q), rho
        steps.append(rho - before)
    limit = fixed_correlation(f, q, weight, bias)
    assert float(limit) == pytest.approx(rho, abs=1e-5)
    ratio = steps[-1] / steps[-2]
    assert float(correlation_length(f, q, weight, bias)) == pytest.approx(-1 / math.log(ratio), rel=1e-4)
    assert abs(correlation_map(f, q, limit, weight, bias) - limit) < Rational(1, 10**20)


def test_equal_inputs_are_stable_on_the_edge_and_below():
    relu = activation("max(z, 0)")
    assert fixed_correlation(relu, S.One, S(2), S.Zero) == 1
    assert correlation_length(relu, S.One, S(2), S.Zero) == sympy.oo
    ordered = correlation_length(relu, S.One, Rational(3, 2), Rational(1, 4))
    assert float(ordered) == pytest.approx(-1 / math.log(0.75))


def test_variance_map_of_relu_is_affine():
    assert variance_map(activation("max(z, 0)"), S(3), Rational(1, 5)) == Rational(3, 2) * A + Rational(1, 5)


def test_refusals():
    with pytest.raises(InputError, match="no finite limit"):
        fixed_point(activation("max(z, 0)"), S(3), S.Zero)
    with pytest.raises(InputError, match="jumps"):
        critical_line(activation("sign(z)"))
    with pytest.raises(InputError, match="constant"):
        critical_line(S(2))
