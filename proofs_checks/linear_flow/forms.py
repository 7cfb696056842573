"""Closed forms of claims: put in their place by name, and random points where they apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from random import Random

from sympy import Expr, Rational, Symbol

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim
from proofs_checks.experiment import OnHost, on_host

_DENOMINATOR = 97


def fraction(random: Random, low: int, high: int) -> Rational:
    """Uniform on the fractions of one denominator strictly between two integers."""
    return Rational(random.randint(low * _DENOMINATOR + 1, high * _DENOMINATOR - 1), _DENOMINATOR)


def sampler(
    real: tuple[Symbol, ...], positive: Mapping[Symbol, int], zero: tuple[Symbol, ...] = ()
) -> Sampler:
    """Real letters of either sign, positive ones up to a bound, and letters that are 0 in this regime."""

    def draw(random: Random) -> dict[Symbol, Rational]:
        found = {letter: fraction(random, -2, 2) for letter in real}
        found |= {letter: fraction(random, 0, most) for letter, most in positive.items()}
        return found | dict.fromkeys(zero, Rational(0))

    return draw


def mutable(claim: Claim, name: str, form: Expr, regimes: Mapping[str, Sampler]) -> Claim:
    """The claim with one more closed form: that which its experiment takes as keyword ``name``."""
    experiment = claim.experiment
    assert isinstance(experiment, OnHost)

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(experiment.function, **{name: other})))

    declared = ClosedForm(name, form, regimes, restate)
    return replace(claim, closed_forms=(*claim.closed_forms, declared))
