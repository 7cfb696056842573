"""Eigenvalues of kernel matrices, largest first, beside those of theory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from proofs_checks.plots.style import INK, look, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrum_figure(
    kernels: Mapping[str, ArrayLike], theory: Mapping[str, ArrayLike] | None = None, *, title: str = ""
) -> Figure:
    """Eigenvalues of n x n kernel matrices divided by n, so that they tend to those of the integral operator.

    ``kernels`` maps a name ("NNGP", "NTK") to its matrix, ``theory`` the same names to eigenvalues of the
    operator with respect to the probability measure of the data, with their multiplicities, in any order.
    Eigenvalues below n eps times the largest are rounding and not drawn.

    Raises InputError for what is not a symmetric matrix, PlotsUnavailable without matplotlib.
    """
    if not kernels:
        raise InputError("there is no kernel matrix to draw: give for example {'NTK': matrix}")
    with styled():
        figure, (axes,) = panels()
        for index, (name, matrix) in enumerate(kernels.items()):
            values = _eigenvalues(name, matrix)
            axes.plot(np.arange(1, values.size + 1), values, linestyle="none", label=name, **look(index))
            if theory is not None and name in theory:
                expected = np.sort(np.asarray(theory[name], dtype=float))[::-1][: values.size]
                expected = expected[expected > 0]
                axes.plot(np.arange(1, expected.size + 1), expected, color=INK, linewidth=0.8, zorder=0)
        if theory:
            axes.plot([], [], color=INK, linewidth=0.8, label="theory")
        axes.set(xscale="log", yscale="log", xlabel="index", ylabel="eigenvalue / n", title=title)
        axes.legend()
        settle(figure)
    return figure


def _eigenvalues(name: str, matrix: ArrayLike) -> np.ndarray:
    array = np.asarray(matrix, dtype=float)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise InputError(f"the kernel {name} has shape {array.shape}: give a square matrix")
    if not np.all(np.isfinite(array)):
        raise InputError(f"the kernel {name} has entries that are not finite")
    # A kernel computed entry by entry is symmetric up to rounding.
    if np.max(np.abs(array - array.T)) > 1e-6 * np.max(np.abs(array)):
        raise InputError(f"the kernel {name} is not symmetric")
    values = np.linalg.eigvalsh(array)[::-1] / array.shape[0]
    return values[values > array.shape[0] * np.finfo(float).eps * values[0]]
