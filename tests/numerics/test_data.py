import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.data import (
    MissingDatasetsError,
    circle,
    diabetes,
    digits,
    gaussian_teacher,
    sphere,
    standardize,
)


def test_digits_are_one_hot_and_standardized():
    data = digits()
    assert data.inputs.shape == (1797, 64)
    assert data.targets.shape == (1797, 10)
    np.testing.assert_array_equal(np.asarray(data.targets).sum(axis=1), 1.0)
    constant = np.ptp(np.asarray(digits("none").inputs), axis=0) == 0
    assert constant.sum() == 3  # the pixels that are blank in every image
    np.testing.assert_allclose(np.asarray(data.inputs).mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(
        (np.asarray(data.inputs) ** 2).mean(axis=0), np.where(constant, 0.0, 1.0), atol=1e-12
    )


def test_diabetes_raw_and_standardized():
    raw, scaled = diabetes("none"), diabetes()
    assert raw.inputs.shape == (442, 10)
    assert raw.targets.shape == (442, 1)
    assert (float(raw.targets.min()), float(raw.targets.max())) == (25.0, 346.0)
    np.testing.assert_allclose(np.asarray(scaled.targets).std(), 1.0, rtol=1e-13)
    # Standardization is affine: correlations with the target survive.
    for column in range(10):
        before = np.corrcoef(raw.inputs[:, column], raw.targets[:, 0])[0, 1]
        after = np.corrcoef(scaled.inputs[:, column], scaled.targets[:, 0])[0, 1]
        assert before == pytest.approx(after, abs=1e-13)


def test_centering_keeps_the_scale():
    values = jnp.array([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_array_equal(standardize(values, "center"), [[-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(standardize(values), [[-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(standardize(4 * values), [[-1.0, 0.0], [1.0, 0.0]])


def test_missing_scikit_learn_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDatasetsError, match=r"pip install 'provenet\[data\]'"):
        digits()


def test_sphere_and_circle_have_their_radius():
    points = sphere(jax.random.key(0), 2000, 3, radius=2.0)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2.0, rtol=1e-15 * 10)
    # Uniform on the sphere of radius 2: covariance 4/3 I; each entry's standard error is below 4/sqrt(n).
    np.testing.assert_allclose(np.cov(points.T), 4 / 3 * np.eye(3), atol=4.5 * 4 / 2000**0.5)
    ring = circle(6, radius=2.0, phase=0.1)
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 2.0, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(ring - jnp.roll(ring, 1, axis=0), axis=1), 2.0, rtol=1e-14)


def test_gaussian_teacher_with_and_without_noise():
    clean = gaussian_teacher(jax.random.key(0), lambda x: x[:1] ** 2, 4000, 2)
    noisy = gaussian_teacher(jax.random.key(0), lambda x: x[:1] ** 2, 4000, 2, noise=0.5)
    np.testing.assert_array_equal(clean.targets[:, 0], clean.inputs[:, 0] ** 2)
    np.testing.assert_array_equal(clean.inputs, noisy.inputs)
    # A variance of 4000 normals has relative standard error sqrt(2/4000).
    assert abs(float((noisy.targets - clean.targets).var()) / 0.25 - 1) < 4.5 * (2 / 4000) ** 0.5
