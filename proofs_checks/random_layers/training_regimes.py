"""Experiment on the phase diagram of ReLU networks: how far training moves the weights of the first layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from proofs_checks.deep_kernels.draws import Program, in_chunks, over_draws
from proofs_checks.two_layer_networks import Rows

MOST_STEPS = 5000  # a seed that needs more is not trained, and its value is NaN


class _Training(NamedTuple):
    readouts: jax.Array
    weights: jax.Array
    loss: jax.Array
    steps: jax.Array


def change_exponent(
    keys: jax.Array,
    *,
    decay: float,
    widths: Sequence[int],
    inputs: Rows,
    targets: Sequence[float],
    loss: float,
) -> NDArray[np.float64]:
    """The slope of ln(|W(T) - W(0)| / |W(0)|) over ln m, between two widths, for each key.

    f(x) = m^-decay sum_r a_r max(w_r . x, 0), weights standard normal and in pairs (w, a), (w, -a), so that
    f = 0 at first; gradient descent until sum_i (f(x_i) - y_i)^2 / n is at most ``loss``. The narrower
    network consists of the first neurons of the wider one. NaN where training does not get there.
    """
    most = max(widths)
    size = most // 2 * (len(inputs[0]) + 1)
    sizes = [float(width) for width in widths]
    changes = in_chunks(_program(most), keys, size, sizes, decay, inputs, targets, loss)
    return np.asarray(np.log(changes[:, 1] / changes[:, 0]) / np.log(widths[1] / widths[0]))


@lru_cache(maxsize=8)
def _program(most: int) -> Program:
    """Width and decay are data: neurons beyond the width are 0, and stay 0."""

    def one(
        draws: jax.Array, widths: jax.Array, decay: jax.Array, x: jax.Array, y: jax.Array, loss: jax.Array
    ) -> jax.Array:
        half = draws.reshape(most // 2, -1)
        mirrored = half * jnp.ones(x.shape[1] + 1).at[-1].set(-1.0)
        pairs = jnp.stack([half, mirrored], axis=1).reshape(most, -1)

        def change(width: jax.Array) -> jax.Array:
            start = jnp.where(jnp.arange(most, dtype=width.dtype)[:, None] < width, pairs, 0.0)
            end = _trained(start, width**-decay, x, y, loss)
            moved = jnp.linalg.norm(end.weights - start[:, :-1]) / jnp.linalg.norm(start[:, :-1])
            return jnp.where(end.loss <= loss, moved, jnp.nan)

        return jax.lax.map(change, widths)

    return over_draws(one)


def _trained(start: jax.Array, factor: jax.Array, x: jax.Array, y: jax.Array, loss: jax.Array) -> _Training:
    """Gradient descent with the step 1/L, L a bound on the norm of the Hessian of the loss over 2.

    With kappa = ``factor``, S the mean of |x_i|^2 and R^2 the loss, the tangent kernel gives at most
    kappa^2 S sum_r (a_r^2 + |w_r|^2), and the second derivatives of f at most kappa R sqrt(S).
    """
    square = (x**2).sum(axis=1).mean()

    def advance(now: _Training) -> _Training:
        a, w = now.readouts, now.weights
        fields = w @ x.T
        hidden = jnp.maximum(fields, 0.0)
        residuals = factor * (a @ hidden) - y
        loss_here = (residuals**2).mean()
        pull = factor * residuals / y.shape[0]
        by_weights = (jnp.where(fields > 0, a[:, None], 0.0) * pull) @ x
        curvature = factor**2 * square * ((a**2).sum() + (w**2).sum())
        step = 1 / (curvature + factor * jnp.sqrt(square * loss_here))
        # The loss is that before the step, which does not increase it.
        return _Training(a - step * (hidden @ pull), w - step * by_weights, loss_here, now.steps + 1)

    def unfinished(now: _Training) -> jax.Array:
        return (now.loss > loss) & (now.steps < MOST_STEPS)

    begin = _Training(start[:, -1], start[:, :-1], jnp.full_like(loss, jnp.inf), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(unfinished, advance, begin)
