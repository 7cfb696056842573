"""The two-layer tangent kernel outside the closed-form class: certified, and never proved."""

import dataclasses

import numpy as np
import pytest
from sympy import And, Derivative, Eq, Gt, Lt, Rational, Symbol, asin, pi, sqrt, tanh

from theory import balls
from theory.certified_expectations.rows import CertifiedQuadrature, enclose_expectation
from theory.derivation import check
from theory.errors import InputError, OutsideClass
from theory.gaussian import GaussianExpectation, pair_expectation, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.grammar import parse
from theory.kernels.two_layer_ntk import INSTANCE, derivation, kinked, statement
from theory.proving import Answer, Consequence, Identity, Status

pytestmark = pytest.mark.skipif(not balls.available(), reason="certified values need python-flint")

Z = Symbol("z", real=True)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)


def activation(text):
    return parse(text, symbols=("z",))


def hermite(f, a, b, c):
    """E[f(u) f(v)] by Gauss and Hermite, 120 nodes in each of two independent normal variables."""
    a, b, c = map(float, (a, b, c))
    u = np.sqrt(a) * NODES
    v = c / a * u[:, None] + np.sqrt(b - c**2 / a) * NODES
    return float(WEIGHTS @ (f(u)[:, None] * f(v)) @ WEIGHTS / WEIGHTS.sum() ** 2)


@pytest.fixture(scope="module")
def of_tanh():
    return derivation(tanh(Z))


def test_tanh_is_derived_and_what_has_no_closed_form_is_certified(of_tanh):
    assert of_tanh.status == "derived"
    assert of_tanh.weakest in (Status.CITED, Status.CERTIFIED)
    numbers = [c for c in of_tanh.checked if isinstance(c.row.relation, And) and c.row.relation.has(Lt)]
    assert len(numbers) == 7
    assert {c.status for c in numbers} == {Status.CERTIFIED}
    # what holds for every activation is proved as before
    assert of_tanh.counts["proved"] >= 15
    assert len(statement(tanh(Z)).conclusion.atoms(GaussianExpectation)) == 2


def test_only_consequences_of_definitions_are_proved_about_expectations_of_tanh(of_tanh):
    proved = [c.row for c in of_tanh.checked if c.status is Status.PROVED]
    about = [row for row in proved if any(e.has(tanh) for e in row.relation.atoms(GaussianExpectation))]
    assert {type(row.method) for row in about} == {Consequence}


def test_a_wrong_interval_stays_open(of_tanh):
    width = Rational(1, 10**6)
    certified = [c.row for c in of_tanh.checked if c.status is Status.CERTIFIED]
    for row in certified:
        for shift in (3 * width, -3 * width):
            moved = And(*(type(part)(part.lhs + shift, part.rhs) for part in row.relation.args))
            wrong = check(dataclasses.replace(row, relation=moved))
            assert wrong.status is Status.OPEN
            assert wrong.outcome.answer is Answer.NO


def test_certified_intervals_contain_sums_of_gauss_and_hermite(of_tanh):
    def slope(x):
        return 1 - np.tanh(x) ** 2

    functions = (np.tanh, slope, None, lambda x: np.tanh(x) ** 2, lambda x: np.tanh(x) * slope(x))
    point = tuple(INSTANCE.values())
    values = [None if f is None else hermite(f, *point) for f in (*functions, lambda x: slope(x) ** 2)]
    values[2] = values[0] + float(point[2]) * values[1]
    rows = [c.row.relation for c in of_tanh.checked[:-1] if c.status is Status.CERTIFIED]
    for relation, value in zip(rows, values, strict=True):
        bounds = sorted(float(part.rhs) for part in relation.args)
        assert bounds[0] < value < bounds[1]
        assert bounds[1] - bounds[0] < 3e-6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tanh(z)", False),
        ("mish(z)", False),
        ("max(tanh(z), 0)", True),
        ("max(tanh(z) - 1/3, 0)", True),
        ("abs(tanh(z))*z", False),
        ("z/(1 + abs(z))", False),
        ("max(tanh(z), 0)^2", False),
        ("max(tanh(z), z/2)", True),
        ("abs(sin(z))", True),
    ],
)
def test_kinks_outside_the_class(text, expected):
    assert kinked(activation(text)) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tanh(z) + step(z)", "jumps"),
        ("exp(z^2/8)*tanh(z)", "fourth moments"),
        ("tanh(z)*step(z)", "write it with max, min or abs"),
        ("log(abs(z))", "not shown to be continuous"),
        ("abs(sin(z))^3", "not decided whether the derivative"),
    ],
)
def test_refusals_name_the_reason(text, message):
    with pytest.raises(InputError, match=message):
        derivation(activation(text))


def test_a_wrong_slope_is_not_proved():
    wrong = Eq(Derivative(tanh(Z), Z), 1 - tanh(Z) ** 2 / 2)
    assert Identity().discharge(wrong, None).answer is Answer.NO


def test_enclosures_contain_known_closed_forms():
    """erf: 2/pi asin(2 c / sqrt((1 + 2 a)(1 + 2 b))) (Williams 1996); powers: Isserlis' theorem."""
    a, b, c = Rational(9, 10), Rational(7, 10), Rational(1, 5)
    inner = {A: a, B: b, C: c}
    error = activation("erf(z)")
    closed = 2 / pi * asin(2 * c / sqrt((1 + 2 * a) * (1 + 2 * b)))
    found = enclose_expectation(pair_expectation(error, error, Z).subs(inner))
    assert found.overlaps(balls.enclose(closed, {}))
    assert float(found.rad()) < 1e-8
    square = 3 * Z**2
    for value, point in ((a * b + 2 * c**2, inner), (3 * a * b, {A: a, B: a / 4, C: a / 2})):
        expected = 9 * (value if point is inner else 3 * (a / 2) ** 2)
        found = enclose_expectation(pair_expectation(square, square, Z).subs(point))
        assert found.overlaps(balls.ball(expected))
    assert enclose_expectation(single_expectation(Z**4, Z, a)).overlaps(balls.ball(3 * a**2))


def test_what_the_quadrature_does_not_decide():
    here = pair_expectation(tanh(Z), tanh(Z), Z).subs(INSTANCE)
    method = CertifiedQuadrature()
    assert method.discharge(Gt(here, 0), None).answer is Answer.YES
    assert method.discharge(Lt(here, 0), None).answer is Answer.NO
    assert method.discharge(Eq(here, Rational(1, 12)), None).answer is Answer.UNKNOWN
    assert method.discharge(Gt(pair_expectation(tanh(Z), tanh(Z), Z), 0), None).answer is Answer.UNKNOWN
    different = pair_expectation(tanh(Z), tanh(Z) ** 3, Z).subs(INSTANCE)
    assert method.discharge(Gt(different, 0), None).answer is Answer.UNKNOWN
    with pytest.raises(OutsideClass, match="two different functions"):
        enclose_expectation(different)
    middle = Rational(str(enclose_expectation(here).mid().str(20, radius=False)))
    assert method.discharge(Gt(here, middle), None).answer is not Answer.YES
