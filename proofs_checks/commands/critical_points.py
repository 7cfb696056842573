"""The landscape of a user's data: all critical values of a two-layer linear network, and their kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from numerics.reduced_rank import ExplainedSpectrum, explained_spectrum, tied_groups
from proofs_checks.data_files import read_matrix
from theory.errors import InputError

if TYPE_CHECKING:
    from theory.linear_landscape.classes import CriticalClass, Landscape

LISTED_LOWEST = 20
LISTED_HIGHEST = 5
LARGEST_WIDTH = 10**6

Source = str | PathLike[str] | np.ndarray
Widths = str | Sequence[int]

CONVENTION = (
    "L = |Y - X B^T A^T|^2 / 2: rows of X and Y are examples; the loss is summed over examples and outputs, "
    "not averaged; nothing is centered, there are no biases"
)


@dataclass(frozen=True)
class Result:
    """The landscape of one data set, ready to print."""

    widths: tuple[int, int, int]
    examples: int
    spectrum: ExplainedSpectrum
    landscape: Landscape
    lowest: tuple[CriticalClass, ...]
    highest: tuple[CriticalClass, ...]

    @property
    def loss_error(self) -> float:
        """A bound on the error of every loss: s_i times the error of s_i, summed, and |Y|^2 u N."""
        values, unit = self.spectrum.singular_values, float(np.finfo(np.float64).eps)
        return float(self.spectrum.error * (values.sum() + values.size * self.spectrum.error)) + (
            unit * self.examples * self.spectrum.total
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Which hypotheses of the theorem fail for this data, and what changes."""
        return tuple(_notes(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "widths": list(self.widths),
            "examples": self.examples,
            "convention": CONVENTION,
            "eigenvalues": [float(value) for value in self.landscape.spectrum.values],
            "multiplicities": list(self.landscape.spectrum.multiplicities),
            "input_rank": self.spectrum.input_rank,
            "rank": self.landscape.sizes.rank,
            "total": self.spectrum.total / 2,
            "classes": self.landscape.count,
            "lowest": [self._class(one) for one in self.lowest],
            "highest": [self._class(one) for one in self.highest],
            "loss_error": self.loss_error,
            "arithmetic": "float64",
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """A table for the terminal."""
        inputs, hidden, outputs = self.widths
        count = self.landscape.count
        lines = [
            f"Critical points of a linear network {inputs}-{hidden}-{outputs} on {self.examples} examples",
            CONVENTION,
            "",
            *_table(self.lowest, self.examples),
        ]
        if self.highest:
            left = count - len(self.lowest) - len(self.highest)
            lines += [
                f"... {left} classes between ..." if left else "...",
                *_table(self.highest, self.examples)[1:],
            ]
        lines += [
            "",
            f"{count} classes of critical points (equal losses may coincide); losses to within "
            f"{self.loss_error:.1e}, "
            "float64",
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)

    def _class(self, one: CriticalClass) -> dict[str, Any]:
        return {
            "chosen": _chosen(one),
            "rank": one.rank,
            "loss": float(one.loss),
            "mean_loss": float(one.loss) / self.examples,
            "kind": one.kind,
            "index": one.index,
            "nullity": one.nullity,
        }


def run(inputs: Source, targets: Source, widths: Widths, lowest: int = LISTED_LOWEST) -> Result:
    """The landscape of |Y - A B X|^2 / 2 for X (N, n_in) and Y (N, n_out), paths of npy files or arrays.

    ``widths`` are input, hidden and output width; ``lowest`` classes are listed, and a few of the highest.
    Raises InputError for bad files, bad values, and shapes that do not fit each other or the widths.
    """
    x, y = read_matrix(inputs, "X"), read_matrix(targets, "Y")
    # SymPy is imported only now: unusable files are refused at once.
    from theory.parameters import positive_integers

    sizes = positive_integers(3, LARGEST_WIDTH)(widths)
    _check_shapes(x, y, sizes)
    spectrum = explained_spectrum(x, y)
    landscape = _landscape(spectrum, sizes)
    best = landscape.lowest(lowest)
    worst = landscape.highest(min(LISTED_HIGHEST, landscape.count - len(best)))
    return Result(sizes, len(x), spectrum, landscape, best, worst[::-1])


def _check_shapes(x: Float[np.ndarray, "N d"], y: Float[np.ndarray, "N k"], widths: Sequence[int]) -> None:
    if len(x) != len(y):
        raise InputError(f"X has {len(x)} rows and Y has {len(y)}: rows are examples, so they must be equal")
    for name, matrix, width in (("X", x, widths[0]), ("Y", y, widths[2])):
        if matrix.shape[1] != width:
            place = "input" if name == "X" else "output"
            hint = " (is it transposed? examples are rows)" if matrix.shape[0] == width else ""
            raise InputError(f"{name} has {matrix.shape[1]} columns and the {place} width is {width}{hint}")


def _landscape(found: ExplainedSpectrum, widths: Sequence[int]) -> Landscape:
    """Eigenvalues that the error cannot tell apart become one group with their mean; those near 0 are 0."""
    from theory.linear_landscape.classes import Landscape, Spectrum
    from theory.linear_landscape.formulas import Sizes

    values = found.singular_values[found.singular_values > found.error]
    groups = tied_groups(values, found.error)
    starts = np.concatenate([[0], np.cumsum(groups)])
    squares = tuple(float(np.mean(values[a:b] ** 2)) for a, b in pairwise(starts))
    sizes = Sizes(widths[2], found.input_rank, widths[1], int(values.size))
    spectrum = Spectrum(squares, tuple(int(size) for size in groups), found.total)
    return Landscape(sizes, spectrum, widths[0] - found.input_rank)


def _notes(result: Result) -> list[str]:
    sizes, spectrum = result.landscape.sizes, result.landscape.spectrum
    idle, notes = result.landscape.idle_inputs, []
    if idle:
        notes.append(
            f"the inputs have rank {sizes.inputs} of {sizes.inputs + idle}: B is free in {idle} "
            f"input directions, "
            f"which adds {idle * sizes.hidden} to every nullity; losses and indices stay"
        )
    for position, size in enumerate(spectrum.multiplicities):
        if size > 1:
            notes.append(
                f"eigenvalue {position + 1} is tied {size}-fold within the error: its eigenvectors "
                f"are not unique, "
                "critical points form continua; losses and indices stay, nullities grow"
            )
    if sizes.rank < min(sizes.outputs, sizes.inputs):
        notes.append(
            f"Sigma_YX has rank {sizes.rank} only: there are further critical points with the "
            f"same losses and "
            "indices and smaller nullity (V or columns of A in the kernels)"
        )
    return notes


def _chosen(one: CriticalClass) -> list[int]:
    """Groups of eigenvalues, from 1, each as often as it is chosen."""
    return [group + 1 for group, count in enumerate(one.choice) for _ in range(count)]


def _table(classes: Sequence[CriticalClass], examples: int) -> list[str]:
    columns = ("loss", "per example", "rank", "index", "nullity", "kind")
    head = "{:>16} {:>14} {:>5} {:>7} {:>8}  {:<15} eigenvalues chosen".format(*columns)
    rows = [
        f"{float(one.loss):16.10g} {float(one.loss) / examples:14.8g} {one.rank:5d} "
        f"{one.index:7d} {one.nullity:8d}  "
        f"{one.kind:<15} {_shortened(_chosen(one))}"
        for one in classes
    ]
    return [head, *rows]


def _shortened(chosen: list[int]) -> str:
    shown = ", ".join(map(str, chosen[:12])) or "none"
    return shown if len(chosen) <= 12 else f"{shown}, ... ({len(chosen)} in all)"
