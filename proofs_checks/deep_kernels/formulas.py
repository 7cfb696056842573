"""What the layer recursions predict for deep networks, and points at which their maps are sampled."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, isqrt
from typing import Any

from sympy import Expr, Integer, Rational, S, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.deep_kernels.series import (
    DUAL,
    EXPECTATIONS,
    MOVED,
    SLOPES,
    SQUARE,
    pair_values,
    single_values,
)
from proofs_checks.insertion import value_of
from theory.deep_kernels.layers import DOMAIN
from theory.gaussian.expectation import A, B, C
from theory.kernels.deep_ntk import TANGENT, WIDTH

Vector = tuple[Rational, ...]
Pair = tuple[int, int]
Pairs = tuple[Pair, ...]


@dataclass(frozen=True)
class Architecture:
    """A network with equal hidden layers: depth and width, sigma_w^2, sigma_b^2, parametrization."""

    depth: int
    width: int
    weight_variance: Rational
    bias_variance: Rational
    parametrization: str = "ntk"


@dataclass(frozen=True)
class Maps:
    """One layer: K_+(x, y) in a, b, c, K_+(x, x) in a; Theta_+ likewise, with Theta, and n if it occurs.

    Outside the class of closed forms the expectations enter by name (`EXPECTATIONS`), and ``series`` is the
    activation whose certified series gives their values.
    """

    covariance: Expr
    variance: Expr
    tangent: Expr = S.Zero
    own_tangent: Expr = S.Zero
    series: Expr | None = None


@dataclass(frozen=True)
class Kernels:
    """K and Theta of one layer at one pair of inputs."""

    first: Rational
    second: Rational
    mixed: Rational
    tangent: Rational


def first_covariance(inputs: tuple[Vector, ...], pair: Pair, network: Architecture) -> Rational:
    """K^1 = sigma_b^2 + sigma_w^2 x.y/d."""
    return network.bias_variance + network.weight_variance * _product(inputs, pair) / len(inputs[0])


def first_tangent(inputs: tuple[Vector, ...], pair: Pair, network: Architecture) -> Rational:
    """Theta^1: K^1, or x.y + 1_b."""
    if network.parametrization == "ntk":
        return first_covariance(inputs, pair, network)
    return _product(inputs, pair) + int(network.bias_variance != 0)


def kernels(maps: Maps, inputs: tuple[Vector, ...], pair: Pair, network: Architecture) -> Kernels:
    """K and Theta of the output. Raises InputError where a map has no finite real value."""
    i, j = pair
    a, b, c = (first_covariance(inputs, place, network) for place in ((i, i), (j, j), pair))
    found = Kernels(a, b, c, first_tangent(inputs, pair, network))
    for _ in range(network.depth):
        found = _next(maps, found, i == j, network.width)
    return found


def _next(maps: Maps, now: Kernels, equal: bool, width: int) -> Kernels:
    values = {A: now.first, B: now.second, C: now.mixed, TANGENT: now.tangent, WIDTH: Integer(width)}
    values |= _single(maps, now.first)
    first = value_of(maps.variance, values)
    if equal:
        return Kernels(first, first, first, value_of(maps.own_tangent, values))
    second = value_of(maps.variance, {A: now.second, **_single(maps, now.second)})
    values |= _pair(maps, now)
    return Kernels(first, second, value_of(maps.covariance, values), value_of(maps.tangent, values))


def _single(maps: Maps, variance: Rational) -> dict[Symbol, Rational]:
    """E[s^2] and E[s'^2] by name; nothing where there are closed forms."""
    if maps.series is None:
        return {}
    return dict(zip((SQUARE, SLOPES), single_values(maps.series, float(variance)), strict=True))


def _pair(maps: Maps, now: Kernels) -> dict[Symbol, Rational]:
    if maps.series is None:
        return {}
    found = pair_values(maps.series, float(now.first), float(now.second), float(now.mixed))
    return dict(zip((DUAL, MOVED), found, strict=True))


def _product(inputs: tuple[Vector, ...], pair: Pair) -> Rational:
    x, y = (inputs[place] for place in pair)
    return sum((p * q for p, q in zip(x, y, strict=True)), Rational(0))


def covariances() -> Mapping[str, Sampler]:
    """Samplers of (a, b, c), and of Theta, n and the named expectations for the maps that contain them."""
    return {
        "c > 0": _pairs(0, 1),
        "c < 0": _pairs(-1, 0),
        "c near 0": _pairs(-Rational(1, 100), Rational(1, 100)),
        "c near sqrt(a b)": _pairs(Rational(99, 100), 1),
    }


def variances() -> Mapping[str, Sampler]:
    """Samplers of a, Theta, n and the named expectations."""
    return {"usual variances": _variance}


def _between(rng: random.Random, low: Any, high: Any) -> Rational:
    return low + (high - low) * Rational(rng.randint(1, 99_999), 100_000)


def _rest(rng: random.Random) -> dict[Symbol, Rational]:
    named = {symbol: _between(rng, Rational(1, 5), 2) for symbol in (TANGENT, *EXPECTATIONS)}
    return {**named, WIDTH: Integer(rng.randint(8, 64))}


def _variance(rng: random.Random) -> Mapping[Symbol, Rational]:
    return {A: _between(rng, *DOMAIN.box[A]), **_rest(rng)}


def _pairs(lowest: Any, highest: Any) -> Sampler:
    """Two variances, and a correlation between the lowest and the highest."""

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        a, b = (_between(rng, *DOMAIN.box[A]) for _ in range(2))
        root = Rational(isqrt(floor(a * b * 10**24)), 10**12)  # sqrt(a b), rounded down
        return {A: a, B: b, C: _between(rng, lowest, highest) * root, **_rest(rng)}

    return sample
