"""The embedding principle on trial: inertias of wider networks, and a line of minima that holds training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Rational

from proofs_checks.certified_minima import embedding
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Number, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.landscape import embedding_principle as theorem

_BUDGET = Identity()
_DENOMINATOR = 97
_SEEDS, _CONTROL_SEEDS = 16, 4
_LINE_SEEDS = 4


def claims(
    profile: Profile,
    points: int = theorem.DEFAULT_POINTS,
    steepness: int = theorem.DEFAULT_STEEPNESS,
    share: Rational = theorem.DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> tuple[Claim, ...]:
    """Claims on random tanh networks with made critical points and on the certified line, and controls."""
    certificate = {"radius": str(radius), "precision": precision}
    line = {"points": points, "steepness": steepness, "share": float(share), **certificate}
    return (*_split(profile), *_added(profile), *_line(profile, line))


def _claim(
    profile: Profile,
    name: str,
    says: str,
    experiment: Callable[..., Any],
    predicted: Number,
    margin: float = 0.0,
    parameters: Mapping[str, Any] | None = None,
) -> Claim:
    point = Point(parameters or {}, predicted, margin=margin)
    return Claim(name, says, _BUDGET, on_host(experiment), (point,), profile.scale(_SEEDS))


def _control(claim: Claim, profile: Profile, name: str, reason: str, **changed: object) -> Claim:
    """The same claim with one thing changed in the problem."""
    (point,) = claim.grid
    other = replace(point, parameters={**point.parameters, **changed})
    return replace(
        claim,
        name=name,
        grid=(other,),
        seeds=profile.scale(_CONTROL_SEEDS),
        expected="refuted",
        reason=reason,
        closed_forms=(),
    )


def _split(profile: Profile) -> tuple[Claim, ...]:
    critical = _claim(
        profile,
        "split is critical",
        r"the largest slope of the split network, for random $\delta$, in units of rounding",
        embedding.split_gradient,
        0.0,
        margin=1.0,
    )
    inertia = _claim(
        profile,
        "inertia of the split",
        r"negative, zero and positive eigenvalues gained, less those of $\delta (1 - \delta) B$: one zero",
        embedding.split_inertia,
        (0.0, 1.0, 0.0),
    )
    return (
        critical,
        inertia,
        _bending(profile),
        _control(
            critical,
            profile,
            "another sum",
            "with output weights that sum to 1.1 times $a$ the output changes, and so do all slopes",
            total=1.1,
        ),
        _control(
            inertia,
            profile,
            "the opposite sign",
            r"three eigenvalues of $-\delta (1 - \delta) B$ never have as many signs of each kind",
            opposite=True,
        ),
    )


def _bending(profile: Profile) -> Claim:
    claim = _claim(
        profile,
        "curvature of the split",
        r"the split network's Hessian along $u$, less $\delta (1 - \delta) u^T B u$, in units of rounding",
        embedding.bending_residual,
        0.0,
        margin=1.0,
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(embedding.bending_residual, form=other)))

    form = ClosedForm("factor of B", theorem.split_factor(), {"any share": _any_share}, restate)
    return replace(claim, closed_forms=(form,))


def _any_share(random: Random) -> dict[Any, Rational]:
    return {theorem.delta: Rational(random.randint(-_DENOMINATOR, 2 * _DENOMINATOR), _DENOMINATOR)}


def _added(profile: Profile) -> tuple[Claim, ...]:
    critical = _claim(
        profile,
        "added unit is critical",
        "the largest slope of a network with a further unit of weights 0, in units of rounding",
        embedding.added_gradient,
        0.0,
        margin=1.0,
    )
    inertia = _claim(
        profile,
        "inertia of an added unit",
        "negative, zero and positive eigenvalues gained: 1, $d - 1$ and 1 with $d = 3$ inputs",
        embedding.added_inertia,
        (1.0, float(embedding.INPUTS - 1), 1.0),
    )
    return (
        critical,
        inertia,
        _control(
            critical,
            profile,
            "added unit with weights",
            r"a unit $(w, 0)$ with $w \ne 0$ has an output of its own, and its output weight a slope",
            zero=False,
        ),
        _control(
            inertia,
            profile,
            "residuals orthogonal to the inputs",
            r"then $c = \sigma'(0) \sum \ell' x = 0$, and all four eigenvalues gained are 0",
            orthogonal=True,
        ),
    )


def _line(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    trapped = replace(
        _claim(
            profile,
            "line of minima",
            r"descent from near the split of the certified unit, $\delta > 1$, ends at its loss: "
            "difference in units of what the last gradient grants",
            embedding.line_residual,
            0.0,
            margin=1.0,
            parameters=setting,
        ),
        seeds=profile.scale(_LINE_SEEDS),
    )
    return (
        trapped,
        _control(
            trapped,
            profile,
            "between 0 and 1",
            r"for $\delta = 1 / 2$ the split is a strict saddle, and descent leaves it",
            share=0.5,
        ),
    )
