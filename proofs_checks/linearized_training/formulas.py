"""Kernel regression as numbers: gains along eigenvectors, mean and covariance at test inputs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.deep_kernels.formulas import Architecture, Maps, Vector, kernels
from proofs_checks.insertion import value_of

RATE, STEP = sympy.symbols("lambda eta", positive=True)
COUNT = Symbol("n", integer=True, positive=True)
# Theta^-1 (1 - (1 - eta Theta)^n) along an eigenvector of Theta
GAIN = (1 - (1 - STEP * RATE) ** COUNT) / RATE

Values = NDArray[np.float64]


class Matrices(NamedTuple):
    """The limiting kernels on all inputs: of the Gaussian process, and of training."""

    process: Values
    tangent: Values


class Law(NamedTuple):
    """Of the prediction at the test inputs: A, its mean A y, its variances."""

    gain: Values
    mean: Values
    variance: Values


def matrices(maps: Maps, inputs: tuple[Vector, ...], network: Architecture) -> Matrices:
    """K and Theta of the output by the recursion of the layers."""
    count = len(inputs)
    process, tangent = np.zeros((count, count)), np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            found = kernels(maps, inputs, (i, j), network)
            process[i, j] = process[j, i] = float(found.mixed)
            tangent[i, j] = tangent[j, i] = float(found.tangent)
    return Matrices(process, tangent)


def law(
    formula: Expr, process: Values, trained: Values, targets: Sequence[float], step: float, steps: int
) -> Law:
    """Mean and variances after n steps with the kernel ``trained``, the outputs drawn from ``process``.

    Raises InputError where the formula has no finite real value at an eigenvalue.
    """
    count = len(targets)
    rates, vectors = np.linalg.eigh(trained[:count, :count])
    known = {STEP: Rational(step), COUNT: Integer(steps)}
    gains = np.asarray([float(value_of(formula, {**known, RATE: Rational(rate)})) for rate in rates])
    gain = trained[count:, :count] @ (vectors * gains) @ vectors.T
    both = np.concatenate([-gain, np.eye(len(trained) - count)], axis=1)
    return Law(gain, gain @ np.asarray(targets), np.diagonal(both @ process @ both.T))


def gains() -> Mapping[str, Sampler]:
    """Samplers of the eigenvalue, the step size and the number of steps, for a stable training."""

    def sample(rng: random.Random) -> Mapping[Symbol, Rational]:
        rate = Rational(rng.randint(20, 200), 100)
        return {RATE: rate, STEP: Rational(rng.randint(1, 90), 100), COUNT: Integer(rng.randint(2, 9))}

    return {"stable": sample}
