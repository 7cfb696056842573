"""Conservation laws on trial: exact steps, networks trained by JAX, the flow, and what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Rational

from proofs_checks.challenge import Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_flow import conserved, exact
from proofs_checks.linear_flow.forms import mutable, sampler
from proofs_checks.profile import Profile
from theory.linear_flow import balance
from theory.linear_flow.chain import decay, eta
from theory.linear_networks.conservation_laws import DEFAULT_DECAY, DEFAULT_STEP, DEFAULT_WIDTHS

LOSSES = (0.0, 1.0)  # squared and logistic
# Extrapolation leaves the fourth power of step size times curvature, at most 0.3 here, over 64.
LIMIT_MARGIN = 2e-4
ADAPTIVE_STEP = 0.005  # Adam moves every weight by about as much, whatever its gradient

_BUDGET = Identity()


def claims(
    profile: Profile,
    widths: tuple[int, ...] = DEFAULT_WIDTHS,
    step_size: Rational = DEFAULT_STEP,
    weight_decay: Rational = DEFAULT_DECAY,
) -> tuple[Claim, ...]:
    """Claims and controls for linear networks of these widths; exact steps at widths cut to 3."""
    with_decay = {"widths": list(widths), "step_size": float(step_size), "decay": float(weight_decay)}
    without = {**with_decay, "decay": 0.0}
    return (
        *_exact(profile, widths),
        _stepped(profile, with_decay),
        _drifted(profile, without),
        _leading(profile, without),
        _flowed(profile, [without, with_decay] if weight_decay else [without]),
        *_controls(profile, with_decay),
    )


def _exact(profile: Profile, widths: tuple[int, ...]) -> tuple[Claim, ...]:
    case = {"widths": list(widths), "step_size": "2/7", "decay_rate": "3/5"}
    claim = Claim(
        "exact steps",
        "$D_h$ after a step of descent in rational arithmetic, squared loss and its square: number of "
        "entries that differ",
        _BUDGET,
        on_host(exact.step_mismatches),
        tuple(Point({**case, "loss": loss}, 0.0) for loss in ("squared", "quartic")),
        profile.scale(1),
    )
    summed = Claim(
        "a sum for the difference",
        "$W_{h+1}^T W_{h+1} + W_h W_h^T$ after a step: number of entries that differ",
        _BUDGET,
        on_host(exact.step_mismatches),
        (Point({**case, "loss": "squared", "signs": [1, 1]}, 0.0),),
        profile.scale(4),
        expected="refuted",
        reason="the terms of first order add up instead of canceling",
    )
    return mutable(claim, "form", balance.STEPPED, _steps()), summed


def _stepped(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "steps of training",
        r"$D_h^+ = (1 - \eta \lambda)^2 D_h + \eta^2 (G_{h+1}^T G_{h+1} - G_h G_h^T)$ at each of 256 steps "
        "of training, squared and logistic loss: the largest error in units of its rounding budget",
        _BUDGET,
        on_host(conserved.step_residual),
        tuple(Point({**setting, "logistic": loss}, 0.0, margin=1.0) for loss in LOSSES),
        profile.scale(4),
    )
    return mutable(claim, "form", balance.STEPPED, _steps())


def _drifted(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "drift of training",
        r"$D_h$ after 256 steps is $D_h(0) + \eta^2 \sum (G_{h+1}^T G_{h+1} - G_h G_h^T)$: the largest error "
        "in units of its rounding budget",
        _BUDGET,
        on_host(conserved.drift_residual),
        tuple(Point({**setting, "logistic": loss}, 0.0, margin=1.0) for loss in LOSSES),
        profile.scale(4),
    )
    drawn = sampler((balance.start, balance.total), {eta: 1})
    return mutable(claim, "form", balance.DRIFTED, {"steps without decay": drawn})


def _leading(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "drift to first order",
        r"drift over $\eta$ at a fixed time, extrapolated to $\eta = 0$, is $\int (G_{h+1}^T G_{h+1} - G_h "
        r"G_h^T) dt$ along the flow: relative error",
        _BUDGET,
        on_host(conserved.drift_limit),
        tuple(Point({**setting, "logistic": loss}, 0.0, margin=LIMIT_MARGIN) for loss in LOSSES),
        profile.scale(4),
    )
    drawn = sampler((balance.integral,), {eta: 1})
    return mutable(claim, "form", balance.LEADING, {"small steps": drawn})


def _flowed(profile: Profile, settings: list[dict[str, Any]]) -> Claim:
    points = [{**setting, "logistic": loss} for setting in settings for loss in LOSSES]
    claim = Claim(
        "gradient flow",
        r"$D_h(t) = e^{-2 \lambda t} D_h(0)$ along the flow: the largest error in units of what the solver "
        "grants",
        _BUDGET,
        on_host(conserved.flow_residual),
        tuple(Point(point, 0.0, margin=1.0) for point in points),
        profile.scale(4),
    )
    regimes = {
        "decay": sampler((balance.start,), {decay: 2, balance.t: 2}),
        "no decay": sampler((balance.start,), {balance.t: 2}, (decay,)),
    }
    return mutable(claim, "form", balance.FLOWED, regimes)


def _steps() -> dict[str, Sampler]:
    entries = (balance.entry, balance.upper, balance.lower)
    return {
        "decay": sampler(entries, {eta: 1, decay: 1}),
        "no decay": sampler(entries, {eta: 1}, (decay,)),
    }


def _controls(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    first_only = [0.1, *[0.0] * (len(setting["widths"]) - 2)]
    step, flow = conserved.step_residual, conserved.flow_residual
    return (
        _control(
            profile,
            "heavy ball",
            step,
            {**setting, "momentum": 0.5},
            "the step is no multiple of the gradient, so that the terms of first order do not cancel",
        ),
        _control(
            profile,
            "Adam",
            step,
            {**setting, "step_size": ADAPTIVE_STEP, "momentum": 0.9, "adaptive": 1.0},
            "every entry has a step size of its own: the step is no multiple of the gradient",
        ),
        _control(
            profile,
            "tanh units",
            step,
            {**setting, "curved": 1.0},
            "the loss is no function of the product: neighbors do not share $W_{h+1}^T G_{h+1} = G_h W_h^T$",
        ),
        _control(
            profile,
            "decay of the first layer only",
            flow,
            {**setting, "decay": first_only},
            "the decay rates of neighbors differ, so that $D_h$ is no eigenvector of their common decay",
        ),
    )


def _control(
    profile: Profile, name: str, experiment: Callable[..., Any], fault: dict[str, Any], reason: str
) -> Claim:
    return Claim(
        name,
        "$D_h$ follows its law within the error budget",
        _BUDGET,
        on_host(experiment),
        (Point({**fault, "logistic": 0.0}, 0.0, margin=1.0),),
        profile.scale(2),
        expected="refuted",
        reason=reason,
    )
