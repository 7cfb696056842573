"""Predicted modes of the tangent kernel: its formulas on a grid and by quadrature, and points to sample."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from proofs_checks.lowering import lower
from proofs_checks.spectral.modes import harmonics, icosahedron, waves, zonal_rule
from theory.spectral.circle import ANGLE, BIAS_KERNEL, HALF, RELU_KERNEL
from theory.spectral.sphere import PLACE, SPHERE, even_eigenvalue

RATE, STEP = sympy.symbols("lambda_k eta", positive=True)
COUNT = Symbol("t", integer=True, positive=True)
DECAY = (1 - STEP * RATE) ** COUNT

Values = NDArray[np.float64]


def on_grid(kernel: Expr, points: int, frequencies: Sequence[int]) -> tuple[float, ...]:
    """Eigenvalues of Theta(phi_i - phi_j) / n on n equispaced points, from a kernel in s.

    Raises InputError where the kernel has no finite real value at one of the angles.
    """
    shares = [Rational(2 * min(j, points - j), points) for j in range(points)]
    known = {share: float(value_of(kernel, {ANGLE: share})) for share in set(shares)}
    values = np.asarray([known[share] for share in shares])
    return tuple(float(value) for value in waves(points, frequencies) @ values / points)


def on_icosahedron(kernel: Expr, frequencies: Sequence[int]) -> tuple[float, ...]:
    """Eigenvalues of Theta(angle)/12 on the vertices, for harmonics of degree 0 to 3, from a kernel in s."""
    heights = icosahedron()[:, 2]
    values = np.asarray(lower(kernel, (ANGLE,))(np.arccos(heights) / np.pi))
    return tuple(float(value) for value in harmonics(2, frequencies, heights) @ values / len(heights))


def relu_on_sphere(sphere: int, nodes: int, frequencies: Sequence[int]) -> tuple[float, ...]:
    """The eigenvalues of ReLU as quadrature with this many nodes gives them."""
    places, weights = zonal_rule(sphere, nodes)
    kernel = np.asarray(lower(RELU_KERNEL, (ANGLE,))(np.arccos(places) / np.pi))
    return tuple(float(value) for value in harmonics(sphere, frequencies, places) @ (weights * kernel))


def sphere_values(formula: Expr, sphere: int, nodes: int, frequencies: Sequence[int]) -> tuple[float, ...]:
    """A formula for every even frequency, plus what the theorem's own eigenvalue and quadrature differ by."""
    found = []
    for k, exact in zip(frequencies, relu_on_sphere(sphere, nodes, frequencies), strict=True):
        place = {PLACE: Integer(k // 2 - 1), SPHERE: Integer(sphere)}
        known = float(value_of(even_eigenvalue(), place))
        found.append(float(value_of(formula, place)) + exact - known)
    return tuple(found)


def circle_values(
    formula: Expr, known: Expr, kernel: Expr, points: int, frequencies: Sequence[int]
) -> tuple[float, ...]:
    """A formula in l = k // 2, plus what aliasing adds to the theorem's own eigenvalue on the grid."""
    exact = on_grid(kernel, points, frequencies)
    places = [{HALF: Integer(k // 2)} for k in frequencies]
    return tuple(
        float(value_of(formula, place)) + value - float(value_of(known, place))
        for place, value in zip(places, exact, strict=True)
    )


def biased(kernel: Expr, biases: bool) -> Expr:
    """The kernel of ReLU with or without biases."""
    return kernel + BIAS_KERNEL if biases else kernel


def angles() -> Mapping[str, Sampler]:
    """Samplers of s."""
    return {
        "acute": lambda rng: {ANGLE: Rational(rng.randint(1, 499), 1000)},
        "obtuse": lambda rng: {ANGLE: Rational(rng.randint(501, 999), 1000)},
    }


def halves() -> Mapping[str, Sampler]:
    """Samplers of l."""
    return {"l >= 1": lambda rng: {HALF: Integer(rng.randint(1, 12))}}


def spheres() -> Mapping[str, Sampler]:
    """Samplers of the dimension of the sphere and of j."""
    return {
        "S^q": lambda rng: {SPHERE: Integer(rng.randint(2, 6)), PLACE: Integer(rng.randint(0, 5))},
    }


def decays() -> Mapping[str, Sampler]:
    """Samplers of the step size, the eigenvalue and the number of steps, for a stable training."""

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        rate = Rational(rng.randint(1, 99), 100)
        return {RATE: rate, STEP: Rational(rng.randint(1, 99), 100), COUNT: Integer(rng.randint(2, 9))}

    return {"stable": sample}
