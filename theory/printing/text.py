"""A derivation for a terminal: Unicode mathematics, wrapped lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sympy import Add, And, Basic, Expr, pretty
from sympy.core.relational import Relational
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.stringpict import prettyForm

from theory.printing import facts
from theory.printing.prose import to_text
from theory.printing.visible import visible
from theory.proving.outcome import Status

if TYPE_CHECKING:
    from theory.derivation import CheckedRow, Derivation
    from theory.statement import Statement

COLUMNS = 96
_INDENT = 6
_SIGNS = {"==": "=", "<=": "≤", ">=": "≥", "!=": "≠"}


def document(derivation: Derivation) -> str:
    """Title, theorem, steps, limiting case, references."""
    statement = derivation.statement
    title = to_text(statement.title)
    parts = [
        f"{title}\n{'=' * len(title)}",
        _wrapped(f"{statement.id}. {facts.verdict(derivation)}. {facts.tally(derivation)}."),
        _wrapped(to_text(statement.summary)),
        *_theorem(statement),
        *(_row(f"{number}.", checked) for number, checked in enumerate(facts.steps(derivation), 1)),
        _row("Limiting case.", facts.limiting_case(derivation)),
        facts.closing(derivation),
        *_references(derivation),
    ]
    return visible("\n\n".join(part for part in parts if part) + "\n")


def formula(relation: Basic, indent: int = _INDENT) -> str:
    """Two-dimensional Unicode mathematics.

    What is wider than the page is taken apart, a conjunction into its members and a relation into its two
    sides; what is too wide then is set on one line and wrapped.
    """
    drawn = _drawn(relation)
    if drawn is None and isinstance(relation, And):
        return "\n\n".join(formula(member, indent) for member in relation.args)
    if drawn is None and isinstance(relation, Relational):
        drawn = _stacked(relation)
    if drawn is None:
        return _wrapped(_linear(relation), indent + 4, " " * indent)
    return textwrap.indent("\n".join(line.rstrip() for line in drawn.splitlines()), " " * indent)


def _drawn(expression: Basic) -> str | None:
    """None for what is wider than the page."""
    return _fitting(pretty(expression, use_unicode=True, wrap_line=False))


def _fitting(text: str) -> str | None:
    return text if max(map(len, text.splitlines())) <= COLUMNS - _INDENT else None


def _stacked(relation: Relational) -> str | None:
    """The right-hand side below the left-hand side, broken between terms; None where a part is too wide."""
    terms = relation.rhs.as_ordered_terms() if isinstance(relation.rhs, Expr) else [relation.rhs]
    lines = [_drawn(relation.lhs)]
    sign = _SIGNS.get(relation.rel_op, relation.rel_op)
    while terms:
        count = next((k for k in range(len(terms), 1, -1) if _line(sign, terms[:k]) is not None), 1)
        lines.append(_line(sign, terms[:count]))
        terms = terms[count:]
        sign = "" if terms and terms[0].could_extract_minus_sign() else "+"
    return None if None in lines else "\n\n".join(filter(None, lines))


def _line(sign: str, terms: list[Basic]) -> str | None:
    """Some terms of a right-hand side behind a sign."""
    total = Add(*terms, evaluate=False) if len(terms) > 1 else terms[0]
    form = PrettyPrinter({"use_unicode": True})._print(total)
    return _fitting(prettyForm(*form.left(f"  {sign:1s} ")).render(wrap_line=False))


def _linear(relation: Basic) -> str:
    if isinstance(relation, Relational):
        return f"{relation.lhs} {_SIGNS.get(relation.rel_op, relation.rel_op)} {relation.rhs}"
    return str(relation)


def _wrapped(text: str, indent: int = 0, first: str = "") -> str:
    margin = " " * indent
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=first or margin,
        subsequent_indent=margin,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _theorem(statement: Statement) -> list[str]:
    hypotheses = [
        _wrapped(to_text(hypothesis.text), 7, f"  (H{number}) ")
        for number, hypothesis in enumerate(statement.hypotheses, 1)
    ]
    error = "" if statement.error_term is None else f" {statement.error_term}"
    return [
        "\n".join(["Assume", *hypotheses]) if hypotheses else "",
        "Then\n\n" + formula(statement.conclusion),
        _wrapped(facts.regime(statement) + error),
        "Derivation\n----------",
    ]


def _row(number: str, checked: CheckedRow) -> str:
    lines = [
        _wrapped(to_text(facts.reason(checked)), 3, f"{number} [{facts.label(checked.status)}] "),
        "",
        formula(checked.row.relation),
    ]
    if checked.status is not Status.DEFINED:
        lines += ["", _wrapped(to_text(facts.how(checked)), 3)]
    return "\n".join(lines)


def _references(derivation: Derivation) -> list[str]:
    listed = facts.sources(derivation)
    entries = [_wrapped(str(source), 4, f"[{number}] ") for number, source in enumerate(listed, 1)]
    return ["\n".join(["References", "----------", *entries])] if entries else []
