"""Closed forms in JAX: against mpmath, in their gradients, and at nearly parallel vectors."""

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy
from sympy import (
    Abs,
    Heaviside,
    Max,
    Min,
    Piecewise,
    Rational,
    acos,
    asin,
    atan,
    erf,
    exp,
    gamma,
    log,
    pi,
    sign,
    sin,
    sqrt,
)

from proofs_checks.lowering import lower, lower_kernel
from theory.errors import InputError, OutsideClass

EPSILON = np.finfo(np.float64).eps
x, y = sympy.symbols("x y", real=True)
a, b, c = sympy.symbols("a b c", positive=True)

# --- expressions ---------------------------------------------------------------------------------------

EXPRESSIONS = [
    (x - y) ** 3 / (1 + x**2) ** Rational(3, 2) - pi,
    exp(-x) * sin(3 * x) / sympy.cosh(y) + 2**y,
    log(1 + exp(x)) - x / (1 + exp(-y)),
    erf(x) * sympy.erfc(y) + x * (1 + erf(x / sqrt(2))) / 2,
    asin(x / 4) + acos(y / 4) - sympy.atan2(x, -y) * atan(x),
    gamma(x) / sympy.loggamma(y + 3) + sympy.digamma(x),
    Max(x, y, 1) - Min(x, 2 * y) + Abs(x - y) + sign(x - 1) * Heaviside(y - 1),
    Piecewise((log(x), x > 1), (x - 1, (x > Rational(1, 2)) & (y < 1)), (-y, True)),
    sympy.floor(2 * x) + sympy.asinh(x) - sympy.tanh(y) + sympy.tan(x / 3),
    Rational(10**400 + 1, 3 * 10**400) * x + sqrt(2) * y,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_values_against_mpmath(expression):
    generator = np.random.default_rng(3)
    points = generator.uniform(0.05, 3, size=(20, 2))
    values = lower(expression, (x, y))(points[:, 0], points[:, 1])
    with mpmath.workdps(30):
        exact = sympy.lambdify((x, y), expression, "mpmath")
        expected = np.array([float(exact(mpmath.mpf(u), mpmath.mpf(v))) for u, v in points])
    # A handful of operations on numbers of order one; gamma and digamma of XLA are good to 1e-13.
    tolerance = 1e-12 if expression.has(gamma) else 30 * EPSILON
    np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_gradients_against_sympy(expression):
    if expression.has(sympy.floor, Heaviside, sign):
        expression = expression.replace(sympy.floor, lambda u: 0 * u).subs(
            {Heaviside(y - 1): 1, sign(x - 1): 1}
        )
    point = (0.7312, 1.9127)
    gradient = jax.grad(lower(expression, (x, y)), argnums=(0, 1))(*point)
    exact = [sympy.diff(expression, symbol).subs({x: point[0], y: point[1]}).evalf(25) for symbol in (x, y)]
    np.testing.assert_allclose(gradient, [float(value) for value in exact], rtol=1e-11, atol=1e-13)


def test_conventions_at_kinks():
    def at_zero(expression):
        return float(lower(expression, (x,))(0.0)), float(jax.grad(lower(expression, (x,)))(0.0))

    assert at_zero(Heaviside(x)) == (0.5, 0.0)
    assert at_zero(Heaviside(x, 1)) == (1.0, 0.0)
    assert at_zero(sign(x)) == (0.0, 0.0)
    assert at_zero(Max(0, x)) == (0.0, 0.5)
    assert at_zero(Abs(x)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("expression", "at", "slope"),
    [
        (Piecewise((log(x), x > 1), (0, True)), -1.0, 0.0),
        (Piecewise((sqrt(x), x > 0), (-x, True)), 0.0, -1.0),
        (Piecewise((x, x > 0), (exp(x) - 1, True)), 800.0, 1.0),
        (Piecewise((1, sympy.Eq(x, 0)), (sin(x) / x, True)), 0.0, 0.0),
        (Piecewise((sqrt(1 - x**2), (x > -1) & (x < 1)), (0, True)), 2.0, 0.0),
        (1 / (1 + exp(-x)), -800.0, 0.0),
        (log(1 + exp(x)), 800.0, 1.0),
    ],
    ids=str,
)
def test_what_is_not_taken_adds_nothing_to_the_gradient(expression, at, slope):
    assert float(jax.grad(lower(expression, (x,)))(at)) == slope


def test_digits_are_kept_where_the_text_book_form_loses_them():
    small = 1e-12
    assert float(lower(exp(x) - 1, (x,))(small)) == pytest.approx(np.expm1(small), rel=4 * EPSILON)
    assert float(lower(log(1 + x), (x,))(small)) == pytest.approx(np.log1p(small), rel=4 * EPSILON)
    with mpmath.workdps(30):
        tail = float(mpmath.ncdf(-9))
    # erfc is evaluated at 9/sqrt 2, whose rounding is amplified by 2 (9/sqrt 2)^2 = 81.
    assert float(lower((1 + erf(x / sqrt(2))) / 2, (x,))(-9.0)) == pytest.approx(tail, rel=100 * EPSILON)


def test_lowered_functions_are_cached_mapped_and_broadcast():
    assert lower(x + y, (x, y)) is lower(y + x, (x, y))
    assert lower(x - y, (x, y)) is not lower(x - y, (y, x))
    assert lower(x - y, (y, x))(1.0, 3.0) == 2.0
    constant = lower(sympy.Integer(5), (x,))
    assert constant(jnp.ones(3)).shape == (3,)
    assert lower(x, (x,))(3).dtype == jnp.float64
    second = jax.vmap(jax.grad(jax.grad(lower(x**3, (x,)))))(jnp.arange(3.0))
    np.testing.assert_array_equal(second, [0, 6, 12])


def test_common_subexpressions_are_evaluated_once():
    nested = x
    for _ in range(6):  # a tree of 3^6 leaves
        nested = sin(nested) * exp(-nested) + nested
    program = jax.make_jaxpr(lower(nested, (x,)))(0.5)
    assert str(program).count(" sin ") == 6


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (sympy.besselj(0, x), OutsideClass, "besselj"),
        (sympy.Integral(exp(x), x), OutsideClass, "Integral"),
        (sympy.DiracDelta(x), OutsideClass, "DiracDelta"),
        (x + y, InputError, "contains y"),
        (x * 10**400, InputError, r"about 10\^400"),
        (x + sympy.I, InputError, "not a real number"),
        (x * sympy.zoo, InputError, "not a real number"),
        ("x", InputError, "not a SymPy expression"),
    ],
    ids=str,
)
def test_refusals(expression, error, message):
    with pytest.raises(error, match=message):
        lower(expression, (x,))(1.0)


