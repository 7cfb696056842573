"""Linear networks of any depth in training: their loss above reduced-rank regression, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from sympy import Expr, Rational, Symbol

from numerics.linear_networks import gradients, loss, product
from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape.trained import training_data
from theory.linear_networks import reduced_rank_regression as theorem

STRETCH = 1.3  # of the inputs: their moments have a condition number of at most its square
JITTER = 0.2  # of a singular value, in units of the distance to the next
STEP = 0.1  # divided by depth: at unit singular values curvatures are at most the depth times STRETCH^2
SETTLED = 1e-10  # gradient norm at which training ends: its square, over a gap, is far below rounding
MOST_STEPS = 200_000  # reached by no seed tried; the budget then says what the gradient left
SAME = 1e-6  # relative distance of products; two ends of one class differ by SETTLED over a gap
EARLY = (0, 20, 200)  # steps after which a network is looked at in the course of training

_UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "rows columns"]
Layers = tuple[Array, ...]


class Problem(NamedTuple):
    """Data (rows are examples) and what theory needs to know of them, in NumPy.

    ``frame`` (N, d) is an orthonormal basis of the inputs' columns, ``root`` (d, d) the inputs in it,
    ``basis`` (n, rho) the eigenvectors of Sigma and ``levels`` the singular values, roots of its eigenvalues.
    """

    inputs: Matrix
    targets: Matrix
    frame: Matrix
    root: Matrix
    basis: Matrix
    levels: Float[np.ndarray, " rho"]

    @classmethod
    def of(cls, inputs: Matrix, targets: Matrix) -> Problem:
        """That of given data; the inputs have full column rank."""
        frame, root = np.linalg.qr(inputs)
        basis, levels, _ = np.linalg.svd(targets.T @ frame, full_matrices=False)
        return cls(inputs, targets, frame, root, basis, levels)

    @classmethod
    def random(cls, random: np.random.Generator, widths: Sequence[int], tied: bool = False) -> Problem:
        """Singular values between 1 and 0, one in each equal part, or two of them equal at the cut."""
        inputs, outputs = widths[0], widths[-1]
        rank, count = min(inputs, outputs), 2 * (inputs + outputs)
        levels = 1.0 - (np.arange(rank) + random.uniform(-JITTER, JITTER, rank)) / (rank + 1.0)
        if tied:
            levels[min(widths)] = levels[min(widths) - 1]
        frame = np.linalg.qr(random.normal(size=(count, inputs)))[0]
        scales = random.uniform(1.0, STRETCH, size=inputs)
        left, right = (_orthogonal(random, size)[:, :rank] for size in (inputs, outputs))
        noise = random.normal(size=(count, outputs)) * np.linspace(1.0, 2.0, outputs) / np.sqrt(count)
        targets = frame @ (left * levels) @ right.T + noise - frame @ (frame.T @ noise)
        return cls.of(frame @ (_orthogonal(random, inputs) * scales), targets)

    @property
    def total(self) -> float:
        """|Y|^2."""
        return float(np.sum(self.targets**2))

    def gap(self, rank: int) -> float:
        """What the singular value at the cut is above the first one below it that differs."""
        below = [*self.levels[rank:], 0.0]
        gaps = [self.levels[rank - 1] - level for level in below]
        return float(next(gap for gap in gaps if gap > SAME * self.levels[0]))


def excess_residual(
    seed: int, *, widths: Sequence[int], swapped: bool = False, forms: Expr | None = None
) -> tuple[float, ...]:
    """2 L of a network in the course of training less the closed form, in units of rounding.

    ``swapped`` takes the shares of the eigenvectors in the opposite order. ``forms`` is a form of 2 L.
    """
    form = theorem.minimum(tuple(widths)) + theorem.excess(tuple(widths)) if forms is None else forms
    found = []
    for letters, measured, budget in _observed(seed, tuple(widths), swapped):
        found.append((measured - float(value_of(form, letters))) / budget)
    return tuple(found)


def final_residual(
    seed: int,
    *,
    widths: Sequence[int],
    data: str = "random",
    weighted: bool = False,
    missing: int = 0,
    form: Expr | None = None,
) -> tuple[float, float]:
    """The last loss less the predicted minimum: in units of its budget, and how far below it in rounding.

    weighted
        Predict with the regression that is best in the targets' own metric, canonical correlations.
    missing
        Predict with so many eigenvalues fewer.
    """
    problem = _problem(data, seed, tuple(widths), False)
    ended = _ended(data, seed, tuple(widths), False, 0)
    predicted = _minimum(problem, min(widths) - missing, tuple(widths), form)
    if weighted:
        predicted = _canonical_loss(problem, min(widths))
    difference = ended.loss - predicted
    return difference / ended.budget, max(0.0, -difference) / ended.rounding


def two_starts(seed: int, *, widths: Sequence[int], tied: bool = False) -> tuple[float, float, float]:
    """Both losses of training from two starts, as in ``final_residual``, and 1 where the products agree."""
    problem = _problem("random", seed, tuple(widths), tied)
    ends = [_ended("random", seed, tuple(widths), tied, start) for start in (0, 1)]
    predicted = _minimum(problem, min(widths), tuple(widths), None)
    first, second = ((ended.loss - predicted) / ended.budget for ended in ends)
    one, other = (ended.product for ended in ends)
    return first, second, float(np.linalg.norm(one - other) < SAME * np.linalg.norm(one))


# --- predictions ------------------------------------------------------------------------------------------


def _minimum(problem: Problem, rank: int, widths: tuple[int, ...], form: Expr | None) -> float:
    """L at the minimum for products of this rank, or from a form of 2 L."""
    if form is None:
        return float(problem.total - np.sum(problem.levels[:rank] ** 2)) / 2
    squares = zip(theorem.eigenvalues(widths), problem.levels**2, strict=True)
    letters = {level: Rational(float(square)) for level, square in squares}
    return float(value_of(form, {**letters, theorem.TOTAL: Rational(problem.total)})) / 2


def _canonical_loss(problem: Problem, rank: int) -> float:
    """The loss of reduced-rank regression with the inverse covariance of the targets as weight."""
    values, vectors = np.linalg.eigh(problem.targets.T @ problem.targets)
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    fit = problem.targets.T @ problem.frame
    best = np.linalg.svd(inverse @ fit)[0][:, :rank]
    chosen = root @ best @ best.T @ inverse @ fit
    return float(np.sum((problem.targets - problem.frame @ chosen.T) ** 2)) / 2


def _letters(problem: Problem, layers: Sequence[Matrix], swapped: bool) -> dict[Symbol, Rational]:
    """T, the eigenvalues, their shares in the column space of the product, and the distance within it."""
    widths = (layers[0].shape[1], *(len(layer) for layer in layers))
    whitened = product(layers) @ problem.root.T
    columns = np.linalg.svd(whitened)[0][:, : min(widths)]
    shares = np.sum((columns.T @ problem.basis) ** 2, axis=0)
    fit = problem.targets.T @ problem.frame
    distance = float(np.sum((whitened - columns @ (columns.T @ fit)) ** 2))
    pairs = [
        *zip(theorem.eigenvalues(widths), problem.levels**2, strict=True),
        *zip(theorem.shares(widths), shares[::-1] if swapped else shares, strict=True),
        (theorem.TOTAL, problem.total),
        (theorem.DISTANCE, distance),
    ]
    return {letter: Rational(float(number)) for letter, number in pairs}


# --- training ---------------------------------------------------------------------------------------------


class _Ended(NamedTuple):
    """The last product and loss, its rounding, and how far above the minimum the gradient lets it be."""

    product: Matrix
    loss: float
    rounding: float
    budget: float


@lru_cache(maxsize=64)
def _observed(
    seed: int, widths: tuple[int, ...], swapped: bool
) -> list[tuple[dict[Symbol, Rational], float, float]]:
    """Letters of the closed form, 2 L and its budget, after each of the EARLY numbers of steps."""
    problem = _problem("random", seed, widths, False)
    found = []
    for steps in EARLY:
        layers, value, _ = _descend(problem, _start(seed, widths, 0), steps)
        found.append((_letters(problem, layers, swapped), 2 * value, 2 * _rounding(problem, layers)))
    return found


@lru_cache(maxsize=64)
def _ended(data: str, seed: int, widths: tuple[int, ...], tied: bool, start: int) -> _Ended:
    """At a minimum of smallest curvature c, |gradient|^2 / c bounds what is left; c is near the gap.

    At most a quarter of the way to the next critical value is granted, so that none is taken for another.
    """
    problem, rank = _problem(data, seed, widths, tied), min(widths)
    gap = problem.gap(rank)
    layers, value, norm = _descend(problem, _start(seed, widths, start), MOST_STEPS, SETTLED)
    rounding = _rounding(problem, layers)
    quarter = gap * problem.levels[rank - 1] / 8
    return _Ended(np.asarray(product(layers)), value, rounding, min(rounding + norm**2 / gap, quarter))


@lru_cache(maxsize=64)
def _problem(data: str, seed: int, widths: tuple[int, ...], tied: bool) -> Problem:
    if data == "random":
        return Problem.random(np.random.default_rng(seed), widths, tied)
    found = training_data(data, seed, (widths[0], widths[1], widths[-1]))
    inputs, targets = np.asarray(found.inputs), np.asarray(found.targets)
    return Problem.of(inputs, targets / np.linalg.norm(targets.T @ inputs, 2))


def _start(seed: int, widths: tuple[int, ...], number: int) -> tuple[Matrix, ...]:
    random = np.random.default_rng((seed, number + 1))
    shapes = [(after, before) for before, after in pairwise(widths)]
    return tuple(random.normal(size=shape) / np.sqrt(max(shape)) for shape in shapes)


def _descend(
    problem: Problem, start: tuple[Matrix, ...], steps: int, settled: float = 0.0
) -> tuple[tuple[Matrix, ...], float, float]:
    """The layers, the loss and the norm of the gradient after so many steps, or once that has settled."""
    data = (jnp.asarray(problem.inputs), jnp.asarray(problem.targets))
    layers, value, norm = _program()(tuple(map(jnp.asarray, start)), *data, STEP / len(start), steps, settled)
    return tuple(np.asarray(layer) for layer in layers), float(value), float(norm)


@lru_cache
def _program() -> Any:
    def run(start: Layers, inputs: Array, targets: Array, size: float, steps: int, settled: float) -> Any:
        def norm(slopes: Any) -> Array:
            return jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes))

        def going(state: Any) -> Array:
            return (state[0] < steps) & (norm(state[2]) > settled)

        def step(state: Any) -> Any:
            done, layers, slopes = state
            moved = tuple(layer - size * slope for layer, slope in zip(layers, slopes, strict=True))
            return done + 1, moved, gradients(moved, inputs, targets)

        _, final, slopes = lax.while_loop(going, step, (0, start, gradients(start, inputs, targets)))
        return final, loss(final, inputs, targets), norm(slopes)

    return jax.jit(run)


def _rounding(problem: Problem, layers: Sequence[Matrix]) -> float:
    """k u (|Y| + |W_H| ... |W_1| |X|)^2 / 2, k the operations of the longest chain of inner products."""
    operations = sum(sum(layer.shape) for layer in layers) + 3 * sum(problem.inputs.shape)
    product_scale = float(np.prod([np.linalg.norm(layer) for layer in layers]))
    scale = np.sqrt(problem.total) + product_scale * float(np.linalg.norm(problem.inputs))
    return float(operations * _UNIT * scale**2) / 2


def _orthogonal(random: np.random.Generator, size: int) -> Matrix:
    return np.linalg.qr(random.normal(size=(size, size)))[0]
