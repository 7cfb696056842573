"""Engines: verdicts do not depend on the order in which cells are measured, and equal cells share one."""

import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.engine import InProcess, Remembering
from proofs_checks.environment import device
from proofs_checks.experiment import on_host
from proofs_checks.judge import Case, judge, judge_all
from proofs_checks.store import open_store

CALLS = []


@on_host
def gauss(seed, mean):
    CALLS.append(seed)
    if mean == 13:
        raise ArithmeticError("unlucky")
    return random.Random(seed).gauss(mean, 1.0)


def claim(name, *means, predicted=None):
    grid = tuple(Point({"mean": mean}, predicted or mean, resolution=0.3) for mean in means)
    return Claim(name, "", Mean(), gauss, grid, 64)


CLAIMS = (
    claim("true", 1.0, 2.0, 3.0),
    claim("false", 4.0, 5.0, predicted=4.8),
    claim("raising", 13, 6.0),
    claim("too noisy", *(0.1 * k for k in range(1, 5))),
)


class LastFirst:
    """Room for many requests, finished in the reverse order."""

    capacity = 5

    def __init__(self):
        self.inside, self.waiting, self.most = InProcess(), [], 0

    def submit(self, request):
        self.waiting.append(request)
        self.most = max(self.most, len(self.waiting))

    def finished(self):
        self.inside.submit(self.waiting.pop())
        return self.inside.finished()


def judged(engine):
    cases = [Case("tests", one, seed=3) for one in CLAIMS]
    with open_store() as store:
        return judge_all(cases, store=store, engine=engine), store.cells


def test_the_order_of_measuring_changes_nothing():
    engine = LastFirst()
    (in_turn, cells), (last_first, others) = judged(None), judged(engine)
    assert engine.most == engine.capacity
    assert cells == others
    assert {one.verdict.outcome for one in in_turn} == {"supported", "refuted", "invalid"}
    assert [replace(one, seconds=0) for one in in_turn] == [replace(one, seconds=0) for one in last_first]


def test_claims_that_differ_in_their_prediction_share_what_is_measured():
    engine, original = Remembering(), claim("a claim", 1.0)
    moved = replace(original, grid=(Point({"mean": 1.0}, 2.0, resolution=0.3),))
    CALLS.clear()
    with open_store() as store:
        first = judge(original, theorem="tests", store=store, engine=engine)
        measured = len(CALLS)
        again = judge(original, theorem="tests", store=store, engine=engine)
        refuted = judge(moved, theorem="tests", store=store, engine=engine)
    assert (first.verdict.outcome, refuted.verdict.outcome) == ("supported", "refuted")
    assert again.points == first.points
    assert len(CALLS) > measured  # the further seed sets of the refutation
    assert len(CALLS) == len(set(CALLS))  # nothing twice


@pytest.mark.parametrize(
    "other",
    [
        claim("another name", 1.0),
        claim("a claim", 1.5, predicted=1.0),
        replace(claim("a claim", 1.0), experiment=on_host(lambda seed, mean: 2.0 + seed * 1e-12)),
    ],
    ids=["stream", "parameters", "experiment"],
)
def test_what_differs_is_measured_anew(other):
    fresh, used = Remembering(), Remembering()
    with open_store() as store:
        judge(claim("a claim", 1.0), theorem="tests", store=store, engine=used)
    with open_store() as store:
        expected = judge(other, theorem="tests", store=store, engine=fresh)
    with open_store() as store:
        found = judge(other, theorem="tests", store=store, engine=used)
    assert found.points == expected.points


def test_cells_say_which_device_measured_them(tmp_path):
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        judge(claim("a claim", 1.0), theorem="tests", store=store)
    with closing(sqlite3.connect(path)) as connection:
        headers = [json.loads(text) for (text,) in connection.execute("SELECT header FROM cells")]
    assert {header["device"] for header in headers} == {device()}
