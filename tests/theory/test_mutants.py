"""Mutants against a list made by hand, and equivalence against identities known from textbooks."""

import random

import pytest
from sympy import (
    Integer,
    Integral,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Symbol,
    acos,
    acosh,
    asin,
    asinh,
    cos,
    cosh,
    erf,
    exp,
    oo,
    pi,
    sin,
    sinh,
    sqrt,
    symbols,
    tan,
    tanh,
)

from theory import equivalence
from theory.equivalence import compare, samples, values
from theory.errors import InputError
from theory.mutants import mutants

x, y = symbols("x y", real=True)
A, B, C = symbols("A B C", real=True)


def operators(expression):
    return {one.operator for one in mutants(expression)}


def uniform(low, high):
    """A sampler of x in [low, high] and y in [1, 2], in hundredths."""

    def sample(source: random.Random):
        return {
            x: low + (high - low) * Rational(source.randrange(101), 100),
            y: 1 + Rational(source.randrange(101), 100),
        }

    return sample


def kinds(expression, regimes):
    found = samples(expression, regimes, seed=0, count=3)
    return {one.expression: compare(found, one.expression) for one in mutants(expression)}


def test_all_mutants_of_a_small_expression():
    # Worked out by hand: the sum, its two terms, the coefficient, the exponent and the sine.
    s = sin(x)
    by_hand = [
        *(s, 6 * x**2 + s, -3 * x**2 + s, 3 * x**2, 3 * x**2 + 2 * s, 3 * x**2 - s),  # terms
        *(x**2 + s, 3 + s, x**2 / 3 + s, 3 / x**2 + s),  # factors
        *(4 * x**2 + s, 2 * x**2 + s, 3 * x**2 / 2 + s),  # the coefficient, beyond what terms gave
        *(3 * x**3 + s, 3 * x + s, 3 * x**4 + s),  # the exponent, beyond what factors gave
        3 * x**2 + cos(x),
    ]
    assert {one.expression.doit() for one in mutants(3 * x**2 + s)} == set(by_hand)
    assert len(set(by_hand)) == 17


@pytest.mark.parametrize(
    ("expression", "operator"),
    [
        (pi * x, "pi taken as 3"),
        (pi * x, "constant + 1"),
        (x / 7, "constant - 1"),
        (x**7, "constant doubled"),
        (x**7, "constant halved"),
        (x**7, "constant negated"),
        (x + y, "term dropped"),
        (x + y, "term doubled"),
        (x + y, "term negated"),
        (x * y, "factor dropped"),
        (x * y, "factor inverted"),
        (x**y, "exponent one more"),
        (exp(x), "exponent one less"),
        (x - y, "x and y exchanged"),
        (sin(x), "sin and cos exchanged"),
        (cos(x), "cos and sin exchanged"),
        (asin(x), "asin and acos exchanged"),
        (acos(x), "acos and asin exchanged"),
        (sinh(x), "sinh and cosh exchanged"),
        (cosh(x), "cosh and sinh exchanged"),
        (tan(x), "tan and cot exchanged"),
        (tanh(x), "tanh and coth exchanged"),
        (asinh(x), "asinh and acosh exchanged"),
        (acosh(x), "acosh and asinh exchanged"),
        (erf(x), "erf and erfc exchanged"),
        (Piecewise((x, x < 1), (y, True)), "branch replaced by another"),
        (Piecewise((x, x < 1), (y, True)), "boundary of a condition flipped"),
    ],
)
def test_every_operator_is_there(expression, operator):
    assert operator in operators(expression)
    assert operator in operators(erf(expression) ** 3), "not in a nested place"


def node_at(expression, place):
    for index in place:
        expression = expression.args[index]
    return expression


def test_the_change_is_where_the_mutant_says():
    expression = Piecewise((x * cos(3 * y), x < y), (exp(-(x**2)) / pi, True))
    found = mutants(expression)
    assert len({one.expression for one in found}) == len(found) > 40
    for one in found:
        assert node_at(expression, one.place) == one.before
        assert one.before != one.after


def test_what_sympy_would_simplify_stays():
    lowered = next(one for one in mutants(2 * x) if one.operator == "constant - 1")
    assert lowered.expression.func is Mul
    assert lowered.expression.args == (Integer(1), x)
    powers = {one.expression for one in mutants(x**2) if one.operator == "exponent one less"}
    assert powers == {Pow(x, 1, evaluate=False)}


def test_a_bare_symbol_has_the_mutants_of_its_coefficient_and_exponent():
    found = {one.expression for one in mutants(x)}
    assert found == {x + 1, x - 1, 2 * x, x / 2, -x, x**2, Integer(1)}


