"""Experiments on two-layer networks on circles and spheres: modes of the kernel, and of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.special import eval_gegenbauer, eval_legendre, roots_jacobi
from sympy import Expr

from numerics.data import circle
from numerics.networks import Layer, Network, Parameters, apply
from numerics.training import GradientDescent, train
from proofs_checks.two_layer_networks import network_of, normal_draws

Values = NDArray[np.float64]


def waves(points: int, frequencies: Sequence[int]) -> Values:
    """cos(k phi_i) on equispaced points: (frequencies, points)."""
    angles = 2 * np.pi * np.arange(points) / points
    return np.cos(np.outer(np.asarray(frequencies), angles))


def zonal_rule(sphere: int, nodes: int) -> tuple[Values, Values]:
    """Gauss-Jacobi nodes t and weights, of sum 1, of the first coordinate of a uniform point on S^sphere."""
    exponent = sphere / 2 - 1
    places, weights = roots_jacobi(nodes, exponent, exponent)
    return places, weights / weights.sum()


def harmonics(sphere: int, frequencies: Sequence[int], places: Values) -> Values:
    """P_k(t), 1 at t = 1: (frequencies, nodes)."""
    if sphere == 1:
        return np.stack([np.cos(k * np.arccos(places)) for k in frequencies])
    order = (sphere - 1) / 2
    if order == 0.5:
        return np.stack([eval_legendre(k, places) for k in frequencies])
    return np.stack([eval_gegenbauer(k, order, places) / eval_gegenbauer(k, order, 1.0) for k in frequencies])


def build(activation: Expr, inputs: int, width: int, biases: bool) -> Network:
    """A two-layer network; biases multiply a constant 1 and are trained."""
    network = network_of(activation, inputs, width)
    return replace(network, bias_scale=(1.0, None)) if biases else network


def unpack(draws: Array, biases: bool) -> Parameters:
    """Weights from normal draws (width, inputs + 1); biases start at 0."""
    start = jnp.zeros(draws.shape[0]) if biases else None
    return Layer(draws[:, :-1], start), Layer(draws[None, :, -1], None)


@dataclass(frozen=True)
class CircleModes:
    """v^T Theta_m v / (n |v|^2), v = cos(k phi_i) on n equispaced points, mean over the networks of a block.

    Its mean is the eigenvalue of the limiting kernel on the grid at every width. ``slope`` returns the slope
    of its logarithm against log k instead.
    """

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        points: int,
        frequencies: Sequence[int],
        width: int,
        networks: int,
        biases: bool = False,
        slope: bool = False,
    ) -> Array:
        shapes = waves(points, frequencies)
        modes = jnp.asarray(shapes / (np.sqrt(points) * np.linalg.norm(shapes, axis=1, keepdims=True)))
        energies = _block(self.activation, key, circle(points), modes, modes, width, networks, biases)
        if not slope:
            return energies
        x = np.log(np.asarray(frequencies, dtype=float))
        x = x - x.mean()
        return jnp.log(energies) @ jnp.asarray(x / (x @ x))


@dataclass(frozen=True)
class SphereModes:
    """sum_i w_i P_k(t_i) Theta_m(x, y_i), x . y_i = t_i, by Gauss-Jacobi quadrature on S^sphere."""

    activation: Expr

    def __call__(
        self, key: Array, *, sphere: int, nodes: int, frequencies: Sequence[int], width: int, networks: int
    ) -> Array:
        places, weights = zonal_rule(sphere, nodes)
        others = np.zeros((nodes + 1, sphere + 1))
        others[:nodes, 0], others[:nodes, 1], others[nodes, 0] = places, np.sqrt(1 - places**2), 1.0
        right = np.pad(harmonics(sphere, frequencies, places) * weights, ((0, 0), (0, 1)))
        left = np.zeros_like(right)
        left[:, nodes] = 1.0
        x, before, after = (jnp.asarray(values) for values in (others, left, right))
        return _block(self.activation, key, x, before, after, width, networks, False)


def _block(
    activation: Expr,
    key: Array,
    inputs: Array,
    left: Array,
    right: Array,
    width: int,
    networks: int,
    biases: bool,
) -> Array:
    """left_k Theta_m right_k^T from gradients of combinations of outputs, mean over networks."""
    network = build(activation, inputs.shape[1], width, biases)
    draws = normal_draws(key, (networks, width, inputs.shape[1] + 1))

    def one(mine: Array) -> Array:
        forward = jax.vmap(partial(apply, network), in_axes=(None, 0))
        _, pull = jax.vjp(lambda parameters: forward(parameters, inputs)[:, 0], unpack(mine, biases))
        (gradients,) = jax.vmap(pull)(jnp.concatenate([left, right]))
        leaves = [leaf.reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(gradients)]
        count = left.shape[0]
        return sum((jnp.sum(g[:count] * g[count:], axis=1) for g in leaves), jnp.zeros(count))

    return jnp.asarray(jax.lax.map(one, draws).mean(axis=0))


@dataclass(frozen=True)
class TrainedModes:
    """What is left of mode k of the residual after T_k steps, mean over networks, with 1/m extrapolated away.

    Units come in pairs with opposite readout weights, so that f = 0 before training; the target is small.
    With r(m) the mean at m pairs the statistic is 2 r(2 m) - r(m).
    """

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        points: int,
        frequencies: Sequence[int],
        steps: Sequence[int],
        pairs: int,
        networks: int,
        step_size: float,
        amplitude: float,
    ) -> Array:
        split = (networks * pairs, networks * 2 * pairs)
        draws = normal_draws(key, (sum(split), 3))
        left = [
            jax.lax.map(
                partial(self._residual, points, tuple(frequencies), tuple(steps), step_size, amplitude),
                part.reshape(networks, -1, 3),
            ).mean(axis=0)
            for part in jnp.split(draws, (split[0],))
        ]
        return jnp.asarray(2 * left[1] - left[0])

    def _residual(
        self,
        points: int,
        frequencies: tuple[int, ...],
        steps: tuple[int, ...],
        step_size: float,
        amplitude: float,
        draws: Array,
    ) -> Array:
        paired = jnp.concatenate([draws, draws.at[:, -1].multiply(-1)])
        modes = jnp.asarray(waves(points, frequencies))
        observed = _trajectory(
            build(self.activation, 2, paired.shape[0], False),
            unpack(paired, False),
            amplitude * modes.sum(axis=0),
            step_size,
            max(steps) + 1,
        )
        share = modes / jnp.sum(modes**2, axis=1, keepdims=True) / amplitude
        remaining = 1.0 - observed @ share.T  # (steps, frequencies)
        return remaining[jnp.asarray(steps), jnp.arange(len(steps))]


@dataclass(frozen=True)
class SilentModes:
    """Components of a trained network along modes that it cannot represent, in units of rounding.

    |sum_i f(phi_i) cos(k phi_i)| / (n eps m max |f|) after training on a target that consists of these modes
    and of others.
    """

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        points: int,
        frequencies: Sequence[int],
        width: int,
        steps: int,
        step_size: float,
        biases: bool = False,
    ) -> Array:
        modes = jnp.asarray(waves(points, frequencies))
        target = modes.sum(axis=0) + jnp.asarray(waves(points, range(4))).sum(axis=0)
        start = unpack(normal_draws(key, (width, 3)), biases)
        network = build(self.activation, 2, width, biases)
        last = _trajectory(network, start, target, step_size, steps)[-1]
        budget = points * np.finfo(last.dtype).eps * width * jnp.max(jnp.abs(last))
        return jnp.abs(modes @ last) / budget


def _trajectory(network: Network, start: Parameters, target: Array, step_size: float, steps: int) -> Array:
    """f on the grid before each step of gradient descent on |f - y|^2 / (2 n): (steps, n)."""
    points = target.shape[0]
    inputs = circle(points)

    def forward(parameters: Any) -> Array:
        return jax.vmap(partial(apply, network, parameters))(inputs)[:, 0]

    def loss(parameters: Any) -> Array:
        return jnp.sum((forward(parameters) - target) ** 2) / (2 * points)

    return jnp.asarray(train(loss, GradientDescent(step_size), start, steps, observe=forward)[1].observations)
