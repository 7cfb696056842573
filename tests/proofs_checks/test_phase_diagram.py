"""Phase diagrams: closed forms, quadrature, and direct iteration agree."""

import numpy as np
import pytest
from scipy import integrate

from proofs_checks.phase_diagram import phase_diagram
from theory.errors import InputError
from theory.grammar import parse


def diagram(text, weights, biases, **options):
    return phase_diagram(parse(text, symbols=("z",)), weights, biases, **options)


def mean(function, variance):
    value, _ = integrate.quad(
        lambda z: function(np.sqrt(variance) * z) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), -12, 12
    )
    return value


@pytest.mark.parametrize(
    ("text", "function", "slope"),
    [("tanh(z)", np.tanh, lambda z: 1 / np.cosh(z) ** 2), ("sin(z)", np.sin, np.cos)],
)
def test_fixed_points_and_slopes_solve_their_equations(text, function, slope):
    """tanh has no closed form, sin has; both against adaptive quadrature."""
    found = diagram(text, [0.9, 1.8], [0.02, 0.3])
    for row, bias in enumerate(found.bias_variances):
        for column, weight in enumerate(found.weight_variances):
            q = found.fixed_points[row, column]
            assert bias + weight * mean(lambda u: function(u) ** 2, q) == pytest.approx(q, rel=1e-7)
            assert weight * mean(lambda u: slope(u) ** 2, q) == pytest.approx(
                found.slopes[row, column], rel=1e-7
            )


def test_relu_is_critical_at_two_without_biases():
    found = diagram("max(z, 0)", [1.0, 2.0, 3.0], [0.0, 0.5])
    assert found.slopes == pytest.approx(np.array([[0.5, 1.0, 1.5]] * 2))
    assert np.isinf(found.fixed_points[1]).tolist() == [False, True, True]
    assert found.fixed_points[1, 0] == pytest.approx(1.0)
    assert set(found.line_weight_variances) == {2.0}
    assert set(found.line_bias_variances) == {0.0}


def test_slope_is_one_on_the_line():
    line = diagram("erf(z)", [1.0], [0.1], variances=[0.3, 1.7])
    found = diagram("erf(z)", line.line_weight_variances, line.line_bias_variances)
    assert np.diagonal(found.fixed_points) == pytest.approx([0.3, 1.7])
    assert np.diagonal(found.slopes) == pytest.approx([1.0, 1.0])


def test_points_with_a_negative_bias_variance_are_left_out():
    assert diagram("cos(z)", [1.0], [0.1], variances=[1.0]).line_variances.size == 0


def test_a_step_has_no_phases():
    with pytest.raises(InputError, match="jumps"):
        diagram("sign(z)", [1.0], [0.1])


def test_variances_that_vanish_are_no_unbounded_ones():
    """Without bias the variance of max(z, 0) is multiplied by sigma_w^2/2: below 2 it tends to 0."""
    found = diagram("max(z, 0)", [1.0, 1.99, 2.2], [0.0]).fixed_points[0]
    assert np.all(found[:2] <= 1e-11)
    assert np.isinf(found[2])
