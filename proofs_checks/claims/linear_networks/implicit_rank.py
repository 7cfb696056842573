"""Singular values of deep factorization on trial: exact, in matrix completion, and in regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Rational

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_flow import exact, spectrum
from proofs_checks.linear_flow.forms import mutable, sampler
from proofs_checks.profile import Profile
from theory.linear_flow import singular_values as theorem
from theory.linear_networks.conservation_laws import DEFAULT_STEP
from theory.linear_networks.implicit_rank import DEFAULT_WIDTHS

# Extrapolation leaves the fifth power of step size times rate, at most 0.6 for the last power sum, over 2^10.
LIMIT_MARGIN = 1e-4
STRETCH = 2.0  # of the first layer in a control: it is then no longer balanced with the others
IDLE = 0.5  # of the same size as the layers

_BUDGET = Identity()


def claims(
    profile: Profile, widths: tuple[int, ...] = DEFAULT_WIDTHS, step_size: Rational = DEFAULT_STEP
) -> tuple[Claim, ...]:
    """Claims and controls for factorizations of these widths; exact velocities at widths cut to 3."""
    setting = {"widths": list(widths), "step_size": float(step_size)}
    tasks = tuple({**setting, "completion": completion} for completion in (True, False))
    kept = {**tasks[0], "rank": min(widths) // 2}
    return (
        _exact(profile, widths),
        _moving(profile, tasks),
        _even(profile, tasks),
        # With one singular value there is none that could appear.
        *((_rank(profile, kept), _idle(profile, kept)) if kept["rank"] else ()),
        *_controls(profile, tasks[0]),
    )


def _exact(profile: Profile, widths: tuple[int, ...]) -> Claim:
    claim = Claim(
        "exact velocities",
        "velocities of the singular values, of either sign, of products of rational balanced layers, squared "
        "loss and its square: number of exceptions",
        _BUDGET,
        on_host(exact.singular_mismatches),
        tuple(Point({"widths": list(widths), "loss": loss}, 0.0) for loss in ("squared", "quartic")),
        profile.scale(2),
    )
    return mutable(claim, "form", theorem.velocity(len(widths) - 1), _singular())


def _moving(profile: Profile, tasks: tuple[dict[str, Any], ...]) -> Claim:
    predicted = (0.0,) * spectrum.POWERS
    claim = Claim(
        "singular values in training",
        r"$d \sigma_r / dt = -H (\sigma_r^2)^{1 - 1/H} \gamma_r$ in matrix completion and in regression: "
        r"change of $\sum_r \sigma_r^2$, $\sum_r \sigma_r^4$, $\sum_r \sigma_r^6$ minus its integral, "
        "extrapolated to vanishing steps, relative",
        _BUDGET,
        on_host(spectrum.movement_errors),
        tuple(Point(task, predicted, margin=LIMIT_MARGIN) for task in tasks),
        profile.scale(2),
    )
    return mutable(claim, "form", theorem.velocity(len(tasks[0]["widths"]) - 1), _singular())


def _even(profile: Profile, tasks: tuple[dict[str, Any], ...]) -> Claim:
    claim = Claim(
        "even growth",
        r"the logarithm (two layers) or the power $-\frac{H}{H - 2} \sigma^{2/H - 1}$ of the singular values "
        r"changes by $-H \int \gamma_r dt$, summed over them, likewise",
        _BUDGET,
        on_host(spectrum.potential_error),
        tuple(Point(task, 0.0, margin=LIMIT_MARGIN) for task in tasks),
        profile.scale(2),
    )
    drawn = sampler((), {theorem.size: 2})
    return mutable(claim, "form", theorem.potential(len(tasks[0]["widths"]) - 1), {"not zero": drawn})


def _rank(profile: Profile, task: dict[str, Any]) -> Claim:
    return Claim(
        "no singular value appears",
        "balanced layers whose product lacks rank complete a matrix of full rank: the largest singular value "
        "that was 0, over 32 steps, in units of its rounding budget",
        _BUDGET,
        on_host(spectrum.rank_residual),
        (Point(task, 0.0, margin=1.0),),
        profile.scale(4),
    )


def _idle(profile: Profile, task: dict[str, Any]) -> Claim:
    return _control(
        profile,
        "idle units",
        spectrum.rank_residual,
        Point({**task, "idle": IDLE}, 0.0, margin=1.0),
        "the same product, but the layers send signals where it does not look, which training starts to use: "
        "they are not balanced",
    )


def _singular() -> dict[str, Any]:
    return {
        "not zero": sampler((theorem.sigma, theorem.slope), {}),
        "zero": sampler((theorem.slope,), {}, (theorem.sigma,)),
    }


def _controls(profile: Profile, task: dict[str, Any]) -> tuple[Claim, ...]:
    zeros, depth = (0.0,) * spectrum.POWERS, len(task["widths"]) - 1
    return (
        _control(
            profile,
            "training out of balance",
            spectrum.movement_errors,
            Point({**task, "stretch": STRETCH}, zeros, margin=LIMIT_MARGIN),
            "the first layer is multiplied by 2 and the last divided: the same product, not balanced",
        ),
        _control(
            profile,
            "another depth",
            spectrum.movement_errors,
            Point({**task, "layers": depth + 1}, zeros, margin=LIMIT_MARGIN),
            "a factorization with one layer more moves its singular values otherwise",
        ),
    )


def _control(profile: Profile, name: str, experiment: Callable[..., Any], point: Point, reason: str) -> Claim:
    return Claim(
        name,
        "singular values move by their law within the error budget",
        _BUDGET,
        on_host(experiment),
        (point,),
        profile.scale(2),
        expected="refuted",
        reason=reason,
    )
