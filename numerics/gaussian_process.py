"""Predictions of infinitely wide networks from their kernel matrices: no inverse is ever formed.

Training on targets y at inputs X changes the output at inputs X* in all the cases below to

    f(X*) = f_0(X*) + A (y - f_0(X)),      A = H(X*, X) phi(H(X, X)),

with a kernel H and a function phi of its eigenvalues lambda:

    ============================  ===========  ==========================================
    prediction                    H            phi(lambda), with mu = lambda + noise
    ============================  ===========  ==========================================
    posterior of the process      nngp K       1 / mu
    gradient flow until time t    ntk Theta    (1 - exp(-mu t)) / mu;  1 / mu at t = inf
    n steps of gradient descent   ntk Theta    (1 - (1 - eta mu)^n) / mu
    ============================  ===========  ==========================================

The loss is (1/2) sum_i |f(x_i) - y_i|^2, a *sum*: for the mean over n data divide time, or the step size, by
n. In the posterior ``noise`` is the variance of the observations; in training it is the weight of
(noise/2) |theta - theta_0|^2 in the loss. With f_0 ~ GP(0, K) over initializations the mean is A y and the
covariance, the same for every output, is

    K(X*, X*) + A K(X, X) A^T - A K(X, X*) - K(X*, X) A^T.

Outputs are independent in the limit, so one matrix per pair of inputs serves any number of targets.

Sources: Lee et al. (2019), equations 8, 9 and 14 to 16; Rasmussen and Williams (2006), equations 2.23, 2.24,
2.30.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import cho_solve
from jaxtyping import Float

from numerics.devices import PRECISION


class IllConditioned(ValueError):
    """A kernel matrix without which the prediction cannot be had in this precision; says what to try."""


class KernelMatrices(NamedTuple):
    """A kernel at training inputs X and test inputs X*: H(X, X), H(X*, X) and, for covariances, H(X*, X*)."""

    train: Float[Array, "n n"]
    cross: Float[Array, "m n"]
    test: Float[Array, "m m"] | None = None


class Prediction(NamedTuple):
    """Mean (*times, m, *k) and covariance (*times, m, m) at the test inputs.

    ``covariance`` is None where the matrices for it were not given; ``condition`` is that of H(X, X) + noise,
    ``rank`` the number of its directions in use (all of them unless a cutoff is given).
    """

    mean: Float[Array, "..."]
    covariance: Float[Array, "*times m m"] | None
    condition: float
    rank: int


def predict(
    targets: Float[Array, "n *k"],
    *,
    nngp: KernelMatrices | None = None,
    ntk: KernelMatrices | None = None,
    time: float | np.ndarray | Array = math.inf,
    steps_of: float | None = None,
    noise: float = 0.0,
    cutoff: float | None = None,
    initial: tuple[Float[Array, "n *k"], Float[Array, "m *k"]] | None = None,
) -> Prediction:
    """Mean and covariance by the table above; of shape (m, *k) and (m, m), after the shape of ``time``.

    With ``nngp`` alone: the posterior of the Gaussian process. With ``ntk``: training until ``time``, one
    number or an array of numbers >= 0, infinity included; ``nngp`` then serves the covariance over
    initializations. With ``steps_of=eta`` time counts steps of gradient descent of size eta. ``initial`` is
    the pair f_0(X), f_0(X*) of one network: its own prediction, without covariance.

    ``cutoff`` asks for the least-norm solution: directions with eigenvalue at most cutoff times the largest
    are left out. Nothing else is ever added or left out in silence.

    Raises IllConditioned, with eigenvalue and condition number, for a matrix not positive semidefinite
    or, where infinite time or the posterior needs its inverse, singular; ValueError for bad shapes and times.
    """
    given, times = _given(nngp, ntk), np.asarray(time, dtype=float)
    _check(targets, [matrices for matrices in (nngp, ntk) if matrices is not None], times, noise, cutoff)
    if ntk is None and (np.any(times != math.inf) or steps_of is not None or initial is not None):
        raise ValueError("time, steps_of and initial belong to training: give ntk=KernelMatrices(...)")
    values, vectors = _decomposed(given.train)
    rates = values + noise
    kept = _kept(rates, times, cutoff, steps_of, _precision(given.train))
    gains = jnp.asarray(np.where(kept, _gains(rates, times[..., None], steps_of), 0.0), targets.dtype)
    mean, covariance = _mean(targets, given.cross, vectors, gains, initial), None
    if nngp is not None and nngp.test is not None and initial is None:
        covariance = _covariance(nngp, nngp.test, given.cross, vectors, gains, collapses=ntk is None)
    return Prediction(mean, covariance, _condition(rates[kept]), int(kept.sum()))


def _given(nngp: KernelMatrices | None, ntk: KernelMatrices | None) -> KernelMatrices:
    """The kernel that the mean follows."""
    given = ntk if ntk is not None else nngp
    if given is None:
        raise ValueError("there is no kernel: give nngp=KernelMatrices(...), ntk=..., or both")
    return given


def marginal_likelihood(
    targets: Float[Array, "n *k"], train: Float[Array, "n n"], *, noise: float | Float[Array, ""] = 0.0
) -> Float[Array, ""]:
    """log p(y | X) of the Gaussian process, summed over outputs; nats.

        -(1/2) y^T (K + noise)^{-1} y - (1/2) log det(K + noise) - (n/2) log(2 pi)

    By Cholesky; differentiable and jittable in the kernel, the targets and the noise. Raises IllConditioned
    where the decomposition fails; inside jit the value is NaN there.
    """
    matrix = train + noise * jnp.eye(train.shape[0], dtype=train.dtype)
    factor = jnp.linalg.cholesky(matrix)
    flat = targets.reshape(targets.shape[0], -1)
    quadratic = jnp.sum(flat * cho_solve((factor, True), flat))
    determinant = 2 * jnp.sum(jnp.log(jnp.diagonal(factor)))
    count, outputs = flat.shape
    value = -(quadratic + outputs * (determinant + count * math.log(2 * math.pi))) / 2
    if not isinstance(value, jax.core.Tracer) and not bool(jnp.isfinite(value)):
        values = np.linalg.eigvalsh(np.asarray(matrix))
        _refuse_singular(values, math.inf)
    return value


def _kept(
    rates: np.ndarray, times: np.ndarray, cutoff: float | None, step: float | None, precision: float
) -> np.ndarray:
    """Which directions take part; refuses steps that diverge and inverses that do not exist."""
    kept = np.ones(rates.size, bool) if cutoff is None else rates > cutoff * rates[-1]
    if step is not None:
        _check_step(step, rates, times)
    if np.any(times == math.inf):
        _refuse_singular(rates[kept], rates.size * precision * rates[-1])
    return kept


def _gains(rates: np.ndarray, times: np.ndarray, step: float | None) -> np.ndarray:
    """phi of the table, of shape (*times, n); its limit t (or n eta) at rate 0."""
    safe = np.where(rates > 0, rates, 1.0)
    finite = np.where(np.isinf(times), 0.0, times)
    if step is None:
        done, limit = -np.expm1(-rates * finite), times
    else:
        slow = np.minimum(step * rates, 0.5)
        careful = -np.expm1(finite * np.log1p(-slow))  # 1 - (1 - eta mu)^n without cancellation
        done = np.where(step * rates <= 0.5, careful, 1 - (1 - step * rates) ** finite)
        limit = step * times
    return np.where(rates > 0, np.where(np.isinf(times), 1.0, done) / safe, limit)


@jax.jit
def _mean(
    targets: Array, cross: Array, vectors: Array, gains: Array, initial: tuple[Array, Array] | None
) -> Array:
    residual = targets if initial is None else targets - initial[0]
    flat = _product(vectors.T, residual.reshape(residual.shape[0], -1))
    moved = _product(_product(cross, vectors), gains[..., None] * flat)
    mean = moved.reshape(*gains.shape[:-1], cross.shape[0], *targets.shape[1:])
    return mean if initial is None else initial[1] + mean


@partial(jax.jit, static_argnames="collapses")
def _covariance(
    nngp: KernelMatrices, test: Array, cross: Array, vectors: Array, gains: Array, collapses: bool
) -> Array:
    across = _product(cross, vectors)
    if collapses:  # A = K(X*, X) phi(K): the terms are one
        half = across * jnp.sqrt(gains)[..., None, :]
        return test - _product(half, jnp.swapaxes(half, -1, -2))
    weighted = across * gains[..., None, :]  # A V, with the eigenvectors V
    inner = _product(_product(vectors.T, nngp.train), vectors)
    mixed = _product(weighted, _product(nngp.cross, vectors).T)
    quadratic = _product(_product(weighted, inner), jnp.swapaxes(weighted, -1, -2))
    # Symmetric but for rounding, which grows with the condition number: the mean of it and its transpose.
    skewed = test + quadratic - 2 * mixed
    return (skewed + jnp.swapaxes(skewed, -1, -2)) / 2


def _decomposed(train: Array) -> tuple[np.ndarray, Array]:
    """Eigenvalues, the least first, and eigenvectors; rounding below zero is cut off, more is refused."""
    values, vectors = jnp.linalg.eigh(train)
    least, largest = float(values[0]), float(values[-1])
    rounding = train.shape[0] * _precision(train) * abs(largest)
    if not math.isfinite(least + largest) or least < -rounding:
        raise IllConditioned(
            f"the kernel matrix is not positive semidefinite: its smallest eigenvalue is {least:.3g}, the "
            f"largest {largest:.3g}; look at how it was computed"
        )
    return np.maximum(np.asarray(values, dtype=float), 0.0), vectors


def _refuse_singular(rates: np.ndarray, rounding: float) -> None:
    if rates.size and rates[0] > rounding:
        return
    least = f"{rates[0]:.3g}" if rates.size else "0"
    raise IllConditioned(
        f"the kernel matrix is singular to working precision (smallest eigenvalue {least}, condition number "
        f"{_condition(rates):.3g}): give noise > 0, a cutoff such as 1e-12 for the least-norm solution, or a "
        "finite time"
    )


def _precision(matrix: Array) -> float:
    return float(np.finfo(matrix.dtype).eps)


def _condition(rates: np.ndarray) -> float:
    return float(rates[-1] / rates[0]) if rates.size and rates[0] > 0 else math.inf


def _check(
    targets: Array, kernels: list[KernelMatrices], times: np.ndarray, noise: float, cutoff: float | None
) -> None:
    shapes = {matrices.cross.shape for matrices in kernels}
    count = targets.shape[0]
    if len(shapes) > 1 or any(m.train.shape != (count, count) or m.cross.shape[1] != count for m in kernels):
        found = "; ".join(f"train {m.train.shape}, cross {m.cross.shape}" for m in kernels)
        raise ValueError(
            f"{count} targets go with train ({count}, {count}) and cross (m, {count}); given: {found}"
        )
    if not np.all(times >= 0):
        raise ValueError(f"times are {times}; give numbers >= 0, or infinity")
    if not (math.isfinite(noise) and noise >= 0) or not (cutoff is None or 0 <= cutoff < 1):
        raise ValueError(f"noise is {noise}, cutoff {cutoff}; give noise >= 0 and 0 <= cutoff < 1")


def _check_step(step: float, rates: np.ndarray, times: np.ndarray) -> None:
    finite = times[np.isfinite(times)]
    if not step > 0 or np.any(finite != np.round(finite)):
        raise ValueError(f"steps_of is {step}, time {times}; give a size > 0 and whole numbers of steps")
    if step * rates[-1] >= 2 and np.any(np.isinf(times)):
        raise ValueError(
            f"steps of {step} diverge: the largest eigenvalue is {rates[-1]:.6g}, so take less than "
            f"{2 / rates[-1]:.6g}"
        )


def _product(first: Array, second: Array) -> Array:
    return jnp.matmul(first, second, precision=PRECISION)
