"""Claim: a statement joined to a way of observing it, a grid, an error budget and the expected verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeAlias, get_args

from proofs_checks.challenge import Attack, ClosedForm
from proofs_checks.comparators.protocol import Comparator, Target
from proofs_checks.experiment import Experiment
from theory.errors import InputError

Expected = Literal["supported", "refuted"]
Number: TypeAlias = float | tuple[float, ...]


def _tuple(name: str, number: Any, count: int | None = None) -> tuple[float, ...]:
    """A tuple of finite floats; one number stands for all ``count`` components."""
    try:
        values = tuple(float(value) for value in number) if hasattr(number, "__len__") else (float(number),)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a number or a tuple of numbers, got {number!r}") from error
    if len(values) == 1 and count is not None:
        values = values * count
    if not values or (count is not None and len(values) != count):
        raise InputError(f"{name} has {len(values)} components, the prediction has {count}")
    if not all(map(isfinite, values)):
        raise InputError(f"{name} must be finite, got {number!r}")
    return values


def json_value(name: str, value: Any) -> Any:
    """The value as JSON knows it (tuples become lists); raises InputError where it is no JSON value."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: json_value(f"{name}[{key!r}]", one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(name, one) for one in value]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return json_value(name, value.item())
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value)):
        return value
    raise InputError(
        f"{name} must be a finite number, a text, or lists and mappings of these, got {value!r:.80}"
    )


@dataclass(frozen=True)
class Point:
    """One grid point: keyword arguments of the experiment, and what theory says it will give.

    parameters
        JSON values (numbers, strings, booleans, lists, mappings), passed on to the experiment.
    predicted
        A number, or k numbers that the experiment measures on the same seeds (k checks).
    margin
        delta >= 0, absolute: the discrepancy that the theorem's own error term grants.
    resolution
        rho > 0, absolute: the smallest further discrepancy that must not slip through; by default 5 % of
        the absolute prediction (5 % of probability for bounds and distributions).
    """

    parameters: Mapping[str, Any]
    predicted: Number
    margin: Number = 0.0
    resolution: Number | None = None

    def __post_init__(self) -> None:
        json_value("parameters", self.parameters)
        predicted = _tuple("predicted", self.predicted)
        if min(_tuple("margin", self.margin, len(predicted))) < 0:
            raise InputError(f"margin must be at least 0, got {self.margin!r}")
        if self.resolution is not None and min(_tuple("resolution", self.resolution, len(predicted))) <= 0:
            raise InputError(f"resolution must be above 0, got {self.resolution!r}")

    @property
    def components(self) -> int:
        return len(_tuple("predicted", self.predicted))

    def targets(self, comparator: Comparator) -> tuple[Target, ...]:
        """The checks at this point; raises InputError where they are not testable."""
        predicted = _tuple("predicted", self.predicted)
        count = len(predicted)
        resolution = None if self.resolution is None else _tuple("resolution", self.resolution, count)
        return comparator.targets(predicted, _tuple("margin", self.margin, count), resolution)


@dataclass(frozen=True)
class Claim:
    """What is put on trial.

    name, statement
        A short name, unique within its theorem, and the claim in one sentence (LaTeX-ready prose).
    comparator, experiment, grid
        How values are compared, where they come from, at which points.
    seeds
        Seeds of one seed set at the first look; each further look doubles them.
    expected, reason
        A control is a claim with ``expected="refuted"``; ``reason`` names the one assumption that it
        breaks and why it fails.
    closed_forms, attack
        What the audit mutates, and how it climbs towards a violation; neither changes a verdict.
    """

    name: str
    statement: str
    comparator: Comparator
    experiment: Experiment
    grid: tuple[Point, ...]
    seeds: int
    expected: Expected = "supported"
    reason: str = ""
    closed_forms: tuple[ClosedForm, ...] = ()
    attack: Attack | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", tuple(self.grid))
        if not self.name or not self.grid:
            raise InputError(f"claim {self.name!r} needs a name and at least one grid point")
        if isinstance(self.seeds, bool) or not isinstance(self.seeds, int) or self.seeds < 1:
            raise InputError(f"claim {self.name!r}: seeds must be a positive integer, got {self.seeds!r}")
        if self.expected not in get_args(Expected):
            raise InputError(f"claim {self.name!r}: expected must be one of {get_args(Expected)}")
        if self.control and not self.reason:
            raise InputError(f"control {self.name!r} must give the reason why it fails")
        for point in self.grid:
            self._check(point)

    def _check(self, point: Point) -> None:
        try:
            point.targets(self.comparator)
        except InputError as error:
            raise InputError(f"claim {self.name!r}: {error}") from error

    @property
    def control(self) -> bool:
        """Whether the claim is expected to be refuted."""
        return self.expected == "refuted"

    @property
    def checks(self) -> int:
        """How many error slots the claim takes: one for each component of each grid point."""
        return sum(len(point.targets(self.comparator)) for point in self.grid)
