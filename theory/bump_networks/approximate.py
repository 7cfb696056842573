"""The engine's front door: a function, a box, an accuracy, an activation; a network with its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sympy import Expr

from theory.bump_networks.activation import LOGISTIC, RELU, STEP
from theory.bump_networks.arithmetic import precision
from theory.bump_networks.certify import Certificate, certify
from theory.bump_networks.construct import Construction, construct
from theory.bump_networks.network import Network
from theory.bump_networks.problem import Problem, pose

NAMED: dict[str, Expr] = {"relu": RELU, "heaviside": STEP, "logistic": LOGISTIC}


@dataclass(frozen=True)
class Approximation:
    """An explicit network and the two-sided certified statement about its error on the whole box."""

    problem: Problem
    activation: Expr
    construction: Construction
    certificate: Certificate

    @property
    def network(self) -> Network:
        """The network."""
        return self.construction.network


def approximate(
    function: Expr, box: Sequence[tuple[Any, Any]], epsilon: Any, activation: Expr = RELU
) -> Approximation:
    """Build and certify a network N with sup over the box of |f - N| <= epsilon.

    Raises InputError or OutsideClass in one line for what cannot be done, BallsUnavailable without
    python-flint. Results are remembered: derivation and measurement ask for the same ones.
    """
    return solved(pose(function, box, epsilon), activation)


@lru_cache(maxsize=32)
def solved(problem: Problem, activation: Expr) -> Approximation:
    """``approximate`` for a problem already posed."""
    construction = built(problem, activation)
    return Approximation(problem, activation, construction, certified(problem, construction.network))


@lru_cache(maxsize=32)
def built(problem: Problem, activation: Expr) -> Construction:
    """The construction alone."""
    with precision():
        return construct(problem, activation)


def certified(problem: Problem, network: Network, epsilon: Fraction | None = None) -> Certificate:
    """A two-sided certificate of sup |f - N| that decides ``epsilon`` (default: the problem's)."""
    with precision():
        return certify(problem.tape, network.leaves(), problem.epsilon if epsilon is None else epsilon)
