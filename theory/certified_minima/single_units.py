"""Single units with spurious minima: the data, the losses and their certificates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, product
from math import log
from typing import NamedTuple

from sympy import Expr, Integer, Rational, exp, symbols, tanh
from sympy.core.symbol import Symbol

from theory.balls import Ball, flint
from theory.certified_minima.functions import Point, Smooth, of_expression
from theory.certified_minima.minimum import PRECISION, RADIUS, CertifiedMinimum, NotCertified, certify


class Instance(NamedTuple):
    """One example: inputs with a last 1 for the threshold, a target of -1 or 1, and how often it occurs."""

    inputs: tuple[int, ...]
    target: int
    repeats: int = 1


def _instances(*given: tuple[str, str, int]) -> tuple[Instance, ...]:
    sign = {"+": 1, "-": -1}
    return tuple(
        Instance((*(sign[one] for one in inputs), 1), sign[target], count) for inputs, target, count in given
    )


# Six instances: sum of target times inputs is 0 and the inputs span the space; found by search.
SIX: dict[str, tuple[Instance, ...]] = {
    "three_inputs": _instances(
        ("+++", "+", 1), ("---", "+", 2), ("+--", "-", 1), ("-+-", "-", 1), ("--+", "-", 1)
    ),
    "four_inputs": _instances(
        ("++++", "+", 1),
        ("----", "+", 1),
        ("++-+", "+", 1),
        ("+++-", "-", 1),
        ("+--+", "-", 1),
        ("-+-+", "-", 1),
    ),
}
BETTER = {"three_inputs": (-1, -1, 2, 1), "four_inputs": (-2, -2, 3, 1, 1)}  # weights with one error only

TWELVE = _instances(("--", "-", 3), ("-+", "+", 1), ("+-", "+", 1), ("++", "+", 5), ("++", "-", 2))
TWELVE_START = (Rational("0.355"), Rational("0.355"), Rational("0.081"))
TWELVE_BETTER = (3, 3, 3)

w = symbols("w", positive=True)
u = symbols("u", real=True)


def weights(instances: Sequence[Instance]) -> tuple[Symbol, ...]:
    """w_1, ..., w_d, the last one the threshold."""
    return symbols(f"w_1:{len(instances[0].inputs) + 1}", real=True)


def tanh_loss(instances: Sequence[Instance], at: Sequence[Expr]) -> Expr:
    """sum of (tanh(w^T x) - t)^2."""
    return sum(
        (one.repeats * (tanh(response(one, at)) - one.target) ** 2 for one in instances),
        Integer(0),
    )


def response(instance: Instance, at: Sequence[Expr]) -> Expr:
    """w^T x."""
    return sum((x * weight for x, weight in zip(instance.inputs, at, strict=True)), Integer(0))


@lru_cache
def twelve_minimum(radius: Rational = RADIUS, precision: int = PRECISION) -> CertifiedMinimum:
    """The certified local minimum of a tanh unit on twelve instances with two inputs."""
    letters = weights(TWELVE)
    return certify(of_expression(tanh_loss(TWELVE, letters), letters), TWELVE_START, radius, precision)


def logistic(z: Expr) -> Expr:
    """1 / (1 + e^-z)."""
    return 1 / (1 + exp(-z))


def logistic_loss(base: int, examples: int, weight: Expr) -> Expr:
    """sum of (s(K^t w) - s(1))^2 for t = 1, ..., n: one weight, no threshold."""
    terms = ((logistic(base**t * weight) - logistic(Integer(1))) ** 2 for t in range(1, examples + 1))
    return sum(terms, Integer(0))


@lru_cache
def logistic_minimum(
    base: int, examples: int, which: int, radius: Rational = RADIUS, precision: int = PRECISION
) -> CertifiedMinimum:
    """The certified local minimum near w = K^-which, in u = log w."""
    start = 0.1 - which * log(base)
    return certify(_in_logarithm(base, examples), (start,), radius, precision)


@lru_cache
def _in_logarithm(base: int, examples: int) -> Smooth:
    return of_expression(logistic_loss(base, examples, exp(u)), (u,))


def axes_loss(base: int, examples: int, weights: Sequence[Expr]) -> Expr:
    """The loss of a unit with d inputs on the n d examples K^t e_j, each with the target s(1)."""
    return sum(
        (
            (logistic(response(one, weights)) - logistic(Integer(1))) ** 2
            for one in axes(base, examples, len(weights))
        ),
        Integer(0),
    )


def axes(base: int, examples: int, inputs: int) -> tuple[Instance, ...]:
    """The examples K^t e_j for t = 1, ..., n, without a threshold; their targets are 1 for s(1)."""
    return tuple(
        Instance(tuple(base**power * int(i == j) for i in range(inputs)), 1)
        for j in range(inputs)
        for power in range(1, examples + 1)
    )


@lru_cache
def axes_minima(
    base: int, examples: int, inputs: int, radius: Rational = RADIUS, precision: int = PRECISION
) -> tuple[CertifiedMinimum, ...]:
    """The n^d certified minima of a unit with d inputs, in u_j = log w_j. Raises NotCertified if any fails.

    Every one is certified in all d coordinates, and any two are shown to be different.
    """
    function = _added(_in_logarithm(base, examples), inputs)
    places = [logistic_minimum(base, examples, one, radius, precision) for one in range(1, examples + 1)]
    starts = product([one.point[0] for one in places], repeat=inputs)
    found = tuple(certify(function, start, radius, precision) for start in starts)
    if any(all(p.overlaps(q) for p, q in zip(a.box, b.box, strict=True)) for a, b in combinations(found, 2)):
        raise NotCertified("two of the minima are not shown to be different")
    return found


def _added(single: Smooth, inputs: int) -> Smooth:
    """f(u_1) + ... + f(u_d)."""

    def hessian(point: Point) -> list[list[Ball]]:
        own = [single.hessian([one])[0][0] for one in point]
        return [[own[i] if i == j else flint.arb(0) for j in range(inputs)] for i in range(inputs)]

    return Smooth(
        inputs,
        lambda point: sum((single.value([one]) for one in point), flint.arb(0)),
        lambda point: [single.gradient([one])[0] for one in point],
        hessian,
    )


def weakest_axes_minimum(
    base: int, examples: int, inputs: int, radius: Rational = RADIUS, precision: int = PRECISION
) -> CertifiedMinimum:
    """The one of the n^d minima with the smallest lower bound of its curvature."""
    found = axes_minima(base, examples, inputs, radius, precision)
    return min(found, key=lambda one: float(one.curvature.lower()))
