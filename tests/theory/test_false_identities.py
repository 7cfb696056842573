"""Each false statement beside its nearest true neighbor: one must stay unproved, the other be proved.

The tables in the folder hold triples: the kind of the mistake, the false row, the true row. Both rows are
discharged by the same method, as a derivation would.
"""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from theory.derivation import check
from theory.proving import (
    Antiderivative,
    Consequence,
    Enclosure,
    Enumeration,
    Identity,
    Induction,
    Nonnegativity,
    Status,
)
from theory.proving.matrix_words import MatrixWords

TABLES = sorted((Path(__file__).parent / "false_identities").glob("*.py"))
LEAST = 60


def _load(path):
    spec = importlib.util.spec_from_file_location(f"false_identities_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [pytest.param(*pair, id=f"{path.stem}-{number}") for number, pair in enumerate(module.PAIRS)]


PAIRS = [pair for path in TABLES for pair in _load(path)]


@pytest.mark.parametrize(("kind", "false", "true"), PAIRS)
def test_the_false_one_stays_open_and_its_true_neighbor_is_proved(kind, false, true):
    assert type(false.method) is type(true.method), kind
    refused, accepted = check(false), check(true)
    assert refused.status is Status.OPEN, f"{kind}: {false.relation} was proved: {refused.outcome.how}"
    proved = (Status.PROVED, Status.CERTIFIED)
    assert accepted.status in proved, f"{kind}: {true.relation} stays open: {accepted.outcome.how}"


def test_every_method_is_attacked_by_several_kinds():
    methods = Counter(type(pair.values[1].method) for pair in PAIRS)
    assert sum(methods.values()) >= LEAST
    own = (
        Antiderivative,
        Consequence,
        Enclosure,
        Enumeration,
        Identity,
        Induction,
        MatrixWords,
        Nonnegativity,
    )
    assert all(methods[method] >= 5 for method in own)
