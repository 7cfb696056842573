"""Index and nullity of deep linear networks, on trial: exact Hessians, float64, and trained networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Integer, Symbol

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape import critical_manifold, deep_exact, deep_floats, deep_trained, formulas
from proofs_checks.profile import Profile
from theory.linear_landscape import deep_counts, letters, paths, second_order
from theory.linear_landscape.deep_blocks import r
from theory.linear_landscape.deep_counts import around
from theory.linear_landscape.second_order import inv

Widths = tuple[int, ...]
Case = dict[str, Any]

STRETCH = 1000  # of every second hidden unit: inertia stays, eigenvalues spread over twelve decades

_BUDGET = Identity()


def claims(profile: Profile, widths: Widths = (4, 3, 3, 3)) -> tuple[Claim, ...]:
    """Claims and controls at the depth of ``widths``; exact Hessians at widths cut to 4, or 3 if deep."""
    return (
        _exact(profile, widths),
        _manifold(profile),
        _floats(profile, widths),
        _pauses(profile, widths),
        *_controls(profile, widths),
    )


def _exact(profile: Profile, widths: Widths) -> Claim:
    """Every index set, with layers that pass nothing idle, some, and much; ties; and data that lack rank."""
    layers = len(widths) - 1
    sampled = deep_exact.regimes(layers)

    def claim(index: Expr, nullity: Expr) -> Claim:
        return Claim(
            "exact inertia",
            "index and nullity of the rational Hessian, by its characteristic polynomial, at critical points "
            "of every index set and random patterns of idle directions: 1 if any differs",
            _BUDGET,
            on_host(_predicting(index, nullity)),
            tuple(Point(case, 0.0) for case in cases(widths)),
            profile.scale(1),
        )

    index, nullity = deep_counts.index(layers), deep_counts.nullity(layers)
    forms = (
        ClosedForm("index", index, sampled, lambda other: claim(other, nullity)),
        ClosedForm("nullity", nullity, sampled, lambda other: claim(index, other)),
    )
    return replace(claim(index, nullity), closed_forms=forms)


def cases(widths: Widths) -> tuple[Case, ...]:
    """The user's widths with distinct singular values, ties; one more input and Sigma_XY that lacks rank."""
    largest = deep_exact.LARGEST_WIDTH - (len(widths) > 3)
    cut = [min(size, largest) for size in widths]
    rank = min(cut[0], cut[-1])
    return (
        {"widths": cut, "levels": [7, 5, 3, 2][-rank:]},
        {"widths": cut, "levels": [3, 2, 2, 1][-rank:]},
        {"widths": [cut[0] + 1, *cut[1:-1], max(2, cut[-1])], "levels": [5, 3, 2][-max(rank - 1, 1) :]},
    )


def _manifold(profile: Profile) -> Claim:
    """Two layers: nullity and dimension agree where Sigma has full rank."""
    grid = ([5, 3, 3], [5, 3, 2]), ([3, 4, 2], [3, 1])
    claim = Claim(
        "critical manifold",
        "with two layers and $n = \\rho$ the critical points of an index set have a tangent space of the "
        "dimension of the nullity, so the loss is Morse-Bott: 1 if any differs",
        _BUDGET,
        on_host(partial(critical_manifold.dimension_exceptions, nullity=formulas.NULLITY)),
        tuple(Point({"widths": sizes, "levels": levels}, 0.0) for sizes, levels in grid),
        profile.scale(1),
    )

    def restate(other: Expr) -> Claim:
        function = partial(critical_manifold.dimension_exceptions, nullity=other)
        return replace(claim, experiment=on_host(function))

    sampled = {name: partial(_invertible, sampler) for name, sampler in formulas.sizes().items()}
    return replace(claim, closed_forms=(ClosedForm("nullity", formulas.NULLITY, sampled, restate),))


def _invertible(sampler: Sampler, random: Any) -> dict[Symbol, Any]:
    """Sizes with n = rho, and neither ties nor columns of A in a kernel."""
    while True:
        found = dict(sampler(random))
        if found[letters.n] == found[second_order.rho]:
            return found | {formulas.TIES: Integer(0), second_order.rank_z: Integer(0)}


