"""Matrix words against exact evaluation, NumPy and textbook identities; planted errors are not proved."""

from random import Random

import numpy as np
import pytest
from sympy import (
    BlockMatrix,
    Derivative,
    Eq,
    Identity,
    Inverse,
    MatrixSymbol,
    Rational,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    symbols,
)

from theory import rational_matrices as rational
from theory.proving.matrix_words import MatrixWords
from theory.proving.outcome import Answer, Status
from theory.proving.words.evaluation import holds_at, matrix_value, scalar_value

n, m, k = symbols("n m k", integer=True, positive=True)
t = Symbol("t", real=True)
A, B, M = MatrixSymbol("A", n, m), MatrixSymbol("B", m, k), MatrixSymbol("M", n, n)
U, S, L, K = (MatrixSymbol(name, n, n) for name in ("U", "S", "L", "K"))


def equation(left, right):
    return Eq(left, right, evaluate=False)


def general_instance(random):
    rows, inner, columns = (random.randint(1, 4) for _ in range(3))
    return {
        A: rational.general(random, rows, inner),
        B: rational.general(random, inner, columns),
        M: rational.invertible(random, rows),
    }


def spectral_instance(random):
    size = random.randint(2, 4)
    orthogonal = rational.orthogonal(random, size)
    values, others = ([random.randint(-5, 5) for _ in range(size)] for _ in range(2))
    diagonal, second = rational.diagonal(values, size, size), rational.diagonal(others, size, size)
    return {U: orthogonal, L: diagonal, K: second, S: orthogonal * diagonal * orthogonal.transpose()}


FREE = MatrixWords(general_instance)
SPECTRAL = MatrixWords(
    spectral_instance,
    rules=(equation(U.T * U, Identity(n)), equation(U * U.T, Identity(n)), equation(S * U, U * L)),
    symmetric=(S,),
    diagonal=(L, K),
)


def answer(relation, method=FREE):
    return method.discharge(relation, None).answer


@pytest.mark.parametrize(
    "relation",
    [
        equation((A * B).T * M, B.T * A.T * M),
        equation(M * (A * B + 2 * A * B), 3 * M * A * B),
        equation(Inverse(M) * M * A, A),
        equation(M * M * Inverse(M) ** 2, Identity(n)),
        equation(Trace(A * B * B.T * A.T), Trace(B * B.T * A.T * A)),
        equation(Trace(M * A * A.T), Trace(A * A.T * M.T)),
        equation(Trace(Identity(n)), n),
        equation(BlockMatrix([[A, M]]) * BlockMatrix([[A.T], [M]]), A * A.T + M * M),
        equation(Trace(BlockMatrix([[M, A], [A.T, A.T * A]])), Trace(M) + Trace(A * A.T)),
    ],
)
def test_identities_for_every_size(relation):
    outcome = FREE.discharge(relation, None)
    assert outcome.answer is Answer.YES
    assert outcome.points == 5
    assert FREE.earns is Status.PROVED


@pytest.mark.parametrize(
    "relation",
    [
        equation(U.T * S * U, L),
        equation(S, U * L * U.T),
        equation(S * S * U, U * L * L),
        equation(L * K, K * L),
        equation(U * L * U.T * U * K * U.T, U * K * L * U.T),
        equation(Trace(S * S), Trace(L * L)),
        equation(Trace(U * K * U.T * S), Trace(L * K)),
    ],
)
def test_identities_under_rules(relation):
    assert answer(relation, SPECTRAL) is Answer.YES


@pytest.mark.parametrize(
    ("relation", "method"),
    [
        (equation(A * B, -A * B), FREE),
        (equation(M, M.T), FREE),
        (equation(Inverse(M) * A, M * A), FREE),
        (equation(Trace(M * M), Trace(M) ** 2), FREE),
        (equation(U.T * S * U, S), SPECTRAL),
        (equation(S, U.T * L * U), SPECTRAL),
        (equation(S * K, K * S), SPECTRAL),
        (equation(Trace(S * S), Trace(L)), SPECTRAL),
        (equation(U * U, Identity(n)), SPECTRAL),
    ],
)
def test_false_relations_are_refuted(relation, method):
    outcome = method.discharge(relation, None)
    assert outcome.answer is Answer.NO
    assert "instance" in outcome.how


