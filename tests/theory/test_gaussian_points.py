"""Expectations of three and four functions against moments, quadrature and Price's equation."""

import itertools
import math

import numpy as np
import pytest
import sympy
from sympy import Eq, Heaviside, Max, Rational, Symbol, asin, erf, exp, pi, sign, sin, sqrt

from theory import balls
from theory.errors import InputError, OutsideClass
from theory.gaussian import PriceEquation, expectation_of, pair_expectation
from theory.gaussian.expectation import A, B, C, covariance_symbols
from theory.gaussian.price import _price
from theory.proving.outcome import Answer

Z = Symbol("z", real=True)
RELU, STEP, BUMP = Max(Z, 0), Heaviside(Z), exp(-(Z**2) / 2)
# One common factor g: x_i = loading_i g + deviation_i xi_i, so that c_ij = loading_i loading_j.
LOADINGS, DEVIATIONS = (0.7, -0.5, 0.6, 0.4), (0.6, 0.8, 0.5, 0.7)

SHAPES = {
    Z: lambda x: x,
    Z**2: lambda x: x**2,
    RELU: lambda x: np.maximum(x, 0),
    STEP: lambda x: (x > 0) * 1.0,
    Max(Z + 1, 0): lambda x: np.maximum(x + 1, 0),
    BUMP: lambda x: np.exp(-(x**2) / 2),
    sin(Z): np.sin,
    exp(Z): np.exp,
    erf(Z): np.vectorize(math.erf),
}
KINKS = {Max(Z + 1, 0): -1.0}

CASES = [
    (STEP, STEP, STEP),
    (RELU, RELU, RELU),
    (RELU, RELU, Z**2),
    (RELU, Z, Z**2),
    (Max(Z + 1, 0), Z, Z),
    (RELU, BUMP, Z),
    (BUMP, BUMP, BUMP),
    (exp(Z), STEP, Z**2),
    (erf(Z), erf(Z), Z**2),
    (sin(Z), sin(Z), exp(Z), Z),
    (STEP, STEP, Z, Z),
]


LEGENDRE = np.polynomial.legendre.leggauss(20)


def nodes(low, high, panels=4):
    x, w = LEGENDRE
    edges = np.linspace(low, high, panels + 1)
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


def given_factor(function, loading, deviation, g):
    """E[f(loading g + deviation xi)] for each g, panels split at the kink of f."""
    kink = KINKS.get(function, 0.0)
    pieces = []
    for mean in loading * g:
        # 9 deviations leave 1e-18 of the weight
        low, high = mean - 9 * deviation, mean + 9 * deviation
        split = min(max(kink, low), high)
        total = 0.0
        for start, stop in ((low, split), (split, high)):
            x, w = nodes(start, stop)
            total += w @ (SHAPES[function](x) * np.exp(-(((x - mean) / deviation) ** 2) / 2))
        pieces.append(total / (deviation * math.sqrt(2 * math.pi)))
    return np.array(pieces)


def by_common_factor(functions):
    g, w = nodes(-9, 9, panels=6)
    parts = [given_factor(f, LOADINGS[i], DEVIATIONS[i], g) for i, f in enumerate(functions)]
    return float(w @ (np.prod(parts, axis=0) * np.exp(-(g**2) / 2))) / math.sqrt(2 * math.pi)


def common_factor_point(count):
    symbols = covariance_symbols(count)
    point = {}
    for i, j in itertools.product(range(count), repeat=2):
        noise = DEVIATIONS[i] ** 2 if i == j else 0.0
        point[symbols[i, j]] = LOADINGS[i] * LOADINGS[j] + noise
    return point


