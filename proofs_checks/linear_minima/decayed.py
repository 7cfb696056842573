"""Critical points with weight decay: exact, found from random starts, and where training ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from random import Random
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from scipy.optimize import root
from sympy import QQ, Expr, Integer, Rational

from numerics.linear_networks import gradients, loss
from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape.trained import training_data
from theory import rational_matrices as rational
from theory.linear_landscape.instances import RationalProblem
from theory.linear_networks import weight_decay as theorem

STARTS = 24  # of the search, a seed
START = 0.7  # deviation of their weights
CONVERGED = 1e-12  # gradient norm of a limit; starts that end elsewhere, in a valley, are left out
DISTANCE = 1e-10  # of a limit's loss from a critical value: u |Y|^2 times some operations
NEGLIGIBLE = 1e-6  # curvature: zeros are found to 1e-12, the others are at least gaps of 1e-2
STEP, STEPS = 0.2, 4000
JITTER = 0.2  # of a singular value, in units of the distance to the next; the least distance from a decay

_UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "rows columns"]


class Forms(NamedTuple):
    """2 L, index and nullity as the theorem has them, or what an audit puts in their place."""

    value: Expr
    index: Expr
    nullity: Expr

    @classmethod
    def of(cls, widths: Sequence[int]) -> Forms:
        """The theorem's."""
        return cls(theorem.value(_sizes(widths)), theorem.index(), theorem.nullity())


def exact_mismatches(
    seed: int, *, widths: Sequence[int], forms: Forms | None = None
) -> tuple[float, float, float, float]:
    """Rational critical points of all index sets whose gradient, loss, index or nullity is another."""
    forms = forms or Forms.of(widths)
    wrong = np.zeros(4)
    for point in _points(seed, tuple(widths)):
        letters = _letters(widths, point.total, point.levels, point.decay, point.chosen)
        wrong += (
            not point.critical,
            2 * point.loss != value_of(forms.value, letters),
            point.negative != value_of(forms.index, letters),
            point.zero != value_of(forms.nullity, letters),
        )
    return tuple(float(count) for count in wrong)  # type: ignore[return-value]


def search_mismatches(
    seed: int,
    *,
    widths: Sequence[int],
    decays: Sequence[float],
    spread: float = 0.0,
    forms: Forms | None = None,
    all_above: bool = False,
) -> tuple[float, float]:
    """Share of the limits of a search from random weights with no critical value; with another inertia.

    spread
        Logarithm of the largest ratio of the inputs' deviations; 0 for white inputs.
    all_above
        Take all singular values to be above the decay in the index.
    """
    forms = forms or Forms.of(widths)
    found = _limits(seed, tuple(widths), tuple(decays), spread)
    decay = float(np.sqrt(decays[0] * decays[1]))
    classes = list(_classes(widths, found.levels, found.total, decay, forms, all_above))
    lost = other = 0
    for limit in found.limits:
        value, negative, zero = min(classes, key=lambda one: abs(one[0] - limit.loss))
        lost += abs(value - limit.loss) > DISTANCE
        other += (negative, zero) != (limit.negative, limit.zero)
    return lost / len(found.limits), other / len(found.limits)


def final_residual(
    seed: int, *, data: str, widths: Sequence[int], decays: Sequence[float], arithmetic: bool = False
) -> float:
    """The last loss of training less the predicted minimum, in units of what the last gradient grants.

    ``arithmetic`` takes the arithmetic mean of the decays as the threshold.
    """
    ended = _trained(seed, data, tuple(widths), tuple(decays))
    decay = float(np.mean(decays) if arithmetic else np.sqrt(decays[0] * decays[1]))
    count = min(widths[1], int(np.sum(ended.levels > decay)))
    letters = _letters(widths, ended.total, list(ended.levels), decay, range(count))
    predicted = float(value_of(theorem.value(_sizes(widths)), letters)) / 2
    return (ended.loss - predicted) / ended.budget


