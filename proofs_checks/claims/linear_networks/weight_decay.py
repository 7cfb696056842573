"""Weight decay on trial: exact critical points, limits of a search, the end of training."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.linear_landscape.trained import DECAY, INPUTS_OF_DIABETES, MODES
from proofs_checks.linear_minima import decayed
from proofs_checks.linear_minima.decayed import Forms
from proofs_checks.profile import Profile
from theory.errors import InputError
from theory.linear_networks import weight_decay as theorem
from theory.linear_networks.weight_decay import DEFAULT_DECAY, DEFAULT_WIDTHS

LARGEST_EXACT = 4  # widths of exact Hessians
DIABETES_OUTPUTS = 5
LARGEST_MEASURED = 0.95  # of the decay: training data have largest singular value 1
NEAREST = 0.03  # of a decay to their singular values: training settles at this rate, within 4,000 steps

_BUDGET = Identity()
_DENOMINATOR = 97


def claims(
    profile: Profile,
    widths: tuple[int, int, int] = DEFAULT_WIDTHS,
    weight_decay: tuple[Rational, Rational] = DEFAULT_DECAY,
) -> tuple[Claim, ...]:
    """Claims and controls for these widths and decays; exact points at widths cut to 4.

    Raises InputError for decays that leave no weight, or at which the training data are degenerate.
    """
    decays = [float(one) for one in weight_decay]
    if decays[0] * decays[1] > LARGEST_MEASURED**2:
        raise InputError(
            f"sqrt of {weight_decay[0]} * {weight_decay[1]} is above {LARGEST_MEASURED}: singular values are "
            "measured between 0 and 1, so that no weight would be left; give smaller decays"
        )
    modes = min(widths[0], widths[2], MODES)
    theorem.check([DECAY**k for k in range(modes)], weight_decay, NEAREST)
    setting = {"widths": list(widths), "decays": decays}
    return (
        _exact(profile, widths),
        _searched(profile, setting),
        _trained(profile, widths, decays),
        *_controls(profile, setting),
        *_mean_control(profile, widths, decays),
    )


def _exact(profile: Profile, widths: tuple[int, int, int]) -> Claim:
    cut = tuple(min(width, LARGEST_EXACT) for width in widths)
    cases = [list(cut), [3, 4, 3], [2, 2, 4]]
    claim = Claim(
        "exact critical points",
        "gradient 0, predicted loss, index and nullity at rational critical points of every index set: "
        "number of exceptions each",
        _BUDGET,
        on_host(decayed.exact_mismatches),
        tuple(Point({"widths": case}, (0.0,) * 4) for case in cases),
        profile.scale(2),
    )
    return replace(claim, closed_forms=_forms(claim, cut))


def _forms(claim: Claim, sizes: tuple[int, ...]) -> tuple[ClosedForm, ...]:
    """Index and nullity, which hold for all widths; the value at the widths of the first case."""

    def restate(name: str, other: Expr) -> Claim:
        def mismatches(seed: int, *, widths: list[int]) -> tuple[float, ...]:
            forms = Forms.of(widths)
            if name != "value" or tuple(widths) == sizes:
                forms = forms._replace(**{name: other})
            return decayed.exact_mismatches(seed, widths=widths, forms=forms)

        return replace(claim, experiment=on_host(mismatches))

    counts = {"idle units": partial(_counts, 1), "no idle unit": partial(_counts, 0)}
    inputs, hidden, outputs = sizes
    value = theorem.value((inputs, hidden, outputs))
    return (
        ClosedForm("value", value, _spectra(sizes), partial(restate, "value")),
        ClosedForm("index", theorem.index(), counts, partial(restate, "index")),
        ClosedForm("nullity", theorem.nullity(), counts, partial(restate, "nullity")),
    )


def _searched(profile: Profile, setting: dict[str, Any]) -> Claim:
    return Claim(
        "limits of a search",
        "Levenberg and Marquardt's method on the gradient from random weights, white inputs: share of its "
        "limits at no critical value, and with another index or nullity",
        _BUDGET,
        on_host(decayed.search_mismatches),
        (Point(setting, (0.0, 0.0)),),
        profile.scale(4),
    )


def _trained(profile: Profile, widths: tuple[int, int, int], decays: list[float]) -> Claim:
    real = [INPUTS_OF_DIABETES, min(widths[1], DIABETES_OUTPUTS - 1), DIABETES_OUTPUTS]
    cases = [("random", list(widths))]
    if profile.name != "quick":  # reading them takes longer than a quick run may
        cases.append(("diabetes", real))
    return Claim(
        "minimum of training",
        "descent ends at the proximal map of the nuclear norm, cut to rank $p$: last loss less the predicted "
        "minimum, in units of what the last gradient grants",
        _BUDGET,
        on_host(decayed.final_residual),
        tuple(
            Point({"data": data, "widths": case, "decays": decays}, 0.0, margin=1.0) for data, case in cases
        ),
        profile.scale(4),
    )


def _controls(profile: Profile, setting: dict[str, Any]) -> tuple[Claim, ...]:
    search = on_host(decayed.search_mismatches)
    inputs, _, outputs = setting["widths"]
    between = 2.5 / (min(inputs, outputs) + 1)  # the smallest and the next singular value
    claim = "every limit of the search has a predicted loss, index and nullity"
    faults = (
        (
            "inputs that are not white",
            {"spread": 1.0},
            "the decay of B does not commute with the covariance: the singular values of the whitened "
            "regression are not what is thresholded",
        ),
        (
            "idle units below the decay",
            {"all_above": True, "decays": [between, between]},
            "a singular value below the decay does not pay for the weights: it is no descent direction",
        ),
    )
    return tuple(
        Claim(
            name,
            claim,
            _BUDGET,
            search,
            (Point({**setting, **fault}, (0.0, 0.0)),),
            profile.scale(2),
            expected="refuted",
            reason=reason,
        )
        for name, fault, reason in faults
    )


def _mean_control(profile: Profile, widths: tuple[int, int, int], decays: list[float]) -> tuple[Claim, ...]:
    """Only where the two means differ."""
    if decays[0] == decays[1]:
        return ()
    parameters = {"data": "random", "widths": list(widths), "decays": decays, "arithmetic": True}
    return (
        Claim(
            "the arithmetic mean of the decays",
            "training ends at the minimum that has this mean as its threshold",
            _BUDGET,
            on_host(decayed.final_residual),
            (Point(parameters, 0.0, margin=1.0),),
            profile.scale(2),
            expected="refuted",
            reason="a layer with less decay takes over weight from the other: their product decides",
        ),
    )


def _counts(idle: int, random: Random) -> dict[Any, Integer]:
    chosen, others = random.randint(1, 5), random.randint(0, 4)
    return {
        theorem.r: Integer(chosen),
        theorem.p: Integer(chosen + idle * random.randint(1, 4)),
        theorem.q: Integer(chosen + others),
        theorem.inv: Integer(random.randint(0, chosen * others)),
    }


def _spectra(widths: tuple[int, ...]) -> dict[str, Sampler]:
    """Every number of chosen singular values that the exact points have."""
    most = min(widths[1], max(1, min(widths[0], widths[2]) - 1))
    return {f"r = {size}": partial(_spectrum, widths, size) for size in range(most + 1)}


def _spectrum(widths: tuple[int, ...], size: int, random: Random) -> dict[Any, Rational]:
    """Decreasing singular values, the smallest one below the decay, some of the others chosen."""
    inputs, hidden, outputs = widths
    letters = theorem.singular_values((inputs, hidden, outputs))
    drawn = sorted(random.sample(range(1, 10 * _DENOMINATOR), len(letters)), reverse=True)
    values = [Rational(one, _DENOMINATOR) for one in drawn]
    above = max(1, len(letters) - 1)
    chosen = random.sample(range(above), size)
    indicators = theorem.indicators((inputs, hidden, outputs))
    return {
        **dict(zip(letters, values, strict=True)),
        **{chi: Integer(k in chosen) for k, chi in enumerate(indicators)},
        theorem.TOTAL: sum((value**2 for value in values), Rational(1)),
        theorem.decay: values[above - 1] * Rational(random.randint(1, _DENOMINATOR - 1), _DENOMINATOR),
    }
