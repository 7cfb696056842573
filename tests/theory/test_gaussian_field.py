"""Sums, products, derivatives and linear systems over the field against SymPy's own."""

import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Matrix, cancel, diff, eye, symbols

from theory.gaussian.expectation import A, B, C
from theory.gaussian.field import GaussianField
from theory.gaussian.moments import _solve

FIELD = GaussianField((A, B, C))
FACTORS = (A, A + 1, 2 * B + 3, A * B - C**2, 1 + A + B, C - 5)


def fraction(choice):
    above, below, shift = choice
    return sympy.Mul(*(FACTORS[i] for i in above)) / sympy.Mul(*(FACTORS[i] for i in below)) / 6 + shift


fractions = st.tuples(
    st.lists(st.integers(0, len(FACTORS) - 1), max_size=3),
    st.lists(st.integers(0, len(FACTORS) - 1), max_size=3),
    st.fractions(-2, 2, max_denominator=4).map(lambda q: sympy.Rational(q.numerator, q.denominator)),
).map(fraction)


def same(element, expression):
    """Equal as functions, and in SymPy's canonical form, on which comparisons and dictionaries rest."""
    canonical = element.new(element.numer, element.denom)
    assert (canonical.numer, canonical.denom) == (element.numer, element.denom)
    return cancel(FIELD.expression(element) - expression) == 0


@settings(max_examples=15, deadline=None)
@given(st.lists(fractions, min_size=1, max_size=4))
def test_sums(parts):
    assert same(FIELD.sum([FIELD.element(part) for part in parts]), sum(parts))


@settings(max_examples=15, deadline=None)
@given(fractions, fractions)
def test_products_and_derivatives(left, right):
    one, other = FIELD.element(left), FIELD.element(right)
    assert same(FIELD.product(one, other), left * right)
    assert same(FIELD.derivative(one, FIELD.generators[C]), diff(left, C))


def test_opposite_summands_vanish():
    part = FIELD.element(A / (A * B - C**2))
    assert not FIELD.sum([part, -part])


def test_linear_systems_of_four_variables_with_fractions():
    names = symbols("s:10", positive=True)
    field = GaussianField(names)
    rows = [[names[max(i, j) * (max(i, j) + 1) // 2 + min(i, j)] for j in range(4)] for i in range(4)]
    covariance = Matrix(rows).subs({names[9]: 1 / (names[0] + 2)})
    system = eye(4) + covariance * 2
    elements = [[[field.element(e) for e in row] for row in m.tolist()] for m in (system, covariance)]
    solved, determinant = _solve(*elements, field)
    values = dict(zip(names, map(sympy.Rational, (3, 1, 5, 1, 2, 7, -1, 1, 2, 6)), strict=True))
    expected = system.subs(values).solve(covariance.subs(values))
    found = Matrix([[field.expression(entry).subs(values) for entry in row] for row in solved])
    assert found == expected
    assert field.expression(determinant).subs(values) == system.subs(values).det()
