"""The phase diagram of an activation: order, chaos, the critical line between them, and the depth scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from proofs_checks.plots.style import COLORS, INK, panels, settle, styled
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 81
_RESOLUTION = 1e-6  # a column at chi_1 = 1 exactly is no phase of its own
_FILLS = ("#D6E8F5", "#FBE3D0", "#D9D9D9")  # ordered, chaotic, unbounded
_LEVELS = (2, 5, 10, 20, 50)


def phase_figure(
    activation: Any,
    *,
    weight_variances: tuple[float, float] = (0.2, 4.0),
    bias_variances: tuple[float, float] = (0.0, 1.0),
    points: int = _POINTS,
) -> Figure:
    """sigma_w^2 against sigma_b^2: ordered (chi_1 < 1) and chaotic (chi_1 > 1), contours of xi in layers.

    ``activation`` is an expression in z, or its text: ``"tanh(z)"``. Ranges are (least, largest). Gray: the
    variance has no finite limit. Raises InputError for bad expressions and ranges, PlotsUnavailable.
    """
    ranges = (
        _checked("weight_variances", weight_variances, 0, False),
        _checked("bias_variances", bias_variances, 0, True),
    )
    from theory.parameters import expression_in

    expression = expression_in("z")(activation)
    weight, bias = (np.linspace(*limits, points) for limits in ranges)
    grid = _computed(expression, weight, bias)
    with styled():
        figure, (axes,) = panels()
        _draw(axes, weight, bias, grid)
        axes.set(xlabel=r"$\sigma_w^2$", ylabel=r"$\sigma_b^2$", title=f"s(z) = {expression}")
        _name(figure, grid)
        settle(figure)
    return figure


class _Grid(NamedTuple):
    """Over bias variances (rows) and weight variances: number of the phase, chi_1 and xi, NaN if infinite."""

    kind: np.ndarray
    slope: np.ndarray
    depth: np.ndarray

    @property
    def critical(self) -> bool:
        """Whether the critical line crosses the picture."""
        return bool(np.any(self.slope < 1) and np.any(self.slope > 1 + _RESOLUTION))


def _computed(expression: Any, weight: np.ndarray, bias: np.ndarray) -> _Grid:
    from numerics.depth_scale import depth_scales
    from proofs_checks.lowering import lower
    from proofs_checks.phase_diagram import phase_diagram
    from proofs_checks.precision import float64
    from theory.kernels.two_layer_ntk import Z

    found = phase_diagram(expression, weight, bias)
    points = (part.ravel() for part in np.meshgrid(weight, bias))
    with float64():
        function = lower(expression, [Z])
        depth = depth_scales(function, found.fixed_points.ravel(), found.slopes.ravel(), *points)
    unbounded = np.isinf(found.fixed_points)
    return _Grid(
        np.where(unbounded, 2.0, np.where(found.slopes <= 1 + _RESOLUTION, 0.0, 1.0)),
        np.where(unbounded, np.nan, found.slopes),
        np.where(np.isfinite(depth), depth, np.nan).reshape(found.slopes.shape),
    )


def _draw(axes: Axes, weight: np.ndarray, bias: np.ndarray, grid: _Grid) -> None:
    from matplotlib.colors import ListedColormap

    fills = ListedColormap(_FILLS)
    axes.pcolormesh(
        weight, bias, grid.kind, cmap=fills, vmin=-0.5, vmax=2.5, shading="nearest", rasterized=True
    )
    if grid.critical:
        axes.contour(weight, bias, grid.slope, levels=[1], colors=COLORS[1], linewidths=1.8)
    levels = [level for level in _LEVELS if np.any(grid.depth < level) and np.any(grid.depth > level)]
    if levels:
        lines = axes.contour(
            weight, bias, grid.depth, levels=levels, colors=INK, linewidths=0.6, linestyles="dashed"
        )
        axes.clabel(lines, fmt="%g", fontsize=6)


def _name(figure: Figure, grid: _Grid) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = ("ordered", "chaotic", "variance unbounded")
    handles: list[Any] = [
        Patch(facecolor=_FILLS[index], label=name)
        for index, name in enumerate(names)
        if np.any(grid.kind == index)
    ]
    if grid.critical:
        handles.append(Line2D([], [], color=COLORS[1], linewidth=1.8, label=r"$\chi_1 = 1$"))
    handles.append(Line2D([], [], color=INK, linewidth=0.6, linestyle="dashed", label=r"$\xi$ in layers"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, handlelength=1.4, columnspacing=1, fontsize=6.5
    )


def _checked(name: str, limits: tuple[float, float], least: float, closed: bool) -> tuple[float, float]:
    low, high = map(float, limits)
    if not (np.isfinite(high) and low < high and (low >= least if closed else low > least)):
        sign = ">=" if closed else ">"
        raise InputError(f"{name} is {limits}: give two finite numbers {sign} {least}, the smaller one first")
    return low, high
