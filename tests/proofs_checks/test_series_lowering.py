"""Mehler's series in JAX: its stated errors against ball arithmetic, its gradients, its Gram matrices."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sympy import Rational, S, Symbol

from proofs_checks.lowering.series import combine, lower_series
from theory import balls
from theory.certified_expectations import CertifiedValues
from theory.errors import InputError
from theory.grammar import parse

flint = pytest.importorskip("flint")

Z = Symbol("z", real=True)
# (a, b, rho); enclosures of covariances that are binary floats, taken exactly
POINTS = ((1.0, 1.0, 0.5), (1.0, 1.0, -0.99), (6.25, 4.0, 0.9375))


def series(text, **options):
    return lower_series(parse(text, [Z]), **options)


def certified(text, a, b, c):
    with flint.ctx.workprec(80):
        first = balls.ball(a)
        second = first if a == b else balls.ball(b)
        return CertifiedValues(parse(text, [Z])).pair(first, second, balls.ball(c))


@pytest.mark.parametrize("text", ["tanh(z)", "mish(z)", "sqrt(1+z^2)", "z/(1+abs(z))"])
def test_errors_are_within_the_stated_ones(text):
    found = series(text)
    for a, b, rho in POINTS:
        c = rho * float(np.sqrt(a * b))
        values, errors = found(a, b, c), found.error(a, b, c)
        for value, error, ball in zip(values, errors, certified(text, a, b, c), strict=True):
            assert abs(float(value) - float(ball.mid())) <= float(error)


@pytest.mark.parametrize("text", ["tanh(z)", "softplus(z)"])
def test_analytic_activations_are_accurate_at_all_correlations(text):
    """At variance 1, rho = 1 included: E[s^2] and E[s'^2] by ball arithmetic."""
    with flint.ctx.workprec(80):
        expected = CertifiedValues(parse(text, [Z])).line(balls.ball(1), S.One)
    for value, ball in zip(series(text)(1.0, 1.0, 1.0), expected, strict=True):
        assert float(value) == pytest.approx(float(ball.mid()), rel=2e-12)


def test_the_stated_error_is_not_vacuous():
    """A short series at rho = 0.9: the true error is within a factor of 100 of the bound."""
    text, point = "tanh(z)", (1.0, 1.0, 0.9)
    found = series(text, order=12)
    pairs = zip(found(*point), found.error(*point), certified(text, *point), strict=True)
    for value, error, ball in pairs:
        assert float(error) / 100 < abs(float(value) - float(ball.mid())) <= float(error)


@pytest.mark.parametrize("text", ["tanh(z)", "max(tanh(z), 0)"])
@pytest.mark.parametrize("c", [1.0, -1.0, 0.3])
def test_gradients_are_finite_and_those_of_price(text, c):
    """d/dc E[s s] = E[s' s'], exactly, for the cut off series too."""
    found = series(text)
    gradients = jax.grad(lambda *entries: found(*entries)[0], (0, 1, 2))(1.0, 1.0, c)
    assert all(bool(jnp.isfinite(gradient)) for gradient in gradients)
    assert float(gradients[2]) == pytest.approx(float(found(1.0, 1.0, c)[1]), rel=1e-12)
    others = jax.grad(lambda *entries: found(*entries)[1], (0, 1, 2))(1.0, 1.0, c)
    assert all(bool(jnp.isfinite(gradient)) for gradient in others)


def test_gradient_in_the_variance_vs_a_difference_quotient():
    found, h = series("silu(z)"), 1e-5
    slope = jax.grad(lambda a: found(a, 0.7, 0.4)[0])(1.2)
    quotient = (found(1.2 + h, 0.7, 0.4)[0] - found(1.2 - h, 0.7, 0.4)[0]) / (2 * h)
    assert float(slope) == pytest.approx(float(quotient), rel=1e-9)  # h^2 is 1e-10


def test_gram_matrix_vs_pair_by_pair():
    found = series("tanh(z)")
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((4, 5)), rng.standard_normal((3, 5))
    a, b, c = (x**2).sum(1), (y**2).sum(1), x @ y.T
    left, right = found.coefficients(a).alpha, found.coefficients(b).alpha
    gram = combine(left[:, None], right[None], a[:, None], b[None], c)
    pairs = jax.jit(jax.vmap(jax.vmap(found, (None, 0, 0)), (0, None, 0)))(a, b, c)
    for matrix, entries in zip(gram, pairs, strict=True):
        assert matrix.shape == (4, 3)
        np.testing.assert_allclose(matrix, entries, rtol=1e-13)


def test_coefficients_vs_certified_integrals():
    """alpha_3 of tanh at a = 3/2: E[s(u) he_3(u / sqrt a)], he_3 = (x^3 - 3 x)/sqrt 6."""
    from sympy import sqrt

    from theory.certified_expectations import Factor, enclose_line

    x = Z / sqrt(Rational(3, 2))
    with flint.ctx.workprec(80):
        ball = enclose_line(
            (Factor(parse("tanh(z)", [Z])), Factor((x**3 - 3 * x) / sqrt(6))), balls.ball(1.5)
        )
    found = series("tanh(z)").coefficients(1.5)
    assert float(found.alpha[3]) == pytest.approx(float(ball.mid()), abs=4e-15)  # 512 rounded terms


BAD = {
    "a jump": (("tanh(z)*step(z) + step(z)",), {}, "derivative kernel"),
    "not square integrable": (("tanh(z)*exp(z^2)",), {}, "square integrability"),
    "too fast": (("tanh(100*z)",), {}, "varies too fast"),
    "order 1": (("tanh(z)",), {"order": 1}, "order 1"),
    "accuracy 0": (("tanh(z)",), {"accuracy": 0.0}, "accuracy 0"),
    "variance 0": (("tanh(z)",), {"variance": 0.0}, "variance 0"),
}


@pytest.mark.parametrize(("text", "options", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(text, options, said):
    with pytest.raises(InputError, match=said):
        series(*text, **options)


def test_single_precision_is_that_of_floats():
    """Without x64, in a process of its own: both kernels of SiLU at rho = 1/2 to 1e-5."""
    code = (
        "from sympy import Symbol, exp\n"
        "from proofs_checks.lowering.series import lower_series\n"
        "z = Symbol('z', real=True)\n"
        "values = lower_series(z / (1 + exp(-z)))(1.0, 1.0, 0.5)\n"
        "print(*map(float, values), values[0].dtype)"
    )
    environment = {**os.environ, "JAX_ENABLE_X64": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    *values, kind = done.stdout.split()
    assert kind == "float32"
    for value, ball in zip(values, certified("silu(z)", 1.0, 1.0, 0.5), strict=True):
        assert float(value) == pytest.approx(float(ball.mid()), rel=1e-5)
