"""Certificates of local minima: known minima are enclosed, and what is none is not certified."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from sympy import Gt, Lt, Rational, cos, symbols, tanh

from theory import balls
from theory.certified_minima import relu_teacher, single_units
from theory.certified_minima.functions import of_expression
from theory.certified_minima.krawczyk import krawczyk, newton
from theory.certified_minima.minimum import NotCertified, certify
from theory.certified_minima.positive_definite import positive_definite, smallest_eigenvalue
from theory.certified_minima.row import AtCertifiedMinimum
from theory.proving.outcome import Answer

flint = pytest.importorskip("flint", reason="python-flint is not installed: nothing can be certified here")

X, Y = LETTERS = symbols("x y", real=True)
VALUE, CURVATURE = symbols("value curvature", real=True)


def matrix(rows):
    return [[flint.arb(int(entry)) for entry in row] for row in rows]


def smooth(expression):
    return of_expression(expression, LETTERS)


def test_a_known_minimum_is_enclosed():
    found = certify(smooth((X**2 - 2) ** 2 + (Y - X) ** 2 + 5), ("1.4", "1.5"))
    with flint.ctx.workprec(200):
        root = flint.arb(2).sqrt()
        assert all(one.contains(root) for one in found.box)
        assert found.value.contains(5)
        # The Hessian there is [[18, -2], [-2, 2]].
        assert found.curvature.contains(10 - flint.arb(68).sqrt())
        assert found.curvature > 0


@pytest.mark.parametrize(
    ("expression", "start", "message"),
    [
        (X**2 - Y**2, (1, 1), "positive definite"),  # a saddle
        (-(X**2) - Y**2 + X * Y, (1, 1), "positive definite"),  # a maximum
        (X**2 + 0 * Y, (1, 1), "Newton"),  # a line of minima
        (X**4 + Y**2, (1, 1), "Newton|Krawczyk"),  # a minimum at which the Hessian is singular
        (X + cos(Y), (1, 1), "Newton"),  # no critical point
        (tanh(X) ** 2 * 0 + (1 - tanh(X)) ** 2 + Y**2, (3, 0), "Newton"),  # critical at infinity only
    ],
)
def test_what_is_no_strict_minimum_is_not_certified(expression, start, message):
    with pytest.raises(NotCertified, match=message):
        certify(smooth(expression), start)


def test_krawczyk_needs_the_zero_inside():
    bowl = smooth((X - 1) ** 2 + (Y - 2) ** 4 + Y**2)
    center = newton(bowl, [flint.arb(1), flint.arb(1)], 120)
    shifted = [center[0] + flint.arb("1e-3"), center[1]]
    assert krawczyk(bowl, center, flint.arb("1e-4"), 120) is not None
    assert krawczyk(bowl, shifted, flint.arb("1e-4"), 120) is None


def test_a_box_with_two_critical_points_is_not_unique():
    double = smooth((X**2 - 1) ** 2 + Y**2)
    assert krawczyk(double, [flint.arb(1), flint.arb(0)], flint.arb("0.1"), 120) is not None
    assert krawczyk(double, [flint.arb(0), flint.arb(0)], flint.arb("1.5"), 120) is None


def test_pivots_see_what_is_not_positive():
    assert positive_definite(matrix([[2, 1], [1, 1]]))
    assert not positive_definite(matrix([[1, 2], [2, 1]]))
    assert not positive_definite(matrix([[1, 1], [1, 1]]))  # singular
    assert not positive_definite(matrix([[1, 0, 0], [0, 0, 1], [0, 1, 0]]))
    wide = [[flint.arb(1, 2)]]
    assert not positive_definite(wide)  # some of its matrices are negative


def test_the_smallest_eigenvalue_of_a_random_matrix():
    drawn = np.random.default_rng(0).integers(-3, 4, size=(6, 6))
    symmetric = drawn @ drawn.T + np.eye(6, dtype=int)
    found = smallest_eigenvalue(matrix(symmetric.tolist()))
    expected = np.linalg.eigvalsh(symmetric)[0]
    assert float(found.lower()) <= expected <= float(found.upper()) + 1e-9  # rounding of eigvalsh
    assert smallest_eigenvalue(matrix((symmetric - 100 * np.eye(6, dtype=int)).tolist())) is None


def test_the_kernel_is_the_mean_of_two_units():
    """By quadrature over the plane of w = (2, 0) and v = (1, 1)."""

    def weighted(y, x):
        return max(2 * x, 0) * max(x + y, 0) * np.exp(-(x * x + y * y) / 2) / (2 * np.pi)

    by_quadrature, error = dblquad(weighted, 0, 9, lambda x: -x, 9, epsabs=1e-9)
    closed = float(relu_teacher.kernel().subs(dict(zip(relu_teacher.LETTERS, (4, 2, 2), strict=True))))
    assert closed == pytest.approx(by_quadrature, abs=10 * error + 1e-8)


@pytest.mark.parametrize("units", [3, 6])
def test_gradient_and_hessian_by_differences(units):
    """Central differences in 300 bits with step 10^-20: the error is of order 10^-40 / sin^3 of an angle."""
    function = relu_teacher.loss(units)
    random = np.random.default_rng(units)
    with flint.ctx.workprec(300):
        point = [flint.arb(float(one)) for one in random.normal(size=units**2)]
        step = flint.arb("1e-20")
        slopes, curvatures = function.gradient(point), function.hessian(point)
        for i in (0, units + 1, units**2 - 1):
            sides = [[p + sign * step * (j == i) for j, p in enumerate(point)] for sign in (1, -1)]
            slope = (function.value(sides[0]) - function.value(sides[1])) / (2 * step)
            assert abs(slope - slopes[i]) < flint.arb("1e-25")
            above, below = (function.gradient(side) for side in sides)
            for j in range(units**2):
                assert abs((above[j] - below[j]) / (2 * step) - curvatures[i][j]) < flint.arb("1e-25")


@pytest.mark.parametrize(("units", "published"), [(6, "0.025080581"), (8, "0.021508037")])
def test_relu_networks_with_a_spurious_minimum(units, published):
    found = relu_teacher.spurious_minimum(units)
    assert abs(found.value - flint.arb(published)) < flint.arb("1e-9")
    assert found.curvature > 0


@pytest.mark.parametrize("units", [4, 5])
def test_fewer_units_have_a_saddle_there(units):
    with pytest.raises(NotCertified, match="positive definite"):
        certify(relu_teacher.loss(units), relu_teacher.start(units))


def test_the_weights_of_the_teacher_are_not_certified():
    """Rows are parallel to those of the teacher there: the loss has no second derivatives in this form."""
    teacher = [int(i == j) for i in range(6) for j in range(6)]
    with pytest.raises(NotCertified):
        certify(relu_teacher.loss(6), teacher)


def test_the_start_is_no_certificate():
    function = relu_teacher.loss(6)
    start = [balls.ball(one) for one in relu_teacher.start(6)]
    assert krawczyk(function, start, flint.arb("1e-3"), 120) is None


def test_rows_are_decided_by_balls():
    method = AtCertifiedMinimum(single_units.twelve_minimum, VALUE, CURVATURE)
    assert method.discharge(Gt(VALUE, Rational("8.36")), None).answer is Answer.YES
    assert method.discharge(Gt(VALUE, Rational("8.37")), None).answer is Answer.NO
    assert method.discharge(Lt(CURVATURE, Rational("8.4")), None).answer is Answer.NO
    assert method.discharge(Gt(VALUE, 8.36), None).answer is Answer.UNKNOWN  # a float proves nothing
    assert method.discharge(Gt(X, 0), None).answer is Answer.UNKNOWN


def test_rows_without_a_certificate_stay_open():
    saddle = AtCertifiedMinimum(lambda: certify(smooth(X**2 - Y**2), (1, 1)), VALUE, CURVATURE)
    assert saddle.discharge(Gt(VALUE, -1), None).answer is Answer.UNKNOWN


def test_six_instances_balance_and_span():
    for instances in single_units.SIX.values():
        inputs = np.array([one.inputs for one in instances for _ in range(one.repeats)])
        targets = np.array([one.target for one in instances for _ in range(one.repeats)])
        assert len(targets) == 6
        assert not (targets @ inputs).any()
        assert np.linalg.matrix_rank(inputs) == inputs.shape[1]
