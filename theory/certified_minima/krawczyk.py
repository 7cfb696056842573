r"""Krawczyk's test: exactly one zero of a function in a box, shown in ball arithmetic.

For $g : \mathbb{R}^n \to \mathbb{R}^n$, a box $X$ with center $c$ and any matrix $C$, let
$K = c - C g(c) + (1 - C g'(X)) (X - c)$. If $K$ lies in the interior of $X$, then $g$ has exactly one zero in
$X$, it lies in $K$, and every matrix in $g'(X)$ is invertible (R. Krawczyk, Computing 4, 1969).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from theory.balls import Ball, flint
from theory.certified_minima.functions import Smooth, around, midpoints

_FIRST_BITS = 64  # of the first Newton steps, which only find the neighborhood
_NEWTON_STEPS = 40


def newton(function: Smooth, start: Sequence[Ball], precision: int) -> list[Ball] | None:
    """Midpoints after Newton's method for a zero slope; None where it does not settle.

    Nothing is certified by it. The first steps are taken at 64 bits, the last at ``precision``.
    """
    point: list[Ball] | None = midpoints(start)
    for bits in sorted({min(_FIRST_BITS, precision), precision}):
        with flint.ctx.workprec(bits):
            point = _settled(function, point, bits)
        if point is None:
            return None
    return point


def _settled(function: Smooth, point: list[Ball] | None, bits: int) -> list[Ball] | None:
    small = flint.arb(2) ** (-2 * bits // 3)
    for _ in range(_NEWTON_STEPS):
        step = None if point is None else _newton_step(function, point)
        if step is None or point is None:
            return None
        point = [one - moved for one, moved in zip(point, step, strict=True)]
        point = midpoints(point)
        if all(abs(moved) < small for moved in step):
            return point
    return None


def _newton_step(function: Smooth, point: Sequence[Ball]) -> list[Ball] | None:
    slopes = flint.arb_mat([[one] for one in midpoints(function.gradient(point))])
    matrix = flint.arb_mat(function.hessian(point)).mid()
    try:
        step: list[Ball] = midpoints(matrix.solve(slopes).entries())
    except (ZeroDivisionError, ValueError):  # singular to this precision
        return None
    return step if all(one.is_finite() for one in step) else None


def krawczyk(function: Smooth, center: Sequence[Ball], radius: Ball, precision: int) -> list[Ball] | None:
    """A box around the only critical point within ``radius`` (maximum norm) of ``center``, else None.

    None says that nothing was shown, not that there is no critical point.
    """
    with flint.ctx.workprec(precision):
        middle = midpoints(center)
        box = around(middle, radius)
        image = _image(function, middle, box)
        if image is None:
            return None
        inside = all(whole.contains_interior(part) for whole, part in zip(box, image, strict=True))
        return image if inside else None


def _image(function: Smooth, center: Sequence[Ball], box: Sequence[Ball]) -> list[Ball] | None:
    inverse = _approximate_inverse(flint.arb_mat(function.hessian(center)))
    slopes = function.gradient(center)
    curvatures = function.hessian(box)
    every = [*slopes, *(entry for row in curvatures for entry in row)]
    if inverse is None or not all(one.is_finite() for one in every):
        return None
    size = function.dimension
    unit = flint.arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    moved = inverse * flint.arb_mat([[one] for one in slopes])
    spread = flint.arb_mat([[one - middle] for one, middle in zip(box, center, strict=True)])
    remainder = (unit - inverse * flint.arb_mat(curvatures)) * spread
    terms = zip(center, moved.entries(), remainder.entries(), strict=True)
    return [middle - step + rest for middle, step, rest in terms]


def _approximate_inverse(matrix: Any) -> Any:
    """Midpoints of the inverse: Krawczyk's test is right with any matrix in its place."""
    try:
        return matrix.mid().inv().mid()
    except (ZeroDivisionError, ValueError):
        return None