def _floats(profile: Profile, widths: Widths) -> Claim:
    return Claim(
        "ranks in float64",
        "inertia from ranks of products, no Hessian formed, at layers unbalanced a thousandfold: exact "
        "points where it differs or is called doubtful",
        _BUDGET,
        on_host(partial(deep_floats.miscounts, stretch=STRETCH, method="ranks")),
        (Point(cases(widths)[-1], 0.0),),
        profile.scale(1),
    )


def _pauses(profile: Profile, widths: Widths) -> Claim:
    """Two layers of the user's widths, so that there is an index to see where training pauses."""
    sizes = trained_widths(widths)
    sampled = {"nothing idle passes": partial(deep_exact.silent_letters, 2)}

    def claim(index: Expr) -> Claim:
        return Claim(
            "index where training pauses",
            "two layers trained from small weights, $0, 1, ...$ modes learned: eigenvalues of the network's "
            "Hessian below half the least singular value",
            _BUDGET,
            on_host(deep_trained.negative_at_pauses),
            (Point({"widths": list(sizes)}, pause_indices(sizes, index)),),
            profile.scale(4),
        )

    form = ClosedForm("index", deep_counts.index(2), sampled, claim)
    return replace(claim(deep_counts.index(2)), closed_forms=(form,))


def trained_widths(widths: Widths) -> tuple[int, int, int]:
    """The ends and the narrowest hidden layer, cut to 6: Hessians of all weights are formed."""
    first, hidden, last = (min(size, 6) for size in (widths[0], min(widths[1:-1]), widths[-1]))
    return first, hidden, last


def pause_indices(widths: Widths, index: Expr) -> tuple[float, ...]:
    """The index at r = 0, 1, ... largest eigenvalues chosen, all idle directions silent."""
    rho = deep_trained.modes(widths)
    ranks = range(min(*widths, rho) + 1)
    return tuple(float(value_of(index, deep_exact.silent(widths, rho, rank))) for rank in ranks)


def _controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """One broken assumption each."""
    layers = len(widths) - 1
    roomy = {"widths": [3] * (layers + 1), "levels": [3]}  # whatever the user's widths leave room for
    return (
        _control(
            profile,
            "squares without contacts",
            "the nullity counts only what the chosen directions explain",
            _predicting(deep_counts.index(layers), _without_contacts(layers)),
            roomy,
            "idle directions that the data do not see change the product too",
        ),
        _control(
            profile,
            "eigenvalues counted with a tolerance",
            "inertia from eigenvalues of the Hessian beyond a millionth of the largest: exceptions",
            partial(deep_floats.miscounts, stretch=STRETCH, method="eigenvalues"),
            roomy,
            "unbalanced layers spread the eigenvalues over more than six decades, though none changes sign",
        ),
        *_wrong_indices(profile, widths),
    )


def _wrong_indices(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Where there is a second eigenvalue to choose, and a third layer."""
    layers, case, last = len(widths) - 1, cases(widths)[0], cases(widths)[-1]
    index, nullity = deep_counts.index(layers), deep_counts.nullity(layers)
    two_layers = inv + (min(last["widths"][1:-1]) - r) * (around(layers, 0) - r)
    swapped = _control(
        profile,
        "an index without inv(S)",
        "the index is the sum over pairs of layers alone",
        _predicting(index - inv, nullity),
        case,
        "exchanging a chosen direction for one of a larger eigenvalue descends",
    )
    shallow = _control(
        profile,
        "the index of two layers",
        "the index is $(p - r)(\\rho - r) + \\mathrm{inv}(S)$ with the narrowest width $p$",
        _predicting(two_layers, nullity),
        last,
        "where three layers or more pass nothing idle, no second variation is left to descend",
    )
    return (swapped,) * (len(case["levels"]) > 1) + (shallow,) * (layers > 2)


def _predicting(index: Expr, nullity: Expr) -> Callable[..., float]:
    return partial(deep_exact.inertia_exceptions, index=index, nullity=nullity)


def _without_contacts(layers: int) -> Expr:
    contacts = paths.contacts(layers, deep_counts.forward, around)
    return deep_counts.nullity(layers) + contacts


def _control(
    profile: Profile, name: str, claim: str, experiment: Callable[..., Any], case: Case, reason: str
) -> Claim:
    return Claim(
        name,
        claim,
        _BUDGET,
        on_host(experiment),
        (Point(case, 0.0),),
        profile.scale(1),
        expected="refuted",
        reason=reason,
    )
