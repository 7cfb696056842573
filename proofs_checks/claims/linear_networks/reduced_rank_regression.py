"""Reduced-rank regression on trial: the loss of networks in training, and where training ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Rational, Symbol

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_minima import regression
from proofs_checks.profile import Profile
from theory.linear_networks import reduced_rank_regression as theorem
from theory.linear_networks.reduced_rank_regression import DEFAULT_WIDTHS

DEEP = (4, 3, 2, 3)
DIABETES = (6, 2, 5)  # six measurements of a patient, and five others

_BUDGET = Identity()
_DENOMINATOR = 97

Widths = tuple[int, ...]


def claims(profile: Profile, widths: Widths = DEFAULT_WIDTHS) -> tuple[Claim, ...]:
    """Claims and controls for networks of these widths and one deeper; beyond quick also on real data."""
    return (
        _excess(profile, widths),
        _minimum(profile, widths),
        _end(profile, "minimum of three layers", {"widths": list(DEEP)}, profile.scale(3)),
        *_real_data(profile),
        _starts(profile, "one product", widths, False, 1.0),
        *_tie(profile, widths),
        *_controls(profile, widths),
    )


def _excess(profile: Profile, widths: Widths) -> Claim:
    claim = Claim(
        "excess in training",
        r"$2 L$ of a network at the start of training, after 20 and after 200 steps is the minimum, what its "
        r"columns miss and $\delta$: difference in units of rounding",
        _BUDGET,
        on_host(regression.excess_residual),
        (Point({"widths": list(widths)}, (0.0,) * len(regression.EARLY), margin=1.0),),
        profile.scale(6),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(regression.excess_residual, forms=other)))

    form = theorem.minimum(widths) + theorem.excess(widths)
    return replace(
        claim, closed_forms=(ClosedForm("2 L", form, {"any": partial(_anywhere, widths)}, restate),)
    )


def _minimum(profile: Profile, widths: Widths) -> Claim:
    claim = _end(profile, "minimum of training", {"widths": list(widths)}, profile.scale(6))

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(regression.final_residual, form=other)))

    form = ClosedForm("minimum", theorem.minimum(widths), {"any": partial(_anywhere, widths)}, restate)
    return replace(claim, closed_forms=(form,))


def _end(profile: Profile, name: str, setting: dict[str, Any], seeds: int) -> Claim:
    return Claim(
        name,
        "descent from random weights ends at reduced-rank regression: last loss less the minimum in units of "
        "what the last gradient grants, and how far it is below the minimum, in units of rounding",
        _BUDGET,
        on_host(regression.final_residual),
        (Point(setting, (0.0, 0.0), margin=1.0),),
        seeds,
    )


def _real_data(profile: Profile) -> tuple[Claim, ...]:
    """Reading these takes longer than a quick run may."""
    if profile.name == "quick":
        return ()
    return (_end(profile, "minimum on real data", {"widths": list(DIABETES), "data": "diabetes"}, 4),)


def _starts(profile: Profile, name: str, widths: Widths, tied: bool, same: float) -> Claim:
    cut = r"with $\lambda_k = \lambda_{k + 1}$ " if tied else ""
    products = "the same product" if same else "different products"
    return Claim(
        name,
        f"{cut}descent from two starts ends at the minimum both times, with {products}",
        _BUDGET,
        on_host(regression.two_starts),
        (Point({"widths": list(widths), "tied": tied}, (0.0, 0.0, same), margin=(1.0, 1.0, 0.0)),),
        profile.scale(4),
    )


def _tie(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Only where some eigenvalue is left out, and a tie at the cut is possible."""
    return (_starts(profile, "a tie at the cut", widths, True, 0.0),) if _cuts(widths) else ()


def _cuts(widths: Widths) -> bool:
    return theorem.rank(widths) < min(widths[0], widths[-1])


def _controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    always = (
        _control(
            profile,
            "a rank too small",
            "training ends at the loss of the regression of rank $k - 1$",
            regression.final_residual,
            Point({"widths": list(widths), "missing": 1}, (0.0, 0.0), margin=1.0),
            r"the network has room for one more eigenvalue and gains $\lambda_k$ by it",
        ),
    )
    if not _cuts(widths):
        return always
    return (*always, *_cut_controls(profile, widths))


def _cut_controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Those that need a choice between eigenvalues."""
    return (
        _control(
            profile,
            "canonical correlations",
            r"training ends at the loss of the regression weighted with $\Sigma_{YY}^{-1}$",
            regression.final_residual,
            Point({"widths": list(widths), "weighted": True}, (0.0, 0.0), margin=1.0),
            "the loss does not weight the outputs: the other metric chooses other directions, a worse choice",
        ),
        _control(
            profile,
            "shares in the opposite order",
            r"$2 L$ with $\pi_i$ given to $\lambda_{\rho + 1 - i}$",
            regression.excess_residual,
            Point({"widths": list(widths), "swapped": True}, (0.0,) * len(regression.EARLY), margin=1.0),
            "each share gains its own eigenvalue",
        ),
        replace(
            _starts(profile, "one product despite a tie", widths, True, 1.0),
            expected="refuted",
            reason="at a tie the start decides which of the best subspaces is found: losses agree, products "
            "do not",
        ),
    )


def _control(
    profile: Profile, name: str, claim: str, experiment: Callable[..., Any], point: Point, reason: str
) -> Claim:
    found = on_host(experiment)
    return Claim(name, claim, _BUDGET, found, (point,), profile.scale(2), expected="refuted", reason=reason)


def _anywhere(widths: Widths, random: Random) -> dict[Symbol, Rational]:
    """Decreasing eigenvalues, shares of at most k in all, and a total that exceeds the eigenvalues."""
    levels = theorem.eigenvalues(widths)
    values = sorted((_fraction(random) for _ in levels), reverse=True)
    shares = [_fraction(random) * theorem.rank(widths) / len(levels) for _ in levels]
    return {
        **dict(zip(levels, values, strict=True)),
        **dict(zip(theorem.shares(widths), shares, strict=True)),
        theorem.TOTAL: sum(values) + _fraction(random),
        theorem.DISTANCE: _fraction(random),
    }


def _fraction(random: Random) -> Rational:
    return Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR)
