"""Attacks on bounds: gradient ascent on the measured number from many starts, and the best of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from proofs_checks.audit.ascent import Attacked, ascend
from proofs_checks.certificate import digest_of
from proofs_checks.challenge import Attack
from proofs_checks.claim import Claim, Point, json_value
from proofs_checks.comparators import Bound, Identity
from proofs_checks.comparators.protocol import Target
from proofs_checks.measurement import InvalidMeasurement, Measurement
from proofs_checks.precision import float64

STARTS = 64
STEPS = 300


@dataclass(frozen=True)
class Attempt:
    """The best attempt against one bound; the claim's own values count towards the twin only.

    claim, point, component
        Which number of which grid point.
    bound, twin
        predicted + margin, and tightness * predicted + margin (None for a claim without tightness).
    best, where
        The largest finite number found and the place where it was found, evaluated there once more;
        None where nothing was attacked, or nothing finite found.
    broken, twin_broken, vacuous
        Whether ``best`` exceeds the bound; whether ``best`` or a measured value exceeds the twin (None
        without a twin); whether neither does, so that the bound says nothing.
    reason
        Why the bound was not attacked, or why nothing came of it; empty otherwise.
    """

    claim: str
    point: int
    component: int
    bound: float
    best: float | None = None
    where: Any = None
    broken: bool = False
    twin: float | None = None
    twin_broken: bool | None = None
    reason: str = ""

    @property
    def attacked(self) -> bool:
        """Whether anything was tried."""
        return self.best is not None

    @property
    def vacuous(self) -> bool:
        """Whether the shrunk bound survives as well."""
        return self.twin_broken is False

    def to_dict(self) -> dict[str, Any]:
        """The attempt as JSON values."""
        return {**asdict(self), "attacked": self.attacked, "vacuous": self.vacuous}


def attack_claim(
    claim: Claim, seed: int = 0, starts: int = STARTS, steps: int = STEPS
) -> tuple[Attempt, ...]:
    """Try to break every bound of a claim; one attempt for each component of each grid point.

    Deterministic in ``seed``. Bounds that declare no attack, or allow violations, give an attempt that says
    so; an identity whose values are sizes in units of a budget is a bound, and is attacked if it declares
    how; other claims give no attempt.
    """
    comparator = claim.comparator
    if not isinstance(comparator, Bound):
        if not isinstance(comparator, Identity) or claim.attack is None:
            return ()
        comparator = Bound()
    with float64():
        return tuple(
            attempt
            for index, point in enumerate(claim.grid)
            for attempt in _attempts(claim, comparator, index, point, (seed, starts, steps))
        )


def _attempts(
    claim: Claim, comparator: Bound, index: int, point: Point, effort: tuple[int, int, int]
) -> list[Attempt]:
    """One for each component; an attack on one number is one on all components."""
    found: list[Attempt] = []
    for component, target in enumerate(point.targets(claim.comparator)):
        plain = Attempt(claim.name, index, component, target.predicted + target.margin)
        reason = _not_attacked(claim, comparator)
        if claim.attack is None or reason:
            attempt = replace(plain, reason=reason)
        elif found and not _several(claim.attack, point.parameters):
            attempt = replace(found[0], component=component, bound=plain.bound)
            attempt = replace(attempt, broken=attempt.best is not None and attempt.best > attempt.bound)
        else:
            attempt = _attacked(plain, claim.attack, point.parameters, effort)
        found.append(_with_twin(attempt, claim, comparator, target, effort[0]))
    return found


def _several(attack: Attack, parameters: Mapping[str, Any]) -> bool:
    """Whether the attack measures a number for each component."""
    place = attack.start(jax.random.key(0), **parameters)
    shape = jax.eval_shape(lambda place: jnp.ravel(attack.measured(place, **parameters)), place)
    return bool(shape.size > 1)


def _not_attacked(claim: Claim, comparator: Bound) -> str:
    if comparator.probability > 0:
        return "violations are allowed with some probability: one place disproves nothing"
    if claim.attack is not None:
        return ""
    if comparator.exhaustive:
        return "each value is itself a proof over a whole domain, and no attack is declared"
    return "no attack is declared"


def _attacked(
    plain: Attempt, attack: Attack, parameters: Mapping[str, Any], effort: tuple[int, int, int]
) -> Attempt:
    """The best of all starts and steps, projected and evaluated once more outside the loop."""
    seed, starts, steps = effort
    goal = _bound(attack, parameters, plain.component)
    words = digest_of([seed, plain.claim, plain.point, plain.component, dict(parameters)])
    key = jax.random.key(int(words[:8], 16))
    place = goal.project(ascend(goal, key, starts, steps))
    best = float(goal.measured(place))
    if not np.isfinite(best):
        return replace(plain, reason="nothing finite was measured from any start")
    where = json_value("where", jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), place))
    return replace(plain, best=best, where=where, broken=best > plain.bound)


def _bound(attack: Attack, parameters: Mapping[str, Any], component: int) -> Attacked:
    def measured(place: Any) -> jax.Array:
        return jnp.ravel(jnp.asarray(attack.measured(place, **parameters)))[component]

    return Attacked(measured, partial(attack.start, **parameters), partial(attack.project, **parameters))


def _with_twin(attempt: Attempt, claim: Claim, comparator: Bound, target: Target, seed: int) -> Attempt:
    """Whether the shrunk bound breaks, under the attack or else under the claim's own measurement."""
    if comparator.tightness is None:
        return attempt
    twin = comparator.tightness * target.predicted + target.margin
    broken = attempt.best is not None and attempt.best > twin
    broken = broken or _measured_largest(claim, attempt, seed) > twin
    return replace(attempt, twin=twin, twin_broken=broken)


def _measured_largest(claim: Claim, attempt: Attempt, seed: int) -> float:
    """The largest value of the first look at this point, on seeds of its own."""
    point = claim.grid[attempt.point]
    words = digest_of([seed, claim.name, attempt.point, "twin"])
    measurement = Measurement(claim.experiment, point.parameters, point.components)
    try:
        values = measurement.run((int(words[:8], 16), int(words[8:16], 16)), 0, claim.seeds)
    except InvalidMeasurement:
        return -np.inf
    return float(np.max(values[:, attempt.component]))
