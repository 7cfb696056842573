"""The networks on trial, named by plain strings, so that a claim's grid can be stored and run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import jax
import numpy as np
from jax import Array

from proofs_checks.bump_networks.evaluation import (
    FloatLayer,
    forward,
    in_single_precision,
    rounding_budget,
    to_floats,
)
from proofs_checks.lowering.expressions import lower
from theory.approximation.bumps import read_activation
from theory.bump_networks import Approximation, certified, hidden_units, pose, solved, value
from theory.bump_networks.activation import RELU, STEP, sigmoid
from theory.bump_networks.arithmetic import precision
from theory.bump_networks.construct import ZONE, orthants
from theory.bump_networks.network import Layer
from theory.bump_networks.problem import COORDINATES
from theory.bump_networks.towers import Orthants, SigmoidTowers
from theory.grammar import parse
from theory.parameters import as_rational, intervals

BATCH = 512


@dataclass(frozen=True)
class Case:
    """A solved problem with its layers, exact and in float64."""

    approximation: Approximation
    layers: tuple[Layer, ...]
    floats: tuple[FloatLayer, ...]
    function: Any

    @property
    def low(self) -> np.ndarray:
        """Lower corner of the box."""
        return np.array([float(side[0]) for side in self.approximation.problem.box])

    @property
    def high(self) -> np.ndarray:
        """Upper corner of the box."""
        return np.array([float(side[1]) for side in self.approximation.problem.box])

    @property
    def upper(self) -> float:
        """The certified upper bound of the error, rounded up."""
        found = self.approximation.certificate.upper
        return float("inf") if found is None else float(np.nextafter(float(found), np.inf))

    @property
    def lower(self) -> float:
        """The certified lower bound of the error, rounded down."""
        return max(0.0, float(np.nextafter(float(self.approximation.certificate.lower), -np.inf)))

    @cached_property
    def mapped(self) -> Callable[[np.ndarray], tuple[Array, Array]]:
        """N and |f - N| in float64 at a batch of points."""

        def both(point: Array) -> tuple[Array, Array]:
            value = forward(self.floats, point)
            return value, abs(self.function(*point) - value)

        return jax.jit(jax.vmap(both))

    def units(self) -> int:
        """Number of hidden units."""
        return hidden_units(self.layers)


@lru_cache(maxsize=32)
def case(function: str, box: str, epsilon: str, activation: str) -> Case:
    """Build, certify and lower one network. Raises BallsUnavailable without python-flint."""
    sides = intervals()(box)
    expression = parse(function, symbols=COORDINATES[: len(sides)])
    unit = read_activation(activation)
    found = solved(pose(expression, sides, as_rational(epsilon)), unit)
    layers = found.network.layers()
    if unit in (RELU, STEP):
        slope = 1.0 if unit == RELU else float("inf")
    else:
        known = sigmoid(unit)
        slope = float(known.lipschitz * abs(known.high - known.low))
    floats = to_floats(layers, slope)
    return Case(found, layers, floats, lower(found.problem.function, found.problem.variables))


def certified_error(seed: int, function: str, box: str, epsilon: str, activation: str) -> float:
    """The certified upper bound of sup |f - N| in units of epsilon."""
    found = case(function, box, epsilon, activation)
    return float(np.nextafter(found.upper / float(found.approximation.problem.epsilon), 0.0))


def agreement(seed: int, function: str, box: str, epsilon: str, activation: str) -> float:
    """|JAX - exact| at a random point, in units of the rounding-error budget of float64."""
    found = case(function, box, epsilon, activation)
    point = np.random.default_rng(seed).uniform(found.low, found.high)
    values, _ = values_and_errors(found, point[None, :])
    return _difference(found, point, float(values[0]))


def single_precision(seed: int, function: str, box: str, epsilon: str, activation: str) -> float:
    """Control: the same with weights rounded to float32, in units of the budget of float64."""
    found = case(function, box, epsilon, activation)
    point = np.random.default_rng(seed).uniform(found.low, found.high)
    layers = in_single_precision(found.floats)
    computed = jax.jit(lambda place: forward(layers, place))(point)
    return _difference(found, point, float(computed))


def _difference(found: Case, point: np.ndarray, computed: float) -> float:
    with precision(160):
        exact = value(found.layers, [Fraction(float(x)) for x in point])
        difference = float(abs(exact - computed))
    return difference / rounding_budget(found.floats, point) if difference else 0.0


def sampled_excess(seed: int, function: str, box: str, epsilon: str, activation: str, points: int) -> float:
    """Largest float64 error at random points, and climbing from the worst, over the certified bound.

    Divided by the certified upper bound plus the rounding budget at that point: at most 1 if the
    certificate is right. Where both vanish the ratio is 0.
    """
    found = case(function, box, epsilon, activation)
    random = np.random.default_rng(seed)
    places = random.uniform(found.low, found.high, (points, len(found.low)))
    _, errors = values_and_errors(found, places)
    place, worst = places[np.argmax(errors)], float(np.max(errors))
    width = found.high - found.low
    for step in range(6):
        near = np.clip(
            place + random.uniform(-1, 1, (64, len(width))) * width * 4.0 ** -(step + 3),
            found.low,
            found.high,
        )
        _, errors = values_and_errors(found, near)
        if float(np.max(errors)) > worst:
            place, worst = near[np.argmax(errors)], float(np.max(errors))
    allowed = found.upper + rounding_budget(found.floats, place) + 64 * 2.0**-53
    return worst / allowed


def understated_epsilon(
    seed: int, function: str, box: str, epsilon: str, activation: str, points: int
) -> float:
    """Control: the certified lower bound of the error over 0.9 times the error seen on a dense sample."""
    found = case(function, box, epsilon, activation)
    places = np.random.default_rng(seed).uniform(found.low, found.high, (points, len(found.low)))
    seen = float(np.max(values_and_errors(found, places)[1]))
    return found.lower / (0.9 * seen)


def perturbed_weight(seed: int, function: str, box: str, epsilon: str, activation: str) -> float:
    """Control: one outer weight changed where it hurts most; the certified *lower* bound over epsilon."""
    found = case(function, box, epsilon, activation).approximation
    network, problem = found.network, found.problem
    index = worst_weight(found)
    ratios = []
    for sign in (1, -1):
        # Twice what is missing to epsilon at the witness: enough only in the worst direction.
        change = sign * 2 * (problem.epsilon - found.certificate.lower + problem.epsilon / 16)
        changed = network.with_outer(index, network.outer[index] + _scaled(found, change))  # type: ignore[attr-defined]
        ratios.append(certified(problem, changed).lower / problem.epsilon)
    return float(max(ratios))


def worst_weight(found: Approximation) -> int:
    """The outer weight that acts on the cell of the witness."""
    network, witness = found.network, found.certificate.witness
    if hasattr(network, "grid"):
        raise TypeError("the weights of towers are perturbed through their cells")
    if len(witness) == 1:
        knots = [-offset / weight for weight, offset in zip(network.weights, network.offsets, strict=True)]  # type: ignore[attr-defined]
        return max(0, sum(knot <= witness[0] for knot in knots) - 1)
    position = 0
    for axis, coordinate in zip(network.knots, witness, strict=True):  # type: ignore[attr-defined]
        nearest = min(range(len(axis)), key=lambda i: abs(axis[i] - coordinate))
        position = position * len(axis) + nearest
    return position


def _scaled(found: Approximation, change: Fraction) -> Fraction:
    """A change of slope that moves a broken line by ``change`` within one cell."""
    if found.activation == RELU and found.problem.dimension == 1:
        return change / found.construction.widths[0]
    return change


def tower_error(seed: int, function: str, box: str, cells: int) -> float:
    """Control: a certified lower bound of the error of plain sigmoid towers at a corner of the grid."""
    found = case(function, box, "1/4", "logistic").approximation
    with precision():
        network = found.network
        assert isinstance(network, Orthants)
        towers = plain_towers(found, cells)
        corner = towers.corner()
        exact = value(towers.layers(), corner)
        target = _exactly(found, corner)
        return float((exact - target).abs_lower())


def plain_towers(found: Approximation, cells: int) -> SigmoidTowers:
    """Towers of logistic units on a grid of cells x cells, as steep as the orthants that do converge."""
    from itertools import product

    from theory.bump_networks.activation import LOGISTIC
    from theory.bump_networks.construct import value_near
    from theory.bump_networks.towers import Grid

    problem, unit = found.problem, sigmoid(LOGISTIC)
    widths = [(high - low) / cells for low, high in problem.box]
    knots = tuple(
        tuple(low + width * k for k in range(1, cells))
        for (low, _), width in zip(problem.box, widths, strict=True)
    )
    centers = [
        [low + width * (k + Fraction(1, 2)) for k in range(cells)]
        for (low, _), width in zip(problem.box, widths, strict=True)
    ]
    values = tuple(value_near(problem.tape, point, problem.epsilon / 2**20) for point in product(*centers))
    grid = Grid(problem.box, knots, values)
    steep = orthants(grid, unit, tuple(ZONE * width for width in widths), problem.epsilon / 32)
    return SigmoidTowers(grid, unit, steep.inner, steep.steepness)


def _exactly(found: Approximation, point: tuple[Fraction, ...]) -> Any:
    from theory.bump_networks import jets

    return jets.evaluate(found.problem.tape, [(x, x) for x in point]).value


def values_and_errors(found: Case, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """N and |f - N| in float64 at points of shape (count, d), in batches of one size, compiled once."""
    count = len(places)
    padded = np.concatenate([places, np.repeat(places[-1:], -count % BATCH, axis=0)])
    parts = [found.mapped(padded[start : start + BATCH]) for start in range(0, len(padded), BATCH)]
    values, errors = (np.concatenate([np.asarray(part[k]) for part in parts]) for k in (0, 1))
    return values[:count], errors[:count]
