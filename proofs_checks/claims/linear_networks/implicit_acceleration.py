"""The preconditioner of balanced linear networks on trial: exact, by JAX's gradients, and along training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Rational

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_flow import exact, preconditioned
from proofs_checks.linear_flow.forms import mutable, sampler
from proofs_checks.profile import Profile
from theory.linear_flow import balanced
from theory.linear_networks.conservation_laws import DEFAULT_STEP
from theory.linear_networks.implicit_acceleration import DEFAULT_WIDTHS

LOSSES = (0.0, 1.0)  # squared and logistic
# Extrapolation leaves the fourth power of step size times curvature, at most 0.3 here, over 64.
LIMIT_MARGIN = 2e-4
STRETCH = 2.0  # of the first layer in controls: it is then no longer balanced with the others

_BUDGET = Identity()


def claims(
    profile: Profile, widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP
) -> tuple[Claim, ...]:
    """Claims and controls for linear networks of these widths; exact velocities at widths cut to 3."""
    setting = {"widths": list(widths), "step_size": float(step_size)}
    return (
        _exact(profile, widths),
        _velocity(profile, setting),
        _single_output(profile, setting),
        _trained(profile, setting),
        *_controls(profile, setting),
    )


def _exact(profile: Profile, widths: tuple[int, ...]) -> Claim:
    claim = Claim(
        "exact velocities",
        "the velocity of the product of rational balanced layers, in its singular bases, squared loss and "
        "its square: number of entries that differ",
        _BUDGET,
        on_host(exact.gain_mismatches),
        tuple(Point({"widths": list(widths), "loss": loss}, 0.0) for loss in ("squared", "quartic")),
        profile.scale(1),
    )
    return mutable(claim, "form", balanced.gain(len(widths) - 1), _roots())


def _velocity(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "velocity of the product",
        r"$dW/dt = -\sum_j (W W^T)^{(H - j)/H} G (W^T W)^{(j - 1)/H}$ against the gradients that JAX takes "
        "in the layers, squared and logistic loss: the largest error in units of its rounding budget",
        _BUDGET,
        on_host(preconditioned.velocity_residual),
        tuple(Point({**setting, "logistic": loss}, 0.0, margin=1.0) for loss in LOSSES),
        profile.scale(4),
    )
    return mutable(claim, "form", balanced.gain(len(setting["widths"]) - 1), _roots())


def _single_output(profile: Profile, setting: dict[str, Any]) -> Claim:
    depth = len(setting["widths"]) - 1
    claim = Claim(
        "one output",
        "the same network with one output: the gradient along $w$ is multiplied by $H |w|^{2 - 2/H}$, that "
        "across by $|w|^{2 - 2/H}$: the largest errors in units of their rounding budget",
        _BUDGET,
        on_host(preconditioned.single_output_residual),
        tuple(Point({**setting, "logistic": loss}, (0.0, 0.0), margin=1.0) for loss in LOSSES),
        profile.scale(4),
    )
    rows = {"a row": sampler((), {balanced.norm: 2})}
    claim = mutable(claim, "along", balanced.radial(depth), rows)
    # With one input there is nothing across w.
    return mutable(claim, "across", balanced.tangential(depth), rows) if setting["widths"][0] > 1 else claim


def _trained(profile: Profile, setting: dict[str, Any]) -> Claim:
    claim = Claim(
        "product along training",
        "the product of trained layers, extrapolated to vanishing steps, is where the preconditioned flow of "
        "the product alone leads: distance relative to the way",
        _BUDGET,
        on_host(preconditioned.product_limit),
        tuple(Point({**setting, "logistic": loss}, 0.0, margin=LIMIT_MARGIN) for loss in LOSSES),
        profile.scale(2),
    )
    return mutable(claim, "form", balanced.gain(len(setting["widths"]) - 1), _roots())


def _roots() -> dict[str, Any]:
    a, b = balanced.a, balanced.b
    return {
        "two singular values": sampler((), {a: 2, b: 2}),
        "one of them zero": sampler((), {a: 2}, (b,)),
    }


def _controls(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    depth = len(setting["widths"]) - 1
    velocity, trained = preconditioned.velocity_residual, preconditioned.product_limit
    stretched = "the first layer is multiplied by 2 and the last divided: the same product, not balanced"
    return (
        _control(profile, "layers out of balance", velocity, {**setting, "stretch": STRETCH}, 1.0, stretched),
        _control(
            profile,
            "training out of balance",
            trained,
            {**setting, "stretch": STRETCH},
            LIMIT_MARGIN,
            f"{stretched}, and the flow conserves the difference",
        ),
        _control(
            profile,
            "another depth",
            trained,
            {**setting, "layers": depth + 1},
            LIMIT_MARGIN,
            "the preconditioner of a network with one layer more is another one",
        ),
    )


def _control(
    profile: Profile,
    name: str,
    experiment: Callable[..., Any],
    fault: dict[str, Any],
    margin: float,
    reason: str,
) -> Claim:
    return Claim(
        name,
        "the product moves by its preconditioned gradient within the error budget",
        _BUDGET,
        on_host(experiment),
        (Point({**fault, "logistic": 0.0}, 0.0, margin=margin),),
        profile.scale(1),
        expected="refuted",
        reason=reason,
    )
