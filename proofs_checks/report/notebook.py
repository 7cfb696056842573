"""What a notebook shows for a report: a small table, no script, no style sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theory.printing.prose import escape_html

if TYPE_CHECKING:
    from proofs_checks.report.summary import Report

_HEADINGS = ("theorem", "claim", "expected", "verdict", "predicted", "estimate", "standard error", "seeds")


def table(report: Report) -> str:
    """One row a claim; what is not as expected is set in bold."""
    rows = [
        _row(
            theorem.id,
            ("control: " if claim.control else "") + claim.name,
            claim.expected,
            claim.verdict if claim.as_expected else f"{claim.verdict} (unexpected)",
            f"{claim.worst.predicted:.6g}",
            f"{claim.worst.estimate:.6g}",
            f"{claim.worst.standard_error:.2g}",
            f"{claim.seeds:,}",
            bold=not claim.as_expected,
        )
        for theorem in report.theorems
        for claim in theorem.claims
    ]
    heading = "".join(f"<th>{name}</th>" for name in _HEADINGS)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(*cells: str, bold: bool) -> str:
    opening, closing = ("<b>", "</b>") if bold else ("", "")
    return "<tr>" + "".join(f"<td>{opening}{escape_html(cell)}{closing}</td>" for cell in cells) + "</tr>"
