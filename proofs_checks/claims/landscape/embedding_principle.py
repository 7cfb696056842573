"""The embedding principle on trial: exact and trained networks in wider ones, and a line of minima."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Number, Point
from proofs_checks.comparators import Identity
from proofs_checks.embeddings import exact, line, trained
from proofs_checks.embeddings.exact import COPIED, JOINED, NARROW, Forms
from proofs_checks.experiment import on_host
from proofs_checks.profile import Profile
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.embeddings import counts
from theory.embeddings.copies import d, m
from theory.landscape import embedding_principle as theorem

_BUDGET = Identity()
_SEEDS, _CONTROL_SEEDS = 3, 1
_LARGEST_COUNT = 6
_OTHER_SUM = "11/10"
_SIGNS = "negative", "zero", "positive"
_SUM = "with output weights of sum 1.1 times $v$ the output changes, and so do the residuals"

Case = dict[str, Any]


def claims(
    profile: Profile,
    outputs: int = theorem.DEFAULT_OUTPUTS,
    copies: tuple[Rational, ...] = theorem.DEFAULT_COPIES,
    points: int = theorem.DEFAULT_POINTS,
    steepness: int = theorem.DEFAULT_STEEPNESS,
    share: Rational = theorem.DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> tuple[Claim, ...]:
    """Exact claims on rational networks, claims on trained tanh networks, the certified line, and "
    "controls."""
    case = {"outputs": outputs, "copies": [str(share) for share in copies]}
    setting = {"points": points, "steepness": steepness, "share": float(share)}
    compiled = {"outputs": outputs, "units": len(copies) + NARROW}
    certificate = {"radius": str(radius), "precision": precision}
    return (
        *_unchanged(profile, case),
        *_carried(profile, case),
        *_counted(profile, case),
        *_trained(profile, case),
        *_line(profile, setting | certificate | compiled),
    )


def _claim(
    profile: Profile,
    name: str,
    says: str,
    experiment: Callable[..., Any],
    predicted: Number,
    case: Mapping[str, Any],
    margin: Number = 0.0,
) -> Claim:
    point = Point(case, predicted, margin=margin)
    return Claim(name, says, _BUDGET, on_host(experiment), (point,), profile.scale(_SEEDS))


def _control(claim: Claim, profile: Profile, name: str, reason: str, **changed: object) -> Claim:
    """The same claim at its first grid point with one thing changed in the problem."""
    point = claim.grid[0]
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


def _unchanged(profile: Profile, case: Case) -> tuple[Claim, ...]:
    claim = _claim(
        profile,
        "critical in the wide network",
        "rational critical networks whose units are copied, and joined by $(0, 0)$: how many have another "
        "output or a slope, exactly",
        exact.slope_exceptions,
        0.0,
        case,
    )
    controls = [
        _control(claim, profile, "another sum", _SUM, total=_OTHER_SUM),
        _control(
            claim,
            profile,
            "added unit with weights",
            r"a unit $(w, 0)$ with $w \ne 0$ has an output of its own, and its output weights a slope",
            silent=False,
        ),
    ]
    if case["outputs"] > 1:
        reason = r"output weights $R v$ and $v - R v$ keep the output, but $C R v \ne 0$ is the slope of $w$"
        controls.append(_control(claim, profile, "copies of other directions", reason, turn=True))
    return (claim, *controls)


def _carried(profile: Profile, case: Case) -> tuple[Claim, ...]:
    claim = _claim(
        profile,
        "embedding carries gradient and Hessian",
        r"rational networks, critical or not: how many violate $A^T T = I$, $\nabla L_{wide} = A \nabla L$, "
        r"$H T = A h$ or $\mathrm{In}(H) = \mathrm{In}(h) + \mathrm{In}(Z^T H Z)$, exactly",
        exact.carrying_exceptions,
        0.0,
        case,
    )
    return claim, _control(claim, profile, "carried with another sum", _SUM, total=_OTHER_SUM)


