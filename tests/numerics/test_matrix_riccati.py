import numpy as np
import pytest
from scipy.linalg import expm

from numerics.matrix_riccati import riccati_factors

RANDOM = np.random.default_rng(4)
DRAWN = RANDOM.normal(size=(6, 6))
GENERATOR = (DRAWN + DRAWN.T) / 2
START = 0.4 * RANDOM.normal(size=(6, 3))
TIMES = np.array([0.0, 0.2, 0.9, 1.7])


def grams(factors):
    return factors @ factors.transpose(0, 2, 1)


def test_closed_form_vs_matrix_exponentials():
    # G = (e^{2 F t} - 1) / (2 F) where F is invertible.
    for t, found in zip(TIMES, grams(riccati_factors(GENERATOR, START, TIMES)), strict=True):
        grown = expm(GENERATOR * t)
        integral = np.linalg.solve(2 * GENERATOR, grown @ grown - np.eye(6))
        bracket = np.eye(3) + START.T @ integral @ START
        expected = grown @ START @ np.linalg.solve(bracket, START.T @ grown)
        np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


def test_differences_vs_the_equation():
    step = 1e-4
    before, now, after = grams(riccati_factors(GENERATOR, START, np.array([0.5 - step, 0.5, 0.5 + step])))
    slope = GENERATOR @ now + now @ GENERATOR - now @ now
    # Central differences: the third derivative is of order 100 here.
    np.testing.assert_allclose((after - before) / (2 * step), slope, atol=1e-5)


def test_eigenvalues_zero_need_no_inverse():
    generator = np.diag([0.0, 1.0])
    start = np.array([[0.5], [0.0]])
    # m' = - m^2: m = 1 / (t + 1 / m_0).
    found = grams(riccati_factors(generator, start, np.array([3.0])))[0]
    np.testing.assert_allclose(found, np.diag([1 / (3 + 4), 0.0]), atol=1e-15)


def test_long_flows_end_at_the_largest_invariant_subspace():
    # The end is F restricted to the eigenvectors of its three largest eigenvalues, doubled.
    values, vectors = np.linalg.eigh(GENERATOR)
    kept = np.argsort(values)[-3:]
    positive = kept[values[kept] > 0]
    end = 2 * vectors[:, positive] * values[positive] @ vectors[:, positive].T
    found = grams(riccati_factors(GENERATOR, 1e-8 * START, np.array([2000.0])))[0]
    np.testing.assert_allclose(found, end, atol=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="must be symmetric"):
        riccati_factors(DRAWN, START, TIMES)
    with pytest.raises(ValueError, match="times must increase"):
        riccati_factors(GENERATOR, START, TIMES[::-1])
