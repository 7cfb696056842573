"""Rows of the proof: with weight decay critical points are soft-thresholded singular value decompositions."""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Expr,
    Ge,
    Identity,
    Matrix,
    MatrixSymbol,
    Rational,
    Subs,
    Trace,
    Transpose,
    ZeroMatrix,
    hessian,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation
from theory.linear_landscape.second_order import INERTIA, SINGULAR_VALUES
from theory.linear_minima import letters as w
from theory.linear_minima.letters import penalized, squared_norm
from theory.proving.definition import Citation, Definition, Given
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Source

SPECTRAL = Source("R. A. Horn and C. R. Johnson", "Matrix Analysis, 2nd edition", 2012, "Section 2.5")

RESIDUAL = w.M - w.A * w.B
CRITICAL = (equation(RESIDUAL * w.B.T, w.A), equation(w.A.T * RESIDUAL, w.B))
BALANCED = equation(w.A.T * w.A, w.B * w.B.T)
FRAME = (
    equation(w.R.T * w.R, Identity(w.r)),
    equation(w.A.T * w.A, w.R * w.D * w.D * w.R.T),
    equation(w.A * w.R * w.R.T, w.A),
    equation(w.D * w.D_inverse, Identity(w.r)),
    equation(w.D_inverse * w.D, Identity(w.r)),
)
SINGULAR = (
    equation(w.U.T * w.U, Identity(w.r)),
    equation(w.Q.T * w.Q, Identity(w.r)),
    equation(w.R.T * w.R, Identity(w.r)),
    equation(w.M * w.Q, w.U * w.T),
    equation(w.M.T * w.U, w.Q * w.T),
    equation(w.T, Identity(w.r) + w.D * w.D),
)
_DIAGONAL = (w.D, w.D_inverse)


def loss_rows() -> tuple[Row, ...]:
    """From the user's loss to one with decays 1, and its gradient."""
    data = (equation(w.X * w.X.T, Identity(w.m)), equation(w.Y * w.X.T, w.M))
    anywhere = MatrixWords(w.any_point, data)
    scaled = penalized(w.x * w.y * w.M, w.x * w.A, w.y * w.B, w.y**2, w.x**2)
    in_A = Subs(Derivative(penalized(w.M, w.A + w.t * w.F, w.B), w.t), w.t, 0)
    in_B = Subs(Derivative(penalized(w.M, w.A, w.B + w.t * w.H), w.t), w.t, 0)
    return (
        Row(
            equation(
                squared_norm(w.Y - w.A * w.B * w.X),
                squared_norm(RESIDUAL) + squared_norm(w.Y) - squared_norm(w.M),
            ),
            r"inputs with $X X^T = I$ and $M = Y X^T$: the data enter through $M$ alone",
            anywhere,
        ),
        Row(
            equation(scaled, w.x**2 * w.y**2 * penalized(w.M, w.A, w.B)),
            r"decays $\lambda_A = y^2$ and $\lambda_B = x^2$: in the units $A / x$, $B / y$ and $M / (x y)$ "
            r"both are 1; $\lambda = x y = \sqrt{\lambda_A \lambda_B}$ is the unit of the singular values",
            anywhere,
        ),
        Row(
            equation(in_A, Trace((w.A - RESIDUAL * w.B.T).T * w.F)),
            "matrix calculus: the coefficient of every direction $F$ is the gradient in $A$",
            anywhere,
        ),
        Row(
            equation(in_B, Trace((w.B - w.A.T * RESIDUAL).T * w.H)),
            "likewise for every direction $H$ of $B$",
            anywhere,
        ),
    )


def necessity_rows() -> tuple[Row, ...]:
    """Every critical point is balanced and carries singular vectors of M."""
    critical = MatrixWords(w.any_critical_point, CRITICAL)
    frame = MatrixWords(w.any_critical_point, FRAME, (), _DIAGONAL)
    left = w.A * w.R * w.D_inverse
    square = Identity(w.p) + w.A.T * w.A
    thresholded = Identity(w.r) + w.D * w.D
    powers = equation(w.M * w.M.T * w.A, w.A * square * square)
    return (
        Row(CRITICAL[0], "a critical point is given", Given()),
        Row(CRITICAL[1], "a critical point is given", Given()),
        Row(BALANCED, r"$A^T (M - A B) B^T$ in two ways: the factors are balanced", critical),
        Row(powers, "insert both conditions twice", MatrixWords(w.any_critical_point, (*CRITICAL, BALANCED))),
        *(
            Row(rule, r"the spectral theorem for $A^T A$, of rank $r$", Citation(SPECTRAL))
            for rule in FRAME[:3]
        ),
        *(Row(rule, r"$J = D^{-1}$: $D$ has no zeros on its diagonal", Definition()) for rule in FRAME[3:]),
        Row(equation(left.T * left, Identity(w.r)), r"$U = A O D^{-1}$ has orthonormal columns", frame),
        Row(
            equation(w.M * w.M.T * left, left * thresholded * thresholded),
            r"they are singular vectors of $M$ with singular values $1 + D^2$: only those above the decay, "
            r"and $D^2$ is what a soft threshold leaves of them",
            MatrixWords(w.any_critical_point, (*FRAME, powers), (), _DIAGONAL),
        ),
        *_second_factor_rows(left),
    )


