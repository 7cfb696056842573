"""The landscape of a linear network: classes of critical points by loss, and the ways down between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from proofs_checks.plots.style import INK, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    from theory.linear_landscape.classes import CriticalClass, Landscape

MOST_CLASSES = 2000
_MOST_ARROWS = 80
_MANY = 100  # from which on dots are small
_WIDTH = 0.66  # of a column of classes of equal rank


def landscape_figure(landscape: Landscape, examples: int = 1) -> Figure:
    """Every class of critical points at its rank and its loss, colored by its index.

    Arrows lead to classes that choose one eigenvalue more: the largest that is left for the nested classes,
    the way from small weights, in black; all others, where there are few enough, in gray. Squares are classes
    with saddles that are not strict. Of more than 2,000 classes, the lowest and the highest are drawn.
    ``examples`` divides the loss.

    Raises InputError for fewer than one example, PlotsUnavailable without matplotlib.
    """
    if examples < 1:
        raise InputError(f"{examples} examples: give a number >= 1")
    classes, complete = _drawn(landscape)
    places = _places(classes, examples)
    with styled():
        from matplotlib.ticker import MaxNLocator

        figure, (axes,) = panels()
        _arrows(axes, landscape, classes, places)
        dots = _dots(axes, classes, places)
        bar = figure.colorbar(dots, ax=axes, pad=0.02, ticks=MaxNLocator(6, integer=True))
        bar.set_label("index" if landscape.layers == 2 else "least index")
        per = " / N" if examples > 1 else ""
        axes.set(xlabel="rank of the product", ylabel=f"critical loss $L{per}$")
        axes.set_xticks(range(landscape.largest_rank + 1))
        axes.margins(x=0.06)
        if not complete:
            axes.set_title(f"{len(classes)} of {landscape.count} classes", color=INK)
        if any(one.kind == "saddle, not strict at all points" for one in classes):
            figure.legend(loc="outside upper center")
        settle(figure)
    return figure


def _drawn(landscape: Landscape) -> tuple[tuple[CriticalClass, ...], bool]:
    """All classes, or the lowest and highest halves; the nested ones always."""
    if landscape.count <= MOST_CLASSES:
        return landscape.lowest(landscape.count), True
    half = MOST_CLASSES // 2
    found = {
        one.choice: one for one in (*landscape.lowest(half), *landscape.nested(), *landscape.highest(half))
    }
    return tuple(found.values()), False


def _places(classes: Sequence[CriticalClass], examples: int) -> dict[tuple[int, ...], tuple[float, float]]:
    """Rank, spread to the right by the order of losses within it, and loss."""
    found = {}
    for rank in {one.rank for one in classes}:
        column = sorted((one for one in classes if one.rank == rank), key=lambda one: float(one.loss))
        for position, one in enumerate(column):
            shift = (position / (len(column) - 1) - 0.5) * _WIDTH if len(column) > 1 else 0.0
            found[one.choice] = (rank + shift, float(one.loss) / examples)
    return found


def _arrows(
    axes: Axes,
    landscape: Landscape,
    classes: Sequence[CriticalClass],
    places: dict[tuple[int, ...], tuple[float, float]],
) -> None:
    nested = [one.choice for one in landscape.nested()]
    others = [
        (one.choice, more) for one in classes for more in landscape.extensions(one.choice) if more in places
    ]
    if len(others) <= _MOST_ARROWS:
        for start, end in others:
            _arrow(axes, places[start], places[end], "#BBBBBB", 0.5)
    for start, end in pairwise(nested):
        _arrow(axes, places[start], places[end], INK, 1.0)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str, width: float
) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.16,head_length=0.3",
            "color": color,
            "linewidth": width,
            "shrinkA": 2.5,
            "shrinkB": 2.5,
        },
        zorder=1,
    )


def _dots(
    axes: Axes, classes: Sequence[CriticalClass], places: dict[tuple[int, ...], tuple[float, float]]
) -> PathCollection:
    """Circles where all saddles are strict, squares where some are not, a star for the global minimum."""
    indices = np.array([one.index for one in classes], dtype=float)
    points = np.array([places[one.choice] for one in classes])
    kinds = np.array([one.kind for one in classes])
    drawn: list[PathCollection] = []
    small = len(classes) > _MANY
    for kind, marker, size, label in (
        ("strict saddle", "o", 3 if small else 16, None),
        ("saddle, not strict at all points", "s", 22, "not strict at all points"),
        ("global minimum", "*", 70, None),
    ):
        chosen = kinds == kind
        if chosen.any():
            one = axes.scatter(
                points[chosen, 0],
                points[chosen, 1],
                c=indices[chosen],
                s=size,
                marker=marker,
                cmap="viridis",
                vmin=0,
                vmax=max(indices.max(), 1),
                edgecolors=INK,
                linewidths=0.0 if small and marker == "o" else 0.4,
                label=label,
                zorder=2,
            )
            drawn.append(one)
    return drawn[-1]
