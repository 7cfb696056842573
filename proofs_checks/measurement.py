"""Running an experiment on a range of seeds: the only place where values come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.experiment import Batched, Experiment, OnHost

Values = NDArray[np.float64]
Stream = tuple[int, int]

# Odd and prime to 2**32, so that the host seeds of one stream are distinct (Knuth's multiplicative hash).
_STRIDE = 2654435761


_KEYS_AT_ONCE = 256


class InvalidMeasurement(Exception):
    """What was returned cannot decide anything; the message is the cause of the verdict."""


class Measurement:
    """One experiment at one grid point; ``columns`` numbers are expected for each seed."""

    def __init__(self, experiment: Experiment, parameters: Mapping[str, Any], columns: int) -> None:
        self._experiment = experiment
        self._parameters = dict(parameters)
        self._columns = columns
        # One object for all looks: the compiled program belongs to it.
        self._function = None if isinstance(experiment, OnHost | Batched) else _bind(experiment, parameters)

    def run(self, stream: Stream, start: int, stop: int) -> Values:
        """Values (stop - start, columns) for the seeds ``start``, ..., ``stop - 1`` of a stream.

        Raises InvalidMeasurement, with the cause, for an exception, a wrong shape or a wrong type.
        """
        try:
            raw = self._raw(stream, start, stop)
        except Exception as error:
            raise InvalidMeasurement(_cause(error)) from error
        return _checked(raw, stop - start, self._columns)

    def _raw(self, stream: Stream, start: int, stop: int) -> Any:
        if isinstance(self._experiment, OnHost):
            seeds = host_seeds(stream, start, stop)
            return [self._experiment.function(seed, **self._parameters) for seed in seeds]
        from numerics.ensembles import map_seeds

        keys = seed_range(stream, start, stop)
        if isinstance(self._experiment, Batched):
            return self._experiment.function(keys, **self._parameters)
        assert self._function is not None
        return map_seeds(self._function, keys)


def host_seeds(stream: Stream, start: int, stop: int) -> list[int]:
    """Distinct integers in [0, 2**32), the range that every generator of random numbers takes."""
    return [(stream[0] ^ stream[1]) + index * _STRIDE & 0xFFFFFFFF for index in range(start, stop)]


def seed_range(stream: Stream, start: int, stop: int) -> Any:
    """The JAX keys ``start``, ..., ``stop - 1`` of a stream.

    Drawn in blocks of one size: every new number of keys would compile anew, for a second or more.
    """
    import jax
    import jax.numpy as jnp

    from numerics.ensembles import seed_keys

    blocks = range(start, stop, _KEYS_AT_ONCE)
    drawn = [seed_keys(*stream, count=_KEYS_AT_ONCE, start=first) for first in blocks]
    words = np.concatenate([np.asarray(jax.random.key_data(keys)) for keys in drawn])
    return jax.random.wrap_key_data(jnp.asarray(words[: stop - start]), impl="threefry2x32")


def _bind(experiment: Any, parameters: Mapping[str, Any]) -> Any:
    return partial(experiment, **parameters)


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower():
        return f"out of memory: {text}"
    return f"the experiment raised {type(error).__name__}: {text}"


def _checked(raw: Any, count: int, columns: int) -> Values:
    if isinstance(raw, tuple):  # a function of one key that returns (a, b) arrives as two stacked arrays
        raw = _stacked(raw)
    try:
        found = np.asarray(raw)
    except ValueError as error:
        raise InvalidMeasurement(f"the values of the seeds differ in shape: {error}") from error
    if found.dtype.kind not in "biuf":
        raise InvalidMeasurement(f"the values must be real numbers, got {found.dtype}")
    shapes = ((count, columns), (count,)) if columns == 1 else ((count, columns),)
    if found.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise InvalidMeasurement(f"wrong shape {found.shape} for {count} seeds: {wanted} is expected")
    return found.astype(np.float64).reshape(count, columns)


def _stacked(parts: tuple[Any, ...]) -> Any:
    arrays = [np.asarray(part) for part in parts]
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
        raise InvalidMeasurement(
            f"wrong shapes {[array.shape for array in arrays]}: one number per seed each"
        )
    return np.stack(arrays, axis=1)
