"""Closed forms of the two-layer tangent kernel for its trials: their values, and points to sample."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import floor, isqrt
from typing import Any

import sympy
from sympy import Expr, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory.errors import OutsideClass
from theory.gaussian import GaussianExpectation, read, single_expectation
from theory.gaussian.evaluation import expected_value
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import Mean
from theory.kernels.two_layer_ntk import DOMAIN, FOURTH, LAW, THETA, D, S, Z, kernel, slope_of, variance_terms

HUNDREDTH = Rational(1, 100)
# The theorem's E[S^2], E[S D], E[D^2] and Theta as numbers that its variance law combines.
SQUARE, MIXED, SLOPES, KERNEL = sympy.symbols("E_SS E_SD E_DD Theta", real=True)
_NAMES = {Mean(S**2): SQUARE, Mean(S * D): MIXED, Mean(D**2): SLOPES, THETA: KERNEL}

START, TARGET = sympy.symbols("f_0 y", real=True)
RATE, STEP = sympy.symbols("lambda eta", positive=True)
COUNT = Symbol("n", integer=True, positive=True)
# n steps of gradient descent along an eigenvector of the kernel with eigenvalue lambda
REGRESSION = START + (1 - (1 - STEP * RATE) ** COUNT) * (TARGET - START)


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
    """E[S^2], E[S D] or E[D^2]: its name in the law, the expectation, its closed form where it has one."""

    symbol: Symbol
    expectation: GaussianExpectation
    closed: Expr | None

    @property
    def constant(self) -> bool:
        """Whether the random variable is a constant.

        E[g(u) g(v)] is E[g]^2 at c = 0 and tends to E[g^2] for c -> a = b: if it depends on none of them,
        g has no variance.
        """
        return self.closed is not None and not self.closed.free_symbols

    def value(self, point: Mapping[Symbol, Rational]) -> float:
        """From the closed form, or the midpoint of a certified enclosure of radius 1e-7."""
        if self.closed is not None:
            return float(value_of(self.closed, point))
        return expected_value(self.expectation, point[A], point[B], point[C])


@lru_cache(maxsize=64)
def moments(activation: Expr) -> tuple[Moment, Moment, Moment]:
    """The three moments of the variance law."""
    named = zip((SQUARE, MIXED, SLOPES), variance_terms(activation), strict=True)
    first, second, third = (Moment(symbol, term, _closed_form(term)) for symbol, term in named)
    return first, second, third


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
    """Whether the activation grows no faster than a power: its moments then exist for inputs of any size."""
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
    return {"c > 0": _law_sampler(1), "c < 0": _law_sampler(-1)}


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


def _law_sampler(sign: int) -> Sampler:
    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        values = {symbol: _between(rng, Rational(1, 5), 2) for symbol in (SQUARE, MIXED, SLOPES, KERNEL)}
        return {**values, C: sign * _between(rng, Rational(1, 5), 1)}

    return sample
