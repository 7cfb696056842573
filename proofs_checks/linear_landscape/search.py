"""Critical points found from random starts: Levenberg and Marquardt's method knows nothing of eigenvectors.

White inputs, an invertible change of the inputs that moves no critical value; the loss is summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import root
from sympy import Expr

from numerics.linear_second_derivatives import Hessian, Layers, Problem, Vector, flat, gradient, shaped
from proofs_checks.linear_landscape.formulas import critical_value, loss_at
from proofs_checks.linear_landscape.quantization import distance_bound, learned
from theory.linear_landscape.minimum import count

DECAY = 0.85  # ratio of successive singular values: no two index sets of at most five have equal sums
JITTER = 0.03  # of their logarithms
DEVIATIONS = (0.5, 0.8, 1.2)  # of the weights of the starts, in turn: small ones end at few eigenvectors
CONVERGED = 1e-11  # gradient norm of a limit; starts that end elsewhere, in a valley, are left out
FEWEST_STARTS, MOST_STARTS = 20, 2000  # of a search for all classes
MOST_EVALUATIONS = 1000  # of the gradient, from one start
APART = 1e-6  # of two losses; those of index sets differ by more, and limits are found to 1e-9


class Data(NamedTuple):
    """Inputs are the identity and a row of zeros, whose target no network explains.

    levels
        Singular values of Sigma_YX in decreasing order.
    """

    levels: np.ndarray
    targets: np.ndarray

    @property
    def cross(self) -> np.ndarray:
        """Sigma_YX."""
        return self.targets[:-1].T

    @property
    def total(self) -> float:
        """tr Sigma_YY."""
        return float(np.sum(self.targets**2))


class Limit(NamedTuple):
    """A loss, the index set of its product, and how far from a critical value the gradient lets it be."""

    loss: float
    chosen: tuple[int, ...]
    budget: float


def off_values(
    seed: int, *, widths: Sequence[int], starts: int, nested: bool = False, value: Expr | None = None
) -> float:
    """Share of the limits of a search whose loss is not that of their index set.

    To within what their gradient grants. ``nested`` takes {1, ..., r} for every set of r eigenvalues;
    ``value`` is a form of 2 L in the letters of the theorem, by default its own.
    """
    data, limits = _limits(seed, tuple(widths), starts)
    form = critical_value(len(data.levels)) if value is None else value
    squares = [float(level) ** 2 for level in data.levels]

    def off(limit: Limit) -> bool:
        chosen = range(len(limit.chosen)) if nested else limit.chosen
        return abs(float(loss_at(form, data.total, squares, chosen)) - limit.loss) > limit.budget

    return float(np.mean([off(limit) for limit in limits]))


def found_classes(seed: int, *, widths: Sequence[int], narrower: int = 0) -> float:
    """How many different losses the limits of a search have, less the number of index sets.

    The search goes on until it has found as many as there are sets, or gives up after MOST_STARTS; it has
    FEWEST_STARTS at least. ``narrower`` counts the sets of a network with that much less room.
    """
    inputs, *hidden, outputs = widths
    claimed = count(min(inputs, outputs), min(hidden) - narrower)
    return float(_different_losses(seed, tuple(widths)) - claimed)


@lru_cache(maxsize=32)
def _different_losses(seed: int, widths: tuple[int, ...]) -> int:
    inputs, *hidden, outputs = widths
    wanted = count(min(inputs, outputs), min(hidden))
    data, losses = _data(seed, widths), list[float]()
    for number in range(MOST_STARTS):
        limit = _limit(data, widths, seed, number)
        if limit and all(abs(limit.loss - other) > APART for other in losses):
            losses.append(limit.loss)
        if len(losses) >= wanted and number >= FEWEST_STARTS:
            break
    return len(losses)


@lru_cache(maxsize=32)
def _limits(seed: int, widths: tuple[int, ...], starts: int) -> tuple[Data, list[Limit]]:
    data = _data(seed, widths)
    found = [_limit(data, widths, seed, number) for number in range(starts)]
    limits = [limit for limit in found if limit]
    if len(limits) < starts // 2:
        raise ArithmeticError(f"only {len(limits)} of {starts} searches converged")
    return data, limits


@lru_cache(maxsize=32)
def _data(seed: int, widths: tuple[int, ...]) -> Data:
    random, rank = np.random.default_rng(seed), min(widths[0], widths[-1])
    levels = DECAY ** np.arange(rank) * np.exp(JITTER * random.uniform(-1, 1, size=rank))
    left, right = (np.linalg.qr(random.normal(size=(k, k)))[0][:, :rank] for k in (widths[-1], widths[0]))
    return Data(levels, np.concatenate([right * levels @ left.T, random.normal(size=(1, widths[-1]))]))


def _limit(data: Data, widths: tuple[int, ...], seed: int, number: int) -> Limit | None:
    """Where the search from start ``number`` ends, None if it does not."""
    random = np.random.default_rng([seed, number])
    like = tuple(np.empty((after, before)) for before, after in pairwise(widths))
    start = random.normal(scale=DEVIATIONS[number % len(DEVIATIONS)], size=sum(one.size for one in like))
    search = _Search(Problem(None, data.cross), like)
    with np.errstate(over="ignore"):
        ended = search.run(start)
    if ended is None:
        return None
    layers = shaped(ended, like)
    product = reduce(lambda before, layer: layer @ before, layers)
    loss = float(np.sum((data.cross - product) ** 2) + np.sum(data.targets[-1] ** 2)) / 2
    chosen = learned(data.cross, product, len(data.levels))
    return Limit(loss, chosen, distance_bound(data.cross, layers, data.targets))


class _Search:
    """gradient = 0, with the exact Hessian; it ends as soon as the gradient is below CONVERGED."""

    class _Arrived(Exception):
        pass

    def __init__(self, problem: Problem, like: Layers) -> None:
        self._problem, self._like = problem, like

    def run(self, start: Vector) -> Vector | None:
        try:
            root(
                self._slope,
                start,
                jac=self._curvature,
                method="lm",
                options={"xtol": 0.0, "ftol": 0.0, "maxiter": MOST_EVALUATIONS},
            )
        except self._Arrived:
            return self._end
        return None

    def _slope(self, weights: Vector) -> Vector:
        found = flat(gradient(self._problem, shaped(weights, self._like)))
        if np.linalg.norm(found) < CONVERGED:
            self._end = weights.copy()
            raise self._Arrived
        return found

    def _curvature(self, weights: Vector) -> np.ndarray:
        return Hessian(self._problem, shaped(weights, self._like)).dense()
