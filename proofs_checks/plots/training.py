"""Networks in training beside the prediction of their kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from proofs_checks.plots.style import INK, look, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_figure(
    times: ArrayLike,
    losses: Mapping[str, ArrayLike],
    predicted_loss: ArrayLike,
    *,
    outputs: Mapping[str, ArrayLike] | None = None,
    predicted_output: ArrayLike | None = None,
    deviation: ArrayLike | None = None,
    time_label: str = "time $t$",
) -> Figure:
    """Left the training loss, right the value at one input, over time; theory as a line, networks as markers.

    ``losses`` and ``outputs`` map a name ("width 256") to measured values at ``times``; the predictions are
    those of ``numerics.gaussian_process.predict``. ``deviation`` draws a band of two standard deviations over
    initializations around ``predicted_output``. The right panel is left out without ``outputs``.

    Raises InputError for lengths that do not match, PlotsUnavailable without matplotlib.
    """
    at = _series("times", times, None)
    with styled():
        figure, axes = panels(1 if outputs is None else 2)
        _draw(axes[0], at, losses, _series("predicted_loss", predicted_loss, at.size))
        axes[0].set(yscale="log", xlabel=time_label, ylabel="training loss")
        axes[0].legend()
        if outputs is not None:
            center = _series("predicted_output", predicted_output, at.size)
            if deviation is not None:
                spread = 2 * _series("deviation", deviation, at.size)
                axes[1].fill_between(at, center - spread, center + spread, color="#DDDDDD", linewidth=0)
            _draw(axes[1], at, outputs, center)
            axes[1].set(xlabel=time_label, ylabel="output $f(x)$")
        settle(figure)
    return figure


def _draw(axes: Axes, at: np.ndarray, measured: Mapping[str, ArrayLike], predicted: np.ndarray) -> None:
    every = max(1, at.size // 15)
    for index, (name, values) in enumerate(measured.items()):
        series = _series(name, values, at.size)
        axes.plot(at, series, linestyle="none", markevery=(index % every, every), label=name, **look(index))
    axes.plot(at, predicted, color=INK, label="kernel prediction", zorder=1)


def _series(name: str, values: ArrayLike | None, length: int | None) -> np.ndarray:
    array = np.asarray(() if values is None else values, dtype=float)
    if array.ndim != 1 or array.size == 0 or (length is not None and array.size != length):
        wanted = "one value or more" if length is None else f"{length} values, one for each time"
        raise InputError(f"{name} has shape {array.shape}: give {wanted}")
    return array
