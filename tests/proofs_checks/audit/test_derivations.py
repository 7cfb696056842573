"""The audit of derivations: it exposes rows that accept anything, and tells needed hypotheses from others."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import sympy as sp
from sympy import Eq, Ge, Integral, Le, Rational, sin

from proofs_checks.audit.derivations import audit_derivation
from proofs_checks.audit.truth import still_true
from proofs_checks.profile import Profile
from theory.derivation import Derivation, Row
from theory.gaussian import PriceEquation, pair_expectation
from theory.gaussian.expectation import C, GaussianExpectation
from theory.proving import (
    Answer,
    Antiderivative,
    Consequence,
    Definition,
    Enclosure,
    Given,
    Identity,
    Nonnegativity,
    Outcome,
    Status,
)
from theory.relation_mutants import committed, slips
from theory.statement import Domain, Hypothesis, Source, Statement

p, h = sp.symbols("p h", positive=True)
x, y = sp.symbols("x y", real=True)
E = sp.Symbol("E", real=True)
SQUARE = Eq((x + 1) ** 2, x**2 + 2 * x + 1)
POWER = Eq(sp.log(p**2), 2 * sp.log(p), evaluate=False)
AREA = Eq(Integral(x**2, (x, 0, p)), p**3 / 3)
LIMIT = Row(Eq(sin(2 * x), 2 * sin(x) * sp.cos(x)), "a limiting case", Identity())
CASE = Domain({x: (0, 1)})


@dataclass(frozen=True)
class AcceptsEverything:
    """A method that cannot say no."""

    earns: Status = Status.PROVED

    def discharge(self, relation, domain):
        return Outcome(Answer.YES, "certainly")


def audited(*rows, profile="standard", hypotheses=(), domain=None):
    statement = Statement(
        id="subject.theorem",
        title="A theorem",
        summary="",
        hypotheses=hypotheses,
        conclusion=rows[-1].relation,
        regime="exact",
        sources=(Source("A. Author", "A title", 2000),),
        instance={x: Rational(1, 2), E: 1},
        domain=domain,
    )
    theorem = SimpleNamespace(id="subject.theorem", derivation=lambda _: Derivation(statement, rows, LIMIT))
    return audit_derivation(theorem, {}, Profile(profile), seed=3)


def use(found, name):
    return next(one for one in found.hypotheses if one.name == name)


def test_a_row_that_accepts_everything_is_exposed():
    found = audited(Row(SQUARE, "by fiat", AcceptsEverything()))
    exposed = found.faults[0]
    assert exposed.count("missed") == len(exposed.faults) > 0
    assert len(found.defects) == exposed.count("missed")
    assert "row 1 (AcceptsEverything)" in found.defects[0]
    assert found.caught < found.planted


def test_honest_methods_catch_every_planted_error():
    found = audited(
        Row(SQUARE, "expanded", Identity()),
        Row(AREA, "integrated", Antiderivative(x**3 / 3)),
        Row(Ge(x**2 + y**2, 2 * x * y), "a square", Nonnegativity((x - y) ** 2)),
        Row(Le(sin(x), Rational(9, 10)), "enclosed", Enclosure(), CASE),
        profile="thorough",
    )
    assert found.defects == ()
    assert found.planted == found.caught >= 90
    operators = {fault.operator for row in found.faults for fault in row.faults}
    assert {"term negated", "constant doubled", "exponent one more", "upper limit moved by one"} <= operators


def test_a_bound_that_gives_something_away_is_still_true():
    row = Row(Le(sin(x), Rational(9, 10)), "enclosed", Enclosure(), CASE)
    assert "follows from the row" in still_true(row, Le(sin(x), Rational(19, 10)), None, "0")
    assert still_true(row, Le(sin(x), Rational(8, 10)), None, "0") == ""
    assert "says the same" in still_true(row, Le(sin(x) + x - x, Rational(9, 10)), None, "0")
    low, high = sp.Gt(sin(x), Rational(1, 10)), sp.Lt(sin(x), Rational(9, 10))
    both = replace(row, relation=sp.And(low, high))
    wider = sp.And(low, Le(sin(x), Rational(19, 10)))
    assert "follows from the row" in still_true(both, wider, None, "0")
    assert still_true(both, sp.And(low, sp.Lt(sin(x), Rational(8, 10))), None, "0") == ""
    identity = Row(SQUARE, "expanded", Identity())
    assert "30 digits" in still_true(identity, Eq((x + 1) ** 2 + 1, x**2 + 2 * x + 2), None, "0")
    assert still_true(identity, Eq((x + 1) ** 2, x**2 + 2 * x + 1 + Rational(1, 10**20)), None, "0") == ""


def test_expectations_are_compared_up_to_the_symmetries_of_their_law():
    z = sp.Symbol("z", real=True)
    relu = sp.Max(z, 0)
    kept = pair_expectation(relu, z, z)
    u, v = kept.variables
    mirrored = GaussianExpectation(sp.Min(u, 0) * v, (u, v), kept.covariance)
    exchanged = GaussianExpectation(sp.Max(v, 0) * u, (v, u), kept.covariance)
    half = Row(Eq(kept, C / 2), "", PriceEquation())
    assert "says the same" in still_true(half, Eq(mirrored, C / 2), None, "0")
    assert "says the same" in still_true(half, Eq(exchanged, C / 2), None, "0")
    wrong = GaussianExpectation(sp.Max(u, 0) * sp.Abs(v), (u, v), kept.covariance)
    assert still_true(half, Eq(wrong, C / 2), None, "0") == ""


def test_a_wrong_definition_must_open_a_row_that_uses_it():
    named, bounded = Eq(E, x**2, evaluate=False), Le(x**2, 2 * x)
    rows = (
        Row(named, "a name", Definition()),
        Row(bounded, "given", Given()),
        Row(Le(E, 2 * x), "inserted", Consequence((named, bounded))),
    )
    found = audited(*rows)
    assert [row.row for row in found.faults] == [1, 2, 3, 4]
    assert found.defects == ()
    assert [fault.how for fault in found.faults[1].faults if fault.fate == "still true"] == [
        "what is used of it follows"  # x^2 < 2 x says more than is used
    ]
    idle = (rows[0], Row(SQUARE, "by fiat", Consequence((named,))))
    assert any("row 1 (Definition)" in line for line in audited(*idle).defects)


def test_an_assumption_is_needed_or_not():
    found = audited(
        Row(POWER, "p is positive", Identity()),
        Row(Eq(h + h, 2 * h, evaluate=False), "", Identity()),
    )
    assert use(found, "p is positive").needed_by == (1,)
    assert use(found, "h is positive").needed_by == ()
    assert use(found, "h is positive") in found.unneeded
    assert use(found, "h is positive").tried == 1


def test_a_range_and_a_given_row_are_needed_or_not():
    given = Le(x, E)
    found = audited(
        Row(Le(sin(x), Rational(9, 10)), "enclosed", Enclosure()),
        Row(given, "a hypothesis", Given()),
        Row(SQUARE, "expanded", Identity()),
        Row(Le(x, E + 0 * y), "recalled", Consequence((given, SQUARE))),
        domain=Domain({x: (0, 1), y: (2, 3)}),
        hypotheses=(Hypothesis("$x$ is at most $E$", given), Hypothesis("$x$ is small")),
    )
    assert use(found, "0 <= x <= 1").needed_by == (1,)
    assert use(found, "2 <= y <= 3").using == 0
    assert use(found, "x <= E").needed_by == (4,)
    assert "prose" in use(found, "$x$ is small").note
    assert not any(one.name == "$x$ is at most $E$" for one in found.hypotheses)  # removed as the given row


def test_the_quick_profile_draws_few_faults_reproducibly():
    rows = (Row(SQUARE, "expanded", Identity()), Row(AREA, "integrated", Antiderivative(x**3 / 3)))
    first, second = audited(*rows, profile="quick"), audited(*rows, profile="quick")
    assert [len(row.faults) for row in first.faults] == [2, 2, 2]
    assert first.faults == second.faults
    document = json.loads(json.dumps(first.to_dict()))
    assert document["planted"] == first.planted
    assert document["rows"][0]["tried"] == 2


n = sp.Symbol("n", integer=True, positive=True)
A, B = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("B", n, n)


@pytest.mark.parametrize(
    ("relation", "wrong"),
    [
        (Eq((A * B).T, B.T * A.T, evaluate=False), Eq((A * B).T, A.T * B.T, evaluate=False)),
        (Eq(A * B, A), Eq(A.T * B, A)),
        (Eq(A.T, B), Eq(A, B)),
        (AREA, Eq(Integral(x**2, (x, 0, p + 1)), p**3 / 3)),
        (AREA, Eq(Integral(x**3, (x, 0, p)), p**3 / 3)),
        (AREA, Eq(Integral(x**2, (x, 0, p)), -(p**3) / 3)),
        (SQUARE, Eq((x + 1) ** 2, x**2 + 1)),
        (Le(x, y), Ge(x, y)),
    ],
)
def test_the_expected_slips_are_among_those_planted(relation, wrong):
    assert wrong in {committed(relation, slip) for slip in slips(relation)}


def test_a_slip_that_changes_nothing_is_not_planted():
    assert all(committed(SQUARE, slip) != SQUARE for slip in slips(SQUARE))
    assert all(
        found is None or found.lhs != found.rhs
        for found in (committed(SQUARE, slip) for slip in slips(SQUARE))
    )