def _counted(profile: Profile, case: Case) -> tuple[Claim, ...]:
    claim = _restated(profile, case, COPIED, JOINED)
    forms = [
        ClosedForm(
            f"{sign} of copies",
            form,
            {"any copies": _any_copies},
            lambda other, place=place: _restated(profile, case, _with(COPIED, place, other), JOINED),  # type: ignore[misc]
        )
        for place, (sign, form) in enumerate(zip(_SIGNS, COPIED, strict=True))
    ] + [
        ClosedForm(
            f"{sign} of added units",
            form,
            {"any units": _any_units},
            lambda other, place=place: _restated(profile, case, COPIED, _with(JOINED, place, other)),  # type: ignore[misc]
        )
        for place, (sign, form) in enumerate(zip(_SIGNS, JOINED, strict=True))
    ]
    claim = replace(claim, closed_forms=tuple(forms))
    controls = [
        _control(claim, profile, "counts with another sum", _SUM, total=_OTHER_SUM),
        _control(
            claim,
            profile,
            "counts without C",
            r"the inertia of $B$ alone misses $r$ negative and $r$ positive eigenvalues a copy where $C \ne "
            "0$: with several outputs, and at weights that are not critical",
            coupled=False,
        ),
    ]
    return (claim, *controls)


def _restated(profile: Profile, case: Case, copied: Forms, joined: Forms) -> Claim:
    """At the given number of outputs, and with one output more: else m cannot be told from a constant."""
    claim = _claim(
        profile,
        "exact inertia",
        "rational networks, critical or not, embedded: how many have an exact Hessian, by its "
        "characteristic polynomial, that gains other numbers of negative, zero and positive eigenvalues",
        partial(exact.count_exceptions, copied=copied, joined=joined),
        0.0,
        case,
    )
    more = {**case, "outputs": case["outputs"] + 1}
    return replace(claim, grid=(*claim.grid, Point(more, 0.0)))


def _with(forms: Forms, place: int, other: Expr) -> Forms:
    first, second, third = (other if place == k else form for k, form in enumerate(forms))
    return first, second, third


def _any_copies(random: Random) -> dict[Any, Rational]:
    """At least one positive weight, and r below m."""
    letters = (counts.k_n, counts.k_0, counts.b_n, counts.b_0, counts.b_p, counts.rank)
    drawn = {letter: Integer(random.randint(0, _LARGEST_COUNT)) for letter in letters}
    return drawn | {
        counts.k_p: Integer(random.randint(1, _LARGEST_COUNT)),
        m: drawn[counts.rank] + random.randint(1, _LARGEST_COUNT),
    }


def _any_units(random: Random) -> dict[Any, Rational]:
    """c is at most d and m."""
    coupling = random.randint(0, _LARGEST_COUNT)
    sizes = {letter: Integer(coupling + random.randint(0, _LARGEST_COUNT)) for letter in (d, m)}
    return sizes | {
        counts.coupling: Integer(coupling),
        counts.added: Integer(random.randint(0, _LARGEST_COUNT)),
    }


def _trained(profile: Profile, case: Case) -> tuple[Claim, ...]:
    """One claim, so that each network is trained once: rounding for the slope, and exact counts."""
    claim = _claim(
        profile,
        "trained network",
        "a trained and polished tanh network embedded: the largest slope, and change of the output, in "
        "units of rounding; negative, zero and positive eigenvalues gained, in float64 where the signs of "
        "the narrow network are clear, less the closed forms",
        trained.embedded,
        (0.0, 0.0, 0.0, 0.0),
        case,
        margin=(1.0, 0.0, 0.0, 0.0),
    )
    reason = f"{_SUM}: there are slopes, $C$ has full rank, and zeros split into signs"
    return claim, _control(claim, profile, "trained, another sum", reason, total=_OTHER_SUM)


def _line(profile: Profile, setting: Case) -> tuple[Claim, ...]:
    trapped = _claim(
        profile,
        "line of minima",
        r"descent from near the split of the certified unit, $\delta > 1$, ends at its loss: difference in "
        "units of what the last gradient grants",
        line.residual,
        0.0,
        setting,
        margin=1.0,
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
