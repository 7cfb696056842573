"""Moment matrices against rational ones, and least squares from them against QR within the error stated."""

from fractions import Fraction

import numpy as np
import pytest

from numerics import reduced_rank
from numerics.moments import BLOCK, exact_units, gamma, moments, regression
from numerics.reduced_rank import compress, explained_spectrum


def drawn(seed, examples, inputs, outputs=2):
    random = np.random.default_rng(seed)
    return random.normal(size=(examples, inputs)), random.normal(size=(examples, outputs))


def rational(left, right):
    return sum(Fraction(a) * Fraction(b) for a, b in zip(left, right, strict=True))


def test_rounding_of_moments_is_within_its_bound_of_exact_sums():
    x, y = drawn(0, BLOCK + 300, 3)
    found = moments(x, y)
    for i in range(3):
        for j in range(3):
            exact = rational(x[:, i].tolist(), x[:, j].tolist())
            allowed = found.roundings * np.linalg.norm(x[:, i]) * np.linalg.norm(x[:, j])
            assert abs(Fraction(float(found.inputs[i, j])) - exact) <= allowed
    assert found.cross == pytest.approx(x.T @ y, rel=1e-12)
    assert found.total == pytest.approx(np.sum(y**2), rel=1e-12)
    assert gamma(2) == pytest.approx(2.0**-52, rel=1e-12)


@pytest.mark.parametrize(
    ("matrix", "unit"),
    [
        (np.array([[3.0, -7.0]]), 1.0),
        (np.zeros((4, 2)), 1.0),
        (np.full((3, 2), 1 / 3), None),
        (np.array([[2.0**60], [2.0**60 + 2.0**20]]), None),
        (np.array([[1e-300]]), None),
    ],
)
def test_units_of_exact_moments(matrix, unit):
    assert exact_units(matrix) == unit


@pytest.mark.parametrize("scale", [2.0**-9, 2.0**30])
def test_fractions_have_a_unit_and_their_moments_are_exact(scale):
    random = np.random.default_rng(1)
    x = random.integers(-1000, 1000, size=(50, 3)) * scale
    unit = exact_units(x)
    assert np.array_equal(x / unit, np.rint(x / unit))
    exact = rational(x[:, 0].tolist(), x[:, 1].tolist())
    assert Fraction(float(moments(x, x).inputs[0, 1])) == exact


@pytest.mark.parametrize("spread", [1.0, 1e3])
def test_least_squares_from_moments_is_within_its_error_of_qr(spread, monkeypatch):
    x, y = drawn(2, 3000, 12, 3)
    x = x * np.geomspace(1, spread, 12)
    x[:, 1] += 0.9 * x[:, 0]
    expected = explained_spectrum(x, y)
    monkeypatch.setattr(reduced_rank, "_MANY", 0)
    found = explained_spectrum(x, y)
    assert found.error != expected.error  # it went the other way
    assert np.abs(found.singular_values - expected.singular_values).max() <= found.error + expected.error
    fitted, wanted = (one.coefficients @ one.output_directions.T for one in (found, expected))
    assert fitted == pytest.approx(wanted, rel=1e-8, abs=1e-12)
    assert (found.input_rank, found.total) == (12, pytest.approx(expected.total))
    assert found.smallest == pytest.approx(expected.smallest, rel=0.5)
    assert found.smallest <= expected.smallest * (1 + 1e-9)


def test_poor_conditioning_is_refused_and_qr_takes_over(monkeypatch):
    x, y = drawn(3, 2000, 4)
    x[:, 3] = x[:, 2] + 1e-7 * x[:, 1]
    assert regression(moments(x, y)) is None
    expected = explained_spectrum(x, y)
    monkeypatch.setattr(reduced_rank, "_MANY", 0)
    assert explained_spectrum(x, y).error == expected.error
    assert regression(moments(np.zeros((5, 2)), y[:5])) is None


def test_blocks_of_tall_data_have_the_same_triangle():
    x, y = drawn(4, reduced_rank._ROWS + 500, 3)
    small_x, small_y = compress(x, y)
    joined, small = np.hstack([x, y]), np.hstack([small_x, small_y])
    assert small.shape == (5, 5)
    assert small.T @ small == pytest.approx(joined.T @ joined, rel=1e-10, abs=1e-9)


def test_directions_below_the_cutoff_are_absent():
    x, y = drawn(5, 40, 4)
    x[:, 3] *= 1e-3
    assert explained_spectrum(x, y).input_rank == 4
    assert explained_spectrum(x, y, cutoff=0.1).input_rank == 3
