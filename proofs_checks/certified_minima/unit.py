"""One unit on a few examples: descent from near a predicted minimum, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from sympy import Expr, Rational

from proofs_checks.insertion import value_of
from theory.certified_minima import separating, single_units
from theory.certified_minima.single_units import Instance
from theory.landscape import spurious_minima as theorem

STEPS = 4000
AXES_STEP = 1.0  # in log w, where the curvatures of a logistic unit stay below 1
NEARBY = 0.1  # deviation of a start from the predicted point
MODERATE = 0.3  # largest weight of a start: from large ones a tanh unit may end at another minimum
SPREAD = 0.1  # relative, of the far input around the user's
EXAMPLES, INPUTS = 12, 5  # all problems are padded to these shapes, so that one program serves them

# What the unit computes and how it is judged. The last two: the cross-entropy of a logistic unit, and a
# logistic unit whose positive weights are trained through their logarithms.
LINEAR, TANH, LOGISTIC, CROSS_ENTROPY, LOGARITHMIC = range(5)

_UNIT = float(np.finfo(np.float64).eps) / 2
_OPERATIONS = 200  # roundings on the way to a loss of at most twelve examples


class Examples(NamedTuple):
    """Inputs as rows, targets, how often each occurs."""

    inputs: np.ndarray
    targets: np.ndarray
    counts: np.ndarray


class Ended(NamedTuple):
    """Weights, loss and gradient norm after descent."""

    weights: np.ndarray
    loss: float
    norm: float


def examples(instances: Sequence[Instance]) -> Examples:
    """The examples of the theory as arrays."""
    columns = zip(*instances, strict=True)
    return Examples(*(np.array(column, dtype=float) for column in columns))


def descend(data: Examples, kind: int, start: Any, step: float) -> Ended:
    """STEPS steps of gradient descent."""
    size = start.size
    padded = [np.zeros((EXAMPLES, INPUTS)), np.zeros(EXAMPLES), np.zeros(EXAMPLES), np.zeros(INPUTS)]
    padded[0][: len(data.targets), :size] = data.inputs
    padded[1][: len(data.targets)] = data.targets
    padded[2][: len(data.targets)] = data.counts
    padded[3][:size] = start
    weights, loss, norm = _program()(*map(jnp.asarray, padded), kind, float(step))
    return Ended(np.asarray(weights)[:size], float(loss), float(norm))


def brady_residual(seed: int, *, far: float, kind: int = LINEAR, form: Expr | None = None) -> float:
    """The output of the trained unit at the input 1, less the predicted one, in units of its budget."""
    random = np.random.default_rng(seed)
    largest = 3 + (far - 3) * (1 + SPREAD * random.uniform())
    ended, smallest = _brady(random, largest, kind)
    expression = theorem.output_at_one() if form is None else form
    predicted = float(value_of(expression, {theorem.m: Rational(largest) - 3}))
    budget = np.sqrt(2) * ended.norm / smallest + _OPERATIONS * _UNIT * (1 + np.abs(ended.weights).sum())
    return float((ended.weights.sum() - predicted) / budget)


def brady_misses(seed: int, *, far: float, kind: int = LINEAR) -> float:
    """1 where the trained unit is wrong at the input 1, else 0."""
    return float(_brady(np.random.default_rng(seed), far, kind)[0].weights.sum() <= 0)


def interior_residual(seed: int, *, radius: str, precision: int, target: float = 0.5) -> float:
    """A tanh unit on five examples: the loss after descent, less the certified one, in units of its budget.

    ``target`` is the modulus of all targets: 1/2 in the theory.
    """
    found = separating.minimum(Rational(radius), precision)
    ended, certified = _interior(seed, target), float(found.value.mid())
    return (ended.loss - certified) / _budget(ended, float(found.curvature.lower()), certified)


def interior_misses(seed: int, *, target: float = 0.5) -> float:
    """1 where this unit is wrong at the input 1, else 0."""
    return float(_interior(seed, target).weights.sum() <= 0)


def _interior(seed: int, target: float) -> Ended:
    columns = zip(*separating.EXAMPLES, strict=True)
    inputs, targets, counts = (np.array(column, dtype=float) for column in columns)
    rows = np.stack([inputs, np.ones(len(inputs))], axis=1)
    data = Examples(rows, target * np.sign(targets), counts)
    start = MODERATE * np.random.default_rng(seed).uniform(-1, 1, size=2)
    return descend(data, TANH, start, 1 / _curvatures(data)[-1])


def _brady(random: np.random.Generator, far: float, kind: int) -> tuple[Ended, float]:
    """Descent from random weights, and the smallest curvature of the squared loss."""
    inputs = np.array([[0.0, 1], [1, 1], [far, 1]])
    data = Examples(inputs, np.array([-1.0, 1, 1]), np.array([2.0, 1, 1]))
    curvatures = _curvatures(data)
    return descend(data, kind, random.normal(size=2), 1 / curvatures[-1]), float(curvatures[0])


def _curvatures(data: Examples) -> np.ndarray:
    """Eigenvalues of 2 X^T X, the Hessian of the squared loss where the unit is linear to second order."""
    found: np.ndarray = np.linalg.eigvalsh(2 * data.inputs.T @ (data.counts[:, None] * data.inputs))
    return found


def six_residual(seed: int, *, patterns: str, kind: int = TANH, flipped: bool = False) -> float:
    """The loss after descent from near w = 0, less 6, in units of its budget.

    ``flipped`` changes the first target: then the sum of target times inputs is not 0.
    """
    data = examples(single_units.SIX[patterns])
    if flipped:
        data.targets[0] *= -1
    curvatures = _curvatures(data)
    start = NEARBY * np.random.default_rng(seed).normal(size=data.inputs.shape[1])
    ended = descend(data, kind, start, 1 / curvatures[-1])
    return (ended.loss - data.counts.sum()) / _budget(ended, float(curvatures[0]), float(data.counts.sum()))


def six_worse(seed: int, *, patterns: str, kind: int = TANH) -> float:
    """1 where the better weights of the theory have a lower loss than the end of descent, else 0."""
    data = examples(single_units.SIX[patterns])
    start = NEARBY * np.random.default_rng(seed).normal(size=data.inputs.shape[1])
    ended = descend(data, kind, start, 1 / _curvatures(data)[-1])
    better = descend(data, kind, np.array(single_units.BETTER[patterns], dtype=float), 0.0)
    return float(better.loss < ended.loss)


def twelve_residual(seed: int, *, radius: str, precision: int, repeats: int = 5) -> float:
    """The loss after descent from near the certified minimum, less the certified one, in units of its budget.

    ``repeats`` is how often the example (1, 1) with target 1 occurs: 5 in the theory.
    """
    found = single_units.twelve_minimum(Rational(radius), precision)
    data = examples(single_units.TWELVE)
    data.counts[3] = repeats
    start = np.array(found.point) + NEARBY * np.random.default_rng(seed).normal(size=3)
    ended = descend(data, TANH, start, 1 / _curvatures(data)[-1])
    certified = float(found.value.mid())
    return (ended.loss - certified) / _budget(ended, float(found.curvature.lower()), certified)


def logistic_residuals(
    seed: int, *, base: int, examples: int, radius: str, precision: int, realizable: bool = False
) -> tuple[float, ...]:
    """The same for the n minima of a logistic unit, started a tenth off each of them.

    ``realizable`` puts the outputs of the unit of weight 1 / K in place of equal targets.
    """
    random = np.random.default_rng(seed)
    steep = float(base) ** np.arange(1, examples + 1)
    outputs = 1 / (1 + np.exp(-(steep / base if realizable else np.ones(examples))))
    data = Examples(steep[:, None], outputs, np.ones(examples))
    return tuple(
        _logistic_residual(data, base, examples, which, random.uniform(-1, 1), Rational(radius), precision)
        for which in range(1, examples + 1)
    )


def _logistic_residual(
    data: Examples, base: int, count: int, which: int, shift: float, radius: Rational, precision: int
) -> float:
    found = single_units.logistic_minimum(base, count, which, radius, precision)
    place = float(np.exp(found.point[0]))
    curvature = float(found.curvature.mid()) / place**2  # in w, where the slope vanishes
    start = np.array([place * (1 + NEARBY * shift)])
    ended = descend(data, LOGISTIC, start, 1 / (4 * curvature))
    certified = float(found.value.mid())
    return (ended.loss - certified) / _budget(ended, curvature, certified)


def axes_residual(
    seed: int,
    *,
    base: int,
    examples: int,
    inputs: int,
    radius: str,
    precision: int,
    realizable: bool = False,
) -> float:
    """After descent from random weights: the loss less that of the nearest certified minimum, in budgets.

    The weights are positive, and log-uniform from K^-(n + 1/2) to K^-1/2. ``realizable`` puts the outputs of
    the unit whose weights are all 1 / K in place of equal targets.
    """
    found = single_units.axes_minima(base, examples, inputs, Rational(radius), precision)
    rows = np.array([one.inputs for one in single_units.axes(base, examples, inputs)], dtype=float)
    outputs = 1 / (1 + np.exp(-(rows.sum(axis=1) / base if realizable else np.ones(len(rows)))))
    start = -np.log(base) * np.random.default_rng(seed).uniform(0.5, examples + 0.5, size=inputs)
    ended = descend(Examples(rows, outputs, np.ones(len(rows))), LOGARITHMIC, start, AXES_STEP)
    nearest = min(found, key=lambda one: np.abs(np.array(one.point) - ended.weights).max())
    certified = float(nearest.value.mid())
    return (ended.loss - certified) / _budget(ended, float(nearest.curvature.lower()), certified)


def _budget(ended: Ended, curvature: float, size: float) -> float:
    """At a minimum of smallest curvature k, |gradient|^2 / k bounds what is left of the descent."""
    left = min(ended.norm**2 / curvature, size / 100)  # a run that has not converged is granted 1 % at most
    return left + _OPERATIONS * _UNIT * size


@lru_cache
def _program() -> Any:
    def run(
        inputs: Array, targets: Array, counts: Array, start: Array, kind: Array, step: Array
    ) -> tuple[Array, Array, Array]:
        def loss(weights: Array) -> Array:
            z = inputs @ jnp.where(kind == LOGARITHMIC, jnp.exp(weights), weights)
            outputs = jnp.stack([z, jnp.tanh(z), jax.nn.sigmoid(z)])[jnp.minimum(kind, LOGISTIC)]
            entropy = jax.nn.softplus(-targets * z)
            return counts @ jnp.where(kind == CROSS_ENTROPY, entropy, (outputs - targets) ** 2)

        slope = jax.grad(loss)
        final = lax.scan(lambda weights, _: (weights - step * slope(weights), None), start, length=STEPS)[0]
        return final, loss(final), jnp.linalg.norm(slope(final))

    return jax.jit(run)
