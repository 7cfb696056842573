"""Matrix words: transposition, order, inverses, traces, rank, derivatives."""

import sympy as sp
from sympy import Derivative, Eq, Identity, Inverse, MatrixSymbol, Rational, Subs, Trace, ZeroMatrix

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.proving.matrix_words import MatrixWords

n, m = sp.symbols("n m", integer=True, positive=True)
t, u = sp.symbols("t u", real=True)
A, B, C, S, P, D_1, D_2 = (MatrixSymbol(name, n, n) for name in ("A", "B", "C", "S", "P", "D_1", "D_2"))
R, U, G = MatrixSymbol("R", n, m), MatrixSymbol("U", n, m), MatrixSymbol("G", m, n)


def _equal(left, right):
    return Eq(left, right, evaluate=False)


def _instance(random):
    """Sizes from 2, where matrices no longer commute; U has orthonormal columns, P projects, A G A = A."""
    size = random.randint(2, 4)
    less = random.randint(1, size - 1)
    frame = rational.orthogonal(random, size)
    columns = rational.columns_of(frame, range(less))
    wide = rational.of_full_rank(random, less, size).transpose()
    return {
        **{letter: rational.invertible(random, size) for letter in (A, B, C)},
        S: rational.symmetric(random, size),
        **{d: rational.diagonal([random.randint(1, 9) for _ in range(size)], size, size) for d in (D_1, D_2)},
        R: wide,
        G: rational.pseudo_inverse(wide),
        U: columns,
        P: columns * columns.transpose(),
        t: Rational(random.randint(1, 9)),
        u: Rational(random.randint(1, 9)),
    }


def _nothing(random):
    return {letter: rational.zeros(2, 2) for letter in (A, B, C)}


def _pair(kind, false, true, rules=(), symmetric=(), diagonal=(), instance=_instance):
    method = MatrixWords(instance, rules, symmetric, diagonal)
    return _by(kind, (false, method), (true, method))


def _by(kind, *proofs):
    return (kind, *(Row(_equal(*sides), "", method) for sides, method in proofs))


ORTHONORMAL = (_equal(U.T * U, Identity(m)),)
PROJECTOR = (_equal(P * P, P),)
LEFT_INVERSE = (_equal(G * R, Identity(m)),)
CURVE = (A + t * B) * (A + t * B)
MIXED = (A + t * u * B) * (A + t * B)

PAIRS = [
    _pair("noncommuting products", (A * B, B * A), (A * (B * C), (A * B) * C)),
    _pair(
        "noncommuting products",
        ((A + B) ** 2, A**2 + 2 * A * B + B**2),
        ((A + B) * (A + B), A**2 + A * B + B * A + B**2),
    ),
    _pair(
        "noncommuting products", (S * A, A * S), (D_1 * D_2, D_2 * D_1), symmetric=(S,), diagonal=(D_1, D_2)
    ),
    _pair("transposed words", ((A * B).T, A.T * B.T), ((A * B).T, B.T * A.T)),
    _pair("transposed words", ((A * R).T, R.T * A), ((A * R).T, R.T * A.T)),
    _pair("transposed words", ((A * S).T, A.T * S), ((A * S).T, S * A.T), symmetric=(S,)),
    _pair("transposed words", (R.T * R, R * R.T), ((R.T * R).T, R.T * R)),
    _pair("transposed words", (A**2, A.T * A), (S**2, S.T * S), symmetric=(S,)),
    _pair(
        "wrong inverses", (Inverse(A * B), Inverse(A) * Inverse(B)), (Inverse(A * B), Inverse(B) * Inverse(A))
    ),
    _pair(
        "wrong inverses",
        (Inverse(A + B), Inverse(A) + Inverse(B)),
        (Inverse(A) * (A + B) * Inverse(B), Inverse(A) + Inverse(B)),
    ),
    _pair("wrong inverses", (R * G, Identity(n)), (R * G * R, R), LEFT_INVERSE),
    _pair("wrong inverses", (Inverse(A).T, A), (Inverse(A).T, Inverse(A.T))),
    _pair("rank conditions", (U * U.T, Identity(n)), (U.T * U * U.T, U.T), ORTHONORMAL),
    _pair("rank conditions", (P, Identity(n)), (P**3, P), PROJECTOR),
    _pair("rank conditions", (Trace(U * U.T), n), (Trace(U * U.T), m), ORTHONORMAL),
    _pair("trace cyclicity", (Trace(A * B * C), Trace(A * C * B)), (Trace(A * B * C), Trace(C * A * B))),
    _pair(
        "trace cyclicity",
        (Trace(A * B * C), Trace(A.T * B.T * C.T)),
        (Trace(A * B * C), Trace(C.T * B.T * A.T)),
    ),
    _pair("trace cyclicity", (Trace(A * B), Trace(A) * Trace(B)), (Trace(A + B), Trace(A) + Trace(B))),
    _pair(
        "trace cyclicity",
        (Trace(A * B * A * B), Trace(A * A * B * B)),
        (Trace(A * B * A * B), Trace(B * A * B * A)),
    ),
    _pair("sizes", (Trace(Identity(n)), m), (Trace(Identity(n)), n)),
    _pair("sizes", (Trace(R * R.T), n), (Trace(R * R.T), Trace(R.T * R))),
    _pair(
        "derivatives",
        (Subs(Derivative(Trace(CURVE), t), t, 0), Trace(A * B)),
        (Subs(Derivative(Trace(CURVE), t), t, 0), 2 * Trace(A * B)),
    ),
    _pair(
        "derivatives",
        (Derivative(Trace(CURVE), (t, 2)), Trace(B * B)),
        (Derivative(Trace(CURVE), (t, 2)), 2 * Trace(B * B)),
    ),
    _pair(
        "derivatives",
        (Derivative(Trace(MIXED), t, u), Trace(A * B)),
        (Derivative(Trace(MIXED), t, u), Trace(A * B) + 2 * t * Trace(B * B)),
    ),
    _pair("derivatives", (Subs(Trace(CURVE), t, 1), Trace(A * A)), (Subs(Trace(CURVE), t, 0), Trace(A * A))),
    _pair("wrong factor", (A * B - B * A, A * B + B * A), (A * B - B * A, -(B * A - A * B))),
    _by(
        "rules that no instance satisfies",
        ((A * A, B), MatrixWords(_instance, (_equal(A, ZeroMatrix(n, n)), _equal(B, ZeroMatrix(n, n))))),
        ((G * R * G, G), MatrixWords(_instance, LEFT_INVERSE)),
    ),
    _pair("unlucky instances", (A * B, B * A), ((A * B).T, B.T * A.T), instance=_nothing),
    _by(
        "declared properties that fail",
        ((A.T, A), MatrixWords(_instance, symmetric=(A,))),
        ((S.T, S), MatrixWords(_instance, symmetric=(S,))),
    ),
    _by(
        "declared properties that fail",
        ((A * D_1, D_1 * A), MatrixWords(_instance, diagonal=(A, D_1))),
        ((D_2 * D_1, D_1 * D_2), MatrixWords(_instance, diagonal=(D_1, D_2))),
    ),
    _pair("a rule that is the claim", (P * P, P), (P * P * P, P * P), PROJECTOR),
    _pair("floats", (Rational(1, 10) * A, 0.1 * A), (A / 10 + A / 5, 3 * A / 10)),
]