# --- kernels -------------------------------------------------------------------------------------------

ANGLE = asin(c / sqrt(a * b))
ROOT = sqrt(a * b - c**2)
RELU = ROOT / (2 * pi) + c / (2 * pi) * (pi / 2 + ANGLE)
STEP = Rational(1, 4) + ANGLE / (2 * pi)
KERNELS = {
    "relu": RELU,
    "relu, expanded": sympy.expand(RELU),
    "relu, acos": ROOT / (2 * pi) + c / (2 * pi) * (pi - acos(c / (sqrt(a) * sqrt(b)))),
    "relu, atan": ROOT / (2 * pi) + c / (2 * pi) * (pi / 2 + atan(c / ROOT)),
    "relu, correlation": sqrt(a * b)
    / (2 * pi)
    * (sqrt(1 - c**2 / (a * b)) + c / sqrt(a * b) * (pi / 2 + ANGLE)),
    "step": STEP,
    "relu tangent kernel": RELU + c * STEP,
    "relu^2": ((a * b + 2 * c**2) * (pi / 2 + ANGLE) + 3 * c * ROOT) / (2 * pi),
    "relu^3": (c * (9 * a * b + 6 * c**2) * (pi / 2 + ANGLE) + (4 * a * b + 11 * c**2) * ROOT) / (2 * pi),
    "leaky relu": c / 100 + Rational(81, 100) * RELU,
    "abs": 2 / pi * (ROOT + c * ANGLE),
    "erf": 2 / pi * asin(2 * c / sqrt((1 + 2 * a) * (1 + 2 * b))),
    "erf derivative": 4 / pi / sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c**2),
    "gelu": c / 4
    + c / (2 * pi) * asin(c / sqrt((1 + a) * (1 + b)))
    + (a * b * (1 + a) * (1 + b) + c**2 * (1 - a * b))
    / (2 * pi * (1 + a) * (1 + b) * sqrt((1 + a) * (1 + b) - c**2)),
    "sin": exp(-(a + b) / 2) * sympy.sinh(c),
}
# The angles from 0 and from pi at which each kernel is tested, down to 1e-8.
ANGLES = (1.2, 1e-1, 1e-2, 1e-4, 1e-6, 1e-8)


