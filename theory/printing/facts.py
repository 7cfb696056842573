"""What every printed form of a derivation says, whatever the markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sympy import Basic, Rational, Symbol

from theory.proving.definition import Citation
from theory.proving.outcome import Status
from theory.statement import Domain, Source, Statement

if TYPE_CHECKING:
    from theory.derivation import CheckedRow, Derivation

_INSTANCE_CEILING = 8


def sources(derivation: Derivation) -> tuple[Source, ...]:
    """The statement's sources, then those that single rows cite, each once."""
    cited = [row.method.source for row in derivation.rows if isinstance(row.method, Citation)]
    return tuple(dict.fromkeys([*derivation.statement.sources, *cited]))


def works(listed: Iterable[Source]) -> tuple[Source, ...]:
    """The works cited, each once whatever the places in it: the entries of a bibliography."""
    return tuple(dict.fromkeys(replace(source, locator="") for source in listed))


def cited_source(checked: CheckedRow) -> Source | None:
    """The source that a row cites."""
    method = checked.row.method
    return method.source if isinstance(method, Citation) else None


def steps(derivation: Derivation) -> tuple[CheckedRow, ...]:
    """The checked rows without the limiting case."""
    return derivation.checked[:-1]


def limiting_case(derivation: Derivation) -> CheckedRow:
    """The checked limiting case."""
    return derivation.checked[-1]


def closing(derivation: Derivation) -> str:
    """Which steps the conclusion is, and what the derivation is worth."""
    steps = [str(number) for number in derivation.concluding_steps]
    if not steps:
        return f"No step is the conclusion. {verdict(derivation)}."
    subject = (
        f"Step {steps[0]} is" if len(steps) == 1 else f"Steps {', '.join(steps[:-1])} and {steps[-1]} are"
    )
    return f"{subject} the conclusion. {verdict(derivation)}."


def label(status: Status) -> str:
    """The status as it is printed: what is missing is loud."""
    return status.value.upper() if status in (Status.OPEN, Status.NOT_RUN) else status.value


def reason(checked: CheckedRow) -> str:
    """Why the row holds, as a sentence."""
    return _sentence(checked.row.reason)


def how(checked: CheckedRow) -> str:
    """How the row was discharged, as a sentence."""
    return _sentence(checked.outcome.how)


def _sentence(prose: str) -> str:
    """Prose that begins with a capital letter, unless with mathematics or a name, and ends with a stop."""
    word = re.match(r"(a|[a-z]{2,})\b(?![(_^*=])", prose)
    opened = prose[0].upper() + prose[1:] if word else prose
    return opened if opened.endswith((".", ":", "!", "?")) else f"{opened}."


def tally(derivation: Derivation) -> str:
    """For example ``14 rows: 12 proved, 1 cited, 1 defined; none is open``."""
    counts = derivation.counts
    parts = [f"{counts[status.value]} {label(status)}" for status in Status if counts[status.value]]
    loud = counts[Status.OPEN.value] + counts[Status.NOT_RUN.value]
    return f"{counts['rows']} rows: {', '.join(parts)}" + ("" if loud else "; none is open")


def verdict(derivation: Derivation) -> str:
    """``Derived``, or what keeps the statement from being derived."""
    counts = derivation.counts
    missing = [
        f"{counts[status.value]} {'row is' if counts[status.value] == 1 else 'rows are'} {label(status)}"
        for status in (Status.OPEN, Status.NOT_RUN)
        if counts[status.value]
    ]
    if not missing and not derivation.concludes:
        missing = ["no row is the conclusion"]
    return "NOT DERIVED: " + " and ".join(missing) if missing else "Derived"


def regime(statement: Statement) -> str:
    """One sentence on the kind of the conclusion; an error term follows it where there is one."""
    return {
        "exact": "The statement is exact.",
        "bound": "The statement is a bound.",
        "asymptotic": "The statement is asymptotic; its error term is",
    }[statement.regime]


def instance(statement: Statement) -> tuple[tuple[object, object], ...]:
    """Name and value of an instance that is short enough to print, otherwise nothing."""
    pairs = tuple(statement.instance.items())
    names = all(isinstance(name, str | Symbol) for name, _ in pairs)
    values = all(isinstance(value, int | str | Rational) for _, value in pairs)
    return pairs if names and values and len(pairs) <= _INSTANCE_CEILING else ()


def ranges(domain: Domain | None) -> tuple[tuple[Symbol, Basic, Basic], ...]:
    """Symbol, lower and upper end of each side of a box."""
    if domain is None:
        return ()
    return tuple((symbol, _number(low), _number(high)) for symbol, (low, high) in domain.box.items())


def _number(value: object) -> Basic:
    return value if isinstance(value, Basic) else Rational(value)
