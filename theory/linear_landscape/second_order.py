"""Rows of the proof: the Hessian at every critical point falls into blocks of one or two dimensions.

Whitened coordinates: A = U a C, B = C^-1 b Q^T R^-1 with R^2 = Sigma_XX and the singular value decomposition
Sigma_YX R^-1 = U D Q^T. Directions of a are cut into rows S (chosen), C (not chosen, singular value > 0) and
0 (kernel), and into hidden units S and E (the p - r that A B does not use); those of b likewise.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Function,
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
from theory.derivation import Row
from theory.linear_landscape import letters as w
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving.definition import Citation
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

SINGULAR_VALUES = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 2.6")
INERTIA = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 4.5")

n, m, p, r = w.n, w.m, w.p, w.r
rho = Symbol("rho", integer=True, positive=True)
s = Symbol("s", positive=True)
ROWS = {"S": r, "C": rho - r, "0": n - rho}
COLUMNS = {"S": r, "C": rho - r, "0": m - rho}
UNITS = {"S": r, "E": p - r}
f = {i + k: MatrixSymbol(f"f_{i}{k}", ROWS[i], UNITS[k]) for i in ROWS for k in UNITS}
h = {k + j: MatrixSymbol(f"h_{k}{j}", UNITS[k], COLUMNS[j]) for k in UNITS for j in COLUMNS}
T_S, T_C = MatrixSymbol("T_S", r, r), MatrixSymbol("T_C", rho - r, rho - r)
z, v = MatrixSymbol("z", n - rho, p - r), MatrixSymbol("v", p - r, m - rho)
a, b = MatrixSymbol("a", n, p), MatrixSymbol("b", p, m)
C, R = MatrixSymbol("C", p, p), MatrixSymbol("R", m, m)
U, Q, D = MatrixSymbol("U", n, n), MatrixSymbol("Q", m, m), MatrixSymbol("D", n, m)

inv, rank_v, rank_z = symbols("inv v z", integer=True, nonnegative=True)
INDEX, NULLITY = Symbol("#_-"), Symbol("#_0")
MOVED = (n - rho) * rank_v + (m - rho) * rank_z - rank_v * rank_z
NEGATIVE = equation(INDEX, (p - r) * (rho - r) + inv)
NULL = equation(NULLITY, r**2 + 2 * r * (p - r) + (p - r) * (n - rho) + (p - r) * (m - rho) - MOVED)


def variation_rows() -> tuple[Row, ...]:
    """The second variation anywhere, and the coordinates that make the data diagonal."""
    moved, error = w.F * w.B + w.A * w.H, w.A * w.B * w.S_XX - w.S_YX
    second = Subs(Derivative(w.loss(w.A + w.t * w.F, w.B + w.t * w.H), (w.t, 2)), w.t, 0)
    rotations = [equation(x * y, Identity(x.shape[0])) for u in (U, Q) for x, y in ((u.T, u), (u, u.T))]
    data = (
        equation(w.X * w.X.T, R * R),
        equation(w.Y * w.X.T, U * D * Q.T * R),
        equation(w.Y * w.Y.T, w.S_YY),
    )
    reduced = squared_norm(D - a * b) / 2 + (Trace(w.S_YY) - squared_norm(D)) / 2
    K, hessian = MatrixSymbol("K", p * (n + m), p * (n + m)), MatrixSymbol("H", p * (n + m), p * (n + m))
    in_ = Function("In")
    return (
        Row(
            equation(second, Trace(moved * w.S_XX * moved.T) + 2 * Trace(error.T * w.F * w.H)),
            "matrix calculus: the second derivative in the direction $(F, H)$",
            MatrixWords(w.any_point, w.MOMENTS, w.SYMMETRIC),
        ),
        Row(
            equation(w.S_YX, U * D * Q.T * R),
            r"singular value decomposition of $\Sigma_{YX} R^{-1}$, where $R$ is the positive root of "
            r"$\Sigma_{XX}$; the singular values are $s_i = \sqrt{\lambda_i}$",
            Citation(SINGULAR_VALUES),
        ),
        Row(
            equation(w.loss(U * a * C, Inverse(C) * b * Q.T * Inverse(R)), reduced),
            "an invertible linear change of coordinates, up to a constant",
            MatrixWords(_whitened, (*data, *rotations), (R, w.S_YY)),
        ),
        Row(
            equation(in_(K.T * hessian * K), in_(hessian)),
            "Sylvester: congruent symmetric matrices have the same inertia",
            Citation(INERTIA),
        ),
    )


def block_rows() -> tuple[Row, ...]:
    """The Hessian of |D - a b|^2 / 2 at a = [T_S; z], b = [T_S, v]: a sum of independent pieces."""
    point_a = BlockMatrix([[T_S, _zero(r, p - r)], [_zero(rho - r, r), _zero(rho - r, p - r)],
                           [_zero(n - rho, r), z]])  # fmt: skip
    point_b = BlockMatrix([[T_S, _zero(r, rho - r), _zero(r, m - rho)],
                           [_zero(p - r, r), _zero(p - r, rho - r), v]])  # fmt: skip
    error = BlockMatrix(
        [[_zero(ROWS[i], COLUMNS[j]) if i + j != "CC" else T_C for j in COLUMNS] for i in ROWS]
    )
    F = BlockMatrix([[f[i + k] for k in UNITS] for i in ROWS])
    H = BlockMatrix([[h[k + j] for j in COLUMNS] for k in UNITS])
    variation = squared_norm(F * point_b + point_a * H) - 2 * Trace(error * H.T * F.T)
    pieces = (
        _pair(f["CS"] * T_S, T_S * h["SC"], T_C * h["SC"].T * f["CS"].T)
        + _pair(f["CE"] * v, z * h["EC"], T_C * h["EC"].T * f["CE"].T)
        + squared_norm(f["SS"] * T_S + T_S * h["SS"])
        + squared_norm(f["0S"] * T_S + z * h["ES"])
        + squared_norm(f["SE"] * v + T_S * h["S0"])
        + squared_norm(f["0E"] * v + z * h["E0"])
    )
    return (
        Row(
            equation(variation, pieces),
            r"the second variation at a critical point with $S$ chosen, where $T_S^2$ are the "
            r"chosen and $T_C$ the "
            "other singular values; $z$ and $v$ are what $A$ and $B$ hold in the kernels, with $z v = 0$",
            MatrixWords(_blocks, (equation(z * v, _zero(n - rho, m - rho)),), (), (T_S, T_C)),
        ),
        *_pair_rows(),
        *_idle_rows(),
    )


def _pair_rows() -> tuple[Row, ...]:
    s_k, s_i = symbols("s_k s_i", positive=True)
    mu = Symbol("mu", real=True)
    return (
        Row(
            equation((mu - s_k) ** 2 - s_i**2, (mu - (s_k + s_i)) * (mu - (s_k - s_i))),
            r"chosen $k$, other $i$: the entries $f_{ik}$, $h_{ki}$ form a block with $s_k$ on "
            r"the diagonal and "
            r"$-s_i$ beside it, whose characteristic polynomial is the left-hand side: its eigenvalues are "
            r"$s_k \pm s_i$, one negative when $s_i > s_k$ and none zero when $s_i \ne s_k$",
            ScalarIdentity(),
        ),
        Row(
            equation(mu**2 - s_i**2, (mu - s_i) * (mu + s_i)),
            r"idle hidden unit, other $i$: zeros on the diagonal, by the next two steps, and $-s_i$ beside "
            r"it; the characteristic polynomial gives the eigenvalues $\pm s_i$",
            ScalarIdentity(),
        ),
    )


def _idle_rows() -> tuple[Row, ...]:
    """What Z and V add to the blocks of the idle units changes no sign."""
    e = p - r
    rows_v, columns_z = v * v.T, z.T * z
    block = BlockMatrix([[rows_v, -s * Identity(e)], [-s * Identity(e), columns_z]])
    K = BlockMatrix([[Identity(e), columns_z / (2 * s)], [rows_v / (2 * s), Identity(e)]])
    K_inverse = BlockMatrix([[Identity(e), -columns_z / (2 * s)], [-rows_v / (2 * s), Identity(e)]])
    orthogonal = MatrixWords(_blocks, (equation(z * v, _zero(n - rho, m - rho)),))
    return (
        Row(
            equation(
                K.T * block * K,
                BlockMatrix([[_zero(e, e), -s * Identity(e)], [-s * Identity(e), _zero(e, e)]]),
            ),
            "completing squares: $v v^T$ and $z^T z$ on the diagonal of that block disappear by a congruence",
            orthogonal,
        ),
        Row(
            equation(K * K_inverse, BlockMatrix([[Identity(e), _zero(e, e)], [_zero(e, e), Identity(e)]])),
            "the congruence is invertible, since $z v = 0$",
            orthogonal,
        ),
    )


def counting_rows() -> tuple[Row, ...]:
    """The squares that are left, the two counts, and a check of their sum with the third."""
    left, right, e = n - rho, m - rho, p - r
    ties = Symbol("tie", integer=True, nonnegative=True)
    negative, zero = NEGATIVE.rhs, NULL.rhs + ties
    pairs, idle = r * (rho - r), e * (rho - r)
    positive = 2 * pairs - inv - ties + idle + r**2 + r * left + r * right + MOVED
    return (
        Row(
            equation(left * right - (left - rank_z) * (right - rank_v), MOVED),
            "the rank of $(f, h) \\mapsto f v + z h$, where $v$ and $z$ of a count stand for ranks: all "
            "entries but those outside the rows of $z$ and the columns of $v$, counted in two ways",
            ScalarIdentity(),
        ),
        Row(
            NEGATIVE,
            "the inertia of an orthogonal sum is the sum of the inertias: one negative direction for each "
            "pair of a chosen and a larger other eigenvalue, and one for each idle unit and other "
            "eigenvalue; squares have none",
            Citation(INERTIA),
        ),
        Row(
            NULL,
            "likewise, with distinct eigenvalues: each square adds its number of directions less its rank, "
            "$r^2$, $r (p - r)$ twice, and $(p - r)(n + m - 2 \\rho)$ less the rank of "
            "$(f, h) \\mapsto f v + z h$",
            Citation(INERTIA),
        ),
        Row(
            equation(negative + zero + positive, p * (n + m)),
            r"check: with the positive directions, $r (\rho - r)$ twice less inversions and ties, "
            r"$(p - r)(\rho - r)$, and the ranks of the squares, the counts add up to the number of weights",
            ScalarIdentity(),
        ),
    )


def _pair(first: Any, second: Any, cross: Any) -> Any:
    return squared_norm(first) + squared_norm(second) - 2 * Trace(cross)


def _zero(rows: Any, columns: Any) -> ZeroMatrix:
    return ZeroMatrix(rows, columns)


def _whitened(random: Random) -> dict[Any, Any]:
    inputs, hidden, outputs = (random.randint(1, 4) for _ in range(3))
    count = random.randint(1, min(inputs, outputs))
    values = sorted((random.randint(1, 5) for _ in range(count)), reverse=True)
    problem = RationalProblem.random(random, (inputs, hidden, outputs), values)
    return {
        w.X: problem.X,
        w.Y: problem.Y,
        w.S_YY: problem.Y * problem.Y.transpose(),
        U: problem.U,
        Q: problem.Q,
        R: problem.R,
        D: rational.diagonal(values, outputs, inputs),
        C: rational.invertible(random, hidden),
        a: rational.general(random, outputs, hidden),
        b: rational.general(random, hidden, inputs),
    }


def _blocks(random: Random) -> dict[Any, Any]:
    """Random blocks of random sizes; z uses hidden units that v does not."""
    chosen, others, left, right = (random.randint(1, 3) for _ in range(4))
    columns, rows = random.randint(1, 2), random.randint(1, 2)
    idle = columns + rows
    sizes = {
        r: chosen,
        rho: chosen + others,
        n: chosen + others + left,
        m: chosen + others + right,
        p: chosen + idle,
    }
    frame = rational.invertible(random, idle)
    Z = rational.beside(rational.general(random, left, columns), rational.zeros(left, rows)) * frame
    W = frame.inv() * rational.above(rational.zeros(columns, right), rational.general(random, rows, right))
    entries = [*f.values(), *h.values()]
    shapes = {letter: tuple(int(size.subs(sizes)) for size in letter.shape) for letter in entries}
    return {
        **{letter: rational.general(random, *shape) for letter, shape in shapes.items()},
        **{symbol: Rational(value) for symbol, value in sizes.items()},
        T_S: rational.diagonal([random.randint(1, 9) for _ in range(chosen)], chosen, chosen),
        T_C: rational.diagonal([random.randint(1, 9) for _ in range(others)], others, others),
        z: Z,
        v: W,
        s: Rational(random.randint(1, 9), 4),
    }
