"""Homogeneous networks on trial: every layer's degree, every step of a unit, certified minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.homogeneity import minima, networks
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from theory.homogeneity import rows as theorem
from theory.landscape.positive_homogeneity import DEFAULT_DECAY, DEFAULT_WIDTHS

POWERS = (1, 2)
PENALTY = 0.5  # decay of factored matrices, whose singular values are of order 1 to 5
UNEQUAL = (1, 4)  # decays of incoming and outgoing weights, in units of the smaller
SEVERAL = (
    0.1  # with this decay the best networks of 300 problems had two units or more, with 1/2 some had one
)
# The share of the loss that the certificate leaves open at most. Finished ReLU networks have a polar within
# 1e-9 of the decay: of 1,200 the worst left 9e-10. Factored matrices are as descent leaves them: singular
# values near the decay settle slowly, the worst of 300 left 1.5e-5.
RELU_MARGIN, FACTOR_MARGIN = 1e-6, 1e-3
# Relative. Around a kink the gradients stay, and |w|^2 - |a|^2 at eta (|g_w|^2 - |g_a|^2) / (2 lambda): steps
# of 1e-4 leave a ReLU unit 5e-3 (the worst of 700 networks). Without kinks only slow singular values are
# left: 2e-5 (the worst of 150 with two decays).
RELU_BALANCE, MATRIX_BALANCE = 2e-2, 1e-3

_BUDGET = Identity()
_DENOMINATOR = 97


def claims(
    profile: Profile, widths: tuple[int, ...] = DEFAULT_WIDTHS, weight_decay: Rational = DEFAULT_DECAY
) -> tuple[Claim, ...]:
    """Claims and controls: Euler's identity for networks of these widths, training with this decay."""
    decay = float(weight_decay)
    return (
        _euler(profile, widths),
        _conserved(profile, decay),
        _kept(profile, decay),
        _balanced(profile, decay),
        _certified(
            profile,
            "ReLU networks",
            "trained with decay by gradient descent, then refitted in the sizes of their units and given "
            "a new unit wherever the certificate fails",
            minima.relu_gap,
            decay,
            RELU_MARGIN,
        ),
        _certified(
            profile,
            "factored matrices",
            "trained with decay by gradient descent",
            minima.factor_gap,
            PENALTY,
            FACTOR_MARGIN,
        ),
        *_controls(profile, widths, decay),
    )


def _euler(profile: Profile, widths: tuple[int, ...]) -> Claim:
    depth = len(widths) - 1
    forms = theorem.degrees(depth)
    claim = Claim(
        "degree of every layer",
        r"$\langle W_l, \partial f / \partial W_l \rangle - q^{H - l} f$ for ReLU ($q = 1$) and its "
        "square, in units of rounding",
        _BUDGET,
        on_host(networks.euler_residual),
        tuple(
            Point({"widths": list(widths), "power": power}, (0.0,) * depth, margin=1.0) for power in POWERS
        ),
        profile.scale(8),
    )

    def restate(layer: int, other: Expr) -> Claim:
        changed = (*forms[:layer], other, *forms[layer + 1 :])
        return replace(claim, experiment=on_host(partial(networks.euler_residual, forms=changed)))

    # the last layer's degree is the number 1
    return replace(
        claim,
        closed_forms=tuple(
            ClosedForm(f"degree of layer {layer + 1}", form, {"powers": _power}, partial(restate, layer))
            for layer, form in enumerate(forms[:-1])
        ),
    )


def _conserved(profile: Profile, decay: float) -> Claim:
    claim = Claim(
        "every step of every unit",
        r"$\|w\|^2 - \|a\|^2$ of 12 ReLU units after each of 200 steps on minibatches of 6: the largest "
        "error in units of rounding",
        _BUDGET,
        on_host(networks.step_residual),
        tuple(Point({"decay": one}, 0.0, margin=1.0) for one in (0.0, decay)),
        profile.scale(4),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(networks.step_residual, form=other)))

    form = ClosedForm("step", networks.stepped(), {"steps": _step}, restate)
    return replace(claim, closed_forms=(form,))


def _kept(profile: Profile, decay: float) -> Claim:
    claim = Claim(
        "what 200 steps keep",
        r"$(1 - \eta \lambda)^{2 k}$ of $\|w\|^2 - \|a\|^2$ and the terms of second order of $k = 200$ "
        "steps on minibatches: the largest error of a unit in units of rounding",
        _BUDGET,
        on_host(networks.kept_residual),
        tuple(Point({"decay": one}, 0.0, margin=1.0) for one in (0.0, decay)),
        profile.scale(4),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(networks.kept_residual, form=other)))

    form = ClosedForm("share kept", theorem.kept(), {"decays": _share}, restate)
    return replace(claim, closed_forms=(form,))


def _balanced(profile: Profile, decay: float) -> Claim:
    form = theorem.ratio()
    claim = Claim(
        "balance after training",
        r"$\|w\|^2 / \|a\|^2$ of all units of a trained ReLU network, and of factored matrices with equal "
        "and with different decays, and how far the worst unit is from it",
        _BUDGET,
        on_host(minima.balance),
        _balances(decay, form),
        profile.scale(2),
    )

    def restate(other: Expr) -> Claim:
        return replace(claim, grid=_balances(decay, other))

    closed = ClosedForm("ratio of a unit", form, {"decays": _decays}, restate)
    return replace(claim, closed_forms=(closed,))


