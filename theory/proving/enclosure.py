"""A relation over a box, certified by ball arithmetic on an adaptive subdivision."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sympy import Basic, Expr, Ge, Gt, Le, Lt, Rational

from theory import balls
from theory.proving.continuity import Box, halves
from theory.proving.exactness import ROUNDED, rounded
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain


@dataclass(frozen=True)
class Enclosure:
    """Certifies an inequality on every point of the (closed, rational) box of the domain.

    Boxes on which the enclosure of the difference does not decide the sign are bisected along their
    longest side until ``maximum_boxes`` were looked at; then the answer is undecided.
    """

    maximum_boxes: int = 20_000
    digits: int = 30
    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the enclosure settles every box, NO if it contradicts the relation on one.

        Raises BallsUnavailable when python-flint is missing: then nothing was certified.
        """
        if rounded(relation):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if not isinstance(relation, (Le, Lt, Ge, Gt)) or domain is None:
            return Outcome(Answer.UNKNOWN, "an enclosure needs an inequality and a box of its symbols")
        missing = relation.free_symbols - set(domain.box)
        if missing:
            return Outcome(Answer.UNKNOWN, f"the box says nothing about {sorted(map(str, missing))}")
        if domain.constraints:
            return Outcome(Answer.UNKNOWN, "an enclosure covers boxes only, not further constraints")
        if not balls.available():
            raise balls.BallsUnavailable("python-flint is missing")
        strict = isinstance(relation, (Lt, Gt))
        symbols = sorted(relation.free_symbols, key=str)
        start = {symbol: tuple(map(Rational, domain.box[symbol])) for symbol in symbols}
        try:
            return self._cover(relation.gts - relation.lts, start, strict)
        except balls.OutsideBalls as outside:
            return Outcome(Answer.UNKNOWN, str(outside))

    def _cover(self, difference: Expr, start: Box, strict: bool) -> Outcome:
        boxes, settled = deque([start]), 0  # breadth first, so that a contradiction is found early
        for _ in range(self.maximum_boxes):
            if not boxes:
                return Outcome(Answer.YES, f"ball arithmetic settles all {settled} boxes of a cover", settled)
            box = boxes.popleft()
            value = balls.enclose(difference, box, digits=self.digits)
            if bool(value < 0):
                return Outcome(Answer.NO, f"ball arithmetic contradicts it on {_readable(box)}", settled)
            if bool(value > 0) or (not strict and bool(value >= 0)):
                settled += 1
            elif any(low < high for low, high in box.values()):
                boxes.extend(halves(box))
            else:
                return Outcome(Answer.UNKNOWN, f"the point {_readable(box)} was not settled", settled)
        return Outcome(Answer.UNKNOWN, f"{self.maximum_boxes} boxes did not settle it", settled)


def _readable(box: Box) -> str:
    return ", ".join(f"{symbol} in [{low}, {high}]" for symbol, (low, high) in box.items()) or "of no symbols"
