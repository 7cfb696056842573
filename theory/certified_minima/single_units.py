"""Single units with spurious minima: the data, the losses and their certificates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sympy import Expr, Integer, Rational, exp, symbols, tanh
from sympy.core.symbol import Symbol

from theory.certified_minima.functions import of_expression
from theory.certified_minima.minimum import PRECISION, RADIUS, CertifiedMinimum, certify


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
    """The certified local minimum near w = K^-which, in u = log(K^which w)."""
    expression = logistic_loss(base, examples, exp(u) / base**which)
    return certify(of_expression(expression, (u,)), (Rational(1, 10),), radius, precision)
