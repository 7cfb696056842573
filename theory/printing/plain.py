"""A derivation as plain data: strings and numbers only, ready for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from theory.printing import facts
from theory.printing.mathematics import latex_of

if TYPE_CHECKING:
    from sympy import Basic

    from theory.derivation import CheckedRow, Derivation


def document(derivation: Derivation) -> dict[str, Any]:
    """Statement, rows with what they earned, and the limiting case."""
    statement = derivation.statement
    return {
        "id": statement.id,
        "title": statement.title,
        "summary": statement.summary,
        "status": derivation.status,
        "counts": derivation.counts,
        "regime": statement.regime,
        "hypotheses": [hypothesis.text for hypothesis in statement.hypotheses],
        "conclusion": _relation(statement.conclusion),
        "error_term": None if statement.error_term is None else _relation(statement.error_term),
        "rows": [_row(checked) for checked in facts.steps(derivation)],
        "limiting_case": _row(facts.limiting_case(derivation)),
        "concluding_steps": list(derivation.concluding_steps),
        "sources": [asdict(source) for source in facts.sources(derivation)],
    }


def _relation(relation: Basic) -> dict[str, str]:
    return {"text": str(relation), "latex": latex_of(relation)}


def _row(checked: CheckedRow) -> dict[str, Any]:
    return {
        "relation": _relation(checked.row.relation),
        "reason": checked.row.reason,
        "status": checked.status.value,
        "how": checked.outcome.how,
        "points": checked.outcome.points,
    }