def _second_factor_rows(left: MatrixExpr) -> tuple[Row, ...]:
    """B = O D Q^T, where Q^T = (I + D^2)^-1 U^T M."""
    projected = MatrixWords(w.any_critical_point, (CRITICAL[1], *FRAME[:2], FRAME[3]), (), _DIAGONAL)
    confined = MatrixWords(w.any_critical_point, (BALANCED, *FRAME[:2]), (), _DIAGONAL)
    thresholded, outside = Identity(w.r) + w.D * w.D, Identity(w.p) - w.R * w.R.T
    return (
        Row(
            equation(thresholded * w.R.T * w.B, w.D * left.T * w.M),
            r"$O^T$ times the condition on $B$: $O^T B = D Q^T$ with $Q^T = (I + D^2)^{-1} U^T M$",
            projected,
        ),
        Row(
            equation(outside * w.B * w.B.T * outside, ZeroMatrix(w.p, w.p)),
            r"$B$ has no part outside the columns of $O$, since $B B^T = A^T A$: $B = O D Q^T$",
            confined,
        ),
    )


def sufficiency_rows() -> tuple[Row, ...]:
    """Whatever has that form is critical, and its value."""
    left, right = w.U * w.D * w.R.T, w.R * w.D * w.Q.T
    from_right, from_left = (
        MatrixWords(w.any_critical_point, (*SINGULAR[:3], SINGULAR[side], SINGULAR[5]), (), _DIAGONAL)
        for side in (3, 4)
    )
    left_over = w.M - left * right
    return (
        *(Row(rule, "singular vectors of $M$", Given()) for rule in SINGULAR[:5]),
        Row(SINGULAR[5], "the soft threshold", Definition()),
        Row(
            equation(left_over * right.T, left), r"$A = U D O^T$, $B = O D Q^T$: no slope in $A$", from_right
        ),
        Row(equation(left.T * left_over, right), "nor in $B$", from_left),
        Row(
            equation(2 * penalized(w.M, left, right), squared_norm(w.M) - squared_norm(w.D * w.D)),
            r"the loss: every chosen singular value gains the square of what the threshold leaves",
            from_right,
        ),
    )


def nuclear_norm_rows() -> tuple[Row, ...]:
    """What the decays cost at least, and that critical points pay no more."""
    left, right = w.U * w.D * w.R.T, w.R * w.D * w.Q.T
    apart = squared_norm(w.A.T * w.U - w.B * w.Q)
    outside = squared_norm(w.A - w.U * w.U.T * w.A) + squared_norm(w.B - w.B * w.Q * w.Q.T)
    return (
        Row(
            equation(
                squared_norm(w.A) + squared_norm(w.B),
                2 * Trace(w.U.T * w.A * w.B * w.Q) + apart + outside,
            ),
            r"any $A$, $B$, with the singular vectors $U$, $Q$ of $A B$: the trace is its nuclear norm, so "
            r"the decays cost at least $\lambda \|A B\|_*$",
            MatrixWords(w.any_frames, SINGULAR[:2]),
        ),
        Row(
            equation(squared_norm(left) + squared_norm(right), 2 * Trace(w.D * w.D)),
            r"and no more at the critical points, where $A B = U D^2 Q^T$: the minimum is that of $\|M - "
            r"W\|^2 / 2 + \lambda \|W\|_*$ over the $W$ of rank at most $p$",
            MatrixWords(w.any_critical_point, SINGULAR[:3], (), _DIAGONAL),
        ),
    )


# --- second order -----------------------------------------------------------------------------------------

_ROWS, _COLUMNS, _UNITS = {"S": w.r, "C": w.n - w.r}, {"S": w.r, "C": w.m - w.r}, {"S": w.r, "E": w.p - w.r}
f = {i + k: MatrixSymbol(f"f_{i}{k}", _ROWS[i], _UNITS[k]) for i in _ROWS for k in _UNITS}
h = {k + j: MatrixSymbol(f"h_{k}{j}", _UNITS[k], _COLUMNS[j]) for k in _UNITS for j in _COLUMNS}


