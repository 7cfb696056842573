"""How a claim can be challenged: closed forms that the audit mutates, attacks on a bound."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sympy import Expr, Rational, Symbol

    from proofs_checks.claim import Claim

Sampler: TypeAlias = "Callable[[random.Random], Mapping[Symbol, Rational]]"


@dataclass(frozen=True)
class ClosedForm:
    """A right-hand side that a claim puts on trial, and the same claim with another one in its place.

    name
        Short, unique within the claim.
    expression
        What the theorem concludes, in the symbols that the samplers give values to.
    regimes
        For each branch or regime a sampler of points that satisfy the hypotheses: a mutant counts as
        equivalent only where it agrees in all of them.
    restate
        ``restate(expression)`` gives the claim of the same name, grid parameters, margin and (absolute)
        resolution that predicts what this expression gives. Its random streams are then the same, so that
        one measurement serves all mutants. Raises InputError where the expression has no finite real value.
    """

    name: str
    expression: Expr
    regimes: Mapping[str, Sampler]
    restate: Callable[[Expr], Claim]


@dataclass(frozen=True)
class Attack:
    """How the audit climbs towards a violation of a bound.

    measured
        JAX: ``measured(x, **parameters)`` gives the number that the bound bounds, for one point ``x``, a
        tree of float64 arrays.
    start
        ``start(key, **parameters)`` draws a starting point.
    project
        ``project(x, **parameters)`` gives the nearest allowed point.
    """

    measured: Callable[..., Any]
    start: Callable[..., Any]
    project: Callable[..., Any]
