"""The landscape of a user's data: all critical values of a linear network of any depth, and their kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from proofs_checks.data_files import Matrix, read_data, read_layers
from proofs_checks.data_landscape import tables
from proofs_checks.data_landscape.hypotheses import Hypothesis, hypotheses, remarks
from proofs_checks.data_landscape.spectrum import DataSpectrum, data_spectrum
from theory.errors import InputError

if TYPE_CHECKING:
    from proofs_checks.data_landscape.network import Location
    from theory.linear_landscape.classes import CriticalClass, Landscape

LISTED_LOWEST = 20
LISTED_HIGHEST = 5
LARGEST_WIDTH = 10**6
MOST_LAYERS = 1000

Source = str | PathLike[str] | np.ndarray
Widths = str | Sequence[int]

CONVENTION = (
    "L = |Y - X W^T|^2 / 2, W = W_H ... W_1: rows of X and Y are examples; the loss is summed over examples "
    "and outputs, not averaged; nothing is centered, there are no biases"
)
DEEP = (
    "three layers or more: index and nullity are those of the points whose idle units are silent in every "
    "layer. No point of a class has a smaller index; open idle units in the middle make it larger. Strict "
    "saddles are strict at all points; classes that are not strict at all points have strict ones too"
)


@dataclass(frozen=True)
class Result:
    """The landscape of one data set, ready to print."""

    widths: tuple[int, ...]
    examples: int
    spectrum: DataSpectrum
    landscape: Landscape
    lowest: tuple[CriticalClass, ...]
    highest: tuple[CriticalClass, ...]
    network: Location | None = None

    @property
    def loss_error(self) -> float:
        """A bound on the error of every loss, for the data as they are."""
        return self.spectrum.loss_error

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """The hypotheses of the theorem, whether they hold, and what changes if not."""
        return hypotheses(self.spectrum, self.landscape, self.examples)

    @property
    def notes(self) -> tuple[str, ...]:
        """What changes for this data, because a hypothesis fails or otherwise."""
        failing = tuple(one.consequence for one in self.hypotheses if not one.holds)
        return failing + remarks(self.spectrum)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        located = {} if self.network is None else {"network": self.network.to_dict()}
        return {
            "widths": list(self.widths),
            "examples": self.examples,
            "convention": CONVENTION,
            "eigenvalues": [float(value) for value in self.spectrum.values],
            "multiplicities": list(self.spectrum.multiplicities),
            "input_rank": self.spectrum.input_rank,
            "rank": self.spectrum.rank,
            "total": float(self.spectrum.total) / 2,
            "classes": self.landscape.count,
            "lowest": [self._class(one) for one in self.lowest],
            "highest": [self._class(one) for one in self.highest],
            "loss_error": self.loss_error,
            "resolution": self.spectrum.resolution,
            "arithmetic": self.spectrum.arithmetic,
            "hypotheses": [one.to_dict() for one in self.hypotheses],
            "notes": list(self.notes),
            **located,
        }

    def text(self) -> str:
        """A table for the terminal."""
        listed = tables.text(self._rows(self.lowest) + self._rows(self.highest))
        split = 1 + len(self.lowest)
        lines = [
            f"Critical points of a linear network {self._shape()} on {self.examples} examples",
            CONVENTION,
            "",
            *listed[:split],
        ]
        if self.highest:
            lines += [self._between(), *listed[split:]]
        located = [] if self.network is None else ["", *self.network.lines()]
        return "\n".join([*lines, "", *self._foot(), *located])

    def latex(self) -> str:
        """The table as a tabular, for a paper."""
        body = tables.latex(self._rows(self.lowest))
        if self.highest:
            body += [r"\multicolumn{7}{c}{$\cdots$} \\", *tables.latex(self._rows(self.highest))]
        return "\n".join(
            [
                f"% Linear network {self._shape()}, {self.examples} examples. {CONVENTION}.",
                *(f"% {line}" for line in self._foot()),
                rf"\begin{{tabular}}{{{'r' * 5}ll}}",
                r"$L$ & $L / N$ & rank & index & nullity & kind & chosen \\ \hline",
                *body,
                r"\end{tabular}",
            ]
        )

    def _rows(self, classes: Sequence[CriticalClass]) -> list[list[str]]:
        return tables.rows(self.landscape, classes, self.examples, self.loss_error)

    def _shape(self) -> str:
        return "-".join(map(str, self.widths))

    def _between(self) -> str:
        left = self.landscape.count - len(self.lowest) - len(self.highest)
        return f"... {left} classes between ..." if left else "..."

    def _foot(self) -> list[str]:
        held = [one.name for one in self.hypotheses if one.holds]
        lines = [
            f"{self.landscape.count} classes of critical points (equal losses may coincide)",
            f"arithmetic: {self.spectrum.arithmetic}; losses to within {self.loss_error:.1e}",
        ]
        if self.spectrum.resolution:
            lines.append(
                f"roots of eigenvalues are told apart from {2 * self.spectrum.resolution:.1e} on: rounding "
                "of the data, or the uncertainty given, and of the computation"
            )
        lines += [f"holds: {'; '.join(held)}"] * bool(held)
        lines += [DEEP] * (self.landscape.layers > 2)
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def _class(self, one: CriticalClass) -> dict[str, Any]:
        return {
            "chosen": tables.chosen(self.landscape, one),
            "rank": one.rank,
            "loss": float(one.loss),
            "mean_loss": float(one.loss) / self.examples,
            "kind": one.kind,
            "index": one.index,
            "open_index": one.open_index,
            "nullity": one.nullity,
        }


def run(
    inputs: Source,
    targets: Source,
    widths: Widths,
    lowest: int = LISTED_LOWEST,
    uncertainty: str | Sequence[float] | None = None,
    network: str | PathLike[str] | Sequence[np.ndarray] | None = None,
) -> Result:
    """The landscape of |Y - X W^T|^2 / 2 for X (N, d_0) and Y (N, d_H), paths of npy files or arrays.

    ``widths`` are (d_0, ..., d_H), with one hidden width at least; ``lowest`` classes are listed, and a few
    of the highest. ``uncertainty`` is "DX,DY" or two numbers: how far off entries of X and of Y may be;
    without it they are as good as their rounding. ``network`` is an npz file with W_1, ..., W_H, or these
    arrays, W_h of shape (d_h, d_{h-1}): the result then says which critical point it is near.

    Raises InputError for bad files, bad values, and shapes that do not fit each other or the widths.
    """
    x, y = read_data(inputs, "X"), read_data(targets, "Y")
    # SymPy is imported only now: unusable files are refused at once.
    sizes = read_widths(widths)
    check_shapes(x, y, sizes)
    layers = None if network is None else read_layers(network, sizes)
    spectrum = data_spectrum(x, y, read_uncertainty(uncertainty))
    landscape = landscape_of(spectrum, sizes)
    best = landscape.lowest(lowest)
    worst = landscape.highest(min(LISTED_HIGHEST, landscape.count - len(best)))
    located = None
    if layers is not None:
        from proofs_checks.data_landscape.network import locate

        located = locate(layers, x.values, y.values, spectrum, landscape)
    return Result(sizes, len(x.values), spectrum, landscape, best, worst[::-1], located)


critical_points = run  # what it is called in Python, from proofs_checks


def read_widths(widths: Widths) -> tuple[int, ...]:
    """(d_0, ..., d_H) with H >= 2. Raises InputError."""
    from theory.grammar.sizes import shown
    from theory.parameters import positive_integers

    sizes = positive_integers(None, LARGEST_WIDTH)(widths)
    if not 3 <= len(sizes) <= MOST_LAYERS:
        raise InputError(
            f"widths {shown(','.join(map(str, sizes)))} are {len(sizes)}: give inputs, one hidden width or "
            f"more, and outputs, for example 64,10,10, and at most {MOST_LAYERS}"
        )
    return sizes


def read_uncertainty(given: str | Sequence[float] | None) -> tuple[float, float] | None:
    """Two numbers >= 0. Raises InputError."""
    from theory.parameters import as_rational

    if given is None:
        return None
    parts = given.split(",") if isinstance(given, str) else list(given)
    if len(parts) != 2:
        raise InputError(f"an uncertainty of {len(parts)} numbers: give two, DX,DY, for example 0.01,0")
    first, second = (float(as_rational(part)) for part in parts)
    if min(first, second) < 0:
        raise InputError(f"the uncertainty {min(first, second):g} is negative: give numbers >= 0")
    return first, second


def check_shapes(x: Matrix, y: Matrix, widths: Sequence[int]) -> None:
    """Raise InputError for data that do not fit each other or the widths."""
    rows = len(x.values), len(y.values)
    if rows[0] != rows[1]:
        raise InputError(
            f"X has {rows[0]} rows and Y has {rows[1]}: rows are examples, so they must be equal"
        )
    for name, matrix, width in (("X", x.values, widths[0]), ("Y", y.values, widths[-1])):
        if matrix.shape[1] != width:
            place = "input" if name == "X" else "output"
            hint = " (is it transposed? examples are rows)" if matrix.shape[0] == width else ""
            raise InputError(f"{name} has {matrix.shape[1]} columns and the {place} width is {width}{hint}")


def landscape_of(found: DataSpectrum, widths: Sequence[int]) -> Landscape:
    """The classes of a linear network of these widths."""
    from theory.linear_landscape.classes import Landscape, Spectrum
    from theory.linear_landscape.formulas import Sizes

    hidden = tuple(widths[1:-1])
    sizes = Sizes(widths[-1], found.input_rank, min(hidden), found.rank)
    spectrum = Spectrum(found.values, found.multiplicities, found.total)
    return Landscape(sizes, spectrum, widths[0] - found.input_rank, hidden if len(hidden) > 1 else None)
