"""Ways of proof: each true relation beside its nearest false neighbor, which must not be proved."""

import pytest
import sympy as sp
from sympy import Eq, Ge, Integral, Le, Lt, Product, Rational, Sum, acos, asin, log, pi, sin, sqrt

from theory.proving import (
    Answer,
    Antiderivative,
    Citation,
    Consequence,
    Definition,
    Enclosure,
    Enumeration,
    Identity,
    Induction,
    Nonnegativity,
    Status,
    spot_check,
)
from theory.statement import Domain, Source

x, y = sp.symbols("x y", real=True)
p, q = sp.symbols("p q", positive=True)
z = sp.Symbol("z")
n, k = sp.symbols("n k", integer=True, positive=True)
c = sp.Symbol("c", real=True)
UNIT = Domain({c: (Rational(-9, 10), Rational(9, 10))})

REFUTED = [
    (Eq(sqrt(z**2), z), Domain({z: (-2, 2)})),
    (Eq(acos(c), pi / 2 + asin(c)), UNIT),
    (Eq(asin(sin(x)), x), Domain({x: (2, 3)})),
    (Eq((-1) ** n, 1), None),
]


@pytest.mark.parametrize(("false", "domain"), REFUTED)
def test_second_lock_refutes_what_is_false(false, domain):
    assert spot_check(false, domain).answer is Answer.NO


def test_second_lock_decides_nothing_where_a_side_is_no_real_number():
    assert spot_check(Eq(log(x**2), 2 * log(x)), Domain({x: (-2, -1)})).answer is Answer.UNKNOWN


def test_second_lock_overrules_the_algebra(monkeypatch):
    from theory.proving import identity

    monkeypatch.setattr(identity, "is_zero", lambda difference: (Answer.YES, "a bug"))
    assert Identity().discharge(Eq(x, x + Rational(1, 10**6)), None).answer is Answer.NO


def test_an_empty_domain_proves_nothing():
    nowhere = Domain({x: (0, 1)}, (x > 2,))
    outcome = Identity().discharge(Eq((x + 1) ** 2, x**2 + 2 * x + 1), nowhere)
    assert outcome.answer is Answer.UNKNOWN
    assert "no point of the box" in outcome.how


def test_an_answer_has_no_truth_value():
    with pytest.raises(TypeError, match="three-valued"):
        bool(Answer.YES)


def test_antiderivative_needs_derivative_boundary_values_and_continuity():
    area = Integral(x**2, (x, 0, p))
    assert Antiderivative(x**3 / 3).discharge(Eq(area, p**3 / 3), None).answer is Answer.YES
    assert Antiderivative(x**3 / 3).discharge(Eq(area, p**3 / 2), None).answer is Answer.NO
    assert Antiderivative(x**3).discharge(Eq(area, p**3 / 3), None).answer is Answer.UNKNOWN
    pole = Eq(Integral(x**-2, (x, -1, 1)), -2, evaluate=False)  # the antiderivative -1/x jumps at 0
    assert Antiderivative(-1 / x).discharge(pole, None).answer is Answer.UNKNOWN


def test_enumeration_goes_through_all_cases():
    sign = sp.Symbol("s", integer=True)
    cases = Enumeration({sign: (-1, 1), n: range(1, 5)})
    there = Domain({sign: (-1, 1), n: (1, 4)}, (sp.Ne(sign, 0),))
    assert cases.discharge(Eq(sign ** (2 * n), 1), there).answer is Answer.YES
    assert cases.discharge(Eq(sign**n, 1), there).answer is Answer.NO
    assert Enumeration({sign: ()}).discharge(Eq(sign, sign + 1), there).answer is Answer.UNKNOWN
    outside = cases.discharge(Eq(sign ** (2 * n), 1), Domain({sign: (-1, 1), n: (1, 4)}))
    assert "the domain contains {s: 0, n: 1}" in outside.how


def test_induction_needs_base_and_step():
    triangular = Sum(k, (k, 1, n))
    assert Induction(n).discharge(Eq(triangular, n * (n + 1) / 2), None).answer is Answer.YES
    assert Induction(n).discharge(Eq(triangular, n * (n + 1) / 2 + 1), None).answer is not Answer.YES
    assert Induction(n).discharge(Eq(triangular, n**2), None).answer is not Answer.YES
    assert Induction(n).discharge(Eq(Product(k, (k, 1, n)), sp.factorial(n)), None).answer is Answer.YES
    m = sp.Symbol("m", integer=True, nonnegative=True)
    i = sp.Symbol("i", integer=True, nonnegative=True)
    geometric = Sum(q**i, (i, 0, m))
    closed = (q ** (m + 1) - 1) / (q - 1)
    assert Induction(m, start=0).discharge(Eq(geometric, closed), None).answer is Answer.YES
    off_by_one = Induction(m, start=0).discharge(Eq(geometric, (q**m - 1) / (q - 1)), None)
    assert off_by_one.answer is not Answer.YES
    assert Induction(n, start=0).discharge(Eq(Sum(k, (k, 1, n)), n), None).answer is Answer.UNKNOWN


def test_nonnegativity_needs_a_certificate():
    assert Nonnegativity((x - y) ** 2).discharge(Ge(x**2 + y**2, 2 * x * y), None).answer is Answer.YES
    assert Nonnegativity().discharge(Le(p * q, p * q + p, evaluate=False), None).answer is Answer.YES
    assert Nonnegativity((x - y) ** 2).discharge(Ge(x**2 + y**2, 3 * x * y), None).answer is not Answer.YES
    assert Nonnegativity((x - y) ** 2).discharge(sp.Gt(x**2 + y**2, 2 * x * y), None).answer is not Answer.YES


def test_enclosure_certifies_on_the_whole_box_and_no_further():
    box = Domain({x: (0, 3)})
    assert Enclosure().discharge(Lt(sin(x), x + Rational(1, 100)), box).answer is Answer.YES
    assert Enclosure().discharge(Lt(sin(x), Rational(99, 100)), box).answer is Answer.NO
    assert (
        Enclosure(maximum_boxes=50).discharge(Lt(sin(x), 1), box).answer is Answer.UNKNOWN
    )  # equality at pi/2
    assert Enclosure().discharge(Lt(sin(x), y), box).answer is Answer.UNKNOWN  # nothing is known about y
    assert Enclosure().earns is Status.CERTIFIED


def test_a_consequence_follows_from_its_premises_and_nothing_else():
    f = sp.Function("f")
    value, upper = Eq(f(x), x + 1), Le(x + 1, y)
    assert Consequence((value, upper)).discharge(Le(f(x), y), None).answer is Answer.YES
    assert Consequence((value,)).discharge(Le(f(x), y), None).answer is Answer.UNKNOWN
    assert Consequence((upper,)).discharge(Le(f(x), y), None).answer is Answer.UNKNOWN
    assert Consequence((value, upper)).discharge(Lt(f(x), y), None).answer is Answer.UNKNOWN
    assert Consequence((value, upper)).discharge(Ge(f(x), y), None).answer is Answer.UNKNOWN
    assert Consequence((value,)).discharge(Eq(f(x) ** 2, (x + 1) ** 2), None).answer is Answer.YES
    assert Consequence((value,)).discharge(Eq(f(x) ** 2, x**2 + 1), None).answer is Answer.UNKNOWN


def test_definitions_and_citations_earn_no_proof():
    assert Definition().earns is Status.DEFINED
    citation = Citation(Source("Bochner", "Lectures on Fourier integrals", 1959))
    assert citation.earns is Status.CITED
    assert "Bochner (1959)" in citation.discharge(sp.true, None).how
