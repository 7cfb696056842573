"""What every comparator offers, and the numbers it decides with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Summary = Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """What theory says about one component: the prediction, what it grants, what must not slip through.

    ``upper`` is None unless the prediction is an interval [predicted, upper].
    """

    predicted: float
    margin: float
    resolution: float
    upper: float | None = None


@dataclass(frozen=True)
class Levels:
    """The error rates of one check, fixed before the first sample.

    A refutation needs a rejection with the same sign in ``stages`` independent seed sets at one of ``looks``
    looks: its probability under the null is at most ``2 looks a**stages``, so each seed set is tested at
    ``a = (nominal_alpha / (2 looks)) ** (1 / stages)``.

    alpha
        Declared probability of a false refutation.
    nominal_alpha
        What the tests are run at: a quarter of it, since a seed set's tail may exceed its nominal level by
        8e-4 / 5e-4, and 1.6**3 is about 4. ``benchmarks/judge_levels.py`` measures the excess, and names
        distributions (rare far components) for which it is larger and alpha does not hold.
    beta
        Declared probability of a false support, shared out over the looks.
    """

    alpha: float = 1e-9
    nominal_alpha: float = 2.5e-10
    beta: float = 1e-2
    looks: int = 4
    stages: int = 3

    @property
    def stage_level(self) -> float:
        return float((self.nominal_alpha / (2 * self.looks)) ** (1 / self.stages))

    @property
    def support_level(self) -> float:
        return self.beta / self.looks


@runtime_checkable
class Comparator(Protocol):
    """How values are compared with a prediction.

    The judge summarizes the values of one component and one seed set into a few numbers, then asks whether
    they reject the prediction (+1: too large, -1: too small, 0: no) and whether they support it. Only the
    summary enters a decision, and the certificate keeps it.
    """

    @property
    def name(self) -> str: ...

    @property
    def looks(self) -> int:
        """How often the judge may look; 1 for deterministic comparisons."""
        ...

    @property
    def stages(self) -> int:
        """Independent seed sets that must agree to refute; 1 where one counterexample disproves."""
        ...

    @property
    def columns(self) -> int:
        """How many columns of the measured values make one check."""
        ...

    def targets(
        self,
        predicted: tuple[float, ...],
        margin: tuple[float, ...],
        resolution: tuple[float, ...] | None,
    ) -> tuple[Target, ...]:
        """One target for each check; raises InputError where the numbers make no testable claim."""
        ...

    def summarize(self, values: Values, target: Target, parameters: Mapping[str, Any]) -> Summary: ...

    def invalid(self, summary: Summary, target: Target) -> str | None:
        """Why these values are no measurement, or None."""
        ...

    def rejects(self, summary: Summary, target: Target, levels: Levels) -> int: ...

    def supports(self, summary: Summary, target: Target, levels: Levels) -> bool: ...

    def figures(self, summary: Summary, target: Target) -> str:
        """What was found beside what was predicted, for the cause of a verdict."""
        ...

    def hesitates(self, summary: Summary, target: Target, levels: Levels) -> str:
        """Why neither was shown: the cause of an undecided verdict."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name and options as JSON values, for the sealed design."""
        ...