def _balances(decay: float, form: Expr) -> tuple[Point, ...]:
    """ReLU with one decay, matrices with one and with two."""
    return (
        _balance("relu", decay, (1, 1), form, RELU_BALANCE),
        _balance("matrix", PENALTY, (1, 1), form, MATRIX_BALANCE),
        _balance("matrix", PENALTY, UNEQUAL, form, MATRIX_BALANCE),
    )


def _balance(kind: str, decay: float, shares: tuple[int, int], form: Expr, margin: float) -> Point:
    """The margin of the ratio is relative to the true one, whatever ``form`` predicts."""
    decays = {
        theorem.lambda_1: Rational(decay * shares[0]),
        theorem.lambda_2: Rational(decay * shares[1]),
    }
    true = shares[1] / shares[0]
    parameters = {"kind": kind, "decay": decay, "shares": list(shares)}
    return Point(parameters, (float(value_of(form, decays)), 0.0), margin=(margin * true, margin))


def _certified(
    profile: Profile, name: str, how: str, experiment: Callable[..., float], decay: float, margin: float
) -> Claim:
    return Claim(
        f"certified minima of {name}",
        f"wide networks, {how}: at most {margin:.0e} of the loss above the global minimum over all "
        "widths, by weak duality",
        _BUDGET,
        on_host(experiment),
        (Point({"units": minima.WIDE, "decay": decay}, 0.0, margin=margin),),
        profile.scale(4),
    )


def _controls(profile: Profile, widths: tuple[int, ...], decay: float) -> tuple[Claim, ...]:
    curved = {"widths": list(widths), "power": 1, "curved": 1.0}
    euler = Point(curved, (0.0,) * (len(widths) - 1), margin=1.0)
    momentum = Point({"decay": decay, "momentum": 0.5}, 0.0, margin=1.0)
    tanh = Point({"decay": decay, "curved": 1.0}, 0.0, margin=1.0)
    narrow = Point({"units": 1, "decay": min(decay, SEVERAL), "rounds": 0}, 0.0, margin=RELU_MARGIN)
    matrix = Point({"units": 2, "decay": PENALTY}, 0.0, margin=FACTOR_MARGIN)
    free = {"kind": "matrix", "decay": PENALTY, "shares": [0, 0]}
    unequal = {**free, "shares": list(UNEQUAL)}
    even, near = (1.0, 0.0), (MATRIX_BALANCE, MATRIX_BALANCE)
    control = partial(_control, profile.scale(2))
    unforgotten = partial(networks.kept_residual, form=Integer(1))
    return (
        control("tanh units", networks.euler_residual, euler),
        control("steps with momentum", networks.step_residual, momentum),
        control("steps of tanh units", networks.step_residual, tanh),
        control("a difference kept whole", unforgotten, Point({"decay": decay}, 0.0, margin=1.0)),
        control("balance without decay", minima.balance, Point(free, even, margin=near)),
        control("balance with two decays", minima.balance, Point(unequal, even, margin=near)),
        control("narrow ReLU networks", minima.relu_gap, narrow),
        control("matrices of rank 2", minima.factor_gap, matrix),
    )


_LAW = r"$\|w\|^2 - \|a\|^2$ follows its law"
_EVEN = r"$\|w\| = \|a\|$ for all units after training"
# What each control claims, and why it fails.
_FAULTS = {
    "tanh units": ("each layer has its degree", "tanh is not homogeneous"),
    "steps with momentum": (_LAW, "the step is no multiple of the gradient: terms of first order stay"),
    "steps of tanh units": (_LAW, r"the slopes along $w$ and $a$ differ without homogeneity"),
    "a difference kept whole": (
        r"200 steps with decay keep all of $\|w\|^2 - \|a\|^2$ but terms of second order",
        r"each step multiplies it by $(1 - \eta \lambda)^2$",
    ),
    "balance without decay": (_EVEN, "without decay descent keeps the differences of the start"),
    "balance with two decays": (_EVEN, "the decays are as 1 to 4, the norms' squares as 4 to 1"),
    "narrow ReLU networks": (
        "one unit is certified like many",
        "no unit is left that could grow in the direction that still pays for its decay",
    ),
    "matrices of rank 2": ("two units are certified like many", "the next singular value is above the decay"),
}


def _control(seeds: int, name: str, experiment: Callable[..., Any], point: Point) -> Claim:
    claim, reason = _FAULTS[name]
    found = on_host(experiment)
    return Claim(name, claim, _BUDGET, found, (point,), seeds, expected="refuted", reason=reason)


def _power(random: Random) -> dict[Any, Rational]:
    return {theorem.q: Integer(random.choice(POWERS))}


def _step(random: Random) -> dict[Any, Rational]:
    drawn = [Rational(random.randint(-2 * _DENOMINATOR, 2 * _DENOMINATOR), _DENOMINATOR) for _ in range(2)]
    sizes = [Rational(random.randint(1, _DENOMINATOR), 10 * _DENOMINATOR) for _ in range(2)]
    letters = (networks.KEPT, networks.MOVED, theorem.eta, theorem.decay)
    return dict(zip(letters, (*drawn, *sizes), strict=True))


def _share(random: Random) -> dict[Any, Rational]:
    """Few steps: high powers of a rational number are long."""
    sizes = [Rational(random.randint(1, _DENOMINATOR), 10 * _DENOMINATOR) for _ in range(2)]
    letters = (theorem.eta, theorem.decay, theorem.steps)
    return dict(zip(letters, (*sizes, Integer(random.randint(1, 5))), strict=True))


def _decays(random: Random) -> dict[Any, Rational]:
    drawn = (Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR) for _ in range(2))
    return dict(zip((theorem.lambda_1, theorem.lambda_2), drawn, strict=True))
