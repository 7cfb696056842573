r"""The whole law of log R on trial: the sample of networks against the distribution function.

The transform E R^s of kernels.finite_width at imaginary s is the characteristic function of log R; inverted
(J. Gil-Pelaez (1951), Note on the inversion theorem) it is the distribution function,

    F(x) = P/2 + F_0 - (1/pi) int_0^infinity Im[exp(-i t x) E(R^(i t); R > 0)] dt / t

with P = P(R > 0) and F_0 = 1 - P the mass of the dead networks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import pi, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, loggamma

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Distribution
from proofs_checks.deep_kernels.width_networks import DEAD, LogRatio
from proofs_checks.experiment import batched
from proofs_checks.profile import Profile

Values: TypeAlias = NDArray[np.float64]
Complex: TypeAlias = NDArray[np.complex128]
Transform: TypeAlias = Callable[[Complex, int], Complex]

# The midpoint rule with step H wraps the law around: it is off by the mass beyond 2 pi/H from x, in units of
# log R. For abs(x) below FAR = pi/H that is at most of the order exp(-FAR/2) = 2e-14 (chi^2 with one degree
# of freedom has the heaviest tail, x^(1/2)), and beyond it F is within as much of its limits. A factor with
# one degree of freedom, the slowest, falls like exp(-pi t/2): below 1e-16 at TOP.
STEP, TOP = 0.05, 24.0
FAR = pi / STEP
BLOCK = 1024  # values at a time: the table of phases has BLOCK * TOP/STEP entries

# The Dvoretzky-Kiefer-Wolfowitz radius is 0.031 at the first look, and the distance typically 0.015.
SEEDS, CONTROL_SEEDS = 3584, 256
RESOLUTION = 0.05  # of probability
BIASED = (3, 2)  # widths of the Jacobian with biases, and of the controls: narrow, so that every term shows
BIAS = 0.5


def chi_squared(s: Complex, n: int) -> Complex:
    """E (chi^2_n/n)^s."""
    return np.asarray(np.exp(s * np.log(2 / n) + loggamma(n / 2 + s) - gammaln(n / 2)))


def thinned(s: Complex, n: int) -> Complex:
    """E[((2/n) chi^2_B)^s; B > 0], B binomial with n fair trials."""
    k = np.arange(1, n + 1)
    chosen = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2) - gammaln(k / 2)
    powers = s[..., None] * np.log(4 / n) + loggamma(k / 2 + s[..., None])
    return np.asarray(np.exp(chosen + powers).sum(axis=-1))


def one_less(s: Complex, n: int) -> Complex:
    """E (chi^2_(n-1)/n)^s, a wrong law."""
    return np.asarray(np.exp(s * np.log(2 / n) + loggamma((n - 1) / 2 + s) - gammaln((n - 1) / 2)))


@lru_cache(maxsize=32)
def _transformed(transform: Transform, widths: tuple[int, ...]) -> tuple[Values, Complex, float]:
    """Midpoints t, the transform at i t, and at 0."""
    t: Values = STEP * (np.arange(round(TOP / STEP), dtype=np.float64) + 0.5)
    times: Complex = np.asarray(1j * t, dtype=np.complex128)
    values: Complex = np.ones(t.shape, dtype=np.complex128)
    alive = 1.0
    for n in widths:
        values = values * transform(times, n)
        alive *= float(transform(np.zeros(1, dtype=np.complex128), n)[0].real)
    return t, values, alive


def distribution(transform: Transform, x: Values, widths: Sequence[int]) -> Values:
    """P(log R <= x), where dead networks are uniform between -2 DEAD and -DEAD."""
    t, values, alive = _transformed(transform, tuple(widths))
    flat = np.ravel(x)
    parts = (flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))
    sums = [(np.exp(-1j * np.outer(part, t)) * values).imag @ (STEP / t) for part in parts]
    above = alive / 2 - np.concatenate(sums) / pi
    above = np.where(np.abs(flat) < FAR, above, alive * (flat > 0))
    below = (1 - alive) * np.clip(flat / DEAD + 2, 0.0, 1.0)
    # Rounding takes F out of [0, 1] by some units of 1e-16.
    found = np.where(flat <= -DEAD, below, 1 - alive + above)
    return np.asarray(np.clip(found, 0.0, 1.0).reshape(np.shape(x)))


def linear_law(x: Values, widths: Sequence[int]) -> Values:
    """The law of deep linear networks."""
    return distribution(chi_squared, x, widths)


def relu_law(x: Values, widths: Sequence[int]) -> Values:
    """The law of ReLU networks, and of their Jacobian."""
    return distribution(thinned, x, widths)


def short_law(x: Values, widths: Sequence[int]) -> Values:
    """A wrong law: n - 1 degrees of freedom at width n."""
    return distribution(one_less, x, widths)


def law_claims(profile: Profile, widths: tuple[int, ...]) -> tuple[Claim, ...]:
    """The laws of linear and ReLU networks and of the Jacobian; two wrong laws."""
    linear, relu = _linear(profile, widths), _relu(profile, widths)
    narrow = replace(linear.grid[0], parameters={"widths": BIASED, "weight_variance": 1.0})
    gates = replace(relu.grid[0], parameters={"widths": BIASED, "weight_variance": 2.0})
    return (
        linear,
        relu,
        _jacobian(profile, relu),
        _control(
            profile,
            replace(linear, comparator=Distribution(short_law), grid=(narrow,)),
            "one degree of freedom less",
            r"$R$ is a product of $\chi^2_{n-1}/n$ in linear networks",
            "no degree of freedom is lost: no mean is taken off and every neuron brings one",
        ),
        _control(
            profile,
            replace(relu, comparator=Distribution(linear_law), grid=(gates,)),
            "law without thinning",
            r"$R$ is a product of $\chi^2_n/n$ in ReLU networks too",
            "half of the neurons are silent, by a binomial law: fewer squares fluctuate more, and some "
            "networks are dead",
        ),
    )


def _claim(profile: Profile, name: str, statement: str, point: Point, experiment: LogRatio) -> Claim:
    law = linear_law if experiment.kind == "linear" else relu_law
    return Claim(name, statement, Distribution(law), batched(experiment), (point,), profile.scale(SEEDS))


def _point(profile: Profile, **parameters: object) -> Point:
    return Point(parameters, 0.0, resolution=RESOLUTION / sqrt(profile.factor))


def _linear(profile: Profile, widths: tuple[int, ...]) -> Claim:
    return _claim(
        profile,
        "law of linear networks",
        rf"$R$ has the law of a product of independent $\chi^2_n/n$, hidden widths {widths}, real weight "
        "matrices, exactly: the distribution function of its logarithm",
        _point(profile, widths=widths, weight_variance=1.0),
        LogRatio("linear"),
    )


def _relu(profile: Profile, widths: tuple[int, ...]) -> Claim:
    return _claim(
        profile,
        "law of ReLU networks",
        r"$R$ has the law of a product of independent $(2/n) \chi^2_B$ with $B \sim \mathrm{Bin}(n, 1/2)$, "
        rf"hidden widths {widths}, real weight matrices, exactly: the distribution function of its "
        "logarithm, and the mass at $R = 0$",
        _point(profile, widths=widths, weight_variance=2.0),
        LogRatio("ReLU"),
    )


def _jacobian(profile: Profile, claim: Claim) -> Claim:
    point = _point(profile, widths=BIASED, weight_variance=2.0, tangent=True, bias_deviation=BIAS)
    return replace(
        claim,
        name="law of the Jacobian",
        statement=r"$|J u|^2$ has the law of ReLU networks for a fixed direction $u$, also with Gaussian "
        rf"biases, hidden widths {BIASED}, real weight matrices, exactly: the distribution function",
        grid=(point,),
    )


def _control(profile: Profile, claim: Claim, name: str, statement: str, reason: str) -> Claim:
    seeds = profile.scale(CONTROL_SEEDS)
    return replace(claim, name=name, statement=statement, seeds=seeds, expected="refuted", reason=reason)