@pytest.mark.parametrize(
    "relation",
    [
        equation(A * B, B.T * A.T),  # transposed side
        equation(A * A, A),  # inner sizes n and m differ
        equation(A + B, A),
        equation(Trace(A), n),
        equation(Inverse(A) * A, Identity(m)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(relation):
    outcome = FREE.discharge(relation, None)
    assert outcome.answer is Answer.NO
    assert "shapes do not fit" in outcome.how


def test_nonzero_normal_form_alone_is_no_refutation():
    # All instances are zero matrices, so nothing is refuted; the words must not turn that into a yes.
    blind = MatrixWords(lambda random: {M: rational.zeros(2, 2)})
    assert answer(equation(M, 2 * M), blind) is Answer.UNKNOWN


def test_instance_overrules_the_words(monkeypatch):
    monkeypatch.setattr(MatrixWords, "_algebra", lambda self, relation: (True, "planted"))
    assert answer(equation(M, M.T)) is Answer.NO


def test_instances_must_satisfy_the_rules():
    broken = MatrixWords(general_instance, rules=(equation(M * M, M),))
    outcome = broken.discharge(equation(M * M * M, M), None)
    assert outcome.answer is Answer.UNKNOWN
    assert "violates the rule" in outcome.how


def test_contradictory_rules_prove_nothing():
    rules = (equation(U.T * U, Identity(n)), equation(U.T * U, ZeroMatrix(n, n)))
    outcome = MatrixWords(spectral_instance, rules).discharge(equation(U, 2 * U), None)
    assert outcome.answer is Answer.UNKNOWN
    assert "violates the rule" in outcome.how
    # Matrices without entries satisfy everything; then the words tell.
    outcome = MatrixWords(lambda _: {U: rational.zeros(0, 0)}, rules).discharge(equation(U, 2 * U), None)
    assert outcome.answer is Answer.UNKNOWN
    assert "contradict" in outcome.how


def test_what_is_no_word_is_undecided():
    assert answer(equation(A[0, 0], A[0, 0] + 1)) is Answer.UNKNOWN
    assert answer(equation(Inverse(M + Identity(n)), M)) is Answer.UNKNOWN
    assert answer(M) is Answer.UNKNOWN


def test_missing_letters_leave_it_undecided():
    outcome = SPECTRAL.discharge(equation(A * B, A * B * 1 + ZeroMatrix(n, k)), None)
    assert outcome.answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("function", "gradient"),
    [
        (lambda X: Trace(X.T * X) / 2, A),  # d |X|^2 / 2 = X
        (lambda X: Trace(M * X * X.T), (M + M.T) * A),
        (lambda X: Trace(X * X.T * X * X.T) / 4, A * A.T * A),
    ],
)
def test_gradients_by_matrix_calculus(function, gradient):
    D = MatrixSymbol("D", n, m)

    def instance(random):
        found = general_instance(random)
        return {**found, D: rational.general(random, *found[A].shape)}

    along = Subs(Derivative(function(A + t * D), t), t, 0)
    method = MatrixWords(instance)
    assert answer(equation(along, Trace(gradient.T * D)), method) is Answer.YES
    assert answer(equation(along, 2 * Trace(gradient.T * D)), method) is Answer.NO
    assert answer(equation(along, -Trace(gradient.T * D)), method) is Answer.NO


def test_degree_beyond_the_difference_formula_is_undecided():
    high = Subs(Derivative(t**7 * Trace(M), t), t, 0)
    outcome = FREE.discharge(equation(high, 0 * Trace(M)), None)
    assert outcome.answer is Answer.UNKNOWN
    assert "no polynomial of low degree" in outcome.how


def test_pseudo_inverse_identities_need_completion():
    P = MatrixSymbol("A^+", m, n)

    def instance(random):
        found = rational.general(random, random.randint(1, 4), random.randint(1, 4))
        return {A: found, P: rational.pseudo_inverse(found)}

    penrose = (
        equation(A * P * A, A),
        equation(P * A * P, P),
        equation((A * P).T, A * P),
        equation((P * A).T, P * A),
    )
    method = MatrixWords(instance, penrose)
    assert answer(equation(A.T * A * P, A.T), method) is Answer.YES
    assert answer(equation(P * P.T * A.T * A, P * A), method) is Answer.YES
    assert answer(equation(P, A.T), method) in (Answer.NO, Answer.UNKNOWN)


def test_normal_forms_decide_random_words():
    # A complete system: two words are proved equal exactly when they agree at instances of size 4.
    random = Random(7)
    letters = [U, U.T, S, L, K]
    decided = {Answer.YES: 0, Answer.NO: 0}
    for _ in range(60):
        left, right = (_product(random, letters) for _ in range(2))
        relation = equation(left, right)
        equal = all(holds_at(relation, spectral_instance(Random(seed))) for seed in range(6))
        found = answer(relation, SPECTRAL)
        assert found is (Answer.YES if equal else Answer.NO)
        decided[found] += 1
    assert decided[Answer.YES] >= 3
    assert decided[Answer.NO] >= 3


def _product(random, letters):
    product = Identity(n)
    for _ in range(random.randint(0, 2)):
        product = product * random.choice(letters)
    return product


def test_exact_evaluation_against_numpy():
    instance = general_instance(Random(3))
    values = {symbol: np.array(matrix.to_Matrix().tolist(), float) for symbol, matrix in instance.items()}
    a, b, square = values[A], values[B], values[M]
    expression = 2 * M.T * A * B - Rational(1, 3) * Inverse(M) * A * B
    expected = 2 * square.T @ a @ b - np.linalg.solve(square, a @ b) / 3
    sizes = dict(zip((n, m, k), (*a.shape, b.shape[1]), strict=True))
    found = np.array(matrix_value(expression, {**instance, **sizes}).to_Matrix().tolist(), float)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)
    traced = scalar_value(Trace(A * B * B.T * A.T), {**instance, **sizes})
    assert float(traced) == pytest.approx(np.sum((a @ b) ** 2), rel=1e-12)
