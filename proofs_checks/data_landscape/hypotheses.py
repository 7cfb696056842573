"""Which hypotheses of the theorem hold for given data, and what changes where one fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proofs_checks.data_landscape.columns import Columns
from proofs_checks.data_landscape.spectrum import DataSpectrum

if TYPE_CHECKING:
    from theory.linear_landscape.classes import Landscape

_SHOWN = 6


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis in words, whether the data satisfy it, and what changes if not."""

    name: str
    holds: bool
    consequence: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"hypothesis": self.name, "holds": self.holds, "consequence": self.consequence}


def hypotheses(spectrum: DataSpectrum, landscape: Landscape, examples: int) -> tuple[Hypothesis, ...]:
    """Full rank of the inputs, full rank of Sigma_YX, distinct eigenvalues."""
    return (
        _inputs(spectrum, landscape, examples),
        _cross_covariance(landscape),
        _distinct(spectrum),
    )


def remarks(spectrum: DataSpectrum) -> tuple[str, ...]:
    """What is worth knowing though no hypothesis fails."""
    constant = spectrum.columns.constant
    if not constant:
        return ()
    return (f"{_columns(constant, 'is', 'are')} constant: the weights there act as a bias",)


def _inputs(spectrum: DataSpectrum, landscape: Landscape, examples: int) -> Hypothesis:
    name, idle, rank = "the inputs have full rank", landscape.idle_inputs, spectrum.input_rank
    if not idle:
        return Hypothesis(name, True)
    first = landscape.first_hidden
    reasons = _reasons(spectrum.columns, examples, rank + idle)
    return Hypothesis(
        name,
        False,
        f"the inputs have rank {rank} of {rank + idle}{reasons}: the first layer is free in {idle} input "
        f"directions, which adds {first * idle} to every nullity; losses and indices stay",
    )


def _reasons(columns: Columns, examples: int, width: int) -> str:
    reasons = []
    if examples < width:
        reasons.append(f"{examples} examples only")
    if columns.zero:
        reasons.append(f"{_columns(columns.zero, 'is', 'are')} zero")
    reasons += [f"column {column} repeats column {same}" for column, same in columns.repeated[:_SHOWN]]
    more = len(columns.repeated) - _SHOWN
    reasons += [f"{more} more repeat others"] * (more > 0)
    return f" ({'; '.join(reasons)})" if reasons else ""


def _columns(positions: tuple[int, ...], one: str, many: str) -> str:
    shown = ", ".join(map(str, positions[:_SHOWN])) + ", ..." * (len(positions) > _SHOWN)
    counted = f" ({len(positions)} of them)" if len(positions) > _SHOWN else ""
    return f"column {shown} {one}" if len(positions) == 1 else f"columns {shown}{counted} {many}"


def _cross_covariance(landscape: Landscape) -> Hypothesis:
    name, sizes = "Sigma_YX has full rank", landscape.sizes
    if sizes.rank == sizes.outputs:
        return Hypothesis(name, True)
    return Hypothesis(
        name,
        False,
        f"Sigma_YX has rank {sizes.rank} for {sizes.outputs} outputs: nothing is to be learned in the other "
        "directions; there are further critical points with the same losses, and with two layers the same "
        "indices, but smaller nullity",
    )


def _distinct(spectrum: DataSpectrum) -> Hypothesis:
    name, ties, first = "the eigenvalues are distinct", [], 1
    for size in spectrum.multiplicities:
        if size > 1:
            ties.append(f"{first} to {first + size - 1}")
        first += size
    if not ties:
        return Hypothesis(name, True)
    within = "" if spectrum.resolution == 0 else " within the uncertainty"
    shown = ", ".join(ties[:_SHOWN]) + ", ..." * (len(ties) > _SHOWN)
    return Hypothesis(
        name,
        False,
        f"eigenvalues {shown} are tied{within}: their eigenvectors are not unique and critical points form "
        "continua, which adds to nullities; losses and indices are those of equal eigenvalues",
    )
