"""The layer recursions against what is known of linear and ReLU networks, and against plain numbers."""

from math import acos, pi, sqrt

import pytest
from sympy import Max, Rational, sign, symbols

from theory.deep_kernels.recursion import Z, covariance_entries, nngp, ntk, substituted, tangent_entries
from theory.errors import InputError

RELU = Max(Z, 0)
FIRST = dict(zip(covariance_entries(1), (Rational(1, 2), Rational(2, 3), Rational(1, 5)), strict=True))


def arc_cosine(a, b, c):
    """E[relu relu] and E[step step] of Cho and Saul (2009), equations 5 and 6."""
    angle = acos(c / sqrt(a * b))
    return (sqrt(a * b - c * c) + (pi - angle) * c) / (2 * pi), (pi - angle) / (2 * pi)


@pytest.mark.parametrize("parametrization", ["ntk", "standard"])
def test_relu_of_three_layers_in_plain_numbers(parametrization):
    weight, bias, widths = 1.5, 0.1, (4, 5, 6, 7)
    a, b, c = 1 / 2, 2 / 3, 1 / 5
    theta = c if parametrization == "ntk" else 4 * (c - bias) / weight + 1
    for width in widths[1:]:
        value, slope = arc_cosine(a, b, c)
        own = bias + weight * value if parametrization == "ntk" else width * value + 1
        theta = own + weight * slope * theta
        a, b, c = bias + weight * a / 2, bias + weight * b / 2, bias + weight * value
    equations = ntk(RELU, 3, Rational(3, 2), Rational(1, 10), parametrization, widths)
    found = substituted(equations, FIRST, 20)
    assert float(found[tangent_entries(4).mixed]) == pytest.approx(theta, rel=1e-13)
    assert float(found[covariance_entries(4).mixed]) == pytest.approx(c, rel=1e-13)


def test_linear_networks_in_closed_form():
    """K^{L+1} = w^L K^1 and Theta^{L+1} = (L + 1) w^L K^1."""
    w = symbols("w", positive=True)
    found = substituted(ntk(Z, 4, w), FIRST)
    assert found[covariance_entries(5).mixed].expand() == w**4 / 5
    assert found[tangent_entries(5).mixed].expand() == w**4


def test_equal_inputs_go_through_the_single_expectations():
    found = substituted(nngp(RELU, 3, Rational(2)), FIRST)
    assert found[covariance_entries(4).first] == Rational(1, 2)


def test_jumps_have_a_process_and_no_tangent_kernel():
    assert nngp(sign(Z), 1)[0].rhs == 1
    with pytest.raises(InputError, match="point masses"):
        ntk(sign(Z), 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "number of hidden layers, at least 1"),
        ({"depth": 2, "parametrization": "other"}, "give one of ntk, standard"),
        ({"depth": 2, "widths": (3, 4)}, "3 widths, the input dimension first"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(InputError, match=message):
        ntk(RELU, **arguments)
