"""Kernels of infinitely wide networks: against ball arithmetic, stored values of a peer, and each other."""

import json
import math
from fractions import Fraction
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import Rational

from numerics import elementary, kernel_recursion
from numerics.memory import OutOfMemory
from proofs_checks import kernel
from theory.deep_kernels.enclosure import enclose_deep
from theory.errors import InputError
from theory.grammar import parse

PEER = json.loads((Path(__file__).parents[1] / "data/neural_tangents_kernels.json").read_text("utf-8"))
ANGLES = (1e-8, 1e-4, 0.1, 1.0, 3.0, math.pi - 1e-2, math.pi - 1e-8)
DATA = np.random.default_rng(3).standard_normal((7, 3))


def exact(value: float) -> Rational:
    return Rational(*Fraction(float(value)).as_integer_ratio())


def enclosed(form, depth, weight, bias, x, y):
    """By another route: closed forms in ball arithmetic at the exact values of the floats."""
    inner = [sum(exact(p) * exact(q) for p, q in zip(u, v, strict=True)) for u, v in ((x, x), (y, y), (x, y))]
    first = [exact(bias) + exact(weight) * value / len(x) for value in inner]
    balls = enclose_deep(parse(form, ["z"]), depth, exact(weight), exact(bias), *first, 20)
    return [float(ball.mid()) for ball in balls]


def turned(angle, dtype, ratio=1.1):
    x = np.array([1.0, 0.3])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return jnp.asarray(np.stack([x, ratio * turn @ x]), dtype)


# 1e-13: rounding of a few hundred operations a layer; 1e-5 is the same in float32.
@pytest.mark.parametrize(
    ("form", "depth", "bias", "dtype", "tolerance"),
    [
        ("max(0, z)", 1, 0.0, "float64", 1e-13),
        ("max(0, z)", 3, 0.25, "float64", 1e-13),
        ("max(0, z)", 3, 0.25, "float32", 1e-5),
        ("abs(z)", 2, 0.0, "float64", 1e-13),
        ("erf(z)", 3, 0.0, "float64", 1e-13),
        ("z*(1 + erf(z/sqrt(2)))/2", 2, 0.25, "float64", 1e-13),
        ("max(-1, min(1, z))", 1, 0.25, "float64", 1e-13),  # bivariate normal distribution functions
    ],
)
def test_kernels_at_all_angles_vs_balls(form, depth, bias, dtype, tolerance):
    found = kernel(form, depth=depth, weight_variance=1.5, bias_variance=bias)
    for angle in ANGLES:
        pair = turned(angle, dtype)
        expected = enclosed(form, depth, 1.5, bias, *np.asarray(pair))
        values = [matrix[0, 1] for matrix in found.matrices(pair)]
        assert values[0].dtype == dtype
        np.testing.assert_allclose(values, expected, rtol=tolerance, atol=0)
        single = [found.nngp(*pair), found.ntk(*pair)]
        np.testing.assert_allclose(single, expected, rtol=tolerance, atol=0)


# Two layers: the first decides the angle that the second sees. 1e-13 as above.
@pytest.mark.parametrize(
    ("form", "ratio"),
    [
        ("max(-1, min(1, z))", 1.0),
        ("max(-1, min(1, z))", 1 + 1e-8),  # the norms differ as much as the directions
        ("max(0, z - 1)", 1 + 1e-3),
        ("max(z, 0) + exp(min(z, 0)) - 1", 1 + 1e-5),
    ],
)
def test_kinks_away_from_zero_keep_small_angles_through_layers_vs_balls(form, ratio):
    found = kernel(form, depth=2, weight_variance=1.5, bias_variance=0.25)
    for angle in (1e-8, 1e-4, 1e-2, math.pi - 1e-8):
        pair = turned(angle, "float64", ratio)
        values = [found.nngp(*pair), found.ntk(*pair)]
        np.testing.assert_allclose(
            values, enclosed(form, 2, 1.5, 0.25, *np.asarray(pair)), rtol=1e-13, atol=0
        )


@pytest.mark.parametrize("form", PEER["kernels"])
def test_kernels_vs_neural_tangents(form):
    """1e-10: the peer loses digits in arccosine and in differences of squares."""
    inputs = jnp.asarray(PEER["inputs"])
    for depth, reference in PEER["kernels"][form].items():
        variances = {"weight_variance": PEER["W_std"] ** 2, "bias_variance": PEER["b_std"] ** 2}
        found = kernel(form, depth=int(depth), **variances)
        values = {"nngp": found.nngp_matrix(inputs)}
        if form != "sign(z)":  # it jumps: the peer takes 0 for its derivative
            values["ntk"] = found.ntk_matrix(inputs)
        for name, matrix in values.items():
            known = np.isfinite(reference[name])  # the peer has NaN for squares of ReLU at equal inputs
            assert np.all(known) or form == "max(0, z)^2"
            np.testing.assert_allclose(
                np.where(known, matrix, 0), np.where(known, reference[name], 0), rtol=1e-10
            )
            assert np.all(np.isfinite(matrix))


@pytest.mark.parametrize("form", PEER["unit_kernels"])
def test_kernels_at_unit_variance_vs_neural_tangents(form):
    """Hermite polynomials and the exponential: 1e-10 as above."""
    inputs = jnp.asarray(PEER["unit_inputs"])
    for depth, reference in PEER["unit_kernels"][form].items():
        values = kernel(form, depth=int(depth)).matrices(inputs)
        np.testing.assert_allclose(values, [reference["nngp"], reference["ntk"]], rtol=1e-10)


