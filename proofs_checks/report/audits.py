"""The tables of an audit in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from proofs_checks.audit.planted import PlantedRow, Undisplaced
from proofs_checks.audit.summary import Undeclared
from proofs_checks.report.terminal import words

if TYPE_CHECKING:
    from proofs_checks.audit.summary import AuditReport, TheoremAudit

_WIDTH = 110
_FATES = ("kill-\nable", "re-\nfuted", "re-\nfused", "vacu-\nous", "unde-\ncided", "sup-\nported")
_STYLES = {"met": "green", "missed": "red", "undecided": "yellow", "no goal": "dim", "not tried": "dim"}


def as_text(report: AuditReport) -> str:
    """The tables without colors."""
    console = Console(width=_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(audit_tables(report, details=True))
    return captured.get()


def audit_tables(report: AuditReport, details: bool = False) -> RenderableType:
    """For each theorem planted errors, mutants and the rest; then what would slip through.

    ``details`` names the hypotheses.
    """
    parts: list[RenderableType] = []
    for theorem in report.theorems:
        parts += [_planted(theorem)] if any(isinstance(row, PlantedRow) for row in theorem.planted) else []
        parts += [_mutants(theorem)] if theorem.judged_mutants else []
        parts += [_attacks(theorem)] if any(one.attacked for one in theorem.attacks) else []
        parts += [*_remarks(theorem), *_about_rows(theorem, details)]
    for theorem in report.theorems:
        parts += [words(f"{theorem.id}: {line}", "red") for line in theorem.defects]
        parts += [words(f"{theorem.id}: {line}", "yellow") for line in theorem.doubts]
    parts.append(_conclusion(report))
    return Group(*parts)


def _table(title: str, texts: Mapping[str, int], numbers: tuple[str, ...]) -> Table:
    """Columns of words with their least widths, columns of numbers, and the goal."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=words(title), title_justify="left"
    )
    for heading, width in texts.items():
        table.add_column(heading, vertical="bottom", overflow="fold", min_width=width)
    for heading in numbers:
        table.add_column(heading, vertical="bottom", justify="right", no_wrap=True)
    table.add_column("goal", vertical="bottom", no_wrap=True, min_width=9)
    return table


def _count(number: int) -> str:
    return str(number) if number else "-"


def _planted(theorem: TheoremAudit) -> RenderableType:
    table = _table(
        f"{theorem.id}: planted errors",
        {"claim": 20, "planted error": 14},
        ("delta\n+ rho", "trials", "re-\nfuted", "unde-\ncided", "sup-\nported", "not re-\nfuted"),
    )
    previous = ""
    for row in theorem.planted:
        if isinstance(row, PlantedRow):
            table.add_row(*_planted_row(row, named=row.claim != previous))
            previous = row.claim
    return table


def _planted_row(row: PlantedRow, named: bool) -> tuple[RenderableType, ...]:
    return (
        words(row.claim if named else ""),
        words("none" if row.true else row.error),
        f"{100 * row.resolution:.2g} %" if row.resolution is not None else "",
        f"{row.trials}" + (f" x {row.checks}" if row.checks > 1 else ""),
        *map(_count, (row.refuted, row.undecided + row.invalid, row.supported)),
        f"< {100 * row.limit:.2g} %" if row.goal and row.weakest else "",
        Text("true" if row.true and row.status == "met" else row.status, _STYLES[row.status]),
    )


def _mutants(theorem: TheoremAudit) -> RenderableType:
    table = _table(
        f"{theorem.id}: mutants",
        {"claim": 17, "closed form": 15},
        ("all", "equal", "judged", *_FATES),
    )
    previous = ""
    for row in theorem.judged_mutants:
        numbers = (row.generated, row.equivalent, row.judged, row.killable, row.refuted, row.refused)
        table.add_row(
            words(row.claim if row.claim != previous else ""),
            words(row.closed_form),
            *map(_count, (*numbers, row.vacuous, row.undecided + row.invalid, row.supported)),
            Text(row.status, _STYLES[row.status]),
        )
        previous = row.claim
    return table


def _attacks(theorem: TheoremAudit) -> RenderableType:
    table = _table(
        f"{theorem.id}: attacks on bounds", {"claim": 20}, ("point", "best attempt", "bound", "shrunk twin")
    )
    rows: dict[tuple[str, ...], str] = {}  # an attack may serve all components of a point
    for one in theorem.attacks:
        if one.best is not None:
            twin = f"{one.twin:.6g}" if one.twin is not None else ""
            fate = "broken" if one.broken else "vacuous" if one.vacuous else "holds"
            rows[one.claim, f"{one.point + 1}", f"{one.best:.6g}", f"{one.bound:.6g}", twin] = fate
    for (claim, *numbers), fate in rows.items():
        table.add_row(words(claim), *numbers, Text(fate, "green" if fate == "holds" else "red"))
    return table


def _about_rows(theorem: TheoremAudit, details: bool) -> list[Text]:
    """What the rows of the derivation noticed, and which hypotheses none of those tried needs."""
    found = theorem.derivation
    still = f"; {found.still_true} changes leave a row true" if found.still_true else ""
    lines = [words(f"rows: {found.caught} of {found.planted} planted errors caught{still}")]
    groups: dict[str, list[str]] = {}
    for one in found.hypotheses:
        groups.setdefault(
            "needed" if one.needed_by else one.note or "not needed by the rows tried", []
        ).append(one.name)
    if not details:
        counts = "; ".join(f"{len(names)} {said}" for said, names in groups.items())
        return [*lines, words(f"hypotheses: {counts}", "dim")] if groups else lines
    lines += [
        words(f"hypotheses, {said}, {len(names)}: {'; '.join(names)}", "dim")
        for said, names in groups.items()
    ]
    return lines


def _remarks(theorem: TheoremAudit) -> list[Text]:
    """Survivors, claims that nothing was planted in, rows and bounds."""
    notes = dict.fromkeys(
        f"{row.claim}: {row.note}" for row in theorem.planted if isinstance(row, PlantedRow) and row.note
    )
    lines = [words(note, "dim") for note in notes]
    lines += [
        words(f"{row.claim}: no error planted: {row.reason}", "dim")
        for row in theorem.planted
        if isinstance(row, Undisplaced)
    ]
    without = [row.claim for row in theorem.mutants if isinstance(row, Undeclared)]
    lines += [words(f"no closed form declared: {', '.join(without)}", "dim")] if without else []
    for row in theorem.judged_mutants:
        lines += [
            words(
                f"{row.claim}: {row.closed_form}: {one.change} ({one.operator}), {one.outcome}, "
                f"{one.displacement:.2g} rho: {one.reason}",
                "yellow" if one.killable else "dim",
            )
            for one in row.survivors
        ]
    return lines


def _conclusion(report: AuditReport) -> Text:
    said = {
        0: "every planted error that must be noticed was noticed",
        1: "something would slip through",
        3: "nothing slipped through, but not everything was refuted",
    }
    color = {0: "bold green", 1: "bold red", 3: "bold yellow"}[report.exit_code]
    count = len(report.theorems)
    subject = f"{count} theorem" + ("s" if count != 1 else "")
    return Text(f"{subject}: {said[report.exit_code]}, {report.seconds:.1f} s", color)