# --- exact ------------------------------------------------------------------------------------------------


class _Exact(NamedTuple):
    chosen: tuple[int, ...]
    levels: tuple[Rational, ...]
    decay: Rational
    total: Rational
    critical: bool
    loss: Rational
    negative: int
    zero: int


@lru_cache(maxsize=16)
def _points(seed: int, widths: tuple[int, ...]) -> list[_Exact]:
    """A critical point of every index set of one random problem with white inputs."""
    inputs, hidden, outputs = widths
    random, rank = Random(seed), min(inputs, outputs)
    x, y = QQ(random.randint(1, 3), 2), QQ(random.randint(1, 3), 3)
    decay, above = x * y, max(1, rank - 1)
    roots = sorted(random.sample(range(1, 6), above), reverse=True)
    levels = [*(decay * (1 + root**2) for root in roots), *[decay / 2] * (rank - above)]
    problem = _white_problem(random, widths, levels)
    found = []
    for size in range(min(hidden, above) + 1):
        for chosen in combinations(range(above), size):
            units = rational.columns_of(rational.orthogonal(random, hidden), range(size))
            root = rational.diagonal([roots[k] for k in chosen], size, size)
            A = (rational.columns_of(problem.U, chosen) * root * units.transpose()) * x
            B = (units * root * rational.columns_of(problem.Q, chosen).transpose()) * y
            found.append(_measured(problem, A, B, (x**2, y**2), chosen))
    return found


def _white_problem(random: Random, widths: tuple[int, ...], levels: Sequence[Any]) -> RationalProblem:
    inputs, hidden, outputs = widths
    frame = rational.orthogonal(random, inputs + 1)
    inside = rational.columns_of(frame, range(inputs)).transpose()
    outside = rational.columns_of(frame, [inputs]).transpose()
    U, Q = rational.orthogonal(random, outputs), rational.orthogonal(random, inputs)
    signal = U * rational.diagonal(levels, outputs, inputs) * Q.transpose() * inside
    Y = signal + rational.general(random, outputs, 1) * outside
    return RationalProblem(inside, Y, U, Q, rational.identity(inputs), tuple(levels), hidden)


def _measured(
    problem: RationalProblem, A: Any, B: Any, decays: tuple[Any, Any], chosen: tuple[int, ...]
) -> _Exact:
    """``decays`` are those of B and of A."""
    of_B, of_A = decays
    in_A, in_B = problem.gradient(A, B)
    critical = (in_A + A * of_A).is_zero_matrix and (in_B + B * of_B).is_zero_matrix
    weights = [of_A] * (A.shape[0] * A.shape[1]) + [of_B] * (B.shape[0] * B.shape[1])
    penalty = rational.diagonal(weights, len(weights), len(weights))
    inertia = rational.inertia(problem.hessian(A, B) + penalty)
    squares = [sum(entry * entry for row in one.to_list() for entry in row) for one in (A, B)]
    value = problem.loss(A, B) + (of_A * squares[0] + of_B * squares[1]) / 2
    levels = tuple(_exact(level) for level in problem.singular_values)
    decay = Rational(1) * _exact(of_A * of_B) ** Rational(1, 2)
    total = _exact(problem.total)
    return _Exact(chosen, levels, decay, total, critical, _exact(value), inertia.negative, inertia.zero)


def _exact(number: Any) -> Rational:
    return Rational(int(number.numerator), int(number.denominator))


# --- search -----------------------------------------------------------------------------------------------


class _Limit(NamedTuple):
    loss: float
    negative: int
    zero: int


class _Search(NamedTuple):
    levels: np.ndarray
    total: float
    limits: list[_Limit]


