"""Strict and non-strict saddles of linear networks, on trial: exact Hessians, and where training pauses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.claims.linear_networks.hessian_index import cases, pause_indices, trained_widths
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_landscape import deep_exact, deep_trained, descent
from proofs_checks.linear_landscape.deep_exact import Rule
from proofs_checks.profile import Profile
from theory.linear_landscape import deep_counts, descent_curves

Widths = tuple[int, ...]

TRAINED_LAYERS = 3  # the fewest with non-strict saddles; more need longer runs

_BUDGET = Identity()


def claims(profile: Profile, widths: Widths = (4, 3, 3, 3)) -> tuple[Claim, ...]:
    """Claims and controls at the depth of ``widths``; exact Hessians at widths cut as for the index."""
    return (
        _kinds(profile, widths),
        _pivots(profile, widths),
        _pauses(profile, widths),
        *_curves(profile, widths),
        *_controls(profile, widths),
    )


def _kinds(profile: Profile, widths: Widths) -> Claim:
    return Claim(
        "strict where a pivot is open",
        "the exact Hessian has a negative eigenvalue where a larger eigenvalue is not chosen or a pivot is "
        "not tightened, and nowhere else: number of exceptions",
        _BUDGET,
        on_host(partial(deep_exact.misclassified, rule="pivots")),
        tuple(Point(case, 0.0) for case in cases(widths)),
        profile.scale(1),
    )


def _pivots(profile: Profile, widths: Widths) -> Claim:
    layers = len(widths) - 1
    most = int(deep_counts.most(layers))

    def claim(untightened: Expr) -> Claim:
        experiment = partial(deep_exact.pivot_exceptions, untightened=untightened, most=most)
        return Claim(
            "sum over pivots",
            "from exact ranks: it counts the pairs of layers whose entries multiply, over the strings that "
            "the point was built from, and bounds the index beyond inv(S) both ways: 1 if it does not",
            _BUDGET,
            on_host(experiment),
            tuple(Point(case, 0.0) for case in cases(widths)[::2]),  # with ties nothing changes here
            profile.scale(1),
        )

    form = deep_counts.untightened(layers)
    return replace(claim(form), closed_forms=(ClosedForm("sum", form, deep_exact.regimes(layers), claim),))


def _pauses(profile: Profile, widths: Widths) -> Claim:
    """Three layers, whatever the depth: there the plateaus are non-strict saddles."""
    sizes = three_layers(widths)
    predicted = pause_indices(sizes, deep_counts.index(TRAINED_LAYERS))
    return Claim(
        "three layers pause at non-strict saddles",
        "trained from small balanced weights, $0, 1, ...$ modes learned: eigenvalues of its Hessian below "
        "minus half the least singular value",
        _BUDGET,
        on_host(deep_trained.negative_at_pauses),
        (Point({"widths": list(sizes)}, predicted),),
        profile.scale(4),
    )


def _curves(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Silent saddles of {1, ..., r}, whose Hessians have no negative eigenvalue with three layers or more."""
    layers = len(widths) - 1

    def claim(drop: Expr) -> Claim:
        return Claim(
            "curve down from silent saddles",
            "the exact loss at a step $t$ of every layer is lower by $s t^H - t^{2 H} / 2$: number of "
            "exceptions",
            _BUDGET,
            on_host(partial(descent.curve_exceptions, drop=drop)),
            tuple(Point(case, 0.0) for case in cases(widths)),
            profile.scale(4),
        )

    form = descent_curves.drop(layers)
    declared = replace(claim(form), closed_forms=(ClosedForm("change", form, descent.regimes(), claim),))
    if layers == 2:
        return (declared,)
    second = _control(
        profile,
        "curve down at second order",
        "the loss is lower by $s t^2 - t^4 / 2$ there, as with two layers: number of exceptions",
        partial(descent.curve_exceptions, drop=descent_curves.drop(2)),
        Point(cases(widths)[0], 0.0),
        "one direction passes through every layer, each of which has moved by $t$",
    )
    return (declared, second)


def three_layers(widths: Widths) -> Widths:
    """The ends and the narrowest hidden layer, twice."""
    first, hidden, last = trained_widths(widths)
    return first, hidden, hidden, last


def _controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Wrong rules, and layers between the first and the last that pass everything."""
    sizes = three_layers(widths)
    opened = _control(
        profile,
        "an open middle",
        "no eigenvalue is below minus half the least singular value where three layers pause, the middle one "
        "started at the identity",
        partial(deep_trained.negative_at_pauses, open_middle=True),
        Point({"widths": list(sizes)}, (0.0,) * (min(*sizes, deep_trained.MODES) + 1)),
        "the pivot of the first and the last layer is not tightened then: the saddles are strict",
    )
    if len(widths) == 3:
        return (opened,)
    rules: dict[Rule, tuple[str, str]] = {
        "middle block": ("middle block only", "a pivot is tightened too where the outer block has rank r"),
        "outer block": ("outer block only", "a pivot is tightened too where the middle block has rank r"),
        "always": ("every saddle is strict", "three layers and more have non-strict saddles, and minima"),
    }
    return (opened, *(_wrong_rule(profile, widths, rule, *words) for rule, words in rules.items()))


def _wrong_rule(profile: Profile, widths: Widths, rule: Rule, name: str, reason: str) -> Claim:
    return _control(
        profile,
        name,
        "the exact Hessian has a negative eigenvalue where this rule says so: number of exceptions",
        partial(deep_exact.misclassified, rule=rule),
        Point(cases(widths)[-1], 0.0),
        reason,
    )


def _control(profile: Profile, name: str, claim: str, experiment: Any, point: Point, reason: str) -> Claim:
    return Claim(
        name,
        claim,
        _BUDGET,
        on_host(experiment),
        (point,),
        profile.scale(1),
        expected="refuted",
        reason=reason,
    )
