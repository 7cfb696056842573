"""The matrix solution on trial: flows in units of the solver's error, descent, small weights, controls."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Identity
from proofs_checks.experiment import OnHost, on_host
from proofs_checks.linear_dynamics import matrix_trial as trial
from proofs_checks.profile import Profile
from theory.linear_dynamics.matrix_rows import GAIN, GROWTH, TIME

Widths = tuple[int, int, int]

UNBALANCED = 1.5
COLORED = (1.5, 1.0, 0.7)
STEP_SIZES, DURATION = (0.01, 0.005, 0.0025), 1.2
# What is left of the order after one extrapolation is of second order in s eta <= 0.03: twice 0.03^2.
ORDER_MARGIN = 0.002
SCALE = 1e-2
# Gronwall's inequality adds what partly cancels; a fiftieth of it is exceeded by some network.
TIGHTNESS = 0.02


def claims(
    profile: Profile,
    widths: Widths = (4, 3, 5),
    balance: Rational = Rational(7, 10),  # noqa: B008  SymPy numbers are immutable
) -> tuple[Claim, ...]:
    """Flow, descent and small weights for these widths and this lambda; controls that break a hypothesis."""
    return (_flow(profile, widths, balance), *_others(profile, widths, balance), *_controls(profile, widths))


def _flow(profile: Profile, widths: Widths, balance: Rational) -> Claim:
    claim = Claim(
        "flow of balanced networks",
        r"$Q Q^T$ along the gradient flow of networks with weights balanced to $\lambda$, full and reduced "
        r"rank of $S$, is $e^{F t} Q_0 [I + Q_0^T G Q_0]^{-1} Q_0^T e^{F t}$, in units of the error of "
        "the solver",
        Identity(),
        on_host(trial.flow_residual),
        tuple(Point(case, 0.0, margin=1.0) for case in _cases(widths, float(balance))),
        profile.scale(3),
    )
    return _mutable(_mutable(claim, "growth", GROWTH), "gain", GAIN)


def _cases(widths: Widths, balance: float) -> tuple[dict[str, Any], ...]:
    rank = _rank(widths)
    first = {"widths": list(widths), "balance": balance, "rank": rank}
    equal = {**first, "balance": 0.0}
    cases = [first, equal, {**equal, "rank": max(1, rank - 1)}]
    return tuple(case for number, case in enumerate(cases) if case not in cases[:number])


def _rank(widths: Widths) -> int:
    return min(widths[0], widths[2], len(trial.LEVELS))


def _mutable(claim: Claim, name: str, expression: Expr) -> Claim:
    """The claim with one more closed form: that which its experiment takes as keyword ``name``."""
    experiment = claim.experiment
    assert isinstance(experiment, OnHost)

    def restate(other: Expr) -> Claim:
        trial.defined(other)
        return replace(claim, experiment=on_host(partial(experiment.function, **{name: other})))

    form = ClosedForm(name, expression, trial.eigenvalues(), restate)
    return replace(claim, closed_forms=(*claim.closed_forms, form))


def _others(profile: Profile, widths: Widths, balance: Rational) -> tuple[Claim, ...]:
    descent = {
        "widths": list(widths),
        "balance": float(balance),
        "rank": _rank(widths),
        "step_sizes": list(STEP_SIZES),
        "time": DURATION,
    }
    return (
        Claim(
            "descent approaches the solution",
            r"the distance of gradient descent from the matrix solution is of first order in the step "
            "size: exponent",
            Identity(),
            on_host(trial.descent_order),
            (Point(descent, 1.0, margin=ORDER_MARGIN),),
            profile.scale(8),
        ),
        _small(profile, widths),
    )


def _small(profile: Profile, widths: Widths) -> Claim:
    return Claim(
        "small random weights",
        r"from small random weights, which are nearly balanced, the flow is within Gronwall's bound of the "
        r"solution with $\lambda = 0$, as a part of the bound",
        Bound(tightness=TIGHTNESS),
        on_host(trial.imbalance_share),
        (Point({"widths": list(widths), "rank": _rank(widths), "scale": SCALE}, 1.0),),
        profile.scale(64),
    )


def _controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    base = {"widths": list(widths), "balance": 0.0, "rank": _rank(widths)}

    def control(name: str, statement: str, reason: str, **fault: Any) -> Claim:
        return Claim(
            name,
            statement,
            Identity(),
            on_host(trial.flow_residual),
            (Point({**base, **fault}, 0.0, margin=1.0),),
            profile.scale(3),
            expected="refuted",
            reason=reason,
        )

    return (
        control(
            "weights out of balance",
            rf"the same with $W_2$ multiplied by {UNBALANCED}",
            r"$W_2^T W_2 - W_1 W_1^T$ is then no multiple of $I$, and $Q$ does not satisfy the equation",
            upper=UNBALANCED,
        ),
        control(
            "colored inputs",
            "the same with inputs whose covariance is not the identity",
            r"the flow contains $W_2 W_1 \Sigma_{XX}$, which the equation of $Q$ lacks",
            covariance=list(COLORED[: widths[0]]),
        ),
        replace(
            control(
                "integral of one exponential",
                r"the same with $G = \int e^{F \tau} d\tau$",
                r"the bracket integrates $e^{2 F \tau}$: both factors grow",
            ),
            experiment=on_host(partial(trial.flow_residual, gain=GAIN.subs(TIME, TIME / 2))),
        ),
    )
