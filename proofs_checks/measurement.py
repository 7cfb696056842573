"""Running an experiment on a range of seeds: the only place where values come from."""

from __future__ import annotations

import contextlib
import sys
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

        Raises InvalidMeasurement, with the cause, for an exception, a wrong shape, a wrong type or values
        that are not finite.
        """
        everything = slice(None)
        try:
            raw = self._raw(stream, start, stop, everything)
        except Exception as error:
            raise InvalidMeasurement(_cause(error)) from error
        values = _checked(raw, stop - start, self._columns)
        lost = np.flatnonzero(~np.all(np.isfinite(values), axis=1))
        if lost.size:
            since = self._step_of_loss(stream, start, stop, lost)
            raise InvalidMeasurement(
                f"{lost.size} of {len(values)} values are not finite (NaN or infinite){since}"
            )
        return values

    def _raw(self, stream: Stream, start: int, stop: int, chosen: Any) -> Any:
        if isinstance(self._experiment, OnHost):
            seeds = np.array(host_seeds(stream, start, stop))[chosen].tolist()
            return [self._experiment.function(seed, **self._parameters) for seed in seeds]
        from numerics.ensembles import map_seeds

        keys = seed_range(stream, start, stop)[chosen]
        if isinstance(self._experiment, Batched):
            return self._experiment.function(keys, **self._parameters)
        assert self._function is not None
        return map_seeds(self._function, keys)

    def _step_of_loss(self, stream: Stream, start: int, stop: int, lost: NDArray[np.intp]) -> str:
        """From which step on trainings are not finite: those of the lost seeds are run once more."""
        if "numerics.training" not in sys.modules:  # then nothing was trained with it
            return ""
        from numerics.training import divergences

        with divergences() as steps, contextlib.suppress(Exception):
            self._raw(stream, start, stop, lost)
        return f", their training from step {min(steps)} on" if steps else ""


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
        return f"out of memory: {text or 'the experiment asked for more than there is'}"
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
    if found.dtype.kind == "f" and found.dtype.itemsize < 8:
        raise InvalidMeasurement(
            f"the values are {found.dtype}: verdicts are computed in float64, so measure in float64"
        )
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
