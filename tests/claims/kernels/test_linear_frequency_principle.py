"""Splines from random knots: kernels by quadrature, splines by their own equations, verdicts."""

from functools import partial

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from sympy import Abs, Eq, Rational

from proofs_checks import derive, verify
from proofs_checks.claims.kernels import linear_frequency_principle as trial
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from proofs_checks.spectral.splines import Task, matrix
from theory.derivation import Row, check
from theory.errors import InputError
from theory.proving import Consequence, Identity, Status
from theory.spectral.splines import (
    EIGENVALUE,
    ENDS,
    HALF,
    JUMPS,
    KNOTS,
    MODE,
    PIECES,
    READOUTS,
    X,
    Y,
)

B = Rational(3, 2)
DATA, TARGETS = np.array([-1.2, -0.5, 0.4, 1.1]), np.array([1.0, -0.5, 0.8, 0.3])


def test_it_is_derived():
    assert derive("kernels.linear_frequency_principle").status == "derived"


@pytest.mark.parametrize(("x", "y"), [(-1.0, 0.6), (0.9, -0.2), (0.3, 0.3)])
def test_kernels_against_quadrature_over_the_knots(x, y):
    at = {X: Rational(str(x)), Y: Rational(str(y)), HALF: B}
    places = sorted({x, y})

    def mean(unit):
        both = (quad(partial(product, unit, sign), -1.5, 1.5, points=places)[0] for sign in (1, -1))
        return sum(both) / 6

    def product(unit, sign, knot):
        return unit(x, knot, sign) * unit(y, knot, sign)

    by_readout = mean(lambda z, knot, sign: max(sign * (z - knot), 0.0))
    by_knot = mean(lambda z, knot, sign: float(sign * (z - knot) > 0))
    assert float(value_of(READOUTS, at)) == pytest.approx(by_readout, rel=1e-9)
    assert float(value_of(KNOTS, at)) == pytest.approx(by_knot, rel=1e-9)


def interpolant(kernel, places):
    gram = matrix(kernel, DATA, DATA, B)
    return matrix(kernel, places, DATA, B) @ np.linalg.solve(gram, TARGETS)


def cubic_with_end_conditions():
    """The cubic spline from its own linear equations: polynomials on five intervals, no kernel."""
    half, count = float(B), len(DATA)

    def row(piece, x, order):
        values = np.zeros(4 * (count + 1))
        for power in range(order, 4):
            factor = np.prod(np.arange(power - order + 1, power + 1))
            values[4 * piece + power] = factor * x ** (power - order)
        return values

    equations, right = [], []
    for i, (x, target) in enumerate(zip(DATA, TARGETS, strict=True)):
        equations += [row(i, x, order) - row(i + 1, x, order) for order in range(3)] + [row(i, x, 0)]
        right += [0.0, 0.0, 0.0, target]
    # r + l = (4/3) B^3 r''' - 4 B x (r'' - x r'''), where the right side is 4 B x times r''(0).
    for order in range(4):
        ends = row(count, 0.0, order) + row(0, 0.0, order)
        if order == 0:
            ends = ends - 4 / 3 * half**3 * row(count, 0.0, 3)
        if order == 1:
            ends = ends + 4 * half * row(count, 0.0, 2)
        equations.append(ends)
        right.append(0.0)
    return np.linalg.solve(np.array(equations), np.array(right)).reshape(-1, 4)


def test_the_interpolant_of_readouts_is_the_spline_of_its_end_conditions():
    pieces = cubic_with_end_conditions()
    places = np.linspace(-1.45, 1.45, 30)
    expected = [np.polyval(pieces[np.searchsorted(DATA, x)][::-1], x) for x in places]
    assert interpolant(READOUTS, places) == pytest.approx(np.array(expected), abs=1e-10)
    assert not np.allclose(
        interpolant(READOUTS, places), CubicSpline(DATA, TARGETS, bc_type="natural")(places)
    )


def test_with_free_affine_functions_it_is_the_natural_spline():
    count = len(DATA)
    affine = np.stack([np.ones(count), DATA])
    system = np.block([[matrix(READOUTS, DATA, DATA, B), affine.T], [affine, np.zeros((2, 2))]])
    *weights, constant, slope = np.linalg.solve(system, np.concatenate([TARGETS, [0.0, 0.0]]))
    places = np.linspace(-1.2, 1.1, 20)
    found = matrix(READOUTS, places, DATA, B) @ np.array(weights) + constant + slope * places
    assert found == pytest.approx(CubicSpline(DATA, TARGETS, bc_type="natural")(places), abs=1e-10)


def test_the_interpolant_of_knots_is_the_polygon():
    places = np.linspace(-1.2, 1.1, 20)
    assert interpolant(KNOTS, places) == pytest.approx(np.interp(places, DATA, TARGETS), abs=1e-12)


def test_eigenvalues_of_sines_against_a_matrix():
    count = 400
    grid = 1.5 * ((2 * np.arange(count) + 1) / count - 1)
    values = np.linalg.eigvalsh(matrix(KNOTS, grid, grid, B))[::-1] / count
    # Cosines and sines alternate; the midpoint rule errs by (k + 1/2)^2 pi^2 / (3 count^2) of the value.
    found = [float(value_of(EIGENVALUE, {MODE: Rational(k)})) for k in range(3)]
    assert values[1:6:2] == pytest.approx(np.array(found), rel=2e-4)


def test_gradient_descent_is_what_the_task_predicts():
    task = Task((-0.5, 0.7), (1.0, -2.0), (0.1,), ((3.0,),), 0.4, 7)
    gram, cross = (matrix(KNOTS, points, task.data, B) for points in (task.data, task.places))
    rates, vectors = np.linalg.eigh(gram)
    gains = (1 - (1 - 0.4 * rates) ** 7) / rates
    expected = 3 * cross @ (vectors * gains) @ vectors.T @ np.array(task.targets)
    assert task.predicted(KNOTS, B) == pytest.approx(expected)
    with pytest.raises(InputError, match="no finite value"):
        task.predicted(1 / (Abs(Y) - Rational(1, 2)), B)


@pytest.mark.parametrize(
    ("wrong", "method"),
    [
        (Eq(JUMPS[0].lhs, 2 * JUMPS[0].rhs), Consequence(PIECES[:2])),
        (Eq(ENDS[0].lhs, 2 * ENDS[0].rhs, evaluate=False), Identity()),
        (Eq(ENDS[1].lhs, -ENDS[1].rhs, evaluate=False), Identity()),
    ],
)
def test_false_rows_stay_open(wrong, method):
    assert check(Row(wrong, "false", method)).status is Status.OPEN


@pytest.mark.parametrize("claim", trial.claims(Profile("quick")), ids=lambda claim: claim.name)
def test_formulas_restated_predict_what_they_predicted(claim):
    for form in claim.closed_forms:
        again = form.restate(form.expression)
        assert again.grid[0].predicted == pytest.approx(claim.grid[0].predicted, rel=1e-12)
        assert again.grid[0].resolution == claim.grid[0].resolution


def test_another_half_width_is_judged_as_expected():
    report = verify("kernels.linear_frequency_principle", half_width="5/2", profile="quick", seed=2)
    report.raise_if_unexpected()
