r"""Hermite coefficients with certainty, and the remainder of Mehler's series.

For standard normal variables with correlation rho and orthonormal Hermite polynomials he_k,

    E[s(sqrt(a) X) s(sqrt(b) Y)] = sum_k alpha_k(a) alpha_k(b) rho^k,   alpha_k(a) = E[s(sqrt(a) Z) he_k(Z)],

and by Bessel's inequality and Cauchy and Schwarz the terms with k >= K are at most |rho|^K sqrt(T(a) T(b))
together, T(a) = E[s(sqrt(a) Z)^2] - sum_{k < K} alpha_k(a)^2. Source: Daniely, Frostig and Singer (2016).
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

from sympy import Expr, Rational, S, sqrt

from theory import balls
from theory.certified_expectations.values import CertifiedValues, Factor, Z, enclose_line

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module


class Expansion(NamedTuple):
    """The first coefficients as balls, and an upper bound of the sum of the squares of all others."""

    coefficients: tuple[Any, ...]
    rest: Any


def orthonormal_hermite(degree: int) -> Expr:
    """he_k in z: sqrt(k) he_k = z he_{k-1} - sqrt(k-1) he_{k-2}."""

    def step(pair: tuple[Expr, Expr], k: int) -> tuple[Expr, Expr]:
        return pair[1], ((Z * pair[1] - sqrt(k) * pair[0]) / sqrt(k + 1)).expand()

    return reduce(step, range(degree), (S.Zero, S.One))[1]


def expansion(activation: Expr, variance: Rational, count: int) -> Expansion:
    """The first ``count`` coefficients of the activation at a variance, at the precision of the caller.

    Those that vanish by symmetry are exactly 0. Raises as `CertifiedValues` does.
    """
    parity = CertifiedValues(activation).proportional(-S.One)
    a = balls.ball(variance)
    square = enclose_line((Factor(activation), Factor(activation)), a)
    found = []
    for k in range(count):
        if parity is not None and parity != (-1) ** k:
            found.append(flint.arb(0))
            continue
        polynomial = orthonormal_hermite(k).subs(Z, Z / sqrt(variance))
        found.append(enclose_line((Factor(activation), Factor(polynomial)), a))
    rest = square - sum((value * value for value in found), flint.arb(0))
    return Expansion(tuple(found), rest.max(flint.arb(0)).abs_upper())


def partial_sum(left: Expansion, right: Expansion, rho: Any) -> Any:
    """A ball of the kernel: the terms that are known, and the bound of the others."""
    total, power = flint.arb(0), flint.arb(1)
    for first, second in zip(left.coefficients, right.coefficients, strict=True):
        total += first * second * power
        power *= rho
    return total + flint.arb(0, (abs(power) * (left.rest * right.rest).sqrt()).abs_upper())
