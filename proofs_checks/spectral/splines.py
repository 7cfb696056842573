"""Experiments on ReLU networks with random knots in one dimension, and what their kernels predict."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from sympy import Expr, Integer, Rational, Symbol

from numerics.networks import Layer, Network, Parameters, apply
from numerics.training import GradientDescent, train
from proofs_checks.challenge import Sampler
from proofs_checks.lowering import lower
from proofs_checks.spectral.modes import build
from theory.errors import InputError
from theory.kernels.two_layer_ntk import RELU
from theory.spectral.splines import HALF, MODE, X, Y

Which = Literal["readouts", "knots"]
Rows = Sequence[Sequence[float]]
Values = NDArray[np.float64]


def draws(key: Array, networks: int, width: int) -> Array:
    """Uniform on [-1, 1], three for each unit: one flat draw, since XLA compiles every other one anew."""
    uniform = jax.random.uniform(key, (networks * 3 * width,), minval=-1.0, maxval=1.0)
    return uniform.reshape(networks, 3, width)


def network_from(uniform: Array, half_width: float) -> Parameters:
    """Knots uniform on [-B, B], signs as slopes, and signs as readout weights: z = s x - s l."""
    knots, slopes, weights = uniform
    slopes = jnp.sign(slopes)
    return Layer(slopes[:, None], -slopes * half_width * knots), Layer(jnp.sign(weights)[None, :], None)


def _trained(parameters: Parameters, which: Which) -> Array:
    """What is trained: the readout weights, or the biases -s l, in which f moves as in the knots."""
    first, second = parameters
    found = second.weight if which == "readouts" else first.bias
    return jnp.asarray(found)


def _with(parameters: Parameters, which: Which, values: Array) -> Parameters:
    first, second = parameters
    return (first, Layer(values, None)) if which == "readouts" else (Layer(first.weight, values), second)


def _outputs(network: Network, start: Parameters, which: Which, inputs: Array, values: Array) -> Array:
    parameters = _with(start, which, values)
    return jax.vmap(partial(apply, network, parameters))(inputs[:, None])[:, 0]


def kernel_forms(
    key: Array,
    *,
    points: Sequence[float],
    readouts: tuple[Rows, Rows],
    knots: tuple[Rows, Rows],
    half_width: float,
    width: int,
    networks: int,
) -> Array:
    """u_k^T K_m v_k for the kernel matrix K_m of the points and rows u_k, v_k, mean over networks.

    ``readouts`` gives the rows u and the rows v for the kernel of the readout weights, ``knots`` for that of
    the knots.
    """
    network = build(RELU, 1, width, True)
    inputs = jnp.asarray(points)
    forms: tuple[tuple[Which, tuple[Rows, Rows]], ...] = (("readouts", readouts), ("knots", knots))

    def one(uniform: Array) -> Array:
        start = network_from(uniform, half_width)
        found = []
        for which, (left, right) in forms:
            _, pull = jax.vjp(partial(_outputs, network, start, which, inputs), _trained(start, which))
            (gradients,) = jax.vmap(pull)(jnp.concatenate([jnp.asarray(left), jnp.asarray(right)]))
            before, after = jnp.split(gradients.reshape(2 * len(left), -1), 2)
            found.append(jnp.sum(before * after, axis=1))
        return jnp.concatenate(found)

    return jnp.asarray(jax.lax.map(one, draws(key, networks, width)).mean(axis=0))


@dataclass(frozen=True)
class Task:
    """Data, step size and number of steps, and the rows that are applied to f at ``places``."""

    data: tuple[float, ...]
    targets: tuple[float, ...]
    places: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]
    step_size: float
    steps: int

    def parameters(self) -> dict[str, object]:
        """As keyword arguments of an experiment."""
        return dict(vars(self))

    def predicted(self, kernel: Expr, half_width: Rational) -> tuple[float, ...]:
        """Gradient descent with the kernel held fixed, from f = 0: f = K(., X) c, c += step (y - K c).

        Raises InputError where it leaves the finite numbers.
        """
        gram, cross = (matrix(kernel, points, self.data, half_width) for points in (self.data, self.places))
        count = len(self.data)
        step = np.eye(count + 1)
        step[:count, :count] -= self.step_size * gram
        step[:count, count] = self.step_size * np.asarray(self.targets)
        with np.errstate(all="ignore"):
            weights = np.linalg.matrix_power(step, self.steps)[:count, count]
            found = np.asarray(self.rows) @ cross @ weights
        return finite(kernel, found)


def finite(kernel: Expr, values: Values) -> tuple[float, ...]:
    """As a tuple; raises InputError where a value is not finite."""
    if not np.all(np.isfinite(values)):
        raise InputError(f"{kernel} predicts no finite value")
    return tuple(float(value) for value in values)


def matrix(kernel: Expr, points: Sequence[float], others: Sequence[float], half_width: Rational) -> Values:
    """K(x_i, y_j) from a closed form in x, y and B."""
    first, second = np.meshgrid(points, others, indexing="ij")
    found = lower(kernel, (X, Y, HALF))(first, second, np.full(first.shape, float(half_width)))
    return np.asarray(found, dtype=float)


def trained_networks(
    key: Array,
    *,
    half_width: float,
    width: int,
    networks: int,
    which: Which,
    amplitude: float,
    data: Sequence[float],
    targets: Sequence[float],
    places: Sequence[float],
    rows: Rows,
    step_size: float,
    steps: int,
) -> Array:
    """Rows times f / amplitude after gradient descent on |f(X) - y|^2 / 2, with 1/m extrapolated away.

    f = 0 before training: trained readout weights start at 0; with knots every unit has a twin with the
    opposite readout weight. Of m units, or pairs, the statistic is 2 f(2 m) - (f(m) + f'(m))/2, the two
    halves of the large network being the small ones: what is linear is averaged over 2 m units.
    """
    inputs, goal, where = map(jnp.asarray, (data, targets, places))

    def fitted(start: Parameters) -> Array:
        start = _silenced(start, which)
        network = build(RELU, 1, start[1].weight.shape[1], True)
        outputs = partial(_outputs, network, start, which)

        def loss(values: Array) -> Array:
            return jnp.sum((outputs(inputs, values) - amplitude * goal) ** 2) / 2

        final, _ = train(loss, GradientDescent(step_size), _trained(start, which), steps, record_every=steps)
        return outputs(where, final.parameters) / amplitude

    def one(uniform: Array) -> Array:
        parts = jnp.stack(jnp.split(uniform, 2, axis=1))
        halves = jax.vmap(lambda part: fitted(network_from(part, half_width)))(parts)
        return 2 * fitted(network_from(uniform, half_width)) - halves.mean(axis=0)

    return jnp.asarray(rows) @ jax.lax.map(one, draws(key, networks, 2 * width)).mean(axis=0)


def _silenced(start: Parameters, which: Which) -> Parameters:
    """The same network with f = 0."""
    first, second = start
    if which == "readouts":
        return first, Layer(jnp.zeros_like(second.weight), None)
    twice: Any = jax.tree.map(lambda values: jnp.concatenate([values, values]), first)
    return twice, Layer(jnp.concatenate([second.weight, -second.weight], axis=1), None)


def kernel_points(largest: Rational) -> Mapping[str, Sampler]:
    """Samplers of x, y and B, with x on either side of y."""

    def sample(side: int, rng: random.Random) -> Mapping[Symbol, Rational]:
        half = largest * Rational(rng.randint(50, 100), 100)
        low, high = sorted(rng.sample(range(-99, 100), 2))
        first, second = (half * Rational(place, 100) for place in (low, high)[::side])
        return {X: first, Y: second, HALF: half}

    return {"x < y": partial(sample, 1), "x > y": partial(sample, -1)}


def mode_numbers() -> Mapping[str, Sampler]:
    """Samplers of k."""
    return {"k >= 0": lambda rng: {MODE: Integer(rng.randint(0, 6))}}
