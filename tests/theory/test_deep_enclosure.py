"""Kernels through depth in ball arithmetic, against recursions by numerical quadrature and known values."""

import itertools
import math

import numpy as np
import pytest
from scipy import special
from sympy import Max, Rational, Symbol, erf, exp, sign, sqrt

from theory.deep_kernels.enclosure import enclose_deep
from theory.errors import InputError

pytest.importorskip("flint")

Z = Symbol("z", real=True)
RELU, GELU = Max(Z, 0), Z * (1 + erf(Z / sqrt(2))) / 2
POINT = (Rational(1), Rational(1, 2), Rational(1, 3))
# Gauss-Legendre on 12 panels in polar coordinates and in the radius is exact to about 1e-13 here.
AGREEMENT = 1e-11


def polar(function, a, b, c):
    """E[g(u) g(v)], each panel free of the kinks of ReLU: u = sqrt(a) r cos(t), v = sqrt(b) r cos(t - q)."""
    q = math.acos(c / math.sqrt(a * b))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    edges = sorted({*np.linspace(-math.pi, math.pi, 9), q - math.pi / 2, (q + math.pi / 2)})
    edges = [edge for edge in edges if -math.pi <= edge <= math.pi]
    angle = np.concatenate([(h - low) / 2 * nodes + (h + low) / 2 for low, h in itertools.pairwise(edges)])
    share = np.concatenate([(h - low) / 2 * weights for low, h in itertools.pairwise(edges)])
    marks = np.linspace(0, 12, 7)
    radius = np.concatenate([nodes + m + 1 for m in marks[:-1]])
    density = np.tile(weights, 6) * radius * np.exp(-(radius**2) / 2) / (2 * math.pi)
    u = math.sqrt(a) * radius[:, None] * np.cos(angle)
    v = math.sqrt(b) * radius[:, None] * np.cos(angle - q)
    return float(density @ (function(u) * function(v)) @ share)


def recursion(function, slope, depth, weight, bias, a, b, c):
    """The recursion in floating point."""
    tangent = c
    for _ in range(depth):
        moved = polar(slope, a, b, c)
        a, b, c = (bias + weight * polar(function, p, q, r) for p, q, r in ((a, a, a), (b, b, b), (a, b, c)))
        tangent = c + weight * moved * tangent
    return c, tangent


FUNCTIONS = {
    "relu": (RELU, lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "erf": (erf(Z), special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-(x**2))),
    "gelu": (
        GELU,
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_enclosure_vs_quadrature_through_depth(name):
    activation, function, slope = FUNCTIONS[name]
    balls = enclose_deep(activation, 3, Rational(3, 2), Rational(1, 10), *POINT, digits=20)
    expected = recursion(function, slope, 3, 1.5, 0.1, *map(float, POINT))
    for ball, value in zip(balls, expected, strict=True):
        assert float(ball.mid()) == pytest.approx(value, rel=AGREEMENT)
        assert ball.rad() < abs(ball.mid()) * 10**-20


def test_identical_inputs_of_critical_relu_keep_their_norm():
    """K^l = a at every depth, and Theta^{L+1} = (L + 1) a: each layer adds a."""
    nngp, ntk = enclose_deep(RELU, 7, Rational(2), Rational(0), *[Rational(3, 2)] * 3, digits=15)
    assert nngp == 1.5
    assert ntk == 12


def test_parallel_inputs_of_relu_scale():
    """s(t z) = t s(z): the kernels of x and t x are t times those of x."""
    single = enclose_deep(RELU, 4, Rational(2), Rational(0), *[Rational(1)] * 3, digits=15)
    scaled = enclose_deep(RELU, 4, Rational(2), Rational(0), *map(Rational, (1, 9, 3)), digits=15)
    assert [ball == 3 * one for ball, one in zip(scaled, single, strict=True)] == [True, True]


def test_antiparallel_inputs_of_an_odd_activation():
    same = enclose_deep(erf(Z), 3, Rational(2), Rational(0), *map(Rational, (1, 1, 1)), digits=20)
    opposite = enclose_deep(erf(Z), 3, Rational(2), Rational(0), *map(Rational, (1, 1, -1)), digits=20)
    for one, other in zip(same, opposite, strict=True):
        assert one.overlaps(-other)


def test_singular_covariances_are_limits_of_regular_ones():
    near = Rational(1) - Rational(1, 10**12)
    limit = enclose_deep(GELU, 2, Rational(2), Rational(1, 5), Rational(1), Rational(1), Rational(-1), 20)
    close = enclose_deep(GELU, 2, Rational(2), Rational(1, 5), Rational(1), Rational(1), -near, 20)
    for one, other in zip(limit, close, strict=True):
        assert abs(one - other) < 1e-11  # both derivatives in c are of order 1 for a smooth activation
        assert abs(one - other) > 0


def test_standard_parametrization_of_one_layer():
    """Theta = n_1 E[s s] + 1 + sigma_w^2 E[s' s'] (x . y + 1), written out for ReLU at c = 0."""
    a = b = Rational(1)
    nngp, ntk = enclose_deep(RELU, 1, Rational(2), Rational(1, 4), a, b, Rational(0), 15, "standard", (3, 5))
    dual, moved = 1 / (2 * math.pi), 1 / 4
    inner = 3 * (0 - 0.25) / 2
    assert float(nngp.mid()) == pytest.approx(0.25 + 2 * dual, rel=1e-15)
    assert float(ntk.mid()) == pytest.approx(5 * dual + 1 + 2 * moved * (inner + 1), rel=1e-14)


def test_a_jump_has_a_nngp_kernel_and_no_tangent_kernel():
    nngp, ntk = enclose_deep(sign(Z), 2, Rational(1), Rational(0), *POINT, digits=15)
    inner = 2 / math.pi * math.asin((1 / 3) / math.sqrt(1 / 2))
    assert float(nngp.mid()) == pytest.approx(2 / math.pi * math.asin(inner), rel=1e-14)
    assert ntk is None


BAD = {
    "depth 0": ({"depth": 0}, "depth 0"),
    "negative depth": ({"depth": -2}, "depth -2"),
    "a depth that is no integer": ({"depth": 1.5}, "depth 1.5"),
    "huge depth": ({"depth": 10**9}, "depth 1000000000"),
    "weight variance 0": ({"weight_variance": Rational(0)}, "weight variance 0"),
    "negative bias variance": ({"bias_variance": Rational(-1)}, "bias variance -1"),
    "no covariance": ({"c": Rational(2)}, "smallest eigenvalue"),
    "variance 0": ({"a": Rational(0), "c": Rational(0)}, "smallest eigenvalue"),
    "parametrization": ({"parametrization": "mup"}, "standard"),
    "widths": ({"parametrization": "standard"}, "widths"),
    "infinite": ({"activation": exp(Z**2 / 8), "depth": 3}, "infinite"),
}


@pytest.mark.parametrize(("changed", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(changed, said):
    given = {
        "activation": RELU,
        "depth": 2,
        "weight_variance": Rational(4),
        "bias_variance": Rational(0),
        "a": Rational(1),
        "b": Rational(1, 2),
        "c": Rational(1, 3),
        "digits": 10,
    }
    with pytest.raises(InputError, match=said):
        enclose_deep(**{**given, **changed})
