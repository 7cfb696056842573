"""The one place that switches JAX to float64: for measurements only, and only while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def float64() -> Iterator[None]:
    """Arrays are float64 inside, and float32 matrix products keep float32 accuracy (no TF32).

    The settings belong to this context and this thread: the global configuration of JAX, which is the
    user's, stays as it is.
    """
    import jax

    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield
