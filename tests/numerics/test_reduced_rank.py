"""Reduced-rank regression against least squares followed by an SVD of the fit."""

import numpy as np
import pytest

from numerics.reduced_rank import compress, explained_spectrum, tied_groups


def problem(seed=0, examples=40, inputs=6, outputs=4):
    random = np.random.default_rng(seed)
    return random.normal(size=(examples, inputs)), random.normal(size=(examples, outputs))


def test_best_rank_against_the_svd_of_the_least_squares_fit():
    x, y = problem()
    found = explained_spectrum(x, y)
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    left, values, right = np.linalg.svd(fit, full_matrices=False)
    assert found.singular_values == pytest.approx(values, rel=1e-12)
    for rank in range(5):
        W = found.coefficients[:, :rank] @ found.output_directions[:, :rank].T
        truncated = left[:, :rank] * values[:rank] @ right[:rank]
        assert np.allclose(x @ W, truncated, atol=1e-12)
        loss = np.sum((y - x @ W) ** 2)
        assert loss == pytest.approx(found.total - np.sum(values[:rank] ** 2), rel=1e-12)


def test_singular_values_are_within_the_stated_error_of_rational_ones():
    # X = diag, Y chosen so that P Y has singular values 3, 2 exactly, in longer and shorter data.
    x = np.vstack([np.diag([4.0, 0.5]), np.zeros((3, 2))])
    y = np.vstack([[[0.0, 3.0], [2.0, 0.0]], np.ones((3, 2))])
    found = explained_spectrum(x, y)
    assert np.abs(found.singular_values - [3, 2]).max() <= found.error
    assert found.condition == pytest.approx(8)
    assert found.total == pytest.approx(19)


@pytest.mark.parametrize("examples", [3, 8, 200])
def test_compressed_data_have_the_same_loss(examples):
    x, y = problem(1, examples)
    small_x, small_y = compress(x, y)
    assert len(small_x) <= 10
    W = np.random.default_rng(2).normal(size=(6, 4))
    assert np.sum((small_y - small_x @ W) ** 2) == pytest.approx(np.sum((y - x @ W) ** 2), rel=1e-12)


def test_dependent_and_constant_columns_lower_the_rank_only():
    x, y = problem(3)
    spoiled = np.hstack([x, x[:, :1] + x[:, 1:2], np.zeros((40, 1))])
    plain, found = explained_spectrum(x, y), explained_spectrum(spoiled, y)
    assert found.input_rank == plain.input_rank == 6
    assert found.singular_values == pytest.approx(plain.singular_values, rel=1e-10)


def test_no_inputs_at_all():
    found = explained_spectrum(np.zeros((5, 2)), np.ones((5, 3)))
    assert found.input_rank == 0
    assert found.singular_values.size == 0
    assert found.total == pytest.approx(15)


def test_ties_are_groups_within_twice_the_error():
    assert tied_groups(np.array([3.0, 3.0 - 1e-9, 2.0, 1.0, 1.0]), 1e-8).tolist() == [2, 1, 2]
    assert tied_groups(np.array([]), 1e-8).tolist() == []
