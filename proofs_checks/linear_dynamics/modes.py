"""The course of single modes, du/dt = N u^(2 - 2/N) (s - mu u), and their effective seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import hyp2f1

from proofs_checks.linear_dynamics.moments import Matrix, Modes

BISECTIONS = 60  # of the logarithm of the part of the rise that is left or done: to rounding

Curve = Float[np.ndarray, " times"]


def rise_time(u: Curve, depth: int, rate: float, variance: float) -> Curve:
    """An antiderivative of 1 / (N u^(2 - 2/N) (s - mu u)): differences of it are times, for 0 < u < s / mu.

    With y = u^(1/N) it is that of 1 / (y^(N-1) (s - mu y^N)) = 1 / (s y^(N-1)) + (mu / s) y / (s - mu y^N).
    """
    z = variance * u / rate
    if depth == 1:
        return np.asarray(-np.log1p(-z) / variance)
    if depth == 2:
        return np.asarray((np.log(u) - np.log1p(-z)) / (2 * rate))
    y = u ** (1 / depth)
    plateau = y ** (2 - depth) / (2 - depth)
    rest = variance / rate * y**2 / 2 * hyp2f1(1, 2 / depth, 1 + 2 / depth, z)
    return np.asarray((plateau + rest) / rate)


def mode_curve(times: Curve, depth: int, rate: float, variance: float, seed: float) -> Curve:
    """u at the times, from u(0) = seed > 0; for one and two layers in closed form.

    Three layers and more need seed < end = s / mu: the time as a function of u is inverted, by bisection in
    ln(u / (end - u)).
    """
    end = rate / variance
    if depth == 1:
        return np.asarray(end + (seed - end) * np.exp(-variance * times))
    if depth == 2:
        decayed = np.exp(-2 * rate * times)
        return np.asarray(rate / (variance * (1 - decayed) + rate / seed * decayed))
    start = rise_time(np.asarray(seed), depth, rate, variance)
    low = np.full(times.shape, np.log(seed / (end - seed)))
    high = np.full(times.shape, 34.0)  # within rounding of the end
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        early = rise_time(end / (1 + np.exp(-middle)), depth, rate, variance) - start < times
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return np.asarray(end / (1 + np.exp(-low)))


def effective_seeds(layers: Sequence[Matrix], basis: Matrix, found: Modes) -> Float[np.ndarray, " modes"]:
    """u_0 of every mode of a two-layer network with small weights.

    |z_i|^2 with z_i = (W_2^T u_i + W_1 v_i) / 2, the part that grows; what a faster mode has taken of the
    hidden layer is gone for a slower one, so each z_i counts orthogonally to those before it.
    """
    growing = (layers[1].T @ found.left + layers[0] @ basis @ found.right) / 2
    triangle = np.linalg.qr(growing, mode="r")
    seeds = np.zeros(growing.shape[1])
    diagonal = np.diagonal(triangle) ** 2
    seeds[: len(diagonal)] = diagonal
    return seeds
