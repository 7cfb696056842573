"""The course of modes on trial: two layers, deep ones, descent, vanishing and random weights; controls."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Integer

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import OnHost, on_host
from proofs_checks.linear_dynamics import mode_trial as trial
from proofs_checks.profile import Profile
from theory.linear_dynamics import modes as w

Widths = tuple[int, ...]

RATIO, TURNED = 1.5, 0.5
DELTA, TAUS = 8.0, (0.2, 0.45, 0.8, 1.4)  # 1 / s is 0.33, 0.59 and 1.11
# By half-time the next mode, s_2 = 0.57 s_1, has grown to (u_0 / s_1)^0.43 = 0.002 of the first for
# u_0 = scale^2, and seeds of random weights spread over some powers of 2.
SCALE, SEED_MARGIN = 1e-3, 0.02


def claims(profile: Profile, widths: Widths = (4, 3, 5, 3)) -> tuple[Claim, ...]:
    """Claims and controls for networks of these widths; those of two layers take the first hidden width."""
    return (*_curves(profile, widths), *_course(profile, widths), *_controls(profile, widths))


def _curves(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    base = {"widths": list(widths)}
    balanced = _residual(
        profile,
        "two balanced layers",
        r"aligned modes with colored inputs that commute follow "
        r"$u = s e^{2 s t} / (\mu (e^{2 s t} - 1) + s / u_0)$ and do not mix",
        on_host(trial.two_layer_residual),
        base,
    )
    unequal = _residual(
        profile,
        "two layers of different size",
        r"aligned modes with $c = |a^2 - b^2| > 0$ follow $u = c x / (1 - x^2)$, "
        r"$x = (K \tanh(K t / 2 + k) - \mu c) / (2 s)$",
        on_host(partial(trial.two_layer_residual, curve=w.UNBALANCED)),
        {**base, "ratio": RATIO},
    )
    deep = _residual(
        profile,
        "deep layers",
        rf"aligned modes of {len(widths) - 1} layers take the time $\int du / (N u^{{2 - 2/N}} (s - \mu u))$",
        on_host(trial.deep_residual),
        base,
    )
    delay = _residual(
        profile,
        "delay of descent",
        r"the half-time of descent is late by $\eta \int g / f^2 du$, to first order in the step size",
        on_host(trial.descent_delay),
        base,
    )
    return (
        _mutable(balanced, "curve", w.CURVE, (w.RATE, w.VARIANCE, w.SEED, w.TIME)),
        _mutable(unequal, "curve", w.UNBALANCED, (w.RATE, w.VARIANCE, w.GAP, w.SHIFT, w.TIME)),
        _mutable(deep, "pace", w.PACE, (w.RATE, w.VARIANCE, w.VALUE, w.DEPTH)),
        _mutable(delay, "delay", w.HALF_DELAY, (w.RATE, w.VARIANCE, w.SEED)),
    )


def _residual(
    profile: Profile, name: str, statement: str, experiment: OnHost, parameters: dict[str, Any]
) -> Claim:
    """At most 1 in units of what extrapolating descent to the flow leaves open."""
    text = f"{statement}; in units of the extrapolation of descent to vanishing steps"
    return Claim(name, text, Identity(), experiment, (Point(parameters, 0.0, margin=1.0),), profile.scale(6))


def _mutable(claim: Claim, keyword: str, expression: Expr, names: tuple[Any, ...]) -> Claim:
    """The claim with the closed form that its experiment takes as ``keyword``."""
    experiment = claim.experiment
    assert isinstance(experiment, OnHost)

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(experiment.function, **{keyword: other})))

    return replace(claim, closed_forms=(ClosedForm(keyword, expression, trial.letters(*names), restate),))


def _course(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    modes = min(widths[0], widths[1], widths[-1], len(trial.LEVELS))
    points = tuple(
        Point(
            {"widths": list(widths), "delta": DELTA, "tau": tau},
            float(sum(level * tau > 1 for level in trial.LEVELS[:modes])),
        )
        for tau in TAUS
    )
    return (
        Claim(
            "one mode after the other",
            rf"from two layers of size $e^{{-{DELTA:g}}}$ the modes with $s \tau > 1$ are learned at the "
            rf"time ${DELTA:g} \tau$, and no others: their number",
            Identity(),
            on_host(trial.modes_learned),
            points,
            profile.scale(2),
        ),
        Claim(
            "effective seed",
            r"the fastest mode of two small random layers rises as from $u_0 = |W_2^T u + W_1 v|^2 / 4$: "
            "error of its log-odds near half-time",
            Identity(),
            on_host(trial.seed_error),
            (Point({"widths": list(widths), "scale": SCALE}, 0.0, margin=SEED_MARGIN),),
            profile.scale(12),
        ),
    )


def _controls(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    balanced, unequal, deep, delay = _curves(profile, widths)
    _, seed = _course(profile, widths)
    found = (
        _control(
            unequal,
            "layers of different size on the logistic curve",
            r"$a^2 - b^2$ stays what it is, and $u$ moves by $\sqrt{c^2 + 4 u^2}$ instead of $2 u$",
            on_host(trial.two_layer_residual),
        ),
        _control(
            deep,
            "one layer fewer",
            r"the pace of $N - 1$ layers has another power of $u$",
            on_host(partial(trial.deep_residual, pace=w.PACE.subs(w.DEPTH, w.DEPTH - 1))),
        ),
        _control(
            delay,
            "half-time of the flow",
            "descent takes steps along the slope at their start, and is late to first order",
            on_host(partial(trial.descent_delay, delay=Integer(0))),
        ),
        _control(
            seed,
            "product of sizes as the seed",
            r"only the parts of $W_2^T u$ and $W_1 v$ that agree grow",
            on_host(trial.seed_error),
            balanced=False,
        ),
    )
    # A single mode has nothing to be turned into.
    return found if min(widths[0], widths[1], widths[-1]) == 1 else (*found, _turned(balanced))


def _turned(balanced: Claim) -> Claim:
    return _control(
        balanced,
        "moments that do not commute",
        r"$\Sigma_{XX}$ then turns the modes into each other",
        on_host(trial.two_layer_residual),
        turned=TURNED,
    )


def _control(claim: Claim, name: str, reason: str, experiment: OnHost, **fault: Any) -> Claim:
    """The claim with one fault, through the same experiment."""
    (point,) = claim.grid
    return replace(
        claim,
        name=name,
        experiment=experiment,
        grid=(replace(point, parameters={**point.parameters, **fault}),),
        closed_forms=(),
        expected="refuted",
        reason=reason,
    )