def test_exchanging_symbols_in_a_symmetric_expression_is_no_mutant():
    assert not [one for one in mutants(x + y) if "exchanged" in one.operator]
    assert [one for one in mutants(x - y) if "exchanged" in one.operator]


# The arc-cosine kernel of order 1 in the two forms that textbooks use; SymPy does not find them equal.
ROOT = sqrt(A * B - C**2)
WITH_ACOS = (ROOT + C * (pi - acos(C / sqrt(A * B)))) / (2 * pi)
WITH_ASIN = (ROOT + C * (pi / 2 + asin(C / sqrt(A * B)))) / (2 * pi)


def covariance(source: random.Random):
    a, b = (Rational(source.randint(20, 100), 50) for _ in range(2))
    return {A: a, B: b, C: Rational(source.randint(-9, 9), 10) * min(a, b)}


def parallel(source: random.Random):
    a = Rational(source.randint(1, 30), 10)
    return {A: a, B: a, C: a}


def test_two_forms_of_one_kernel_are_equal():
    found = samples(WITH_ACOS, {"generic": covariance, "parallel": parallel}, seed=1, count=5)
    assert compare(found, WITH_ASIN).kind == "equal"
    mixed = (ROOT + C * (pi / 2 + acos(C / sqrt(A * B)))) / (2 * pi)
    assert compare(found, mixed).kind == "different"


def test_an_equivalent_mutant_is_recognized():
    # Both terms are even in x - y.
    expression = (x - y) ** 2 + cos(x - y)
    found = kinds(expression, {"all": uniform(-3, 3)})
    equal = {str(one) for one, comparison in found.items() if comparison.kind == "equal"}
    assert equal == {"(-x + y)**2 + cos(x - y)", "(x - y)**2 + cos(-x + y)", "(-x + y)**2 + cos(-x + y)"}


def test_a_fault_in_one_branch_is_seen_in_that_branch_alone():
    expression = Piecewise((x**2, x < 0), (x * y, True))
    regimes = {"negative": uniform(-3, -1), "positive": uniform(1, 3)}
    mutant = Piecewise((x**2, x < 0), (x * y + 1, True))
    assert compare(samples(expression, regimes, 0, 3), mutant).regimes == ("positive",)
    first_only = {"negative": regimes["negative"]}
    assert compare(samples(expression, first_only, 0, 3), mutant).kind == "equal"


def test_undefined_everywhere_is_its_own_class():
    found = samples(acos(x / 4), {"inside": uniform(-3, 3)}, 0, 4)
    assert compare(found, acos(5 + x**2)).kind == "undefined"  # complex
    assert compare(found, 1 / Mul(0, x, evaluate=False)).kind == "undefined"  # infinite
    assert compare(found, acos(x)).kind == "different"  # undefined at some points


def test_rounding_over_the_edge_of_a_domain_is_no_difference():
    # 1 - (1/3) * 3 is a ball around 0, whose square root no ball contains
    expression, written_otherwise = sqrt(1 - C**2 / (A * B)) + C, C * sqrt(1)
    found = samples(expression, {"parallel": parallel}, 0, 6)
    assert compare(found, written_otherwise).kind == "equal"


def test_a_difference_below_the_working_precision_is_none():
    found = samples(x * y, {"all": uniform(1, 2)}, 0, 3)
    assert compare(found, x * y * (1 + Rational(1, 10**29))).kind == "different"
    assert compare(found, x * y * (1 + Rational(1, 10**31))).kind == "equal"


def test_values_without_ball_arithmetic(monkeypatch):
    points = [{x: Rational(1, 3), y: Rational(2)}, {x: Rational(-5), y: Rational(1)}]
    by_balls = values(exp(x) * sqrt(y + x), points)
    monkeypatch.setattr(equivalence.balls, "flint", None)
    by_sympy = values(exp(x) * sqrt(y + x), points)
    assert abs(by_balls[0] - by_sympy[0]) < 1e-38
    assert by_balls[1] is by_sympy[1] is equivalence.Missing.UNDEFINED


def test_a_value_that_never_comes_is_unknown(monkeypatch):
    monkeypatch.setattr(equivalence, "SECONDS", 0.3)
    endless = Integral(
        exp(-(Symbol("t") ** Rational(7, 3)) * x) / (1 + Symbol("t") ** y), (Symbol("t"), 0, oo)
    )
    assert values(endless, [{x: Rational(1, 7), y: Rational(3, 2)}]) == [equivalence.Missing.UNKNOWN]


def test_regimes_must_satisfy_the_hypotheses():
    with pytest.raises(InputError, match=r"undefined at x = .* of regime 'below'"):
        samples(sqrt(x), {"below": uniform(-3, -1)}, 0, 2)
