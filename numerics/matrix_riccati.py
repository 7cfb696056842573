"""Symmetric Riccati flows in factored form, solved exactly from step to step.

M(t) = Q(t) Q(t)^T with

    dM/dt = F M + M F - M^2,    F symmetric (k, k),    Q (k, r),

is solved by M(t) = e^{F t} Q_0 [I + Q_0^T G Q_0]^{-1} Q_0^T e^{F t} with G the integral of e^{2 F s} over
0 <= s <= t. With R^T R = I + Q_0^T G Q_0 a factor of it is Q(t) = e^{F t} Q_0 R^{-1}, from which one may go
on: so nothing overflows, however long the flow. NumPy and float64: the matrices are small.
"""

import numpy as np
from jaxtyping import Float

LARGEST_GROWTH = 3.0  # of log |Q| in one step: the rows of the factorization keep comparable sizes


def riccati_factors(
    generator: Float[np.ndarray, "k k"], start: Float[np.ndarray, "k r"], times: Float[np.ndarray, " times"]
) -> Float[np.ndarray, "times k r"]:
    """Factors Q(t) at increasing ``times`` >= 0; each is unique up to an orthogonal matrix on the right.

    The error is that of rounding, amplified by at most e^{f t} with f the largest eigenvalue of F.
    Raises ValueError where F is not symmetric to rounding, or times decrease.
    """
    scale = float(np.abs(generator).max(initial=0.0))
    if np.abs(generator - generator.T).max(initial=0.0) > 1e-12 * scale:
        raise ValueError("the generator F of a symmetric Riccati flow must be symmetric")
    spans = np.diff(times, prepend=0.0)
    if (spans < 0).any():
        raise ValueError("times must increase and be at least 0")
    rates, basis = np.linalg.eigh(generator)
    current, found = basis.T @ start, np.empty((len(times), *start.shape))
    fastest = float(np.abs(rates).max(initial=0.0))
    for record, span in enumerate(spans):
        parts = max(1, int(np.ceil(fastest * span / LARGEST_GROWTH)))
        for _ in range(parts):
            current = _advanced(rates, current, span / parts)
        found[record] = basis @ current
    return found


def _advanced(
    rates: Float[np.ndarray, " k"], factor: Float[np.ndarray, "k r"], span: float
) -> Float[np.ndarray, "k r"]:
    """e^{f t} Q R^{-1} in the eigenbasis of F."""
    twice = 2 * rates * span
    small = np.abs(twice) < 1e-8  # there (e^x - 1) / x = 1 + x / 2 to rounding
    gain = span * np.where(small, 1 + twice / 2, np.expm1(twice) / np.where(small, 1.0, twice))
    stacked = np.concatenate([np.eye(factor.shape[1]), np.sqrt(gain)[:, None] * factor])
    triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    grown = np.exp(rates * span)[:, None] * factor
    return np.linalg.solve(triangle.T, grown.T).T
