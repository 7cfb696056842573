"""How the certified rows of the bump theorem are discharged: each recomputes its bound in ball arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from sympy import Abs, Basic, Derivative, Le, Rational

from theory.bump_networks.activation import Sigmoid
from theory.bump_networks.approximate import solved
from theory.bump_networks.arithmetic import fraction, precision
from theory.bump_networks.problem import Problem
from theory.bump_networks.regularity import modulus_at_most, pieces, product_boxes, regularity
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


def _answer(holds: bool, how: str) -> Outcome:
    return Outcome(Answer.YES if holds else Answer.UNKNOWN, how if holds else f"not established: {how}")


@dataclass(frozen=True)
class DerivativeBound:
    """Certifies ``Le(Abs(Derivative(f, ...)), bound)`` on the whole box, pieces between kinks one by one.

    Derivatives are enclosed by forward differentiation of f in ball arithmetic; at kinks across no axis the
    enclosure is one of Clarke's generalized gradient.
    """

    problem: Problem
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the enclosures are below the bound. Raises BallsUnavailable."""
        derivative = (
            relation.lhs.args[0] if isinstance(relation, Le) and isinstance(relation.lhs, Abs) else None
        )
        if not isinstance(derivative, Derivative) or not isinstance(relation.rhs, Rational):
            return Outcome(Answer.UNKNOWN, "needs Le(Abs(Derivative(f, ...)), rational)")
        axes = [self.problem.variables.index(variable) for variable in derivative.variables]
        with precision():
            boxes = product_boxes(pieces(self.problem.tape, self.problem.box))
            found = regularity(self.problem.tape, boxes)
        value = found.lipschitz[axes[0]] if len(axes) == 1 else found.curvature(axes[0], axes[1])
        how = f"ball arithmetic bounds this derivative on the whole box, in {len(boxes)} pieces or more"
        return _answer(value is not None and value <= fraction(relation.rhs), how)


@dataclass(frozen=True)
class ModulusBound:
    """Certifies ``Le(omega(h), bound)``: f varies by at most ``bound`` on every window of length h."""

    problem: Problem
    cells: int
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if enclosures on a cover by windows are narrow enough. Raises BallsUnavailable."""
        if not isinstance(relation, Le):
            return Outcome(Answer.UNKNOWN, "needs Le(omega(h), bound)")
        with precision():
            side, target = self.problem.box[0], fraction(relation.rhs)
            holds = modulus_at_most(self.problem.tape, side, self.cells, target)
        return _answer(holds, "ball arithmetic encloses the oscillation on a cover by windows of this length")


@dataclass(frozen=True)
class TailBound:
    """Certifies what a row says of a sigmoid's tail, overshoot or slope by enclosures on half-lines."""

    sigmoid: Sigmoid
    quantity: str
    threshold: Fraction = Fraction(1)
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the enclosure is below the right-hand side. Raises BallsUnavailable."""
        found = {
            "tail": lambda: self.sigmoid.tail(self.threshold),
            "overshoot": lambda: self.sigmoid.overshoot,
            "slope": lambda: self.sigmoid.lipschitz,
        }[self.quantity]()
        how = f"ball arithmetic encloses the {self.quantity} of the activation, on whole half-lines"
        return _answer(isinstance(relation, Le) and found <= fraction(relation.rhs), how)


@dataclass(frozen=True)
class ErrorBound:
    """Certifies ``Le(E, bound)`` for the explicit network: branch and bound over the whole closed box."""

    problem: Problem
    activation: Basic
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the certified supremum is at most the right-hand side. Raises BallsUnavailable."""
        found = solved(self.problem, self.activation).certificate
        how = f"ball arithmetic on {found.leaves} leaves that cover the box, aligned with the knots"
        holds = isinstance(relation, Le) and found.upper is not None and found.upper <= fraction(relation.rhs)
        return _answer(holds, how)
