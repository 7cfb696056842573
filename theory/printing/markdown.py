"""A derivation as Markdown with ``$...$`` mathematics, and as HTML for a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from sympy import Basic

from theory.printing import facts
from theory.printing.latex import mathematics
from theory.printing.mathematics import latex_of
from theory.printing.prose import (
    escape_html,
    escape_markdown,
    escape_markdown_code,
    markdown_formula,
    to_html,
    to_markdown,
)
from theory.proving.outcome import Status

if TYPE_CHECKING:
    from theory.derivation import CheckedRow, Derivation
    from theory.statement import Statement


def document(derivation: Derivation) -> str:
    """A Markdown page: statement, steps, limiting case, references."""
    statement = derivation.statement
    parts = [
        f"# {to_markdown(statement.title)}",
        f"`{escape_markdown_code(statement.id)}` **{facts.verdict(derivation)}.** {facts.tally(derivation)}.",
        to_markdown(statement.summary),
        *_theorem(statement),
        "## Derivation",
        *(_row(f"Step {number}", checked) for number, checked in enumerate(facts.steps(derivation), 1)),
        _row("Limiting case", facts.limiting_case(derivation)),
        facts.closing(derivation),
        *_references(derivation),
    ]
    return "\n\n".join(parts) + "\n"


def _display(relation: Basic) -> str:
    return f"$$\n{markdown_formula(mathematics(relation))}\n$$"


def _error_term(statement: Statement) -> str:
    return "" if statement.error_term is None else f" ${latex_of(statement.error_term)}$."


def _theorem(statement: Statement) -> list[str]:
    hypotheses = [
        f"- (H{number}) {to_markdown(hypothesis.text)}"
        for number, hypothesis in enumerate(statement.hypotheses, 1)
    ]
    opening = "**Theorem.** Assume" if hypotheses else "**Theorem.** Without further hypotheses,"
    premises = ["\n".join(hypotheses), "Then"] if hypotheses else []
    return [
        opening,
        *premises,
        _display(statement.conclusion),
        facts.regime(statement) + _error_term(statement),
    ]


def _row(heading: str, checked: CheckedRow) -> str:
    how = "" if checked.status is Status.DEFINED else f"\n\n*{escape_markdown(facts.how(checked))}*"
    opening = f"**{heading} ({facts.label(checked.status)}).** {to_markdown(facts.reason(checked))}"
    return f"{opening}\n\n{_display(checked.row.relation)}{how}"


def _references(derivation: Derivation) -> list[str]:
    entries = [
        f"{number}. {escape_markdown(str(source))}"
        for number, source in enumerate(facts.sources(derivation), 1)
    ]
    return ["## References", "\n".join(entries)] if entries else []


def notebook(derivation: Derivation) -> str:
    """HTML for a notebook cell: the statement in view, the steps behind a fold."""
    statement = derivation.statement
    hypotheses = "".join(f"<li>{to_html(hypothesis.text)}</li>" for hypothesis in statement.hypotheses)
    rows = [_html_row(f"Step {number}", checked) for number, checked in enumerate(facts.steps(derivation), 1)]
    return "".join(
        [
            f"<div><h3>{to_html(statement.title)}</h3>",
            f"<p>{to_html(statement.summary)}</p>",
            f"<p>Assume</p><ul>{hypotheses}</ul><p>Then</p>" if hypotheses else "",
            _html_display(statement.conclusion),
            f"<p>{escape_html(facts.regime(statement))}{html.escape(_error_term(statement))}</p>",
            f"<details><summary><b>{escape_html(facts.verdict(derivation))}.</b> ",
            f"{escape_html(facts.tally(derivation))}.</summary>",
            *rows,
            _html_row("Limiting case", facts.limiting_case(derivation)),
            "</details></div>",
        ]
    )


def _html_display(relation: Basic) -> str:
    return f"<div>$${html.escape(mathematics(relation))}$$</div>"


def _html_row(heading: str, checked: CheckedRow) -> str:
    status = escape_html(facts.label(checked.status))
    return (
        f"<p><b>{heading} ({status}).</b> {to_html(facts.reason(checked))}</p>"
        f"{_html_display(checked.row.relation)}<p><small>{to_html(facts.how(checked))}</small></p>"
    )
