"""Exact saddles of linear networks with silent idle units: how far down a curve of order t^H leads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from sympy import Expr, Integer, Rational
from sympy.polys.matrices import DomainMatrix

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape.formulas import rational
from theory import rational_matrices
from theory.linear_landscape import descent_curves as theorem
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.instances import RationalProblem

PARTS = 4  # steps along the curve are 1/4, 1/2 and 3/4


class _Step(NamedTuple):
    """How far along the curve, the singular value it learns, and the change of the loss."""

    step: Rational
    level: Rational
    change: Rational


def curve_exceptions(seed: int, *, widths: Sequence[int], levels: Sequence[int], drop: Expr) -> float:
    """Steps along the curve after which L has not changed by ``drop``, or has not fallen."""
    wrong = 0
    for step, level, change in _steps(seed, tuple(widths), tuple(levels)):
        predicted = value_of(drop, {theorem.t: step, theorem.s: level})
        wrong += bool(change != predicted or change >= 0)
    return float(wrong)


def regimes() -> dict[str, Sampler]:
    """Steps and singular values, as they are drawn here."""

    def drawn(random: Random) -> dict[Any, Rational]:
        step = Rational(random.randint(1, PARTS - 1), PARTS)
        return {theorem.t: step, theorem.s: Integer(random.randint(1, 9))}

    return {"on the curve": drawn}


@lru_cache(maxsize=64)
def _steps(seed: int, widths: tuple[int, ...], levels: tuple[int, ...]) -> list[_Step]:
    """A step from a silent point of every set {1, ..., r} that can be larger."""
    random, hidden = Random(seed), widths[1:-1]
    problem = RationalProblem.random(random, (widths[0], min(hidden), widths[-1]), levels)
    return [_step(problem, hidden, size, random) for size in range(min(len(levels), *hidden))]


def _step(problem: RationalProblem, hidden: Sequence[int], size: int, random: Random) -> _Step:
    point = DeepPoint.random(problem, hidden, range(size), random, 1.0)
    step = Rational(random.randint(1, PARTS - 1), PARTS)
    moved = _moved(point, size, step)
    eye = rational_matrices.identity(point.widths[0])
    before, after = (rational(problem.loss(product, eye)) for product in (point.product, moved))
    return _Step(step, Integer(problem.singular_values[size]), after - before)


def _moved(point: DeepPoint, unchosen: int, step: Rational) -> DomainMatrix:
    """The product of the layers W_h + t a_h b_{h-1}^T; ``unchosen`` is the singular value it learns."""
    problem, layers = point.problem, point.layers
    pairs = [_idle_pair(later, layer) for layer, later in pairwise(layers)]
    inner = problem.R.inv() * rational_matrices.columns_of(problem.Q, [unchosen])
    first = [pair[0] for pair in pairs] + [rational_matrices.columns_of(problem.U, [unchosen])]
    second = [inner] + [pair[1] for pair in pairs]
    scale = rational_matrices.diagonal([step], 1, 1)
    product = rational_matrices.identity(point.widths[0])
    for layer, a, b in zip(layers, first, second, strict=True):
        product = (layer + a * scale * b.transpose()) * product
    return product


def _idle_pair(later: DomainMatrix, layer: DomainMatrix) -> tuple[Any, Any]:
    """a and b with W_{h+1} a = 0, b^T W_h = 0 and b^T a = 1."""
    unseen = rational_matrices.null_space(later)
    unreached = rational_matrices.null_space(layer.transpose())
    paired = unreached * (unseen.transpose() * unreached).inv()
    return rational_matrices.columns_of(unseen, [0]), rational_matrices.columns_of(paired, [0])
