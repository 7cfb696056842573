"""Random layers as maps on trial: distances, signs and norms at finite width, exactly, and their controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import exp, sqrt

import numpy as np
import sympy
from sympy import Expr, Rational, Symbol, pi

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Distribution, Mean
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.random_layers.maps import (
    LayerGeometry,
    chi_squared,
    gaussian_limit,
    hamming_distance,
    spread_binomial,
    squared_norm,
)
from proofs_checks.two_layer_formulas import covariances
from theory.errors import OutsideClass
from theory.gaussian import pair_expectation
from theory.gaussian.evaluation import expected_value
from theory.gaussian.expectation import A, B, C
from theory.kernels.metric_preservation import (
    ANGLE,
    QUARTIC,
    distance,
    inner_product,
    moments,
    relu_distance,
)
from theory.kernels.two_layer_ntk import RELU, Z

Vector = tuple[Rational, ...]
Pairs = tuple[tuple[int, int], ...]


def _tenths(*rows: tuple[int, int, int]) -> tuple[Vector, ...]:
    return tuple(tuple(Rational(entry, 10) for entry in row) for row in rows)


# Generic: different norms below 1, so that every activation with a fourth moment has its expectations, and
# correlations 0.70, -0.45 and 0.41.
INPUTS = _tenths((7, 6, 3), (8, -1, 2), (-3, 4, 3), (2, -1, 7))
PAIRS: Pairs = ((0, 1), (1, 2), (0, 3))
# Where random signs in place of Gaussian weights show most: u takes two values.
ALONG_AN_AXIS = _tenths((9, 0, 0), (4, 8, -3))

# The laws hold at every width.
WIDTH, NETWORKS, SEEDS = 16, 256, 192
NORM_WIDTH, LAW_SEEDS, LAW_RESOLUTION = 16, 8192, 0.05
STRETCH = 0.8
CONTROL_SEEDS = 32
# Shares of the prediction in the quick profile. Inner products may be small beside their noise: then the
# share is of E |h(x) - h(y)|^2.
MEAN_RESOLUTION, VARIANCE_RESOLUTION, SMALLEST = 0.03, 0.045, 0.05


@dataclass(frozen=True)
class Forms:
    """What the theorem predicts, as closed forms in (a, b, c); ``quartic`` is None outside the class."""

    distance: Expr
    inner: Expr
    differ: Expr
    quartic: Expr | None


def claims(profile: Profile, activation: Expr = RELU) -> tuple[Claim, ...]:
    """Distances, signs and norms, and their controls."""
    geometry, norms = _geometry(profile, activation), _norms(profile)
    return (
        geometry,
        _hamming(profile),
        norms,
        _chernoff(profile, norms),
        *_opposite_sign(profile, activation),
        _chord(profile, activation),
        _sign_weights(profile, activation),
        _gaussian_norms(norms),
    )


def products(x: Vector, y: Vector) -> dict[Symbol, Rational]:
    """a = |x|^2, b = |y|^2 and c = x . y."""
    left, right = sympy.Matrix(x), sympy.Matrix(y)
    return {A: left.dot(left), B: right.dot(right), C: left.dot(right)}


def _points(inputs: tuple[Vector, ...], pairs: Pairs) -> tuple[dict[Symbol, Rational], ...]:
    return tuple(products(inputs[i], inputs[j]) for i, j in pairs)


@lru_cache(maxsize=32)
def forms(activation: Expr) -> Forms:
    """The closed forms of an activation."""
    try:
        quartic = sum(k * term.doit() for term, (_, _, k) in zip(moments(activation), QUARTIC, strict=True))
    except OutsideClass:
        quartic = None
    return Forms(distance(activation), inner_product(activation), ANGLE / pi, quartic)


@lru_cache(maxsize=64)
def _quartics(activation: Expr, inputs: tuple[Vector, ...], pairs: Pairs) -> tuple[float, ...]:
    """E (p - q)^4, from enclosures where there is no closed form."""
    terms = tuple((pair_expectation(activation**i, activation**j, Z), k) for i, j, k in QUARTIC)
    return tuple(
        sum(k * expected_value(term, point[A], point[B], point[C]) for term, k in terms)
        for point in _points(inputs, pairs)
    )


def _predicted(
    activation: Expr, inputs: tuple[Vector, ...], pairs: Pairs, found: Forms
) -> tuple[tuple[float, ...], ...]:
    """Mean distances, inner products and shares of different signs, and m times two variances."""
    points = _points(inputs, pairs)

    def values(form: Expr) -> tuple[float, ...]:
        return tuple(float(value_of(form, point)) for point in points)

    distances, shares = values(found.distance), values(found.differ)
    quartics = _quartics(activation, inputs, pairs) if found.quartic is None else values(found.quartic)
    spread = tuple(f - d**2 for f, d in zip(quartics, distances, strict=True))
    return distances, values(found.inner), shares, spread, tuple(p * (1 - p) for p in shares)


def _floats(rows: tuple[Vector, ...]) -> tuple[tuple[float, ...], ...]:
    """Tuples, which are hashable: equal parameters share one compiled program."""
    return tuple(tuple(float(entry) for entry in row) for row in rows)


def _resolutions(profile: Profile, truth: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """Finer with more seeds."""
    distances, inner, shares, *spreads = truth
    sizes = tuple(max(abs(k), SMALLEST * d) for k, d in zip(inner, distances, strict=True))
    means = (MEAN_RESOLUTION * size for size in (*distances, *sizes, *shares))
    spread = (VARIANCE_RESOLUTION * size for group in spreads for size in group)
    return tuple(value / sqrt(profile.factor) for value in (*means, *spread))


def _geometry_claim(
    profile: Profile,
    activation: Expr,
    found: Forms,
    inputs: tuple[Vector, ...] = INPUTS,
    pairs: Pairs = PAIRS,
) -> Claim:
    truth = _predicted(activation, inputs, pairs, forms(activation))
    parameters = {
        "inputs": _floats(inputs),
        "pairs": pairs,
        "centers": truth[0],
        "shares": truth[2],
        "width": WIDTH,
        "networks": NETWORKS,
    }
    predicted = sum(_predicted(activation, inputs, pairs, found), ())
    point = Point(parameters, predicted, resolution=_resolutions(profile, truth))
    return Claim(
        "distances, inner products and signs",
        r"$E |h(x) - h(y)|^2$, $E h(x) \cdot h(y)$ and $m \mathrm{Var} |h(x) - h(y)|^2$; "
        r"mean $m \theta / \pi$ and variance $m (\theta / \pi) (1 - \theta / \pi)$ of the Hamming distance "
        rf"of signs; exactly, at width {WIDTH}",
        Mean(),
        LayerGeometry(activation),
        (point,),
        profile.scale(SEEDS),
    )


def _geometry(profile: Profile, activation: Expr) -> Claim:
    found = forms(activation)

    def restate(form: Expr, field: str) -> Claim:
        return _geometry_claim(profile, activation, replace(found, **{field: form}))

    names = {
        "distance": "squared distance",
        "inner": "inner product",
        "differ": "probability of different signs",
        "quartic": "fourth moment of one unit",
    }
    closed = tuple(
        ClosedForm(name, getattr(found, field), covariances(activation), partial(restate, field=field))
        for field, name in names.items()
        if getattr(found, field) is not None
    )
    return replace(_geometry_claim(profile, activation, found), closed_forms=closed)


def _opposite_sign(profile: Profile, activation: Expr) -> tuple[Claim, ...]:
    """The formula of the ReLU with + psi in place of - psi."""
    if activation != RELU:
        return ()
    wrong = replace(forms(activation), distance=relu_distance(1))
    return (
        replace(
            _geometry_claim(profile, activation, wrong),
            name="opposite sign",
            statement=r"$E |h(x) - h(y)|^2 = |x - y|^2 / 2 + |x| |y| \psi(\theta)$",
            seeds=profile.scale(CONTROL_SEEDS),
            expected="refuted",
            reason="the formula with the opposite sign of psi: it exceeds the truth by "
            "2 |x| |y| (sin(theta) - theta cos(theta))/pi, and gives 3 |x|^2 for y = -x, where it is |x|^2",
        ),
    )


def _sign_weights(profile: Profile, activation: Expr) -> Claim:
    claim = _geometry_claim(profile, activation, forms(activation), ALONG_AN_AXIS, ((0, 1),))
    (point,) = claim.grid
    return replace(
        claim,
        name="random signs as weights",
        grid=(replace(point, parameters={**point.parameters, "entries": "rademacher"}),),
        seeds=profile.scale(CONTROL_SEEDS),
        expected="refuted",
        reason="the weights are random signs of the same variance: along a coordinate axis the preactivation "
        "takes two values and is far from Gaussian",
    )


def _chord(profile: Profile, activation: Expr) -> Claim:
    wrong = replace(forms(activation), differ=(1 - sympy.cos(ANGLE)) / 2)
    return replace(
        _geometry_claim(profile, activation, wrong),
        name="signs by the chord",
        statement=r"$E H = m (1 - \cos \theta) / 2$",
        seeds=profile.scale(CONTROL_SEEDS),
        expected="refuted",
        reason="the probability is the angle over pi; (1 - cos(theta))/2, a quarter of the squared distance "
        "of the directions, agrees with it only at 0, pi/2 and pi",
    )


def _hamming(profile: Profile) -> Claim:
    i, j = PAIRS[2]
    (point,) = _points(INPUTS, ((i, j),))
    parameters = {
        "inputs": _floats((INPUTS[i], INPUTS[j])),
        "width": WIDTH,
        "probability": float(value_of(ANGLE / pi, point)),
    }
    return Claim(
        "law of the Hamming distance",
        r"$H$ is binomial with $m$ trials of probability $\theta / \pi$ (plus a uniform variable)",
        Distribution(spread_binomial),
        hamming_distance,
        (Point(parameters, 0.0, resolution=LAW_RESOLUTION / sqrt(profile.factor)),),
        profile.scale(LAW_SEEDS),
    )


def _norms(profile: Profile) -> Claim:
    parameters = {"x": _floats(INPUTS)[0], "width": NORM_WIDTH}
    return Claim(
        "law of squared norms",
        rf"$|W x|^2 / |x|^2$ is chi-squared with $m$ degrees of freedom, at width {NORM_WIDTH}",
        Distribution(chi_squared),
        squared_norm,
        (Point(parameters, 0.0, resolution=LAW_RESOLUTION / sqrt(profile.factor)),),
        profile.scale(LAW_SEEDS),
    )


def _gaussian_norms(claim: Claim) -> Claim:
    return replace(
        claim,
        name="Gaussian law of squared norms",
        statement=r"$|W x|^2 / |x|^2$ is $N(m, 2 m)$",
        comparator=Distribution(gaussian_limit),
        expected="refuted",
        reason="chi-squared is Gaussian in the limit of infinite width only: at this width it is skewed",
    )


def _chernoff(profile: Profile, norms: Claim) -> Claim:
    """The same measurement as for the law of the norms, so that nothing is compiled anew."""
    allowed = exp(-NORM_WIDTH * (STRETCH**2 / 4 - STRETCH**3 / 6))
    threshold = NORM_WIDTH * (1 + STRETCH)
    exact = 1 - float(chi_squared(np.asarray(threshold), NORM_WIDTH))
    return replace(
        norms,
        name="tail of squared norms",
        statement=r"$|W x|^2 > (1 + \epsilon) m |x|^2$ with probability at most "
        rf"$e^{{-m (\epsilon^2 / 4 - \epsilon^3 / 6)}}$, at $\epsilon = {STRETCH}$ and width {NORM_WIDTH}: "
        rf"{allowed:.3f}, where it is {exact:.3f} exactly",
        comparator=Bound(probability=allowed),
        grid=(replace(norms.grid[0], predicted=threshold, resolution=LAW_RESOLUTION),),
        seeds=profile.scale(1024),
    )
