"""The course of training of a linear network: its loss with plateaus, and the phase portrait of two modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from proofs_checks.plots.style import COLORS, INK, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from proofs_checks.linear_dynamics.result import Dynamics

_PLATEAU = "#999999"


def dynamics_figure(found: Dynamics) -> Figure:
    """The trained loss as markers, the predicted one as a line, over the steps of gradient descent.

    Dashed lines are plateaus, the losses of 0, 1, 2, ... learned modes; triangles on the axis are the
    predicted half-times between them. The legend says how far descent is from
    the flow, relative to the first loss.

    Raises PlotsUnavailable without matplotlib.
    """
    with styled():
        figure, (axes,) = panels()
        for plateau in found.plateaus:
            axes.axhline(plateau.loss, color=_PLATEAU, linewidth=0.6, dashes=(4, 3), zorder=0)
        every = max(1, len(found.steps) // 25)
        axes.plot(found.steps, found.predicted, color=INK, label="predicted")
        axes.plot(
            found.steps[::every],
            found.trained[::every],
            linestyle="none",
            marker="o",
            color=COLORS[0],
            label="trained",
        )
        _half_times(axes, found)
        axes.set(xlabel="steps of gradient descent", ylabel="loss $L$", xlim=(0, found.steps[-1]))
        axes.legend(title=f"off the flow by {found.discretization_error:.1e}", title_fontsize=7)
        settle(figure)
    return figure


def _half_times(axes: Axes, found: Dynamics) -> None:
    times = [one.half_time_discrete or one.half_time for one in found.plateaus]
    shown = [time for time in times if time is not None and time <= found.steps[-1]]
    if not shown:
        return
    axes.plot(
        shown,
        [0.0] * len(shown),
        linestyle="none",
        marker="^",
        color=COLORS[1],
        transform=axes.get_xaxis_transform(),
        clip_on=False,
        label="predicted half-times",
    )


def phase_portrait(singular_values: ArrayLike, starts: Sequence[tuple[float, float]] = ()) -> Figure:
    """The strengths (u_1, u_2) of two balanced modes of a two-layer network under gradient flow.

    du_i / dt = 2 u_i (s_i - u_i) for singular values s_1 > s_2 of the whitened targets. Gray lines are the
    flow, colored lines start at ``starts`` (by default small ones), and the four critical points are marked:
    crosses for saddles, a star for the minimum.

    Raises InputError unless two values s_1 > s_2 > 0 are given and starts are positive.
    """
    values = np.asarray(singular_values, dtype=float)
    if values.shape != (2,) or not values[0] > values[1] > 0:
        raise InputError(f"singular values {values.tolist()}: give two, s_1 > s_2 > 0")
    given = list(starts) or [(1e-3 * values[0], 1e-3 * values[1]), (1e-3 * values[0], 0.1 * values[1])]
    if not all(first > 0 and second > 0 for first, second in given):
        raise InputError("starts are not positive: a mode that is 0 stays 0")
    with styled():
        figure, (axes,) = panels()
        _flow(axes, values)
        times = np.linspace(0, 12 / values[1], 600)
        for index, start in enumerate(given):
            path = [_strength(u, s, times) for u, s in zip(start, values, strict=True)]
            axes.plot(*path, color=COLORS[index % len(COLORS)])
        saddles = np.array([(0, 0), (values[0], 0), (0, values[1])])
        axes.scatter(
            saddles[:, 0], saddles[:, 1], marker="X", s=36, color=INK, zorder=3, clip_on=False, linewidths=0
        )
        axes.scatter(values[:1], values[1:], marker="*", s=80, color=INK, zorder=3, linewidths=0)
        axes.set(xlabel="first mode $u_1$", ylabel="second mode $u_2$")
        settle(figure)
    return figure


def _strength(start: float, value: float, times: np.ndarray) -> np.ndarray:
    """u(t) = s / (1 + (s / u_0 - 1) e^(-2 s t)); a time of 0 gives u_0."""
    return value / (1 + (value / start - 1) * np.exp(-2 * value * times))


def _flow(axes: Axes, values: np.ndarray) -> None:
    first, second = (np.linspace(0, 1.25 * value, 40) for value in values)
    u, v = np.meshgrid(first, second)
    axes.streamplot(
        first,
        second,
        2 * u * (values[0] - u),
        2 * v * (values[1] - v),
        color="#C8C8C8",
        linewidth=0.6,
        arrowsize=0.6,
        density=0.9,
    )
    axes.set(xlim=(0, 1.25 * values[0]), ylim=(0, 1.25 * values[1]))