@lru_cache(maxsize=16)
def _limits(seed: int, widths: tuple[int, ...], decays: tuple[float, ...], spread: float) -> _Search:
    """Limits of Levenberg and Marquardt's method on the gradient, with its exact derivative."""
    inputs, hidden, outputs = widths
    random, rank = np.random.default_rng(seed), min(inputs, outputs)
    levels = 1.0 - (np.arange(rank) + random.uniform(-JITTER, JITTER, rank)) / (rank + 1.0)
    levels = _moved_off(levels, float(np.sqrt(decays[0] * decays[1])), JITTER / (rank + 1.0))
    left, right = (np.linalg.qr(random.normal(size=(k, k)))[0] for k in (outputs, inputs))
    deviations = np.exp(spread * random.uniform(size=inputs))
    target = (left[:, :rank] * levels @ right[:, :rank].T) * deviations
    problem = _Problem(np.diag(deviations**2), target, decays, hidden, float(np.sum(levels**2)))
    limits = []
    for _ in range(STARTS):
        start = START * random.normal(size=hidden * (inputs + outputs))
        options = {"xtol": 1e-15, "ftol": 1e-15, "maxiter": 2000}
        ended = root(problem.slope, start, jac=problem.curvature, method="lm", options=options)
        if np.linalg.norm(ended.fun) < CONVERGED:
            curvatures = np.linalg.eigvalsh(problem.curvature(ended.x))
            negative = int(np.sum(curvatures < -NEGLIGIBLE))
            zero = int(np.sum(np.abs(curvatures) <= NEGLIGIBLE))
            limits.append(_Limit(problem.loss(ended.x), negative, zero))
    if len(limits) < STARTS // 2:
        raise ArithmeticError(f"only {len(limits)} of {STARTS} searches converged")
    return _Search(levels, problem.total, limits)


def _moved_off(levels: np.ndarray, decay: float, distance: float) -> np.ndarray:
    """Singular values at least ``distance`` from the decay; they stay in order, with gaps above 0."""
    side = np.where(levels >= decay, 1.0, -1.0)
    return np.where(np.abs(levels - decay) < distance, decay + side * distance, levels)


class _Problem(NamedTuple):
    """(|Y|^2 - 2 <cross, A B> + <A B covariance, A B> + decays) / 2 in the flat weights (A, B)."""

    covariance: Matrix
    cross: Matrix
    decays: tuple[float, ...]
    hidden: int
    total: float

    def factors(self, weights: np.ndarray) -> tuple[Matrix, Matrix]:
        outputs, inputs = self.cross.shape
        cut = outputs * self.hidden
        return weights[:cut].reshape(outputs, self.hidden), weights[cut:].reshape(self.hidden, inputs)

    def loss(self, weights: np.ndarray) -> float:
        A, B = self.factors(weights)
        product = A @ B
        fit = self.total - 2 * np.sum(self.cross * product) + np.sum(product @ self.covariance * product)
        return float(fit + self.decays[1] * np.sum(A**2) + self.decays[0] * np.sum(B**2)) / 2

    def slope(self, weights: np.ndarray) -> np.ndarray:
        A, B = self.factors(weights)
        error = A @ B @ self.covariance - self.cross
        in_A, in_B = error @ B.T + self.decays[1] * A, A.T @ error + self.decays[0] * B
        return np.concatenate([in_A.ravel(), in_B.ravel()])

    def curvature(self, weights: np.ndarray) -> Matrix:
        A, B = self.factors(weights)
        unit, moved = np.eye(self.hidden), B @ self.covariance
        error = A @ moved - self.cross
        first = np.kron(np.eye(len(A)), moved @ B.T + self.decays[1] * unit)
        second = np.kron(A.T @ A, self.covariance) + self.decays[0] * np.eye(B.size)
        mixed = np.einsum("il,kj->iklj", A, moved) + np.einsum("ij,kl->iklj", error, unit)
        cross = mixed.reshape(A.size, B.size)
        return np.block([[first, cross], [cross.T, second]])