def test_kernel_of_an_activation_that_jumps_has_no_tangent():
    with pytest.raises(InputError, match="jumps"):
        kernel("sign(z)").ntk_matrix(DATA)


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_gradients_are_finite_at_equal_opposite_and_zero_inputs(bias):
    found = kernel("max(0, z)", depth=2, bias_variance=bias)
    one, zero = jnp.ones(2), jnp.zeros(2)
    for x, y in ((one, one), (one, -one), (zero, one), (zero, zero)):
        for function in (found.nngp, found.ntk):
            assert np.all(np.isfinite(jax.grad(function)(x, y)))


def test_gradient_of_the_matrices_vs_differences():
    found = kernel("max(0, z)", depth=2, bias_variance=0.3)

    def total(inputs):
        return sum(jnp.sum(jnp.sin(matrix)) for matrix in found.matrices(inputs))

    inputs, direction = jnp.asarray(DATA), jnp.asarray(DATA[::-1].copy())
    step = 1e-6  # differences are then exact to 1e-12 plus rounding of 1e-9 relative
    difference = (total(inputs + step * direction) - total(inputs - step * direction)) / (2 * step)
    assert float(jnp.vdot(jax.grad(total)(inputs), direction)) == pytest.approx(float(difference), rel=1e-7)


@pytest.mark.parametrize("tile", [2, 3, 7, 64])
def test_tiles_and_symmetry_change_nothing(tile):
    recursion = kernel("max(0, z)", depth=3, bias_variance=0.1).recursion
    inputs = jnp.asarray(DATA)
    symmetric = kernel_recursion.matrices(recursion, inputs, None, tile)
    general = kernel_recursion.matrices(recursion, inputs, inputs + 0, tile)
    for one, other in zip(symmetric, general, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
        np.testing.assert_array_equal(one, one.T)


def test_blocks_vs_matrices():
    found = kernel("erf(z)", depth=2)
    whole = found.matrices(DATA)
    for rows, parts in found.blocks(DATA, size=3):
        for part, matrix in zip(parts, whole, strict=True):
            np.testing.assert_allclose(part, matrix[rows], rtol=1e-13)


def test_standard_parametrization_vs_sum_over_layers():
    """Erf, one hidden layer of 5: Theta = 5 kappa + 1 + sigma_w^2 kappa' (x.y + 1), by the textbook forms."""
    x, y = DATA[0], DATA[1]
    weight, bias = 1.2, 0.3
    a, b, c = (bias + weight * float(u @ v) / 3 for u, v in ((x, x), (y, y), (x, y)))
    dual = 2 / math.pi * math.asin(2 * c / math.sqrt((1 + 2 * a) * (1 + 2 * b)))
    slope = 4 / math.pi / math.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c * c)
    variances = {"weight_variance": weight, "bias_variance": bias}
    found = kernel("erf(z)", parametrization="standard", widths=(5,), **variances)
    expected = 5 * dual + 1 + weight * slope * (float(x @ y) + 1)
    assert float(found.ntk(x, y)) == pytest.approx(expected, rel=1e-14)


def test_series_outside_the_class_vs_quadrature():
    """tanh by the trapezoidal rule, 601 nodes a direction: poles at distance 1.5 / sigma leave e^-100."""
    x, y = DATA[0], DATA[1]
    nodes = np.linspace(-9, 9, 601)
    weights = np.exp(-(nodes**2) / 2) * (nodes[1] - nodes[0])
    a, b, c = (float(u @ v) / 3 for u, v in ((x, x), (y, y), (x, y)))
    first = math.sqrt(a) * nodes[:, None]
    second = c / math.sqrt(a) * nodes[:, None] + math.sqrt(b - c * c / a) * nodes
    expected = weights @ (np.tanh(first) * np.tanh(second)) @ weights / (2 * math.pi)
    assert float(kernel("tanh(z)").nngp(x, y)) == pytest.approx(expected, rel=1e-8)


def test_too_large_results_are_refused_before_allocation(monkeypatch):
    monkeypatch.setattr(kernel_recursion, "free_bytes", lambda _: 2**27)
    with pytest.raises(OutOfMemory, match="blocks"):
        kernel("max(0, z)").matrices(jnp.ones((4096, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth 0"),
        ({"weight_variance": -1.0}, "weight_variance -1"),
        ({"parametrization": "mean"}, "unknown parametrization"),
        ({"parametrization": "standard"}, "widths"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        kernel("max(0, z)", **arguments)


def test_elementary_functions_vs_numpy():
    """4 units of rounding."""
    values = np.concatenate([np.linspace(-3, 3, 101), [1e-9, -1e-300, 1e200]])
    y, x = (grid.ravel() for grid in np.meshgrid(values, values))
    np.testing.assert_allclose(
        elementary.arctan2(jnp.asarray(y), jnp.asarray(x)), np.arctan2(y, x), rtol=9e-16
    )
    small = values[:-1]
    np.testing.assert_allclose(elementary.sinh(jnp.asarray(small)), np.sinh(small), rtol=9e-16)
    np.testing.assert_allclose(elementary.cosh(jnp.asarray(small)), np.cosh(small), rtol=9e-16)
    assert float(elementary.arctan2(jnp.zeros(()), jnp.zeros(()))) == 0
