"""How the certified rows of the bump theorem are discharged: each recomputes its bound in ball arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sympy import Abs, Basic, Derivative, Expr, Function, Le, Rational

from theory.bump_networks.activation import Sigmoid, Z
from theory.bump_networks.approximate import solved
from theory.bump_networks.arithmetic import fraction, precision, rational
from theory.bump_networks.problem import Problem
from theory.bump_networks.regularity import modulus_at_most, pieces, product_boxes, regularity
from theory.bump_networks.rows.symbols import E, omega
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
        if derivative.expr != self.problem.function or len(derivative.variables) > 2:
            return Outcome(Answer.UNKNOWN, "needs a first or second derivative of the function itself")
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
        side = self.problem.box[0]
        window = rational((side[1] - side[0]) / self.cells)
        if not (isinstance(relation, Le) and relation.lhs == omega(window) and relation.rhs.is_Rational):
            return Outcome(Answer.UNKNOWN, f"needs Le(omega({window}), rational)")
        with precision():
            target = fraction(relation.rhs)
            holds = modulus_at_most(self.problem.tape, side, self.cells, target)
        return _answer(holds, "ball arithmetic encloses the oscillation on a cover by windows of this length")


@dataclass(frozen=True)
class TailBound:
    """Certifies what a row says of a sigmoid's tail, overshoot or slope by enclosures on half-lines."""

    sigmoid: Sigmoid
    quantity: Literal["tail", "overshoot", "slope"]
    threshold: Fraction = Fraction(1)
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the enclosure is below the right-hand side. Raises BallsUnavailable."""
        if not (isinstance(relation, Le) and relation.lhs == self.subject and relation.rhs.is_Rational):
            return Outcome(Answer.UNKNOWN, f"needs Le({self.subject}, rational)")
        found = {
            "tail": lambda: self.sigmoid.tail(self.threshold),
            "overshoot": lambda: self.sigmoid.overshoot,
            "slope": lambda: self.sigmoid.lipschitz,
        }[self.quantity]()
        how = f"ball arithmetic encloses the {self.quantity} of the activation, on whole half-lines"
        return _answer(found <= fraction(relation.rhs), how)

    @property
    def subject(self) -> Expr:
        """What the row bounds, of the activation normalized to the limits 0 and 1."""
        low, high = self.sigmoid.low, self.sigmoid.high
        normalized = (self.sigmoid.expression - rational(low)) / rational(high - low)
        subjects: dict[str, Expr] = {
            "tail": Abs(normalized - Function("H")(Z)),
            "overshoot": Function("overshoot")(normalized),
            "slope": Abs(Derivative(normalized, Z, evaluate=False)),
        }
        return subjects[self.quantity]


@dataclass(frozen=True)
class ErrorBound:
    """Certifies ``Le(E, bound)`` for the explicit network: branch and bound over the whole closed box."""

    problem: Problem
    activation: Basic
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the certified supremum is at most the right-hand side. Raises BallsUnavailable."""
        if not (isinstance(relation, Le) and relation.lhs == E and relation.rhs.is_Rational):
            return Outcome(Answer.UNKNOWN, f"needs Le({E}, rational)")
        found = solved(self.problem, self.activation).certificate
        how = f"ball arithmetic on {found.leaves} leaves that cover the box, aligned with the knots"
        holds = found.upper is not None and found.upper <= fraction(relation.rhs)
        return _answer(holds, how)
