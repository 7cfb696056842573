"""What a person sees in a terminal: progress while waiting, tables at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from proofs_checks import signals
from theory.printing.prose import to_text
from theory.printing.visible import one_line

if TYPE_CHECKING:
    from proofs_checks.report.listing import Entry
    from proofs_checks.report.summary import ClaimReport, Report, TheoremReport
    from proofs_checks.run import Progress as Watch

_WIDTH = 110  # of output that goes into a file or a pipe
_STYLES = {
    "supported": "green",
    "refuted": "red",
    "undecided": "yellow",
    "invalid": "magenta",
    "derived": "green",
    "open": "red",
    "not run": "yellow",
}


@contextmanager
def progress() -> Iterator[Watch]:
    """A live display on stderr, one bar for each theorem; silent where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=12, table_column=Column(min_width=12)),
        TextColumn("{task.completed:.0f}/{task.total:.0f}", table_column=Column(min_width=5)),
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TextColumn("left", table_column=Column(min_width=4)),
        TimeRemainingColumn(table_column=Column(min_width=7)),
        # Whatever else is on the line, the times stay readable.
        # No markup: the name of a claim is a name, whatever brackets it has.
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
    )
    with Progress(
        *columns, console=console, transient=True, expand=True, disable=not console.is_terminal
    ) as display:
        tasks: dict[str, int] = {}

        def watch(theorem: str, doing: str, finished: int, steps: int) -> None:
            signals.check()
            if theorem not in tasks:
                tasks[theorem] = display.add_task(one_line(theorem), total=steps)
            display.update(
                tasks[theorem],  # type: ignore[arg-type]  # rich's TaskID is an int
                description=one_line(f"{theorem}: {doing}"),
                completed=finished,
                total=steps,
            )

        yield watch


def words(text: str, style: str = "") -> Text:
    """Words as they stand: brackets are no markup, and what a terminal would obey is spelled out."""
    return Text(one_line(text), style)


def show(renderable: RenderableType) -> None:
    """Print to stdout."""
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(renderable)


def as_text(report: Report) -> str:
    """The verdict table without colors, for files and the Python prompt."""
    console = Console(width=_WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(verdict_table(report, details=True))
    return captured.get()


def catalogue_table(entries: list[Entry]) -> RenderableType:
    """The catalogue, a theorem a row."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("theorem", no_wrap=True)
    for heading in ("title", "source", "derivation"):
        table.add_column(heading, overflow="fold")
    table.add_column("claims", justify="right")
    table.add_column("controls", justify="right")
    for entry in entries:
        status = Text(entry.status, _STYLES[entry.status])
        cells = (words(word) for word in (entry.id, entry.title, entry.cite))
        table.add_row(*cells, status, str(entry.claims), str(entry.controls))
    return table


def verdict_table(report: Report, details: bool = False) -> RenderableType:
    """The verdicts at a glance, then every claim if ``details``, then whatever was not expected."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("theorem", "derivation"):
        table.add_column(heading, no_wrap=True)
    for heading in ("claims\nsupported", "controls\nrefuted", "seeds", "time"):
        table.add_column(heading, justify="right", vertical="bottom")
    for theorem in report.theorems:
        table.add_row(*_summary_row(theorem))
    parts: list[RenderableType] = [table]
    if details:
        parts += [_claims_table(theorem) for theorem in report.theorems]
    parts += [line for theorem in report.theorems for line in _unproved(theorem)]
    parts += [_unexpected(theorem, claim) for theorem, claim in report.unexpected]
    parts += [words(note, "yellow") for note in report.notes]
    parts += [words(f"{one.id}: audit: {one.audited}") for one in report.theorems if one.audited is not None]
    parts.append(_conclusion(report))
    return Group(*parts)


def _summary_row(theorem: TheoremReport) -> tuple[RenderableType, ...]:
    counts = theorem.counts
    kinds = ("proved", "certified", "cited", "open", "not run")
    summary = ", ".join(f"{counts[kind]} {kind}" for kind in kinds if counts[kind])
    return (
        words(theorem.id),
        Text(summary, _STYLES[theorem.status]),
        _tally([claim for claim in theorem.claims if not claim.control]),
        _tally([claim for claim in theorem.claims if claim.control]),
        f"{sum(claim.seeds for claim in theorem.claims):,}",
        f"{theorem.seconds:.1f} s",
    )


def _tally(claims: list[ClaimReport]) -> Text:
    good = sum(claim.as_expected for claim in claims)
    return Text(f"{good} of {len(claims)}", "green" if good == len(claims) else "red")


def _claims_table(theorem: TheoremReport) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=words(theorem.id), title_justify="left")
    table.add_column("claim", min_width=30, overflow="fold")
    for heading in ("comparator", "verdict"):
        table.add_column(heading)
    for heading in ("predicted", "estimate", "standard\nerror", "seeds", "time"):
        table.add_column(heading, justify="right")
    for claim in theorem.claims:
        verdict = Text(claim.verdict, "green" if claim.as_expected else "red")
        numbers = claim.worst
        table.add_row(
            words(("control: " if claim.control else "") + claim.name),
            words(claim.comparator),
            verdict,
            f"{numbers.predicted:.5g}",
            f"{numbers.estimate:.5g}",
            f"{numbers.standard_error:.2g}",
            f"{claim.seeds:,}",
            f"{claim.seconds:.1f} s",
        )
    return table


def _unproved(theorem: TheoremReport) -> Iterator[Text]:
    for checked in theorem.derivation.checked:
        if checked.status in ("open", "not run"):
            reason = to_text(checked.row.reason)
            line = f"{theorem.id}: {checked.status} row: {reason}: {checked.outcome.how}"
            yield words(line, _STYLES[checked.status])


def _unexpected(theorem: TheoremReport, claim: ClaimReport) -> Text:
    expected = f"expected {claim.expected}, found {claim.verdict}"
    return words(f"{theorem.id}: {claim.name}: {expected}: {claim.cause}", _STYLES[claim.verdict])


def _conclusion(report: Report) -> Text:
    count = len(report.theorems)
    subject = f"{count} theorem" + ("s" if count != 1 else "")
    if report.as_expected:
        return Text(f"{subject}: all as expected, {report.seconds:.1f} s", "bold green")
    words = {1: "something is not as expected", 3: "undecided, invalid or not run; nothing refuted"}
    return Text(f"{subject}: {words[report.exit_code]}, {report.seconds:.1f} s", "bold red")
