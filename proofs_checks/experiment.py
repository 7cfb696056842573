"""Three kinds of experiment: JAX function of one key, host function of one seed, batched function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = float | Sequence[float]


@dataclass(frozen=True)
class OnHost:
    """An experiment in plain Python: ``function(seed, **parameters)`` gives a number or k numbers."""

    function: Callable[..., Any]


@dataclass(frozen=True)
class Batched:
    """Maps over seeds itself: ``function(keys, **parameters)`` gives (count,) or (count, k)."""

    function: Callable[..., Any]


Experiment: TypeAlias = Callable[..., Any] | OnHost | Batched


def on_host(function: Callable[..., Any]) -> OnHost:
    """Declare ``function(seed: int, **parameters)`` to be plain Python: exact arithmetic, certification.

    It is called once for each seed and returns a float or a sequence of k floats.
    """
    return OnHost(function)


def batched(function: Callable[..., Any]) -> Batched:
    """Declare ``function(keys, **parameters)`` to treat all keys at once: (count,) or (count, k) values."""
    return Batched(function)


def name_of(experiment: Experiment) -> str:
    """Module and qualified name, for messages and certificates."""
    function = experiment.function if isinstance(experiment, OnHost | Batched) else experiment
    function = getattr(function, "func", function)
    qualified = getattr(function, "__qualname__", type(function).__name__)
    return f"{getattr(function, '__module__', '')}.{qualified}"