@pytest.mark.parametrize("functions", CASES, ids=str)
def test_closed_form_against_one_factor_quadrature(functions):
    closed = expectation_of(functions, Z).doit()
    value = float(closed.subs(common_factor_point(len(functions))).evalf(20))
    # 20 nodes a panel resolve these integrands to rounding; the point has 1e-16 of its own
    assert value == pytest.approx(by_common_factor(functions), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("functions", CASES, ids=str)
def test_closed_form_is_proved(functions):
    mean = expectation_of(functions, Z)
    outcome = PriceEquation().discharge(Eq(mean, mean.doit(), evaluate=False), None)
    assert outcome.answer is Answer.YES, outcome.how
    assert outcome.points == math.comb(len(functions), 2) or not balls.available()


def test_three_steps_have_the_orthant_probability_of_sheppard():
    a, b, d = (covariance_symbols(3)[i, i] for i in range(3))
    x, y, w = (covariance_symbols(3)[i, j] for i, j in ((0, 1), (0, 2), (1, 2)))
    angles = asin(x / sqrt(a * b)) + asin(y / sqrt(a * d)) + asin(w / sqrt(b * d))
    published = Rational(1, 8) + angles / (4 * pi)
    mean = expectation_of((STEP, STEP, STEP), Z)
    assert sympy.expand(mean.doit() - published) == 0
    assert PriceEquation().discharge(Eq(mean, published, evaluate=False), None).answer is Answer.YES


def test_four_points_of_linear_functions_are_the_pairings():
    c = covariance_symbols(4)
    pairings = c[0, 1] * c[2, 3] + c[0, 2] * c[1, 3] + c[0, 3] * c[1, 2]
    assert sympy.expand(expectation_of((Z,) * 4, Z).doit() - pairings) == 0


def test_a_numerical_covariance():
    mean = expectation_of((STEP,) * 3, Z, [[1, Rational(1, 2), 0], [Rational(1, 2), 1, 0], [0, 0, 1]])
    assert mean.doit() == Rational(1, 6)  # the last is independent: 1/2 (1/4 + asin(1/2)/(2 pi))


WRONG = {
    "one pair doubled": lambda k, c: k + k.diff(c[0, 1]) * c[0, 1],
    "product of all pairs": lambda k, c: k + c[0, 1] * c[0, 2] * c[1, 2],
    "constant": lambda k, _: k + Rational(1, 1000),
    "factor": lambda k, _: k * Rational(21, 20),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("functions", [(STEP,) * 3, (RELU, RELU, Z**2), (BUMP,) * 3], ids=str)
def test_planted_errors_are_not_proved(functions, fault):
    mean = expectation_of(functions, Z)
    wrong = WRONG[fault](mean.doit(), covariance_symbols(3))
    relation = Eq(mean, wrong, evaluate=False)
    assert PriceEquation().discharge(relation, None).answer is not Answer.YES
    # the algebra alone refuses them: the ball points have one correlated pair only
    assert _price(mean, wrong)[0] is not Answer.YES


def test_dependent_entries_are_not_proved_by_price():
    mean = expectation_of((Z, Z, Z**2), Z, [[A, C, C], [C, A, C], [C, C, A]])
    outcome = PriceEquation().discharge(Eq(mean, mean.doit(), evaluate=False), None)
    assert outcome.answer is Answer.UNKNOWN
    assert "different symbols" in outcome.how


@pytest.mark.parametrize(
    ("functions", "dimension"),
    [((sign(Z),) * 4, 4), ((RELU,) * 4, 4), ((Max(Z + 1, 0),) * 3, 3), ((erf(Z),) * 4, 4)],
    ids=str,
)
def test_higher_orthants_are_refused(functions, dimension):
    with pytest.raises(OutsideClass, match=f"orthant in {dimension} dimensions"):
        expectation_of(functions, Z).doit()


def test_bad_input():
    with pytest.raises(InputError, match="at least one function"):
        expectation_of((), Z)
    with pytest.raises(InputError, match="must be symmetric"):
        expectation_of((Z, Z), Z, [[1, 2], [0, 1]])


@pytest.mark.parametrize("powers", [(2, 2), (3, 1), (3, 3)])
def test_higher_moments_of_relu_are_arc_cosine_kernels(powers):
    i, j = powers
    mean = pair_expectation(RELU**i, RELU**j, Z)
    assert PriceEquation().discharge(Eq(mean, mean.doit(), evaluate=False), None).answer is Answer.YES
    # on the diagonal both factors are one power: E[relu^(i+j)] = (i+j-1)!! a^((i+j)/2)/2
    diagonal = mean.doit().subs({B: A}).limit(C, A, "-")
    assert diagonal.equals(sympy.factorial2(i + j - 1) * A ** Rational(i + j, 2) / 2)
