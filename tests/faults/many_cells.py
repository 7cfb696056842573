"""A theorem with many short cells, written like a user's own file, for faults in the midst of a run."""

import os
import random
import time

from sympy import Eq, Integral, Rational, Symbol

from proofs_checks import Claim, Mean, Point
from proofs_checks.experiment import on_host
from theory import Derivation, Hypothesis, Row, Source, Statement
from theory.proving import Antiderivative

u = Symbol("u", real=True)
SEEDS, POINTS, SECONDS = 16, 24, 0.001


def statement():
    source = Source("A. Author", "A title", 2000, "Section 1")
    hypothesis = Hypothesis("$u \\sim U[0, 1]$")
    relation = Eq(Integral(u, (u, 0, 1)), Rational(1, 2))
    return Statement(
        "many_cells", "A mean", "The mean of $u$.", (hypothesis,), relation, "exact", (source,), {}
    )


def derivation():
    relation = statement().conclusion
    row = Row(relation, "integrate", Antiderivative(u**2 / 2))
    return Derivation(statement(), (row,), row)


def measured(seed, mean):
    """A normal number; every call leaves a line behind, so that work done twice is seen."""
    time.sleep(SECONDS)
    log = os.environ.get("FAULTS_CALLS")
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{seed}\n".encode())
        os.close(descriptor)
    return random.Random(seed).gauss(mean, 1.0)


def claims(profile):
    def grid(count, shift):
        return tuple(Point({"mean": k + shift}, float(k), resolution=0.9) for k in range(1, count + 1))

    right = Claim("means", "", Mean(), on_host(measured), grid(POINTS, 0.0), SEEDS)
    wrong = Claim(
        "shifted", "", Mean(), on_host(measured), grid(2, 1.5), SEEDS, "refuted", "the mean is shifted"
    )
    return right, wrong
