"""Real data that ship with scikit-learn, and synthetic data; nothing is ever downloaded."""

import importlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

Standardization = Literal["none", "center", "standardize"]


class Data(NamedTuple):
    """One row a datum."""

    inputs: Float[Array, "data inputs"]
    targets: Float[Array, "data outputs"]


class MissingDatasetsError(ImportError):
    """scikit-learn, whose bundled data sets are used, is not installed."""


def digits(standardization: Standardization = "standardize") -> Data:
    """Handwritten digits: 1797 images of 8 x 8 pixels, targets one-hot in R^10 (never standardized).

    Pixels that are constant over the data set are centered only. Raises MissingDatasetsError without
    scikit-learn. Source: UCI optical recognition of handwritten digits, test part.
    """
    bunch = _bundled("load_digits")
    classes = np.asarray(bunch.target)
    return Data(standardize(jnp.asarray(bunch.data, float), standardization), jnp.eye(10)[classes])


def diabetes(standardization: Standardization = "standardize") -> Data:
    """Disease progression of 442 patients from 10 measurements; the target is standardized as the inputs are.

    Raises MissingDatasetsError without scikit-learn. Source: Efron, Hastie, Johnstone and Tibshirani (2004).
    """
    bunch = _bundled("load_diabetes", scaled=False)
    inputs, targets = jnp.asarray(bunch.data, float), jnp.asarray(bunch.target, float)[:, None]
    return Data(standardize(inputs, standardization), standardize(targets, standardization))


def standardize(
    values: Float[Array, "data columns"], standardization: Standardization = "standardize"
) -> Float[Array, "data columns"]:
    """Columns with mean 0 (``center``), and also mean square 1 (``standardize``; constant columns give 0)."""
    if standardization == "none":
        return values
    centered = values - values.mean(axis=0)
    if standardization == "center":
        return centered
    constant = jnp.max(values, axis=0) == jnp.min(values, axis=0)
    return jnp.where(constant, 0.0, centered / jnp.where(constant, 1.0, centered.std(axis=0)))


def sphere(key: Key[Array, ""], count: int, dimension: int, radius: float = 1.0) -> Float[Array, "n d"]:
    """Independent points, uniform on the sphere of this radius in R^dimension."""
    normal = jax.random.normal(key, (count, dimension))
    return radius * normal / jnp.linalg.norm(normal, axis=1, keepdims=True)


def circle(count: int, radius: float = 1.0, phase: float = 0.0) -> Float[Array, "n 2"]:
    """Equidistant points on the circle, at the angles phase + 2 pi i / count."""
    angles = phase + 2 * jnp.pi * jnp.arange(count, dtype=float) / count
    return radius * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)


def gaussian_teacher(
    key: Key[Array, ""],
    teacher: Callable[[Array], Array],
    count: int,
    dimension: int,
    noise: float = 0.0,
) -> Data:
    """Inputs x ~ N(0, I), targets y = teacher(x) + noise xi, xi ~ N(0, I); the teacher maps (d,) to (k,)."""
    input_key, noise_key = jax.random.split(key)
    inputs = jax.random.normal(input_key, (count, dimension))
    clean = jax.vmap(teacher)(inputs)
    return Data(inputs, clean + noise * jax.random.normal(noise_key, clean.shape))


def _bundled(loader: str, **options: Any) -> Any:
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as missing:
        message = "scikit-learn is not installed; its bundled data sets need it: pip install 'provenet[data]'"
        raise MissingDatasetsError(message) from missing
    return getattr(datasets, loader)(**options)
