"""What a derivation is worth: the status of its rows, its conclusion, and what it cites."""

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import sympy as sp
from sympy import Eq, Gt, cos, sin

from theory.balls import BallsUnavailable
from theory.derivation import Derivation, Row
from theory.proving import (
    Answer,
    Citation,
    CitedStatement,
    Consequence,
    Definition,
    Enclosure,
    Identity,
    Outcome,
    Status,
)
from theory.proving.matrix_words import MatrixWords
from theory.statement import Domain, Hypothesis, Source, Statement
from theory.time_limit import TimeLimitExceeded

x = sp.Symbol("x", positive=True)
SOURCE = Source("A. Author", "A title", 2000, "Theorem 1")
PYTHAGORAS = Eq(cos(x) ** 2 + sin(x) ** 2, 1)


def statement(conclusion=PYTHAGORAS, hypotheses=(), instance=None, **changes):
    return Statement(
        id="subject.theorem",
        title="A theorem",
        summary="",
        hypotheses=hypotheses,
        conclusion=conclusion,
        sources=(SOURCE,),
        instance=instance or {x: 1},
        **{"regime": "exact"} | changes,
    )


@dataclass(frozen=True)
class Raises:
    """A method whose tool is missing or too slow."""

    error: Exception
    earns: Status = Status.PROVED

    def discharge(self, relation, domain):
        raise self.error


@dataclass(frozen=True)
class Undecided:
    """A method that cannot tell."""

    earns: Status = Status.PROVED

    def discharge(self, relation, domain):
        return Outcome(Answer.UNKNOWN, "undecided")


def derivation(*methods, conclusion=PYTHAGORAS):
    limit = Row(Eq(cos(2 * x), 1 - 2 * sin(x) ** 2), "a limiting case", Identity())
    rows = tuple(Row(PYTHAGORAS, "a reason", method) for method in methods)
    return Derivation(statement(conclusion), rows, limit)


def test_derived_when_every_row_is_discharged_and_one_is_the_conclusion():
    found = derivation(Identity())
    assert found.status == "derived"
    assert found.concluding_steps == (1,)
    assert found.counts == {
        "rows": 2, "proved": 2, "certified": 0, "cited": 0, "defined": 0, "open": 0, "not run": 0,
    }  # fmt: skip


FAILURES = [TimeLimitExceeded("too slow"), ZeroDivisionError("in SymPy")]


@pytest.mark.parametrize("method", [Undecided(), *map(Raises, FAILURES)])
def test_undecided_is_open(method):
    found = derivation(Identity(), method)
    assert (found.status, found.counts["open"], found.weakest) == ("open", 1, Status.OPEN)


def test_a_missing_tool_is_not_run():
    found = derivation(Identity(), Raises(BallsUnavailable("no flint")))
    assert (found.status, found.counts["not run"]) == ("not run", 1)


def test_a_definition_is_no_conclusion():
    assert derivation(Definition()).status == "open"
    assert derivation(Identity(), conclusion=Eq(sin(x), cos(x))).status == "open"
    both = sp.And(PYTHAGORAS, Eq(sin(x), cos(x)), evaluate=False)
    assert derivation(Identity(), conclusion=both).status == "open"


def test_premises_must_be_earlier_rows():
    with pytest.raises(ValueError, match="no earlier row establishes"):
        derivation(Consequence((PYTHAGORAS,)))
    assert derivation(Identity(), Consequence((PYTHAGORAS,))).status == "derived"


def test_a_row_is_worth_nothing_outside_its_domain():
    everywhere, here = Domain({x: (1, 3)}), Domain({x: (1, 2)})
    below = Gt(3 - x, 0)

    def found(rows, domain):
        limit = Row(Eq(cos(2 * x), 1 - 2 * sin(x) ** 2), "a limiting case", Identity())
        return Derivation(statement(below, domain=domain), rows, limit)

    row = Row(below, "on a part", Enclosure(), here)
    assert found((row,), here).status == "derived"
    assert found((row,), everywhere).status == "open"
    assert found((row,), None).status == "open"
    with pytest.raises(ValueError, match="no earlier row establishes where it is used"):
        found((row, Row(below, "everywhere", Consequence((below,)))), everywhere)


def test_a_rule_must_not_be_a_later_row():
    n = sp.Symbol("n", integer=True, positive=True)
    projector, idle = sp.MatrixSymbol("P", n, n), lambda random: {}
    square, cube = Eq(projector**2, projector), Eq(projector**3, projector)
    rows = (
        Row(square, "a definition", Definition()),
        Row(cube, "multiplied by it", MatrixWords(idle, (square,))),
    )
    limit = Row(PYTHAGORAS, "a limiting case", Identity())
    Derivation(statement(), rows, limit)
    with pytest.raises(ValueError, match="only a later row establishes"):
        Derivation(statement(), rows[::-1], limit)


def test_a_range_that_contradicts_an_assumption_is_refused():
    n = sp.Symbol("n", integer=True)
    below = sp.Symbol("s", negative=True)
    for box in ({x: (-2, -1)}, {x: (-1, 1)}, {x: (0, 0)}, {below: (1, 2)}, {n: (sp.Rational(1, 3), 0.9)}):
        with pytest.raises(ValueError, match="contradicts the assumptions"):
            Domain(box)
    Domain({x: (0, 1), below: (-1, 0), n: (0, 1)})


def test_a_cited_statement_is_worth_its_weakest_row(monkeypatch):
    for method, expected in ((Identity(), Status.PROVED), (Citation(SOURCE), Status.CITED)):
        module = SimpleNamespace(derivation=lambda method=method: derivation(method))
        monkeypatch.setitem(sys.modules, "theory.cited", module)
        assert derivation(CitedStatement("cited")).checked[0].status is expected
    open_ = SimpleNamespace(derivation=lambda: derivation(Undecided()))
    monkeypatch.setitem(sys.modules, "theory.cited", open_)
    assert derivation(CitedStatement("cited")).status == "open"


def test_rows_and_conclusions_must_say_something():
    with pytest.raises(ValueError, match="evaluates to True"):
        Row(Eq(x, x), "nothing", Identity())
    with pytest.raises(ValueError, match="evaluates to False"):
        statement(conclusion=Eq(x, -1))


def test_an_instance_must_satisfy_the_hypotheses():
    small = Hypothesis("$x > 2$", Gt(x, 2))
    with pytest.raises(ValueError, match="violates the hypothesis"):
        statement(hypotheses=(small,))
    statement(hypotheses=(small,), instance={x: 3})


def test_an_asymptotic_statement_gives_its_error_term():
    with pytest.raises(ValueError, match="error term"):
        statement(regime="asymptotic")
    with pytest.raises(ValueError, match="regime 'vague'"):
        statement(regime="vague")


def test_samples_stay_in_the_domain():
    import random

    n = sp.Symbol("n", integer=True)
    domain = Domain({x: (1, 2), n: (-1, 3)}, (Gt(x + n, 2),))
    for seed in range(20):
        point = domain.sample(random.Random(seed))
        assert 1 <= point[x] <= 2
        assert point[n].is_Integer
        assert point[x] + point[n] > 2
    with pytest.raises(ValueError, match="is empty"):
        Domain({x: (2, 1)})