def pair_of_vectors(angle: float, orientation: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    first, second = np.linalg.qr(generator.normal(size=(6, 2)))[0].T
    lengths = generator.uniform(0.3, 2, size=2)
    return lengths[0] * first, orientation * lengths[1] * (np.cos(angle) * first + np.sin(angle) * second)


def exact_products(u, v, scale=1, bias=0):
    """a, b, c of the float64 vectors without rounding error."""
    first, second = ([mpmath.mpf(float(entry)) for entry in vector] for vector in (u, v))
    pairs = ((first, first), (second, second), (first, second))
    return [scale * mpmath.fsum(p * q for p, q in zip(*pair, strict=True)) + bias for pair in pairs]


@pytest.mark.parametrize("orientation", [1, -1], ids=["parallel", "antiparallel"])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_keep_their_digits_at_every_angle(name, orientation):
    kernel, expected = (
        lower_kernel(KERNELS[name], (a, b, c)),
        sympy.lambdify((a, b, c), KERNELS[name], "mpmath"),
    )
    with mpmath.workdps(160):  # relu^3 at pi - 1e-8 is 1e-56, through two more cancellations of such terms
        for seed, angle in enumerate(ANGLES):
            u, v = pair_of_vectors(angle, orientation, seed)
            exact = mpmath.re(expected(*exact_products(u, v)))
            assert abs(float(kernel(u, v)) / exact - 1) < 1e-13, angle


@pytest.mark.parametrize("name", ["relu", "erf", "gelu"])
@pytest.mark.parametrize("angle", ANGLES)
def test_scale_and_bias(name, angle):
    kernel = lower_kernel(KERNELS[name], (a, b, c), scale=1 / 6, bias=0.1)
    expected = sympy.lambdify((a, b, c), KERNELS[name], "mpmath")
    with mpmath.workdps(60):
        u, v = pair_of_vectors(angle, 1, 5)
        exact = expected(*exact_products(u, v, mpmath.mpf(1 / 6), mpmath.mpf(0.1)))
        assert abs(float(kernel(u, v)) / exact - 1) < 1e-13


@pytest.mark.parametrize("name", KERNELS)
def test_gradients_are_finite_everywhere(name):
    function = jax.jit(jax.value_and_grad(lower_kernel(KERNELS[name], (a, b, c)), argnums=(0, 1)))
    exactly = jnp.array([1.0, 2.0, -2.0])  # |u|^2 = 9: the projection is exact, the area exactly 0
    for first in (exactly, exactly / 7, jnp.array([0.31, -0.77, 1.13])):
        for second in (first, -first, 3 * first, -first / 7, first * (1 + 1e-9), jnp.flip(first)):
            value, gradients = function(first, second)
            assert all(bool(jnp.isfinite(part).all()) for part in (value, *gradients))
    assert bool(jnp.isfinite(function(0 * exactly, exactly)[1][0]).all())


@functools.cache
def relu_gradient():
    return jax.jit(jax.grad(lower_kernel(RELU, (a, b, c))))


@pytest.mark.parametrize("orientation", [1, -1])
@pytest.mark.parametrize("angle", [*ANGLES, 0.0])
def test_gradient_of_the_relu_kernel(angle, orientation):
    """d/du = (|v| sin(t) u/|u| + (pi - t) v)/(2 pi): Cho and Saul 2009, differentiated by hand."""
    u, v = pair_of_vectors(angle, orientation, 9)
    gradient = relu_gradient()(u, v)
    supplement = np.pi - angle if orientation == 1 else angle
    direction = np.linalg.norm(v) * np.sin(angle) * u / np.linalg.norm(u)
    expected = (direction + supplement * v) / (2 * np.pi)
    # The vectors meet the intended angle up to a rounding of their entries, and so does the gradient.
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=20 * EPSILON)


def test_known_values_at_parallel_vectors():
    u = jnp.array([1.0, 2.0, -2.0])
    relu, step = lower_kernel(RELU, (a, b, c)), lower_kernel(STEP, (a, b, c))
    assert float(relu(u, u)) == 4.5  # E[relu(9^(1/2) z)^2] = 9/2
    assert float(relu(u, -u)) == 0.0
    assert float(step(u, u)) == 0.5
    assert float(step(u, -u)) == 0.0


def test_gram_matrix_by_vmap_is_symmetric_and_positive():
    data = np.random.default_rng(0).normal(size=(30, 4))
    kernel = lower_kernel(RELU, (a, b, c), scale=0.25)
    gram = np.asarray(jax.vmap(jax.vmap(kernel, (None, 0)), (0, None))(data, data))
    np.testing.assert_allclose(gram, gram.T, rtol=20 * EPSILON)
    assert np.linalg.eigvalsh(gram).min() > 0


def test_what_is_not_recognized_is_evaluated_as_it_stands():
    strange = asin(sin(c) / sqrt(1 + a * b)) + sqrt(a + b * c**2)
    u, v = pair_of_vectors(1.2, 1, 4)
    with mpmath.workdps(30):
        exact = float(sympy.lambdify((a, b, c), strange, "mpmath")(*exact_products(u, v)))
    assert float(lower_kernel(strange, (a, b, c))(u, v)) == pytest.approx(exact, rel=20 * EPSILON)


@pytest.mark.parametrize("arguments", [{"scale": 0.0}, {"scale": float("nan")}, {"bias": -1.0}])
def test_senseless_scales_are_refused(arguments):
    with pytest.raises(InputError, match="give scale > 0 and bias >= 0"):
        lower_kernel(RELU, (a, b, c), **arguments)


def test_other_symbols_are_refused():
    with pytest.raises(InputError, match="contains d"):
        lower_kernel(RELU + sympy.Symbol("d"), (a, b, c))
    with pytest.raises(InputError, match="three symbols"):
        lower_kernel(RELU, (a, b))
