"""Enclosures of Gaussian expectations without closed form, against mpmath, closed forms and symmetries."""

import math

import mpmath
import numpy as np
import pytest
import sympy
from scipy import special
from sympy import (
    Abs,
    Heaviside,
    Max,
    Piecewise,
    Rational,
    S,
    Symbol,
    atan,
    cosh,
    erf,
    exp,
    lambdify,
    log,
    sign,
    sin,
    sqrt,
    tan,
    tanh,
)

flint = pytest.importorskip("flint")

from theory import balls  # noqa: E402  # after the check for python-flint
from theory.certified_expectations import CertifiedValues, Factor, enclose_line  # noqa: E402
from theory.certified_expectations.complex_balls import complex_function  # noqa: E402
from theory.certified_expectations.growth import HalfLine, Unbounded, tail_mass  # noqa: E402
from theory.certified_expectations.panels import Weight, panels  # noqa: E402
from theory.certified_expectations.pieces import pieces  # noqa: E402
from theory.errors import InputError, OutsideClass  # noqa: E402
from theory.gaussian.closed_values import ClosedValues  # noqa: E402
from theory.grammar import parse  # noqa: E402

Z = Symbol("z", real=True)
BITS = 90


def kernels(activation, a, b, c, bits=BITS):
    with flint.ctx.workprec(bits):
        first = balls.ball(Rational(a))
        second = first if a == b else balls.ball(Rational(b))
        return CertifiedValues(activation).pair(first, second, balls.ball(Rational(c)))


def by_trapezoids(function, a, b, c, step=0.125, extent=11):
    """The trapezoidal rule in both variables in double precision: exponentially accurate here."""
    points = np.arange(-extent, extent + step / 2, step)
    weights = np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi) * step
    u = math.sqrt(a) * points
    v = c * points[:, None] / math.sqrt(a) + math.sqrt(b - c**2 / a) * points
    return float((weights * function(u)) @ (function(v) @ weights))


SMOOTH = {
    "tanh": "tanh(z)",
    "sigmoid": "sigmoid(z)",
    "silu": "silu(z)",
    "softplus": "softplus(z)",
    "mish": "mish(z)",
    "gelu times tanh": "gelu(z)*tanh(z)",
    "logarithm": "log(1 + z^2/9)",
    "root": "sqrt(9 + z^2)",
    "inverse tangent": "z*atan(z/3)",
    "growing": "exp(z^2/9)*tanh(z/2)",
}


@pytest.mark.parametrize("text", SMOOTH.values(), ids=SMOOTH)
def test_enclosure_vs_trapezoids(text):
    """The rule's own error is exp(-2 pi strip / step), 1e-22 for strips of 1; what is left is rounding."""
    activation = parse(text, [Z])
    dual, moved = kernels(activation, Rational(6, 5), Rational(7, 10), Rational(-1, 2))
    for ball, function in ((dual, activation), (moved, activation.diff(Z))):
        numeric = lambdify(Z, function, [{"erf": special.erf}, "numpy"])
        assert float(ball.mid()) == pytest.approx(by_trapezoids(numeric, 1.2, 0.7, -0.5), rel=1e-13)
        assert ball.rad() < 1e-18