def block_rows() -> tuple[Row, ...]:
    """The second variation at a = [D, 0; 0, 0], b = [D, 0; 0, 0]: a sum of independent pieces."""
    zero = {name: ZeroMatrix(*letter.shape) for name, letter in {**f, **h}.items()}
    point_a = BlockMatrix([[w.D, zero["SE"]], [zero["CS"], zero["CE"]]])
    point_b = BlockMatrix([[w.D, zero["SC"]], [zero["ES"], zero["EC"]]])
    residual = BlockMatrix([[Identity(w.r), ZeroMatrix(w.r, w.m - w.r)], [ZeroMatrix(w.n - w.r, w.r), w.T_C]])
    moved = BlockMatrix([[f["SS"], f["SE"]], [f["CS"], f["CE"]]])
    turned = BlockMatrix([[h["SS"], h["SC"]], [h["ES"], h["EC"]]])
    variation = (
        squared_norm(moved * point_b + point_a * turned)
        - 2 * Trace(residual * turned.T * moved.T)
        + squared_norm(moved)
        + squared_norm(turned)
    )
    pieces = (
        squared_norm(f["SS"] * w.D + w.D * h["SS"])
        + squared_norm(f["SS"] - Transpose(h["SS"]))
        + squared_norm(f["SE"] - Transpose(h["ES"]))
        + squared_norm(f["CS"] * w.D)
        + squared_norm(w.D * h["SC"])
        + _coupled(f["CS"], h["SC"])
        + _coupled(f["CE"], h["EC"])
    )
    return (
        Row(
            equation(variation, pieces),
            r"the second variation in singular coordinates, where $T - D^2 = I$ and $T_C$ is what $M$ holds "
            r"outside the chosen vectors",
            MatrixWords(_blocks, (), (), (w.D,)),
        ),
        Row(
            equation(w.M, w.U * w.T * w.Q.T + w.U_C * w.T_C * w.Q_C.T),
            r"rotations make $T_C$ diagonal, too: its entries are the singular values that are not chosen",
            Citation(SINGULAR_VALUES),
        ),
        *_pair_rows(),
    )


def _coupled(first: MatrixSymbol, second: MatrixSymbol) -> Expr:
    return squared_norm(first) + squared_norm(second) - 2 * Trace(w.T_C * second.T * first.T)


def _pair_rows() -> tuple[Row, ...]:
    s_k, s_i, d_i, d_j = symbols("s_k s_i d_i d_j", positive=True)
    mu = symbols("mu", real=True)
    f_ij, f_ji, h_ij, h_ji = entries = symbols("f_ij f_ji h_ij h_ji", real=True)
    squares = (f_ij * d_j + d_i * h_ij, f_ji * d_i + d_j * h_ji, f_ij - h_ji, f_ji - h_ij)
    turning = hessian(sum(square**2 for square in squares), entries) / 2
    polynomial = (mu * Matrix.eye(4) - turning).det(method="berkowitz")
    both = d_i**2 + d_j**2
    return (
        Row(
            equation((mu - s_k) ** 2 - s_i**2, (mu - (s_k + s_i)) * (mu - (s_k - s_i))),
            r"chosen $k$, other $i$: $f_{ik}$ and $h_{ki}$ have $1 + d_k^2 = s_k$ on the diagonal and $-s_i$ "
            r"beside it: the eigenvalue $s_k - s_i$ is negative for every larger $s_i$ that is not chosen",
            ScalarIdentity(),
        ),
        Row(
            equation((mu - 1) ** 2 - s_i**2, (mu - (1 + s_i)) * (mu - (1 - s_i))),
            r"idle hidden unit, other $i$: 1 on the diagonal: $1 - s_i$ is negative for every $s_i$ above "
            r"the decay",
            ScalarIdentity(),
        ),
        Row(
            equation(polynomial, mu * (mu - 2) * (mu - both) * (mu - (both + 2))),
            r"chosen $i \ne j$: the characteristic polynomial of $(f_{ij} d_j + d_i h_{ij})^2 + (f_{ji} d_i "
            r"+ d_j h_{ji})^2 + (f_{ij} - h_{ji})^2 + (f_{ji} - h_{ij})^2$ has the simple root 0, the "
            r"rotation of the hidden units, and positive ones; $i = j$ gives none",
            ScalarIdentity(),
        ),
    )


def counting_rows(index: Any, nullity: Any) -> tuple[Row, ...]:
    """The two counts, and which point has no negative direction."""
    first, second = symbols("a b", nonnegative=True)
    return (
        Row(
            index,
            "one negative direction for each idle unit and other singular value above the decay, and for "
            "each chosen and larger other one",
            Citation(INERTIA),
        ),
        Row(
            nullity,
            r"one zero direction for each chosen and idle unit, $f_{ke} = h_{ek}$, and for each pair of "
            "chosen ones",
            Citation(INERTIA),
        ),
        Row(
            Ge((1 + first) * (1 + second) - 1, 0),
            r"$(p - r)(q - r) \ge 1$ for $r < \min(p, q)$, with $p - r = 1 + a$, $q - r = 1 + b$: a minimum, "
            r"which exists because the decay bounds the weights, has $r = \min(p, q)$, $\mathrm{inv}(S) = 0$",
            Nonnegativity(),
        ),
    )


def _blocks(random: Random) -> dict[Any, Any]:
    chosen, rows, columns, idle = (random.randint(1, 2) for _ in range(4))
    sizes = {w.r: chosen, w.n: chosen + rows, w.m: chosen + columns, w.p: chosen + idle}
    letters = [*f.values(), *h.values(), w.T_C]
    shapes = {letter: tuple(int(size.subs(sizes)) for size in letter.shape) for letter in letters}
    drawn = {letter: rational.general(random, *shape) for letter, shape in shapes.items()}
    return {
        **drawn,
        **{symbol: Rational(value) for symbol, value in sizes.items()},
        w.D: rational.diagonal([random.randint(1, 5) for _ in range(chosen)], chosen, chosen),
    }
