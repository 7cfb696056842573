"""Tables of critical classes, for a terminal and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory.linear_landscape.classes import CriticalClass, Landscape

_SHOWN = 12


def chosen(landscape: Landscape, one: CriticalClass) -> list[int]:
    """Positions, from 1, of the chosen eigenvalues in decreasing order; of equal ones the first."""
    found: list[int] = []
    first = 1
    for count, size in zip(one.choice, landscape.spectrum.multiplicities, strict=True):
        found += range(first, first + count)
        first += size
    return found


def rows(
    landscape: Landscape, classes: Sequence[CriticalClass], examples: int, error: float
) -> list[list[str]]:
    """Loss, loss per example, rank, index, nullity, kind and choice; losses below their error are 0."""
    return [
        [
            f"{_loss(one, error):.10g}",
            f"{_loss(one, error) / examples:.8g}",
            str(one.rank),
            index(landscape, one),
            str(one.nullity),
            one.kind,
            _shortened(chosen(landscape, one)),
        ]
        for one in classes
    ]


def text(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines for a terminal."""
    head = ("loss", "per example", "rank", "index", "nullity", "kind", "eigenvalues chosen")
    widths = [max(len(row[column]) for row in (head, *table)) for column in range(len(head))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in (head, *table)]


def latex(table: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a tabular."""
    return [" & ".join((*map(_number, row[:5]), row[5], _set(row[6]))) + r" \\" for row in table]


def _number(cell: str) -> str:
    return f"${cell.replace('>=', chr(92) + 'ge ')}$"


def _set(cell: str) -> str:
    if cell == "none":
        return r"$\emptyset$"
    return rf"$\{{{cell.partition(' (')[0]}\}}$".replace("...", r"\dots")


def index(landscape: Landscape, one: CriticalClass) -> str:
    """The index of the class; with three layers or more points may have more negative directions."""
    return f">={one.index}" if landscape.layers > 2 and one.open_index > one.index else str(one.index)


def _loss(one: CriticalClass, error: float) -> float:
    value = float(one.loss)
    return 0.0 if abs(value) <= error else value


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Numbers to the right, words to the left."""
    pairs = list(zip(row, widths, strict=True))
    return [cell.rjust(width) for cell, width in pairs[:5]] + [cell.ljust(width) for cell, width in pairs[5:]]


def _shortened(positions: list[int]) -> str:
    if not positions:
        return "none"
    if len(positions) > 2 and positions == list(range(positions[0], positions[-1] + 1)):
        return f"{positions[0]}, ..., {positions[-1]}"
    shown = ", ".join(map(str, positions[:_SHOWN]))
    return shown if len(positions) <= _SHOWN else f"{shown}, ... ({len(positions)} in all)"
