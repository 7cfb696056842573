"""Derivation: justified rows from the hypotheses of a statement to its conclusion."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sympy import And, Basic, S

from theory.balls import BallsUnavailable
from theory.proving.outcome import Answer, Method, Outcome, Status
from theory.statement import Domain, Statement
from theory.time_limit import TimeLimitExceeded, last_resort

ROW_SECONDS = 600.0  # the longest row of the catalogue takes some seconds


@dataclass(frozen=True)
class Row:
    """One step: a SymPy relation, the reason for it (prose with ``$...$``), and how it is discharged.

    ``domain`` narrows or replaces the domain of the statement for the points of the second lock.
    """

    relation: Basic
    reason: str
    method: Method
    domain: Domain | None = None

    def __post_init__(self) -> None:
        if self.relation in (S.true, S.false):
            raise ValueError(
                f"the row {self.reason!r} evaluates to {self.relation}: a row must say something"
            )


@dataclass(frozen=True)
class CheckedRow:
    """A row together with the status it earned and the outcome that earned it."""

    row: Row
    status: Status
    outcome: Outcome


def check(row: Row, default: Domain | None = None) -> CheckedRow:
    """Discharge one row. Whatever is not established is open; what could not be run says so.

    A computer algebra system fails in many ways: a row on which it fails is open, and says how.
    """
    try:
        with last_resort(ROW_SECONDS):
            outcome = row.method.discharge(row.relation, row.domain or default)
    except BallsUnavailable as missing:
        return CheckedRow(row, Status.NOT_RUN, Outcome(Answer.UNKNOWN, f"not run: {missing}"))
    except TimeLimitExceeded as late:
        return CheckedRow(row, Status.OPEN, Outcome(Answer.UNKNOWN, str(late)))
    except Exception as failure:
        how = f"the check failed: {type(failure).__name__}: {failure}"
        return CheckedRow(row, Status.OPEN, Outcome(Answer.UNKNOWN, how))
    earned = row.method.earns if outcome.answer is Answer.YES else Status.OPEN
    return CheckedRow(row, earned, outcome)


def _covers(domain: Domain | None, other: Domain | None) -> bool:
    """Whether what was shown on ``domain`` (None: for all values that the assumptions allow) is so there."""
    return domain is None or domain.covers(other)


@dataclass(frozen=True)
class Derivation:
    """The rows of a proof, checked when first asked for, and a limiting case with a known answer.

    The limiting case is discharged like a row and counts as one: a closed form that misses the value
    everybody knows leaves the derivation open. So does a conclusion that no row reaches: it, or every part
    of it where it is a conjunction, must be the relation of a row that is more than a definition. A row with
    a domain of its own is worth nothing outside it, as a premise or as the conclusion.
    """

    statement: Statement
    rows: tuple[Row, ...]
    limiting_case: Row

    def __post_init__(self) -> None:
        known: dict[Basic, list[Domain | None]] = {}
        for row in self.rows:
            where = row.domain or self.statement.domain
            for premise in getattr(row.method, "premises", ()):
                if not any(_covers(domain, where) for domain in known.get(premise, ())):
                    places = " where it is used" if premise in known else ""
                    message = f"uses {premise}, which no earlier row establishes{places}"
                    raise ValueError(f"the row {row.reason!r} {message}")
            known.setdefault(row.relation, []).append(where)
        self._refuse_circles()

    def _refuse_circles(self) -> None:
        """A rule that a method declares may be a row, but then one that stands before."""
        places: dict[Basic, int] = {}
        for number, row in enumerate(self.rows):
            places.setdefault(row.relation, number)
        for number, row in enumerate(self.rows):
            for rule in getattr(row.method, "rules", ()):
                if places.get(rule, -1) >= number:
                    raise ValueError(
                        f"the row {row.reason!r} uses the rule {rule}, which only a later row establishes"
                    )

    @cached_property
    def checked(self) -> tuple[CheckedRow, ...]:
        """Every row with its status, the limiting case last."""
        return tuple(check(row, self.statement.domain) for row in (*self.rows, self.limiting_case))

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows in all and of each status."""
        tally = Counter(checked.status for checked in self.checked)
        return {"rows": len(self.checked)} | {status.value: tally[status] for status in Status}

    @property
    def concluding_steps(self) -> tuple[int, ...]:
        """The numbers, from 1, of the rows that are the conclusion or its parts; none if one is missing."""
        conclusion = self.statement.conclusion
        worthless = (Status.DEFINED, Status.OPEN, Status.NOT_RUN)
        shown = {
            checked.row.relation: number
            for number, checked in enumerate(self.checked[:-1], start=1)
            if checked.status not in worthless and _covers(checked.row.domain, self.statement.domain)
        }
        if conclusion in shown:
            return (shown[conclusion],)
        parts = conclusion.args if isinstance(conclusion, And) else (conclusion,)
        reached = all(part in shown for part in parts)
        return tuple(sorted(shown[part] for part in parts)) if reached else ()

    @property
    def concludes(self) -> bool:
        """Whether the rows reach the conclusion of the statement."""
        return bool(self.concluding_steps)

    @property
    def status(self) -> Literal["derived", "open", "not run"]:
        """``derived`` only if no row is open, none was left unrun, and the conclusion is reached."""
        found = {checked.status for checked in self.checked}
        if Status.OPEN in found:
            return "open"
        if Status.NOT_RUN in found:
            return "not run"
        return "derived" if self.concludes else "open"

    @property
    def weakest(self) -> Status:
        """What somebody who cites this statement may claim: the weakest status among its rows."""
        order = (Status.OPEN, Status.NOT_RUN, Status.CITED, Status.CERTIFIED, Status.PROVED, Status.DEFINED)
        return min((checked.status for checked in self.checked), key=order.index)

    def latex(self) -> str:
        """A self-contained LaTeX document of statement, numbered steps and conclusion."""
        from theory.printing import latex

        return latex.document(self)

    def markdown(self) -> str:
        """The same in Markdown with ``$...$`` mathematics."""
        from theory.printing import markdown

        return markdown.document(self)

    def text(self) -> str:
        """The same for a terminal."""
        from theory.printing import text

        return text.document(self)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data: strings and numbers only."""
        from theory.printing import plain

        return plain.document(self)

    def _repr_latex_(self) -> str:
        from theory.printing import latex

        return latex.notebook(self)

    def _repr_html_(self) -> str:
        from theory.printing import markdown

        return markdown.notebook(self)
