"""All critical points of linear networks, on trial: exact, searched, constructed in float64, and trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import pi
from typing import Any

from sympy import Expr, Integer

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Identity, Ordering
from proofs_checks.experiment import OnHost, on_host
from proofs_checks.insertion import value_of
from proofs_checks.linear_landscape import constructed, deep_pauses, exact, formulas, search, trained
from proofs_checks.profile import Profile
from theory.linear_networks.critical_points import DEFAULT_WIDTHS, closed_forms, indicators

Widths = tuple[int, ...]

# Of the first weights. Those of digits are tiny: its singular values are close to each other.
SCALES = {"random": 1e-7, "diabetes": 1e-7, "digits": 1e-140}
COARSE_SCALE = 1e-3
DIABETES_OUTPUTS = 5
DIGITS = (64, 5, 10)
# The plateau of {1, 2} lasts no time: the second and third singular values are 0.287 and 0.285.
DIGITS_RANKS = (0, 1, 3, 4, 5)
LARGEST_DENSE = 16  # widths of Hessians with p (n + m) squared entries
MOST_SETS = 16  # of an exhaustive grid of index sets
STARTS = {2: 24, 3: 20}  # of a search by depth, fewer of more layers
FEWEST_STARTS = 10
ALL_CLASSES = {2: 3, 3: 2}  # widths up to which all classes are searched, by depth

_BUDGET = Identity()


def claims(profile: Profile, widths: Widths = DEFAULT_WIDTHS) -> tuple[Claim, ...]:
    """Claims and controls for networks of these widths, inputs first.

    Exact arithmetic and searches run at widths cut to a few units, training on real data at those it has.
    """
    shared = (*_exact(profile, widths), *_searched(profile, widths))
    if len(widths) > 3:
        return (*shared, *_deep(profile, widths))
    dense = tuple(min(width, LARGEST_DENSE) for width in widths)
    return (
        *shared,
        *_constructed(profile, dense),
        *_trained(profile, widths),
        *_controls(profile, dense, widths),
    )


def _exact(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    cases = _exact_cases(widths)
    rank = max(len(case["levels"]) for case in cases)
    most = max(min(*case["widths"], len(case["levels"])) for case in cases)
    first = Claim(
        "exact critical points",
        "gradient 0 and predicted loss at rational critical points of every index set, those whose idle "
        "units "
        "are not silent included: number of exceptions",
        _BUDGET,
        on_host(exact.first_order_mismatches),
        tuple(Point(case, (0.0, 0.0)) for case in cases),
        profile.scale(2),
    )
    valued = _mutable(first, "value", formulas.critical_value(rank), formulas.spectra(rank, most))
    if len(widths) > 3:
        return (valued,)
    second = Claim(
        "exact inertia",
        "numbers of negative and zero eigenvalues of the rational Hessian, by its characteristic polynomial, "
        "at critical points of every index set: number of exceptions",
        _BUDGET,
        on_host(exact.inertia_mismatches),
        tuple(Point(case, 0.0) for case in cases),
        profile.scale(1),
    )
    return (
        valued,
        _mutable(
            _mutable(second, "index", formulas.INDEX, formulas.sizes()),
            "nullity",
            formulas.NULLITY,
            formulas.sizes(),
        ),
    )


def _mutable(claim: Claim, name: str, expression: Expr, regimes: dict[str, Sampler]) -> Claim:
    """The claim with one more closed form: that which its experiment takes as keyword ``name``."""
    experiment = claim.experiment
    assert isinstance(experiment, OnHost)

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(experiment.function, **{name: other})))

    form = ClosedForm(name, expression, regimes, restate)
    return replace(claim, closed_forms=(*claim.closed_forms, form))


def _exact_cases(widths: Widths) -> tuple[dict[str, Any], ...]:
    """The user's widths with distinct eigenvalues; ties; a Sigma_YX that lacks rank; more outputs.

    No eigenvalue is 1 or a sum of others, and p < rho, p = rho and p > rho occur.
    """
    cut = [min(width, exact.LARGEST_WIDTH) for width in widths]
    levels = [11, 7, 5, 3, 2][-min(cut[0], cut[-1]) :]
    if len(widths) > 3:
        return (
            {"widths": cut, "levels": levels},
            {"widths": [4, 3, 4, 3], "levels": [3, 2, 2]},
            {"widths": [4, 2, 3, 3], "levels": [5, 2]},
            {"widths": [2, 3, 2, 2, 4], "levels": [3, 2]},
        )
    return (
        {"widths": cut, "levels": levels},
        {"widths": [4, 3, 3], "levels": [3, 2, 2]},
        {"widths": [4, 3, 3], "levels": [5, 2]},
        {"widths": [2, 3, 4], "levels": [3, 2]},
    )


def _searched(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """From random starts, every limit has a critical value, and no value is missing."""
    depth = len(widths) - 1
    cut = [min(width, exact.LARGEST_WIDTH) for width in widths]
    small = [min(width, ALL_CLASSES.get(depth, 2)) for width in widths]
    rank, starts = min(cut[0], cut[-1]), STARTS.get(depth, FEWEST_STARTS)
    limits = Claim(
        "limits of a search",
        "critical points found by Levenberg and Marquardt's method from random weights have the loss of the "
        "index set of their product, to within what their gradient grants: share of exceptions",
        _BUDGET,
        on_host(search.off_values),
        (Point({"widths": cut, "starts": starts}, 0.0),),
        profile.scale(2),
    )
    found = Claim(
        "classes found by a search",
        "searching on finds as many different losses as there are index sets: how many more",
        _BUDGET,
        on_host(search.found_classes),
        (Point({"widths": small}, 0.0),),
        profile.scale(1),
    )
    regimes = formulas.spectra(rank, min(*cut[1:-1], rank))
    return (
        _mutable(limits, "value", formulas.critical_value(rank), regimes),
        found,
        *_searched_controls(profile, limits, found),
    )


def _searched_controls(profile: Profile, limits: Claim, found: Claim) -> tuple[Claim, ...]:
    """Without the sets that leave a larger eigenvalue out, and with too little room for the largest sets."""
    (searched,), (counted,) = limits.grid, found.grid
    inputs, *hidden, outputs = counted.parameters["widths"]
    controls = []
    if min(inputs, outputs) > 1:
        controls.append(
            _control(
                "limits at nested index sets only",
                "limits of the search with $r$ eigenvectors have the loss of $\\{1, ..., r\\}$: share of "
                "exceptions",
                search.off_values,
                replace(searched, parameters={**searched.parameters, "nested": True}),
                profile.scale(2),
                "any eigenvectors make a critical point, not only those of the largest eigenvalues",
            )
        )
    if min(inputs, outputs) >= min(hidden):
        controls.append(
            _control(
                "classes of a narrower network",
                "a search finds as many losses as index sets fit one unit less: how many more",
                search.found_classes,
                replace(counted, parameters={**counted.parameters, "narrower": 1}),
                profile.scale(1),
                "sets of $p$ eigenvalues are missing from the count",
            )
        )
    return tuple(controls)


def _deep(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    """Three layers or more, trained from small random weights, on random and on real data."""
    inputs, *hidden, outputs = widths
    narrow = [min(width, DIABETES_OUTPUTS - 1) for width in hidden]
    cases = (
        {"data": "random", "widths": list(widths)},
        {"data": "diabetes", "widths": [trained.INPUTS_OF_DIABETES, *narrow, DIABETES_OUTPUTS]},
    )
    pauses = Claim(
        "pauses of training",
        "networks trained from small weights pause at the losses of the index sets they have learned: the "
        "largest distance in units of what the gradient there grants",
        _BUDGET,
        on_host(deep_pauses.value_error),
        tuple(Point(case, 0.0, margin=1.0) for case in cases),
        profile.scale(4),
    )
    largest = _control(
        "pauses without the largest eigenvalue",
        "networks pause at the losses of the index sets they have learned, without 1",
        deep_pauses.value_error,
        Point({**cases[1], "without_largest": True}, 0.0, margin=1.0),
        profile.scale(2),
        "the largest singular value is learned first from small weights",
    )
    sharper = Claim(
        "pauses sharpen",
        "the pauses before the last are nearer to critical values from smaller weights",
        Ordering(),
        on_host(deep_pauses.sharper),
        (Point(cases[1], 0.95, resolution=0.4),),
        profile.scale(12),
    )
    count = min(*hidden, inputs, outputs, deep_pauses.LEARNED)

    def restate(other: Expr) -> Claim:
        return replace(pauses, experiment=on_host(partial(deep_pauses.value_error, value=(count, other))))

    form = ClosedForm("value", formulas.critical_value(count), formulas.nested_spectra(count), restate)
    return (replace(pauses, closed_forms=(form,)), sharper, largest)


def _constructed(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    points = [{"widths": list(widths), "chosen": one} for one in _index_sets(widths)]
    rank, most = min(widths[0], widths[2]), min(widths)
    loss = Claim(
        "loss of constructed points",
        r"the network's loss there minus $\frac{1}{2} (\mathrm{tr} \Sigma_{YY} - \sum_S "
        r"\lambda_i)$, in units of its rounding budget",
        _BUDGET,
        on_host(constructed.loss_residual),
        tuple(Point(point, 0.0, margin=1.0) for point in points),
        profile.scale(8),
    )
    return (
        Claim(
            "gradient of constructed points",
            "the network's gradient at constructed critical points of random data, in units of "
            "its rounding budget",
            _BUDGET,
            on_host(constructed.slope_residual),
            tuple(Point(point, 0.0, margin=1.0) for point in points),
            profile.scale(8),
        ),
        _mutable(loss, "value", formulas.critical_value(rank), formulas.spectra(rank, most)),
        _second_order(profile, widths, points),
    )


def _second_order(profile: Profile, widths: Widths, points: list[dict[str, Any]]) -> Claim:
    """Index and nullity in the indicators of the index set, on the grid itself."""
    _, index, nullity = closed_forms(widths)
    regimes = formulas.index_sets(min(widths[0], widths[2]), min(widths))

    def claim(index: Expr, nullity: Expr) -> Claim:
        return Claim(
            "Hessian of constructed points",
            "numbers of negative and zero eigenvalues of the network's Hessian there, factors balanced",
            _BUDGET,
            on_host(constructed.second_order),
            tuple(Point(point, _predicted(widths, point["chosen"], index, nullity)) for point in points),
            profile.scale(4),
        )

    forms = (
        ClosedForm("index", index, regimes, lambda other: claim(other, nullity)),
        ClosedForm("nullity", nullity, regimes, lambda other: claim(index, other)),
    )
    return replace(claim(index, nullity), closed_forms=forms)


def _trained(profile: Profile, widths: Widths) -> tuple[Claim, ...]:
    random, diabetes, digits = _training(widths)
    count = min(widths[1], min(widths[0], widths[2]), trained.MODES) + 1
    pauses = (
        (random, count),
        (diabetes, diabetes["widths"][1] + 1),
        ({**digits, "ranks": list(DIGITS_RANKS)}, len(DIGITS_RANKS)),
    )
    plateaus = Claim(
        "plateaus of training",
        "networks trained from small weights pause at the losses of $S = \\{\\}, \\{1\\}, "
        "\\{1, 2\\}, ...$ and, where all of these last, nowhere else: distance in units of what the "
        "gradient there "
        "grants, at most a quarter of a gap",
        _BUDGET,
        on_host(trained.plateau_errors),
        tuple(Point(_started(data), (0.0,) * number, margin=1.0) for data, number in pauses),
        profile.scale(6),
    )
    most = max(DIGITS[1], *(number - 1 for _, number in pauses[:2]))
    ends = Claim(
        "minimum of training",
        "training ends at reduced-rank regression: last loss minus predicted minimum, in units of its budget",
        _BUDGET,
        on_host(trained.final_error),
        tuple(Point(_started(data), 0.0, margin=1.0) for data in (random, diabetes, digits)),
        profile.scale(3),
    )
    ranks = sorted({number - 1 for _, number in pauses[:2]} | {min(DIGITS)})
    return (
        _mutable(plateaus, "value", formulas.critical_value(most), formulas.nested_spectra(most)),
        replace(ends, closed_forms=tuple(_minimum(ends, rank) for rank in ranks)),
        *_sharper(profile, [data for data, number in pauses[:2] if number > 2]),
    )


def _minimum(claim: Claim, rank: int) -> ClosedForm:
    """What is left by the best map of this rank; the other grid points keep their own prediction."""

    def restate(other: Expr) -> Claim:
        return replace(claim, experiment=on_host(partial(trained.final_error, value=(rank, other))))

    regimes = {"the largest chosen": formulas.nested_spectra(rank)[f"r = {rank}"]}
    return ClosedForm(f"value of rank {rank}", formulas.minimum(rank), regimes, restate)


def _sharper(profile: Profile, data: list[dict[str, Any]]) -> tuple[Claim, ...]:
    """Only where there is a plateau between the start and the minimum."""
    points = tuple(
        Point({**one, "coarse": COARSE_SCALE, "fine": SCALES[one["data"]]}, 0.95, resolution=0.4)
        for one in data
    )
    claim = "the largest distance of a plateau from its predicted loss shrinks with the scale of the weights"
    if not points:
        return ()
    return (
        Claim("plateaus sharpen", claim, Ordering(), on_host(trained.sharper), points, profile.scale(12)),
    )


def _started(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "scale": SCALES[data["data"]]}


def _training(widths: Widths) -> tuple[dict[str, Any], ...]:
    real = [trained.INPUTS_OF_DIABETES, min(widths[1], DIABETES_OUTPUTS - 1), DIABETES_OUTPUTS]
    return (
        {"data": "random", "widths": list(widths)},
        {"data": "diabetes", "widths": real},
        {"data": "digits", "widths": list(DIGITS)},
    )


def _controls(profile: Profile, widths: Widths, trained_widths: Widths) -> tuple[Claim, ...]:
    """One broken assumption each; those that need a second eigenvalue exist only where there is one."""
    first = {"widths": list(widths), "chosen": [0]}
    perturbed = _gradient_control(
        profile,
        "a perturbed point",
        {**first, "amplitude": 1e-6},
        "A is moved by a millionth of its norm: no longer a critical point, so the gradient exceeds rounding",
    )
    if min(widths[0], widths[2]) < 2:
        return (perturbed,)
    return (
        perturbed,
        _gradient_control(
            profile,
            "a swapped eigenvector",
            {**first, "swapped": [1]},
            "A carries the second eigenvector and B the first: A B is no projection of the regression",
        ),
        _gradient_control(
            profile,
            "a vector that is no eigenvector",
            {**first, "angle": pi / 4},
            "A projects onto a mean of two eigenvectors, which Sigma does not leave invariant",
        ),
        *_value_controls(profile, widths, trained_widths),
    )


def _gradient_control(profile: Profile, name: str, fault: dict[str, Any], reason: str) -> Claim:
    claim = "the gradient at this point is zero to rounding"
    point = Point(fault, 0.0, margin=1.0)
    return _control(name, claim, constructed.slope_residual, point, profile.scale(4), reason)


def _value_controls(profile: Profile, widths: Widths, trained_widths: Widths) -> tuple[Claim, ...]:
    random, *_ = _training(trained_widths)
    count = min(*trained_widths, trained.MODES) + 1
    return (
        _control(
            "a wrong index set",
            "the loss of the critical point of $\\{1\\}$ is that predicted for $\\{2\\}$",
            constructed.loss_residual,
            Point({"widths": list(widths), "chosen": [0], "claimed": [1]}, 0.0, margin=1.0),
            profile.scale(4),
            "the index set decides the value: they differ by half the difference of the eigenvalues",
        ),
        _control(
            "an index without inv(S)",
            "the Hessian has (p - r)(rho - r) negative eigenvalues everywhere: number of exceptions",
            exact.inertia_mismatches,
            Point({**_exact_cases(widths)[0], "inversions": False}, 0.0),
            profile.scale(1),
            "exchanging a chosen eigenvector for one of a larger eigenvalue descends",
        ),
        _control(
            "plateaus of the wrong index sets",
            "training pauses at the losses of $\\{2\\}, \\{2, 3\\}, ...$",
            trained.plateau_errors,
            Point({**_started(random), "shift": 1}, (0.0,) * count, margin=1.0),
            profile.scale(2),
            "the largest singular value grows fastest from small weights: index sets are nested from 1",
        ),
    )


def _control(
    name: str, claim: str, experiment: Callable[..., Any], point: Point, seeds: int, reason: str
) -> Claim:
    return Claim(
        name, claim, _BUDGET, on_host(experiment), (point,), seeds, expected="refuted", reason=reason
    )


def _index_sets(widths: Widths) -> list[list[int]]:
    """All that fit, where they are few: each pair of eigenvalues tells some two formulas apart.

    Else the best set, one with inversions, two with idle units, and the empty set.
    """
    rank, hidden = min(widths[0], widths[2]), widths[1]
    largest = min(rank, hidden)
    if 2**rank <= MOST_SETS:
        return formulas.all_sets(rank, largest)
    wanted = [range(largest), range(rank - largest, rank), [0], [rank - 1], []]
    found = [list(one) for one in wanted]
    return [one for k, one in enumerate(found) if one not in found[:k]]


def _predicted(widths: Widths, chosen: list[int], index: Expr, nullity: Expr) -> tuple[float, float]:
    """Index and nullity with the indicators of ``chosen`` inserted."""
    values = {chi: Integer(k in chosen) for k, chi in enumerate(indicators(widths))}
    return float(value_of(index, values)), float(value_of(nullity, values))
