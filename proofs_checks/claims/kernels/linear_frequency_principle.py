"""The linear frequency principle on trial: kernels of real networks, trained networks, frequencies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import sqrt

import numpy as np
from sympy import Abs, Expr, Integer, Rational

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.spectral.splines import (
    Rows,
    Task,
    Values,
    Which,
    finite,
    kernel_forms,
    kernel_points,
    matrix,
    mode_numbers,
    trained_networks,
)
from theory.kernels.linear_frequency_principle import HALF_WIDTH
from theory.spectral.splines import EIGENVALUE, HALF, KNOTS, MODE, READOUTS, X, Y

FORMS: dict[Which, Expr] = {"readouts": READOUTS, "knots": KNOTS}
# In units of B. Generic pairs with x on either side of y, and one that is equal.
PLACES = (-0.85, -0.4, 0.15, 0.7)
PAIRS = ((0, 1), (2, 0), (2, 3), (3, 3))
KERNEL_WIDTH, KERNEL_NETWORKS = 32, 64
MODE_POINTS, MODES = 64, (0, 1, 2)
# Far apart, so that gradient descent comes near to interpolation in some hundred steps; the cubic spline and
# the polygon differ by 0.4 in the gaps.
DATA, TARGETS, TESTS = (-0.8, 0.0, 0.8), (1.0, -1.0, 1.0), (-0.6, 0.3, 0.6)
STEPS: dict[Which, int] = {"readouts": 200, "knots": 60}
SHARE = 0.9  # of the largest step that damps every mode, 1 / (largest eigenvalue)
WIDTH, NETWORKS = 64, 4
GRID, GRID_STEPS, GRID_SHARE = 16, 60, 0.1
# A knot moves by about the amplitude over sqrt(m); where it does not cross a point of the data, f is linear
# in it. At this amplitude crossings are as rare as the resolution is fine.
AMPLITUDE = 1e-4

KERNEL_RESOLUTION, FIT_RESOLUTION = 0.035, 0.045


def claims(profile: Profile, half_width: Rational = HALF_WIDTH) -> tuple[Claim, ...]:
    """Kernels, modes, fits, frequencies; and their controls."""
    spline, polygon = (_fit(profile, half_width, which) for which in ("readouts", "knots"))
    return (
        _audited(profile, half_width),
        spline,
        polygon,
        _frequencies(profile, half_width),
        _third(profile, half_width),
        _wrong_layer(profile, half_width),
        _polygon_from_readouts(profile, half_width),
        _high_first(profile, half_width),
    )


def _scaled(half_width: Rational, places: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(half_width) * place for place in places)


def _finer(profile: Profile, resolution: float) -> float:
    return resolution / sqrt(profile.factor)


def _predicting(claim: Claim, predicted: tuple[float, ...]) -> Claim:
    """The claim with another prediction, margin and resolution as they were."""
    return replace(claim, grid=(replace(claim.grid[0], predicted=predicted),))


def _control(claim: Claim, name: str, reason: str, statement: str = "") -> Claim:
    return replace(
        claim,
        name=name,
        statement=statement or claim.statement,
        closed_forms=(),
        expected="refuted",
        reason=reason,
    )


def _on_pairs(half_width: Rational, kernel: Expr) -> tuple[float, ...]:
    points = _scaled(half_width, PLACES)
    found = matrix(kernel, points, points, half_width)
    return finite(kernel, np.asarray([found[pair] for pair in PAIRS]))


def _nested(rows: Values) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in rows)


def _sines(points: int) -> tuple[Values, Values]:
    """The midpoints of equal cells of [-1, 1], and sin((k + 1/2) pi x) there."""
    grid = (2 * np.arange(points) + 1) / points - 1
    return grid, np.sin(np.outer(np.asarray(MODES) + 0.5, np.pi * grid))


def _rows() -> tuple[tuple[float, ...], dict[str, tuple[Rows, Rows]]]:
    """Places, and rows that give K at pairs of them and, for the knots, u^T K u / (n |u|^2) of sines u."""
    grid, waves = _sines(MODE_POINTS)
    unit = np.eye(len(PLACES), len(PLACES) + MODE_POINTS)
    left, right = (unit[[pair[side] for pair in PAIRS]] for side in (0, 1))
    waves = np.pad(waves, ((0, 0), (len(PLACES), 0)))
    shares = waves / (MODE_POINTS * np.sum(waves**2, axis=1, keepdims=True))
    knots = (_nested(np.concatenate([left, shares])), _nested(np.concatenate([right, waves])))
    return (*PLACES, *map(float, grid)), {"readouts": (_nested(left), _nested(right)), "knots": knots}


def _eigenvalues(formula: Expr) -> tuple[float, ...]:
    return tuple(float(value_of(formula, {MODE: Integer(k)})) for k in MODES)


def _kernels(
    profile: Profile,
    half_width: Rational,
    readouts: Expr = READOUTS,
    knots: Expr = KNOTS,
    eigenvalue: Expr = EIGENVALUE,
) -> Claim:
    """Both kernels, exactly at every width; the margin is the error of the midpoint rule, on modes alone."""
    places, forms = _rows()
    points = _scaled(half_width, places)
    left, right = (np.asarray(rows)[len(PAIRS) :] for rows in forms["knots"])
    by_rule = np.sum((left @ matrix(KNOTS, points, points, half_width)) * right, axis=1)
    errors = np.abs(by_rule - np.asarray(_eigenvalues(EIGENVALUE)))
    truth = (*_on_pairs(half_width, READOUTS), *_on_pairs(half_width, KNOTS), *_eigenvalues(EIGENVALUE))
    point = Point(
        {
            "points": points,
            **forms,
            "half_width": float(half_width),
            "width": KERNEL_WIDTH,
            "networks": KERNEL_NETWORKS,
        },
        (*_on_pairs(half_width, readouts), *_on_pairs(half_width, knots), *_eigenvalues(eigenvalue)),
        margin=(0.0,) * 2 * len(PAIRS) + tuple(map(float, errors)),
        resolution=tuple(_finer(profile, KERNEL_RESOLUTION) * value for value in truth),
    )
    return Claim(
        "kernels and modes",
        rf"the mean of the tangent kernels of readout weights and of knots, at width {KERNEL_WIDTH} as at "
        r"every other; for the knots the eigenvalue $1/((2 k + 1)^2 \pi^2)$ of $\sin((k + 1/2) \pi x / B)$, "
        "with the error of the midpoint rule as its margin",
        Mean(),
        kernel_forms,
        (point,),
        profile.scale(64),
    )


def _audited(profile: Profile, half_width: Rational) -> Claim:
    """The claim on kernels with its three closed forms."""

    def restate(name: str, other: Expr) -> Claim:
        return _kernels(profile, half_width, **{name: other})

    points = kernel_points(half_width)
    forms = (
        ClosedForm("readouts", READOUTS, points, partial(restate, "readouts")),
        ClosedForm("knots", KNOTS, points, partial(restate, "knots")),
        ClosedForm("eigenvalue", EIGENVALUE, mode_numbers(), partial(restate, "eigenvalue")),
    )
    return replace(_kernels(profile, half_width), closed_forms=forms)


def _step_size(kernel: Expr, points: tuple[float, ...], half_width: Rational, share: float) -> float:
    return share / float(np.linalg.eigvalsh(matrix(kernel, points, points, half_width))[-1])


def _task(half_width: Rational, which: Which) -> Task:
    """Three points, fitted almost exactly, and what lies between them."""
    data = _scaled(half_width, DATA)
    step_size = _step_size(FORMS[which], data, half_width, SHARE)
    rows = _nested(np.eye(len(TESTS)))
    return Task(data, TARGETS, _scaled(half_width, TESTS), rows, step_size, STEPS[which])


def _sines_task(half_width: Rational) -> Task:
    """A sum of sines on a grid, and the share of each that has been learnt."""
    grid, waves = _sines(GRID)
    points = _scaled(half_width, tuple(grid))
    rows = _nested(waves / np.sum(waves**2, axis=1, keepdims=True))
    step_size = _step_size(KNOTS, points, half_width, GRID_SHARE)
    targets = tuple(map(float, waves.sum(axis=0)))
    return Task(points, targets, points, rows, step_size, GRID_STEPS)


def _training(
    profile: Profile, half_width: Rational, which: Which, task: Task, name: str, statement: str
) -> Claim:
    setting = {
        **task.parameters(),
        "half_width": float(half_width),
        "width": WIDTH,
        "networks": NETWORKS,
        "which": which,
        "amplitude": AMPLITUDE,
    }
    predicted = task.predicted(FORMS[which], half_width)
    # No closed forms: interpolation forgets factors of the kernel, which is mutated where it is measured.
    return Claim(
        name,
        statement,
        Mean(),
        trained_networks,
        (Point(setting, predicted, resolution=_finer(profile, FIT_RESOLUTION)),),
        profile.scale(32),
    )


def _fit(profile: Profile, half_width: Rational, which: Which) -> Claim:
    curve = {"readouts": "the cubic spline", "knots": "the polygon through the data"}[which]
    return _training(
        profile,
        half_width,
        which,
        _task(half_width, which),
        f"trained {which}",
        rf"after {STEPS[which]} steps of training the {which} alone $f$ is, between the data, the fit of the "
        rf"kernel, which is {curve} in the end; $1/m$ is extrapolated away",
    )


def _frequencies(profile: Profile, half_width: Rational) -> Claim:
    return _training(
        profile,
        half_width,
        "knots",
        _sines_task(half_width),
        "low frequencies first",
        r"of a sum of $\sin((k + 1/2) \pi x / B)$ trained knots have learnt after "
        rf"{GRID_STEPS} steps what the eigenvalues say, most of $k = 0$",
    )


def _third(profile: Profile, half_width: Rational) -> Claim:
    return _control(
        _kernels(profile, half_width, readouts=READOUTS + Abs(X - Y) ** 3 / (24 * HALF)),
        "a third of the cube",
        "the cube has the factor 1/6: with 1/3 the third derivative would jump by 1/B",
        r"$4 B K_a = (2/3) B^3 + 2 B x y + |x - y|^3 / 3$",
    )


def _wrong_layer(profile: Profile, half_width: Rational) -> Claim:
    return _control(
        _kernels(profile, half_width, knots=READOUTS),
        "formula of the readouts for the knots",
        "the knots are trained, not the readout weights: their kernel is one with a kink",
    )


def _polygon_from_readouts(profile: Profile, half_width: Rational) -> Claim:
    polygon = tuple(map(float, np.interp(TESTS, DATA, TARGETS)))
    return _control(
        _predicting(_fit(profile, half_width, "readouts"), polygon),
        "polygon from trained readouts",
        "trained readout weights give a kernel with two continuous derivatives: f is curved between the data",
        "after training the readout weights alone the network follows the polygon through the data",
    )


def _high_first(profile: Profile, half_width: Rational) -> Claim:
    claim = _frequencies(profile, half_width)
    return _control(
        _predicting(claim, _sines_task(half_width).predicted(KNOTS, half_width)[::-1]),
        "high frequencies first",
        "the eigenvalues fall with the frequency; here every wave has the rate of another one",
    )
