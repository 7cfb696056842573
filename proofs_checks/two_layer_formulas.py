"""Closed forms of the two-layer tangent kernel for its trials: their values, and points to sample."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import floor, isqrt
from typing import Any

import sympy
from sympy import Expr, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory.certified_expectations.rows import enclose_expectation
from theory.errors import InputError, OutsideClass
from theory.gaussian import GaussianExpectation, read, single_expectation
from theory.gaussian.evaluation import expected_value
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import Mean
from theory.two_layer import certified
from theory.two_layer.closed import kernel, slope_of, variance_terms
from theory.two_layer.terms import DOMAIN, FOURTH, LAW, SECOND, THETA, UNIT_MEAN, D, S, Z

Vector = tuple[Rational, ...]

HUNDREDTH = Rational(1, 100)
NARROW = 1e-3  # the largest radius of a certified prediction, as a share of the resolution
# The theorem's E[S^2], E[S D], E[D^2] and Theta as numbers that its variance law combines.
SQUARE, MIXED, SLOPES, KERNEL = sympy.symbols("E_SS E_SD E_DD Theta", real=True)
# Its E[S] and E[D], and Theta that these combine to: without closed forms they are numbers too.
DUAL, MOVED = sympy.symbols("E_S E_D", real=True)
KERNEL_LAW = UNIT_MEAN.rhs.subs(*SECOND.args).xreplace({Mean(S): DUAL, Mean(D): MOVED})
_NAMES = {Mean(S**2): SQUARE, Mean(S * D): MIXED, Mean(D**2): SLOPES, THETA: KERNEL}

START, TARGET = sympy.symbols("f_0 y", real=True)
RATE, STEP = sympy.symbols("lambda eta", positive=True)
COUNT = Symbol("n", integer=True, positive=True)
# n steps of gradient descent along an eigenvector of the kernel with eigenvalue lambda
REGRESSION = START + (1 - (1 - STEP * RATE) ** COUNT) * (TARGET - START)


def inner_products(x: Vector, y: Vector) -> dict[Symbol, Rational]:
    """a = |x|^2, b = |y|^2 and c = x . y."""

    def product(x: Vector, y: Vector) -> Rational:
        return sum((p * q for p, q in zip(x, y, strict=True)), Rational(0))

    return {A: product(x, x), B: product(y, y), C: product(x, y)}


@lru_cache(maxsize=64)
def tangent(activation: Expr) -> Expr:
    """Theta(a, b, c) of two different inputs, as the theorem concludes it."""
    return kernel(activation).tangent


@lru_cache(maxsize=64)
def diagonal(activation: Expr) -> Expr:
    """Theta(a, a, a) = E[s(u)^2] + a E[s'(u)^2], u ~ N(0, a): one input with itself."""
    dual, moved = (single_expectation(f**2, Z).doit() for f in (activation, slope_of(activation)))
    return dual + A * moved


@dataclass(frozen=True)
class Moment:
    """E[S^2], E[S D] or E[D^2]: its name in the law, the expectation, its closed form where it has one.

    ``outside`` the class Mehler's series does not reach either: then quadrature is certified.
    """

    symbol: Symbol
    expectation: GaussianExpectation
    closed: Expr | None
    outside: bool = False

    @property
    def constant(self) -> bool:
        """Whether the random variable is a constant.

        E[g(u) g(v)] is E[g]^2 at c = 0 and tends to E[g^2] for c -> a = b: if it depends on none of them,
        g has no variance.
        """
        return self.closed is not None and not self.closed.free_symbols

    def value(self, point: Mapping[Symbol, Rational]) -> float:
        """From the closed form, or the midpoint of a certified enclosure."""
        if self.closed is not None:
            return float(value_of(self.closed, point))
        if self.outside:
            return float(_ball(self.expectation, point).mid())
        return expected_value(self.expectation, point[A], point[B], point[C])

    def radius(self, point: Mapping[Symbol, Rational]) -> float:
        """Of the enclosure outside the class; inside it is 1e-7, or there is a closed form."""
        return float(_ball(self.expectation, point).rad()) if self.outside else 0.0


@lru_cache(maxsize=64)
def moments(activation: Expr) -> tuple[Moment, Moment, Moment]:
    """The three moments of the variance law."""
    outside = certified.outside(activation)
    terms = certified.variance_terms(activation) if outside else variance_terms(activation)
    named = zip((SQUARE, MIXED, SLOPES), terms, strict=True)
    first, second, third = (Moment(name, term, _closed_form(term), outside) for name, term in named)
    return first, second, third


def certified_kernel(activation: Expr, law: Expr, point: Mapping[Symbol, Rational]) -> float:
    """Theta outside the class: E[S] and E[D] enclosed at the inner products, combined by a law."""
    dual, moved = (Rational(float(_ball(term, point).mid())) for term in certified.kernel_terms(activation))
    return float(value_of(law, {DUAL: dual, MOVED: moved, C: point[C]}))


def certified_radius(activation: Expr, point: Mapping[Symbol, Rational]) -> float:
    """How far Theta = E[S] + c E[D] can be from `certified_kernel` by the law of the theorem."""
    dual, moved = (float(_ball(term, point).rad()) for term in certified.kernel_terms(activation))
    return dual + abs(float(point[C])) * moved


def require_narrow(radii: Iterable[float], resolutions: Iterable[float]) -> None:
    """Raises InputError where a certified prediction is not far narrower than the resolution."""
    for radius, resolution in zip(radii, resolutions, strict=True):
        if not radius <= NARROW * resolution:
            raise InputError(
                f"a prediction is certified to {radius:.1e} only, which is not small beside the resolution "
                f"{resolution:.1e}: rescale the activation"
            )


def _ball(term: GaussianExpectation, point: Mapping[Symbol, Rational]) -> Any:
    """The smaller variance first: the expectation is symmetric, and each ball is computed once."""
    low, high = sorted((point[A], point[B]))
    return enclose_expectation(term.subs({A: low, B: high, C: point[C]}))


def variance_law(activation: Expr, fourth_moment: int) -> Expr:
    """m Var Theta_m = E_SS + 2 c E_SD + mu_4 c^2 E_DD - Theta^2 for readout weights of this fourth moment.

    A moment that is a number or c itself is inserted: its name would tell apart what is equal.
    """
    plain = {m.symbol: m.closed for m in moments(activation) if m.closed is not None and m.closed.is_Atom}
    return LAW.rhs.xreplace(_NAMES).subs(FOURTH, fourth_moment).xreplace(plain)


def _closed_form(term: GaussianExpectation) -> Expr | None:
    try:
        return term.doit()
    except OutsideClass:
        return None


def tempered(activation: Expr) -> bool:
    """Whether the activation grows no faster than a power: its moments then exist for inputs of any size.

    False outside the class, where that is not looked into: enclosures take longest for long inputs.
    """
    if certified.outside(activation):
        return False
    exponents = ((term.quadratic, term.linear) for term, _ in read(activation, Z).terms)
    return all(
        sympy.re(quadratic) > 0 or (quadratic == 0 and sympy.re(linear) == 0)
        for quadratic, linear in exponents
    )


def covariances(activation: Expr) -> Mapping[str, Sampler]:
    """Samplers of (a, b, c) with c^2 < a b: both signs, near the ends and the middle, all sizes."""
    ends = DOMAIN.box[A]
    usual = {
        "c > 0": _pairs(ends, 0, 1),
        "c < 0": _pairs(ends, -1, 0),
        "c near 0": _pairs(ends, -HUNDREDTH, HUNDREDTH),
        "c near sqrt(a b)": _pairs(ends, 1 - HUNDREDTH, 1),
        "c near -sqrt(a b)": _pairs(ends, -1, HUNDREDTH - 1),
        "a = b": _equal(ends),
    }
    return usual | {name: _pairs(sizes, -1, 1) for name, sizes in _sizes(activation).items()}


def single_variances(activation: Expr) -> Mapping[str, Sampler]:
    """Samplers of a alone."""
    ranges = {"usual norms": DOMAIN.box[A], **_sizes(activation)}
    return {name: _single(ends) for name, ends in ranges.items()}


def law_values() -> Mapping[str, Sampler]:
    """Samplers of c and of what the variance law combines: an identity in all of them."""
    return _both_signs((SQUARE, MIXED, SLOPES, KERNEL))


def kernel_law_values() -> Mapping[str, Sampler]:
    """Samplers of c, E[S] and E[D]: an identity in all of them."""
    return _both_signs((DUAL, MOVED))


def _both_signs(symbols: tuple[Symbol, ...]) -> Mapping[str, Sampler]:
    return {"c > 0": _law_sampler(symbols, 1), "c < 0": _law_sampler(symbols, -1)}


def training_values() -> Mapping[str, Sampler]:
    """Samplers for kernel regression by n steps."""

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        start, target, rate = (_between(rng, Rational(1, 5), 2) for _ in range(3))
        return {
            START: start,
            TARGET: target,
            RATE: rate,
            STEP: _between(rng, 0, Rational(1, 2)),
            COUNT: sympy.Integer(7),
        }

    return {"n = 7": sample}


def constant_sampler() -> Mapping[str, Sampler]:
    """For a closed form without symbols."""
    return {"everywhere": lambda rng: {}}


Ends = tuple[Any, Any]


def _sizes(activation: Expr) -> dict[str, Ends]:
    """Small inputs, and large ones where these have moments."""
    small = {"small norms": (Rational(1, 1000), Rational(1, 20))}
    return {**small, "large norms": (Rational(5), Rational(40))} if tempered(activation) else small


def _between(rng: random.Random, low: Any, high: Any) -> Rational:
    """A rational strictly between the two ends."""
    return low + (high - low) * Rational(rng.randint(1, 99_999), 100_000)


def _pairs(ends: Ends, lowest: Any, highest: Any) -> Sampler:
    """Two variances between the ends, and a correlation between the lowest and the highest."""

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        a, b = (_between(rng, *ends) for _ in range(2))
        root = Rational(isqrt(floor(a * b * 10**24)), 10**12)  # sqrt(a b), rounded down
        return {A: a, B: b, C: _between(rng, lowest, highest) * root}

    return sample


def _equal(ends: Ends) -> Sampler:
    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        a = _between(rng, *ends)
        return {A: a, B: a, C: a * _between(rng, -1, 1)}

    return sample


def _single(ends: Ends) -> Sampler:
    return lambda rng: {A: _between(rng, *ends)}


def _law_sampler(symbols: tuple[Symbol, ...], sign: int) -> Sampler:
    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        values = {symbol: _between(rng, Rational(1, 5), 2) for symbol in symbols}
        return {**values, C: sign * _between(rng, Rational(1, 5), 1)}

    return sample
