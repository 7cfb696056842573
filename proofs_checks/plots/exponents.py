"""Power laws: measured means over widths on doubly logarithmic axes, with the line of theory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from proofs_checks.plots.style import COLORS, look, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def exponent_figure(
    widths: ArrayLike,
    measured: Mapping[str, tuple[ArrayLike, ArrayLike]],
    exponents: Mapping[str, float] | None = None,
    *,
    quantity: str = "drift of the kernel",
) -> Figure:
    """Means with two standard errors at every width; lines of the given slopes pass through the last mean.

    ``measured`` maps a name to (means, standard errors), ``exponents`` the same names to the slope of theory.
    Raises InputError for values that have no logarithm or do not match, PlotsUnavailable without matplotlib.
    """
    at = np.asarray(widths, dtype=float)
    with styled():
        figure, (axes,) = panels()
        for index, (name, (means, errors)) in enumerate(measured.items()):
            values, spread = np.asarray(means, dtype=float), 2 * np.asarray(errors, dtype=float)
            if values.shape != at.shape or spread.shape != at.shape or not np.all(values > 0):
                raise InputError(f"{name}: give a mean > 0 and a standard error for each of {at.size} widths")
            label, color = name, COLORS[index % len(COLORS)]
            if exponents is not None and name in exponents:
                slope = exponents[name]
                axes.plot(at, values[-1] * (at / at[-1]) ** slope, color=color, linewidth=0.9)
                label = f"{name}; line: slope {slope:g}"
            # A bar that reaches below zero ends at the edge of the picture.
            below = np.minimum(spread, 0.99 * values)
            axes.errorbar(
                at, values, (below, spread), linestyle="none", capsize=2, label=label, **look(index)
            )
        axes.set(xscale="log", yscale="log", xlabel="width", ylabel=quantity)
        axes.set_xticks(at, [f"{width:g}" for width in at])
        axes.set_xticks([], minor=True)
        axes.legend()
        settle(figure)
    return figure
