"""The look of all figures, and SVG that is the same bytes on every repetition.

Figures are ``matplotlib.figure.Figure`` objects made without pyplot: no window, no global state, nothing to
close. Colors are those of Okabe and Ito (2008), told apart by color-blind readers; every series also has a
marker or a dash of its own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_checks.report.files import require_folder, write_whole
from theory.errors import NotRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#222222"
_INCHES = (3.4, 2.6)  # a column of a two-column paper
_SETTINGS: Any = {  # matplotlib types every key by its own name
    "font.family": "DejaVu Sans",  # shipped with matplotlib: the same outlines everywhere
    "font.size": 8,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.2,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "svg.fonttype": "path",
    "svg.hashsalt": "provenet",
}


class PlotsUnavailable(NotRun):
    """Matplotlib is not installed: nothing can be drawn."""


@contextmanager
def styled() -> Iterator[None]:
    """The settings of this module, whatever the user's own are. Raises PlotsUnavailable."""
    try:
        import matplotlib
    except ImportError as error:
        raise PlotsUnavailable('drawing needs matplotlib: pip install "provenet[plots]"') from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def panels(count: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of so many axes side by side; to be called within ``styled``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(count * _INCHES[0], _INCHES[1]), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)
    return figure, list(axes[0])


def settle(figure: Figure) -> None:
    """Lay the figure out once and for all: every drawing would move it by a hair otherwise."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def svg(figure: Figure) -> bytes:
    """The figure as SVG, without date and without the program's name: the same bytes on every repetition."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def save_svg(figure: Figure, path: Path) -> None:
    """Write the figure whole or not at all. Raises InputError for a path that cannot be written."""
    require_folder(path)
    write_whole(svg(figure), path)


def look(index: int) -> dict[str, Any]:
    """Color and marker of a series."""
    return {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}