CLOSED = {
    "relu": Max(Z, 0),
    "erf": erf(Z),
    "elu": Piecewise((Z, Z > 0), (exp(Z) - 1, True)),
    "hard tanh": Max(-1, sympy.Min(1, Z)),
    "shifted": Max(Z**2 - Rational(1, 3), 0),
    "growing": exp(Z**2 / 8 - Z),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("rho", ["1/3", "-9/10"])
def test_enclosure_vs_closed_form(name, rho):
    """Two routes without a common line of code: rules for Gaussian integrals, and quadrature."""
    a, b = Rational(1), Rational(3, 4)
    c = Rational(rho) * Rational(4, 5)
    with flint.ctx.workprec(BITS):
        known = ClosedValues(CLOSED[name]).pair(*map(balls.ball, (a, b, c)))
    for ball, expected in zip(kernels(CLOSED[name], a, b, c), known, strict=True):
        assert ball.overlaps(expected)
        assert ball.rad() < 1e-18


@pytest.mark.parametrize("rho", [Rational(99, 100), Rational(-99, 100), Rational(0), Rational(1, 2)])
def test_correlations_up_to_099(rho):
    """Odd activations: the kernel is odd in c and its derivative even."""
    dual, moved = kernels(tanh(Z), 1, 1, rho, 70)
    mirrored = kernels(tanh(Z), 1, 1, -rho, 70)
    assert dual.overlaps(-mirrored[0])
    assert moved.overlaps(mirrored[1])
    assert max(dual.rad(), moved.rad()) < 1e-12
    if rho == 0:
        assert dual.contains(0)


def test_enclosures_at_two_precisions_are_consistent():
    rough, fine = (kernels(tanh(Z), 1, 1, Rational(1, 2), bits) for bits in (60, 220))
    for one, other in zip(rough, fine, strict=True):
        assert one.contains(other)
        assert other.rad() < 1e-50


def test_balls_of_covariances_contain_every_point_of_them():
    with flint.ctx.workprec(BITS):
        wide = balls.ball((Rational(1, 2), Rational(1, 2) + Rational(1, 10**6)))
        dual, _ = CertifiedValues(tanh(Z)).pair(balls.ball(1), balls.ball(1), wide)
    for c in (Rational(1, 2), Rational(1, 2) + Rational(1, 10**6)):
        assert dual.contains(kernels(tanh(Z), 1, 1, c)[0])


KINKED = {
    "max of tanh": (Max(tanh(Z), 0), [0]),
    "threshold that is not rational": (Max(tanh(Z) - Rational(1, 3), 0), ["atanh(1/3)"]),
    "softsign": (Z / (1 + Abs(Z)), [0]),
    "cases": (Piecewise((Z, Z > 1), (tanh(Z - 1) + 1, True)), [1]),
    "product": (tanh(Z) * sign(Z), [0]),
}


@pytest.mark.parametrize("name", KINKED)
def test_kinks_vs_mpmath_on_the_diagonal(name):
    """E[s(u)^2] and E[s'(u)^2] by mpmath's own quadrature, split at the kinks."""
    activation, kinks = KINKED[name]
    with flint.ctx.workprec(BITS):
        values = CertifiedValues(activation).line(balls.ball(1), S.One)
    with mpmath.workdps(25):
        marks = [
            -12,
            *(
                mpmath.mpf(sympy.N(sympy.sympify(k) if k == 0 or k == 1 else sympy.atanh(Rational(1, 3)), 30))
                for k in kinks
            ),
            12,
        ]
        slope = activation.diff(Z).replace(sympy.DiracDelta, lambda *_: S.Zero)
        for ball, function in zip(values, (activation, slope), strict=True):
            numeric = lambdify(Z, function.rewrite(Piecewise), "mpmath")
            expected = mpmath.quad(lambda x, f=numeric: f(x) ** 2 * mpmath.npdf(x), marks)
            assert abs(mpmath.mpf(ball.str(22, radius=False)) - expected) < 1e-16
            assert ball.rad() < 1e-18


JUMPS = {
    "a step": tanh(Z) + Heaviside(Z),
    "a quotient that is a sign": tanh(Z) * Z / Abs(Z) + Z / Abs(Z),
    "a step that is not at a rational": Heaviside(tanh(Z) - Rational(1, 3)),
    "steps everywhere": sign(sin(Z)),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_has_no_derivative_kernel(name):
    dual, moved = kernels(JUMPS[name], 1, 1, Rational(1, 2), 60)
    assert dual.is_finite()
    assert moved is None


@pytest.mark.parametrize("activation", [tanh(Z) * sign(Z), Abs(sin(Z)), Z / (1 + Abs(sin(Z)))], ids=str)
def test_kinks_without_a_jump_have_one(activation):
    assert not CertifiedValues(activation).jumps


REFUSED = {
    "no fourth power": (exp(Z**2) * tanh(Z), InputError, "needs less than 0.25"),
    "critical growth": (exp(Z**2 / 4) * tanh(Z), InputError, "needs less than 0.25"),
    "every Gaussian": (exp(Z**4) * tanh(Z), InputError, "outgrows every Gaussian"),
    "a pole": (tanh(Z) / Z**2, OutsideClass, "singular near z"),
    "a logarithm at 0": (log(Abs(Z)), OutsideClass, "singular near z"),
    "poles everywhere": (tan(Z), InputError, "growth of tan"),
    "kinks that are not isolated": (Abs(sin(Z) - tanh(Z)), OutsideClass, "not isolated"),
}


@pytest.mark.parametrize(("activation", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_square_integrable_or_not_analytic_is_refused(activation, kind, said):
    with pytest.raises(kind, match=said):
        kernels(activation, 1, 1, Rational(1, 2))


def test_variance_decides_whether_the_mean_square_is_finite():
    """exp(z^2/6) has E[s^2] at variance a < 3/2 only."""
    activation = exp(Z**2 / 6) * tanh(Z)
    assert kernels(activation, Rational(7, 5), Rational(7, 5), Rational(1, 2), 60)[0].is_finite()
    with pytest.raises(InputError, match=r"variance 1\.5 "):
        kernels(activation, Rational(3, 2), Rational(3, 2), Rational(1, 2), 60)


BRANCH_CUTS = {
    "logarithm": (log(Z), -1),
    "root": (sqrt(Z), -1),
    "power": (Z ** Rational(1, 3), -1),
    "inverse tangent": (atan(Z), 2j),
    "inverse sine": (sympy.asin(Z), 2),
    "pole": (1 / Z, 0),
    "pole of tanh": (tanh(Z), 1.5707963267948966j),
}


@pytest.mark.parametrize(("function", "place"), BRANCH_CUTS.values(), ids=BRANCH_CUTS)
def test_a_ball_across_a_branch_cut_or_pole_is_not_finite(function, place):
    """Without this check the quadrature of sqrt(z^2) is confidently wrong."""
    place = complex(place)
    around = flint.acb(flint.arb(place.real, 0.1), flint.arb(place.imag, 0.1))
    compiled = complex_function(function, Z)
    assert not compiled(around).is_finite()
    assert compiled(flint.acb(0.5, 0.25)).is_finite()


RUNGE = {  # the integral over [-1, 1], and a tolerance that few nodes reach
    "1/(1 + z^2)": (1 / (1 + Z**2), sympy.pi / 2, 1e-2),
    "narrow": (1 / (1 + 25 * Z**2), 2 * atan(5) / 5, 1e-2),
    "exponential": (exp(3 * Z), 2 * sympy.sinh(3) / 3, 1e-3),
}


@pytest.mark.parametrize("name", RUNGE)
def test_error_bounds_of_panels_hold_and_are_not_vacuous(name):
    """With few nodes there is an error to be bounded: it is, and the bound is not a million times larger."""
    function, integral, tolerance = RUNGE[name]
    weight = Weight(flint.arb(0), flint.arb(0))
    found = panels(function, Z, flint.arb(-1), flint.arb(1), weight, flint.arb(tolerance), 1.0)
    total = sum((value for panel in found for _, value in panel.nodes()), flint.arb(0))
    bound = sum((panel.error for panel in found), flint.arb(0))
    error = abs(total - balls.ball(integral))
    assert error <= bound <= tolerance * len(found)
    assert bound <= 1e6 * error


def test_growth_bounds_hold_at_points():
    line = HalfLine(Z, flint.arb(8))
    for text in SMOOTH.values():
        for function in (parse(text, [Z]), parse(text, [Z]).diff(Z)):
            bound = line.growth(function)
            for x in (8, 9, 17, 40):
                value = balls.enclose(function, {Z: x}).mid()
                allowed = bound.factor * flint.arb(1 + x) ** bound.power
                allowed *= (bound.linear * x + bound.quadratic * x * x).exp()
                assert abs(value) <= allowed.abs_upper()


def test_tail_mass_bounds_a_tail_that_is_known():
    """x exp(-x^2/2) beyond 6: the integral is exp(-18)."""
    bound = tail_mass(HalfLine(Z, flint.arb(6)).growth(Z), flint.arb(6), flint.arb(0.5))
    exact = flint.arb(-18).exp()
    assert exact <= bound <= 2 * exact


def test_growth_that_is_unknown_is_said():
    with pytest.raises(Unbounded, match="bounded away from 0"):
        HalfLine(Z, flint.arb(8)).growth(1 / (1 - tanh(Z)))


def test_pieces_are_those_of_the_function():
    found = pieces((Max(0, Abs(Z) - 1) * cosh(Z),), Z, Rational(3))
    assert [piece.low.exact for piece in found] == [-3, -1, 0, 1]
    assert found[0].functions[0] == (-Z - 1) * cosh(Z)
    assert found[1].functions[0] == found[2].functions[0] == 0


def test_one_variable_vs_a_known_moment():
    """E[u^4] = 3 a^2, through the same tails and panels."""
    with flint.ctx.workprec(BITS):
        value = enclose_line((Factor(Z**3), Factor(Z)), balls.ball(Rational(3, 2)))
        assert value.contains(balls.ball(Rational(27, 4)))
    assert value.rad() < 1e-15
