"""Curvature of a loss: exact Hessians and their inertia, Hessian-vector products, Lanczos extremes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int, Key, PyTree

from numerics.devices import PRECISION


def hessian(loss: Callable[[Any], Array], parameters: PyTree) -> Float[Array, "p p"]:
    """Exact second derivatives, in the order of ``jax.flatten_util.ravel_pytree(parameters)``.

    Forms p x p numbers: for small networks. Symmetrized, since reverse-over-forward rounds both halves
    differently.
    """
    flat, unravel = ravel_pytree(parameters)
    matrix = jax.hessian(lambda theta: loss(unravel(theta)))(flat)
    return (matrix + matrix.T) / 2


def hessian_vector_product(loss: Callable[[Any], Array], parameters: PyTree, direction: PyTree) -> PyTree:
    """H v = derivative of the gradient in the direction v, at the cost of a few gradients."""
    return jax.jvp(jax.grad(loss), (parameters,), (direction,))[1]


class Inertia(NamedTuple):
    """Numbers of negative, zero and positive eigenvalues, and how far the counting is from being doubtful.

    ``largest_zero`` is the largest modulus counted as zero, ``smallest_nonzero`` the smallest that is not
    (0 and infinity where there is none): the count is convincing when ``tolerance`` lies orders of
    magnitude away from both.
    """

    negative: Int[Array, ""]
    zero: Int[Array, ""]
    positive: Int[Array, ""]
    tolerance: Float[Array, ""]
    largest_zero: Float[Array, ""]
    smallest_nonzero: Float[Array, ""]


def inertia(matrix: Float[Array, "p p"], tolerance: Float[Array, ""] | float | None = None) -> Inertia:
    """Signs of the eigenvalues of a symmetric matrix; |lambda| <= tolerance counts as zero.

    The default is 10 p u max|lambda| with u the unit roundoff of the type: the backward error of the
    symmetric eigenvalue solver is a modest multiple of u |A| (Golub and Van Loan, section 8.1.1). The error
    with which the matrix itself was computed is the caller's: pass a larger tolerance where it matters.
    """
    eigenvalues = jnp.linalg.eigvalsh(matrix)
    moduli = jnp.abs(eigenvalues)
    if tolerance is None:
        tolerance = 5 * matrix.shape[0] * float(np.finfo(matrix.dtype).eps) * jnp.max(moduli)
    zero = moduli <= tolerance
    return Inertia(
        jnp.sum(eigenvalues < -tolerance),
        jnp.sum(zero),
        jnp.sum(eigenvalues > tolerance),
        jnp.asarray(tolerance, matrix.dtype),
        jnp.max(jnp.where(zero, moduli, 0.0)),
        jnp.min(jnp.where(zero, jnp.inf, moduli)),
    )


class Tridiagonal(NamedTuple):
    """Q^T A Q = T: ``diagonal`` (s,), ``off_diagonal`` (s - 1,), the rows of ``basis`` (s, p) are Q^T.

    ``remainder`` is the norm of what s steps leave over, A Q - Q T = remainder * r e_s^T with |r| = 1.
    """

    diagonal: Float[Array, " s"]
    off_diagonal: Float[Array, " _"]
    basis: Float[Array, "s p"]
    remainder: Float[Array, ""]


def lanczos(
    product: Callable[[Array], Array], dimension: int, key: Key[Array, ""], steps: int
) -> Tridiagonal:
    """Lanczos with full reorthogonalization for a symmetric operator v -> A v on R^dimension.

    Starts from a random direction. Where the Krylov space is exhausted (an invariant subspace), it continues
    in a fresh random direction with coupling 0, so every eigenvalue of T stays a Ritz value of A.
    Source: Golub and Van Loan, sections 10.1 and 10.3. Raises ValueError unless 1 <= steps <= dimension.
    """
    if not 1 <= steps <= dimension:
        raise ValueError(f"steps is {steps}; the operator acts on R^{dimension}, so give 1 to {dimension}")
    directions = jax.random.normal(key, (steps + 1, dimension))
    directions = directions.astype(jax.eval_shape(product, directions[0]).dtype)

    def step(basis: Array, index: Array) -> tuple[Array, tuple[Array, Array]]:
        image = product(basis[index])
        diagonal = jnp.dot(basis[index], image, precision=PRECISION)
        rest = _orthogonalized(image, basis)
        coupling = jnp.linalg.norm(rest)
        exhausted = coupling <= dimension * float(np.finfo(rest.dtype).eps) * jnp.linalg.norm(image)
        fresh = _normalized(_orthogonalized(directions[index + 1], basis))
        following = jnp.where(exhausted, fresh, rest / jnp.where(exhausted, 1.0, coupling))
        basis = basis.at[index + 1].set(following)
        return basis, (diagonal, jnp.where(exhausted, 0.0, coupling))

    start = jnp.zeros_like(directions).at[0].set(_normalized(directions[0]))
    basis, (diagonal, couplings) = lax.scan(step, start, jnp.arange(steps))
    return Tridiagonal(diagonal, couplings[:-1], basis[:-1], couplings[-1])


class Extremes(NamedTuple):
    """Extreme Ritz values; within ``residual`` of each there is an exact eigenvalue."""

    smallest: Float[Array, ""]
    largest: Float[Array, ""]
    smallest_residual: Float[Array, ""]
    largest_residual: Float[Array, ""]


def extreme_eigenvalues(
    product: Callable[[Array], Array], dimension: int, key: Key[Array, ""], steps: int
) -> Extremes:
    """Smallest and largest eigenvalue of a symmetric operator from ``steps`` Lanczos steps.

    The residual of a Ritz pair (theta, Q s) is |remainder * last component of s|, and some eigenvalue
    lambda satisfies |lambda - theta| <= residual (Golub and Van Loan, theorem 8.1.13 and section 10.1.4).
    """
    tridiagonal = lanczos(product, dimension, key, steps)
    off = tridiagonal.off_diagonal
    matrix = jnp.diag(tridiagonal.diagonal) + jnp.diag(off, 1) + jnp.diag(off, -1)
    values, vectors = jnp.linalg.eigh(matrix)
    residuals = jnp.abs(tridiagonal.remainder * vectors[-1])
    return Extremes(values[0], values[-1], residuals[0], residuals[-1])


def extreme_curvatures(
    loss: Callable[[Any], Array], parameters: PyTree, key: Key[Array, ""], steps: int
) -> Extremes:
    """Smallest and largest eigenvalue of the Hessian of ``loss``, which is never formed."""
    flat, unravel = ravel_pytree(parameters)
    gradient = jax.grad(lambda theta: loss(unravel(theta)))

    def product(vector: Array) -> Array:
        return jax.jvp(gradient, (flat,), (vector,))[1]

    return extreme_eigenvalues(product, flat.size, key, min(steps, flat.size))


def _orthogonalized(vector: Array, basis: Array) -> Array:
    # Twice is enough (Parlett, The Symmetric Eigenvalue Problem, section 6.9).
    for _ in range(2):
        coefficients = jnp.matmul(basis, vector, precision=PRECISION)
        vector = vector - jnp.matmul(coefficients, basis, precision=PRECISION)
    return vector


def _normalized(vector: Array) -> Array:
    return vector / jnp.linalg.norm(vector)