def _classes(
    widths: Sequence[int], levels: Any, total: float, decay: float, forms: Forms, all_above: bool
) -> Iterator[tuple[float, Any, Any]]:
    """Loss, index and nullity of every index set."""
    above = int(np.sum(levels > decay))
    for size in range(min(widths[1], above) + 1):
        for chosen in combinations(range(above), size):
            letters = _letters(widths, total, levels, decay, chosen)
            if all_above:
                letters[theorem.q] = Integer(len(levels))
            counts = value_of(forms.index, letters), value_of(forms.nullity, letters)
            yield float(value_of(forms.value, letters)) / 2, *counts


def _letters(
    widths: Sequence[int], total: Any, levels: Sequence[Any], decay: Any, chosen: Sequence[int]
) -> dict[Any, Rational]:
    """All letters of the closed forms."""
    sizes = _sizes(widths)
    padded = [*map(Rational, levels)]
    indicated = [Integer(k in chosen) for k in range(len(padded))]
    above = sum(bool(level > decay) for level in levels)
    inversions = sum(i not in chosen for k in chosen for i in range(k))
    return {
        **dict(zip(theorem.singular_values(sizes), padded, strict=True)),
        **dict(zip(theorem.indicators(sizes), indicated, strict=True)),
        theorem.TOTAL: Rational(total),
        theorem.decay: Rational(decay),
        theorem.p: Integer(widths[1]),
        theorem.r: Integer(len(chosen)),
        theorem.q: Integer(above),
        theorem.inv: Integer(inversions),
    }


# --- training ---------------------------------------------------------------------------------------------


class _Ended(NamedTuple):
    levels: np.ndarray
    total: float
    loss: float
    budget: float


@lru_cache(maxsize=32)
def _trained(seed: int, data: str, widths: tuple[int, ...], decays: tuple[float, ...]) -> _Ended:
    """Descent from random weights on white data whose largest singular value is 1."""
    problem = training_data(data, seed, widths)
    inputs, targets = np.asarray(problem.inputs), np.asarray(problem.targets)
    levels = np.linalg.svd(targets.T @ inputs, compute_uv=False)
    targets, levels = targets / levels[0], levels / levels[0]
    random = np.random.default_rng(seed)
    shapes = ((widths[1], widths[0]), (widths[2], widths[1]))
    start = tuple(jnp.asarray(0.3 * random.normal(size=shape)) for shape in shapes)
    value, norm = (float(one) for one in _descend()(start, inputs, targets, np.asarray(decays)))
    decay, total = float(np.sqrt(decays[0] * decays[1])), float(np.sum(targets**2))
    kept = levels[: widths[1]]
    # the smallest curvature that is not 0 at the minimum: gaps between what is kept, left and the decay
    edges = np.sort(np.concatenate([levels, [decay]]))
    curvature = float(np.diff(edges).min())
    rounding = 100 * sum(widths) * _UNIT * total
    gap = float((kept[kept > decay].min() - decay) ** 2) / 8
    return _Ended(levels, total, value, min(rounding + norm**2 / curvature, gap))


@lru_cache
def _descend() -> Any:
    def slopes(layers: Any, inputs: Array, targets: Array, decays: Array) -> Any:
        pairs = zip(gradients(layers, inputs, targets), decays, layers, strict=True)
        return tuple(slope + decay * layer for slope, decay, layer in pairs)

    def run(start: Any, inputs: Array, targets: Array, decays: Array) -> tuple[Array, Array]:
        def step(layers: Any, _: None) -> tuple[Any, None]:
            moved = zip(layers, slopes(layers, inputs, targets, decays), strict=True)
            return tuple(layer - STEP * slope for layer, slope in moved), None

        final = lax.scan(step, start, length=STEPS)[0]
        norm = jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes(final, inputs, targets, decays)))
        penalty = sum(decay * jnp.sum(layer**2) for decay, layer in zip(decays, final, strict=True)) / 2
        return jnp.asarray(loss(final, inputs, targets)) + penalty, norm

    return jax.jit(run)


def _sizes(widths: Sequence[int]) -> tuple[int, int, int]:
    inputs, hidden, outputs = widths
    return inputs, hidden, outputs
