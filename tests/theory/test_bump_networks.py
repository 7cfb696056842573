"""The bump engine against other routes: exact cases by hand, mpmath, dense grids, the layers themselves."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Abs, Max, Rational, Symbol, atan, cos, erf, exp, log, sin, sqrt, tanh

from theory.bump_networks import NAMED, approximate, certified, jets, pose, ranges, value
from theory.bump_networks.activation import RELU, Z
from theory.bump_networks.arithmetic import ball, lower, precision, round_up, upper
from theory.bump_networks.jets import evaluate
from theory.bump_networks.regularity import pieces, product_boxes, regularity
from theory.bump_networks.shallow import Shallow
from theory.bump_networks.tape import compiled
from theory.errors import InputError, OutsideClass

pytest.importorskip("flint", reason="nothing can be certified without ball arithmetic")

x, y, z = sympy.symbols("x y z", real=True)

SMOOTH = [
    sin(3 * x) * exp(-(x**2)),
    1 / (1 + exp(-2 * x)),
    atan(x) * x**3 - 2 * x,
    sqrt(x + 2) / (3 + cos(x)),
    log(x + 2) ** 2,
    tanh(x) + erf(x) * x,
    (x + 3) ** x,
    sympy.asinh(x) * sympy.cosh(x / 2) - sympy.asin(x / 2) + sympy.acos(x / 3) * sympy.tan(x / 2),
    sympy.atanh(x / 2) + sympy.acosh(x + 3) - sympy.erfc(x) * sympy.sinh(x),
]


@pytest.mark.parametrize("expression", SMOOTH, ids=str)
def test_jets_contain_mpmath_derivatives(expression):
    mpmath.mp.dps = 30
    function = sympy.lambdify(x, expression, "mpmath")
    tape = compiled(expression, (x,))
    for place in (Fraction(-7, 9), Fraction(1, 5), Fraction(11, 12)):
        point = mpmath.mpf(place.numerator) / place.denominator
        expected = [mpmath.diff(function, point, order) for order in range(3)]
        with precision():
            jet = evaluate(tape, [(place, place)])
            found = [jet.value, jet.gradient[0], jet.hessian[0]]
            wide = evaluate(tape, [(place - Fraction(1, 100), place + Fraction(1, 100))])
            for order, (narrow, wider) in enumerate(
                zip(found, (wide.value, *wide.gradient, *wide.hessian), strict=True)
            ):
                # mpmath differentiates numerically: half its digits in the second order are reliable.
                assert abs(float(narrow.mid()) - float(expected[order])) < 1e-9 * (
                    1 + abs(float(expected[order]))
                )
                assert wider.contains(narrow)


def test_mixed_second_derivative():
    tape = compiled(sin(2 * x) * exp(x * y), (x, y))
    expected = sympy.diff(sin(2 * x) * exp(x * y), x, y).subs({x: Rational(1, 3), y: Rational(1, 2)})
    with precision():
        jet = evaluate(tape, [(Fraction(1, 3), Fraction(1, 3)), (Fraction(1, 2), Fraction(1, 2))])
    assert float(jet.hessian[1].mid()) == pytest.approx(float(expected), rel=1e-15)


def test_kinks_are_decided_on_exact_endpoints():
    tape = compiled(Abs(x - Rational(1, 3)), (x,))
    with precision():
        right = evaluate(tape, [(Fraction(1, 3), Fraction(1))])
        across = evaluate(tape, [(Fraction(0), Fraction(1))])
        assert right.gradient[0] == 1
        assert right.hessian == ()
        assert across.gradient[0].contains(-1)
        assert across.gradient[0].contains(1)
        assert across.hessian is None


def test_ranges_reach_the_edge_of_a_domain():
    tape = compiled(sqrt(x), (x,))
    with precision():
        found = ranges.evaluate(tape, [ranges.interval(Fraction(0), Fraction(1, 4))])
        assert found.low == 0
        assert found.high == ball(Fraction(1, 2))
        with pytest.raises(ranges.Undefined):
            ranges.evaluate(tape, [ranges.interval(Fraction(-1, 10), Fraction(1))])


def test_derivative_bounds_are_above_and_close_to_the_truth():
    cases = [
        (sin(x), (0, 6), 1.0, 1.0),
        (exp(-(x**2)), (-3, 3), (2 / np.e) ** 0.5, 2.0),
        (x**3, (0, 1), 3.0, 6.0),
    ]
    for function, side, slope, curvature in cases:
        problem = pose(function, [side], Fraction(1, 10))
        with precision():
            found = regularity(problem.tape, product_boxes(pieces(problem.tape, problem.box)))
        assert slope <= float(found.lipschitz[0]) <= 1.05 * slope
        assert curvature <= float(found.second[0]) <= 1.05 * curvature


def test_rounding_up_is_upwards_and_short():
    for number in (Fraction(1, 3), Fraction(10**9 + 1, 7), Fraction(1), Fraction(5, 10**12)):
        rounded = round_up(number, 12)
        assert number <= rounded <= number * (1 + Fraction(1, 1000))
    with precision():
        tiny = (-(ball(2) ** 200)).exp()
        assert lower(tiny) == 0
        assert 0 < upper(tiny) < Fraction(1, 10**1000)


# --- cases known exactly ----------------------------------------------------------------------------------


def test_absolute_value_with_its_kink_as_knot_is_exact():
    found = approximate(Abs(x), [(-1, 1)], Fraction(1, 1000), RELU)
    assert found.network.units == 2
    assert found.certificate.upper <= Fraction(1, 10**15)
    layers = found.network.layers()
    assert all(
        value(layers, [place]).overlaps(ball(abs(place)))
        for place in (Fraction(-1, 3), Fraction(0), Fraction(2, 7))
    )


def test_hats_on_a_parabola_err_by_exactly_a_quarter_of_the_square_width():
    found = approximate(x**2, [(0, 1)], Fraction(1, 1000), RELU)
    width = found.construction.widths[0]
    assert width == Fraction(1, found.network.units)
    assert found.certificate.lower <= width**2 / 4 <= found.certificate.upper
    assert found.certificate.upper - found.certificate.lower <= width**2 / 10**6


def test_steps_on_a_line_err_by_exactly_half_the_width():
    found = approximate(x, [(0, 1)], Fraction(1, 100), NAMED["heaviside"])
    half = found.construction.widths[0] / 2
    assert found.certificate.lower <= half <= found.certificate.upper
    # The supremum is approached at the ends of cells, where the witness stays a little inside.
    assert found.certificate.upper - found.certificate.lower <= half / 10**5


@pytest.mark.parametrize("dimension", [2, 3])
def test_kuhn_interpolation_of_the_square_norm_errs_by_d_quarters_of_the_square_width(dimension):
    variables = (x, y, z)[:dimension]
    found = approximate(sum(v**2 for v in variables), [(0, 1)] * dimension, Fraction(1, 4), RELU)
    width = found.construction.widths[0]
    truth = dimension * width**2 / 4
    assert found.certificate.lower <= truth <= found.certificate.upper
    assert found.certificate.upper - found.certificate.lower <= truth / 50  # refined to one per cent


def test_values_at_the_edge_of_a_domain():
    """Balls say nothing about x^(1/3) at 0; the value there is 2, not 0."""
    found = approximate(2 + x ** Rational(1, 3), [(0, 1)], Fraction(1, 4), RELU)
    assert found.certificate.upper <= Fraction(1, 4)
    with precision():
        assert value(found.network.layers(), [Fraction(0)]).overlaps(ball(2))


def test_constants_and_lines_need_no_more_than_one_unit():
    assert approximate(sympy.Integer(5), [(0, 6)], Fraction(1, 10), NAMED["logistic"]).network.units == 0
    found = approximate(2 * x - 1, [(0, 6)], Fraction(1, 10), RELU)
    assert found.network.units == 1
    assert found.certificate.upper <= Fraction(1, 10**15)


# --- every construction against its own layers and a dense grid --------------------------------------------

PROBLEMS = [
    (sin(x), [(0, 3)], Fraction(1, 20), "relu"),
    (sin(x), [(0, 3)], Fraction(1, 20), "heaviside"),
    (sin(x), [(0, 3)], Fraction(1, 20), "logistic"),
    (sin(x), [(0, 3)], Fraction(1, 20), "atan"),
    (Abs(sin(2 * x)) - x / 3, [(0, 3)], Fraction(1, 10), "softsign"),
    (Abs(sin(2 * x)) - x / 3, [(0, 3)], Fraction(1, 10), "relu"),
    (sqrt(x), [(0, 1)], Fraction(1, 8), "logistic"),
    (sqrt(x), [(0, 1)], Fraction(1, 8), "relu"),
    (sqrt(x), [(0, 1)], Fraction(1, 8), "heaviside"),
    (sin(2 * x) * cos(y), [(0, 1), (0, 1)], Fraction(1, 5), "relu"),
    (sin(2 * x) * cos(y), [(0, 1), (0, 1)], Fraction(1, 5), "heaviside"),
    (sin(2 * x) * cos(y), [(0, 1), (0, 1)], Fraction(1, 5), "logistic"),
    (sin(2 * x) * cos(y), [(0, 1), (0, 1)], Fraction(1, 5), "atan"),
    (Abs(x) + Max(x, y) / 2, [(-1, 1), (0, 2)], Fraction(1, 4), "relu"),
    (Abs(x) + y**2, [(-1, 2), (0, 2)], Fraction(1, 4), "relu"),
    (x * y * z, [(0, 1)] * 3, Fraction(1, 3), "relu"),
    (x * y * z, [(0, 1)] * 3, Fraction(1, 2), "logistic"),
    (x + y, [(0, 1), (0, 1)], Fraction(1, 5), "softsign"),
]
ACTIVATIONS = {**NAMED, "atan": atan(Z), "softsign": Z / (1 + Abs(Z))}


@pytest.mark.parametrize(("function", "box", "epsilon", "name"), PROBLEMS, ids=lambda item: str(item)[:40])
def test_certificate_layers_and_grid_agree(function, box, epsilon, name):
    found = approximate(function, box, epsilon, ACTIVATIONS[name])
    problem, certificate, network = found.problem, found.certificate, found.network
    assert found.construction.bound <= epsilon
    assert certificate.upper <= epsilon
    assert certificate.lower <= certificate.upper <= found.construction.bound * (1 + Fraction(1, 10**6))
    layers = network.layers()
    with precision(120):
        at_witness = evaluate(problem.tape, [(c, c) for c in certificate.witness]).value - value(
            layers, certificate.witness
        )
        assert lower(abs(at_witness)) >= certificate.lower
        generator = random.Random(1)
        leaves = generator.sample(network.leaves(), min(12, len(network.leaves())))
        for leaf in leaves:
            # A point of the leaf, generic so that it lies on no knot and no diagonal.
            place = tuple(
                low + (high - low) * Fraction(generator.randint(1, 96), 97) for low, high in leaf.box
            )
            exact = evaluate(problem.tape, [(c, c) for c in place]).value - value(layers, place)
            assert leaf.difference(problem.tape, place).overlaps(exact)
            bound = leaf.bound(problem.tape)
            assert not bound < abs(exact)
    grid = _grid_error(found)
    assert grid <= float(certificate.upper) * (1 + 1e-9)


def _grid_error(found):
    """The largest error on a grid in float64, through the exported layers."""
    sides = [(float(low), float(high)) for low, high in found.problem.box]
    count = {1: 700, 2: 23, 3: 7}[len(sides)]
    axes = [np.linspace(low + 1e-9, high - 1e-9, count) for low, high in sides]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    function = sympy.lambdify(found.problem.variables, found.problem.function, "numpy")
    return float(np.max(np.abs(function(*points.T) - _float_values(found.network.layers(), points))))


def _float_values(layers, points):
    state = points.T
    for layer in layers:
        total = np.tile(np.array([float(b) for b in layer.bias])[:, None], (1, points.shape[0]))
        for row, column, weight in layer.entries:
            total[row] += float(weight) * state[column]
        state = total if layer.activation is None else _numpy_activation(layer.activation)(total)
    return state[0]


def _numpy_activation(activation):
    known = {NAMED["relu"]: lambda t: np.maximum(t, 0), NAMED["heaviside"]: lambda t: (t >= 0) * 1.0}
    # expit instead of 1/(1 + exp(-t)), which overflows with a warning.
    known[NAMED["logistic"]] = lambda t: 0.5 * (1 + np.tanh(t / 2))
    return known.get(activation) or sympy.lambdify(Z, activation, "numpy")


@pytest.mark.parametrize("activation", [RELU, sympy.tanh(Z), atan(Z)], ids=str)
def test_networks_without_structure_are_certified(activation):
    """As trained ones are: weights of both signs, dead units, kinks anywhere."""
    generator = random.Random(7)
    draw = lambda: Fraction(generator.randint(-60, 60), 16)  # noqa: E731
    weights, offsets, outer = (tuple(draw() for _ in range(9)) for _ in range(3))
    problem = pose(sin(x), [(0, 3)], Fraction(1, 100))
    network = Shallow(
        activation,
        (*weights, Fraction(0)),
        (*offsets, Fraction(1)),
        (*outer, Fraction(2)),
        Fraction(1, 3),
        problem.box[0],
    )
    found = certified(problem, network)
    points = np.linspace(0, 3, 3001)
    seen = np.abs(np.sin(points) - _float_values(network.layers(), points[:, None])).max()
    assert float(found.lower) <= seen * (1 + 1e-2)
    assert seen <= float(found.upper) * (1 + 1e-12)
    assert float(found.upper) <= seen * 1.03


def test_an_epsilon_below_the_error_is_refused_with_a_witness():
    found = approximate(sin(x), [(0, 3)], Fraction(1, 20), RELU)
    claimed = found.certificate.lower * Fraction(9, 10)
    again = certified(found.problem, found.network, claimed)
    assert again.holds(claimed) is False
    assert again.holds(Fraction(1, 20)) is True


def test_a_changed_weight_is_noticed():
    found = approximate(sin(x), [(0, 3)], Fraction(1, 20), NAMED["heaviside"])
    network = found.network
    for index in (0, network.units // 2, network.units - 1):
        changed = network.with_outer(index, network.outer[index] + Fraction(1, 10))
        assert certified(found.problem, changed).holds(Fraction(1, 20)) is False


# --- refusals ---------------------------------------------------------------------------------------------

w = Symbol("w", real=True)
REFUSED = [
    (1 / x, [(-1, 1)], Fraction(1, 10), "relu", "undefined or unbounded near x = 0"),
    (log(x), [(-1, 1)], Fraction(1, 10), "relu", "logarithm"),
    (log(x), [(0, 1)], Fraction(1, 10), "relu", "logarithm"),
    (sqrt(x), [(-1, 1)], Fraction(1, 10), "relu", "negative"),
    (sympy.tan(x), [(0, 3)], Fraction(1, 10), "relu", "1.5708"),
    (sympy.sign(x), [(-1, 1)], Fraction(1, 10), "relu", "jumps"),
    (sympy.Heaviside(x - y), [(0, 1), (0, 1)], Fraction(1, 10), "relu", "Lipschitz"),
    (x + w, [(0, 1)], Fraction(1, 10), "relu", "free symbols w"),
    (x, [(0, 1)], Fraction(0), "relu", "epsilon"),
    (x, [(1, 1)], Fraction(1, 10), "relu", "empty"),
    (x, [(2, 1)], Fraction(1, 10), "relu", "LO < HI"),
    (x + sympy.I, [(0, 1)], Fraction(1, 10), "relu", "real"),
    (sin(x), [(0, 6)], Fraction(1, 10**9), "heaviside", "cells"),
    (sin(x) * y, [(0, 6), (0, 1)], Fraction(1, 10**4), "logistic", "larger epsilon"),
    (sympy.gamma(x), [(1, 2)], Fraction(1, 10), "relu", "gamma"),
]


@pytest.mark.parametrize(
    ("function", "box", "epsilon", "name", "said"), REFUSED, ids=lambda item: str(item)[:30]
)
def test_bad_problems_are_refused_in_one_line(function, box, epsilon, name, said):
    with pytest.raises(InputError) as refusal:
        approximate(function, box, epsilon, NAMED[name])
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_overshooting_sigmoids_are_refused_in_the_plane():
    wild = NAMED["logistic"] + 2 * sin(3 * Z) * exp(-(Z**2))
    with pytest.raises(OutsideClass, match="interval between its limits"):
        approximate(x + y, [(0, 1), (0, 1)], Fraction(1, 2), wild)


def test_local_forms_of_jets_match_the_sum_rule():
    with precision():
        left, right = jets.Jet(ball(1), (ball(2),), (ball(3),)), jets.Jet(ball(4))
        assert jets.add(left, right).value == 5
        assert jets.add(left, jets.scale(left, ball(-1))).hessian[0] == 0
