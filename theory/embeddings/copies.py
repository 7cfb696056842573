"""Rows about k copies of one unit: second derivatives, coordinates that split them, and blocks.

A unit (w, v), w of d numbers and v of m, becomes (w, alpha_1 v), ..., (w, alpha_k v) with weights of sum 1.
B = sum of <l', v> s''(w^T x) x x^T, d x d, and C = sum of s'(w^T x) x l'^T, d x m, are sums over the
examples; l' is the gradient of the loss in the m outputs. The unit is critical where C v = 0 and the sum of
s l' is 0.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Eq,
    Expr,
    Function,
    Identity,
    MatrixSymbol,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    symbols,
)
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation
from theory.proving.definition import Definition
from theory.proving.identity import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords

tau, z, p, e, v, alpha = symbols("tau z p e v alpha", real=True)
f = Symbol("f")
sigma = Function("sigma")

k, d, m, r = symbols("k d m r", integer=True, positive=True)
one, D = MatrixSymbol("1", k, 1), MatrixSymbol("D", k, k)
R, S = MatrixSymbol("R", k, k - 1), MatrixSymbol("S", k, k - 1)
a = MatrixSymbol("a", k - 1, k - 1)
q, epsilon = MatrixSymbol("q", d, 1), MatrixSymbol("epsilon", m, 1)
Y, Xi = MatrixSymbol("Y", d, k - 1), MatrixSymbol("Xi", m, k - 1)
B, C = MatrixSymbol("B", d, d), MatrixSymbol("C", d, m)
F, N = MatrixSymbol("F", d, r), MatrixSymbol("N", d, d - r)
M, K = MatrixSymbol("M", m, r), MatrixSymbol("K", m, m - r)

WEIGHTS = (
    equation(one.T * D * one, Identity(1)),
    equation(R.T * D * one, ZeroMatrix(k - 1, 1)),
    equation(one.T * S, ZeroMatrix(1, k - 1)),
    equation(R.T * S, Identity(k - 1)),
    equation(R.T * D * R, a),
)
BASES = (
    equation(F.T * C * M, Identity(r)),
    equation(N.T * C, ZeroMatrix(d - r, m)),
    equation(C * K, ZeroMatrix(d, m - r)),
)


def copy(moved: Expr) -> Expr:
    """One output of one copy, moved by tau: its input weights by p on the example, its output weight by e."""
    return (alpha * v + moved * e) * sigma(z + moved * p)


def at_zero(form: Expr, order: int) -> Expr:
    """The derivative in tau at 0."""
    return Subs(Derivative(form, (tau, order)), tau, 0)


def slope() -> Eq:
    """The first derivative of one output of one copy."""
    return equation(at_zero(copy(tau), 1), e * sigma(z) + alpha * v * sigma(z).diff(z) * p)


def bend() -> Eq:
    """The second one."""
    first, second = sigma(z).diff(z), sigma(z).diff(z, 2)
    return equation(at_zero(copy(tau), 2), alpha * v * second * p**2 + 2 * e * first * p)


def split_form() -> Eq:
    """tr(B P D P^T) + 2 tr(P^T C E): that of the narrow unit, and a second one in Y and Xi alone."""
    moves, outputs = q * one.T + Y * R.T, epsilon * one.T * D + Xi * S.T
    narrow = Trace(B * q * q.T) + 2 * Trace(q.T * C * epsilon)
    added = Trace(B * Y * a * Y.T) + 2 * Trace(Y.T * C * Xi)
    return equation(_form(moves, outputs), narrow + added)


def _form(moves: MatrixExpr, outputs: MatrixExpr) -> Expr:
    return Trace(B * moves * D * moves.T) + 2 * Trace(moves.T * C * outputs)


def rows() -> tuple[Row, ...]:
    """From the output of one copy to blocks [[a_j B, C], [C^T, 0]], and from these to r, r and N^T B N."""
    return (*_output_rows(), *_coordinate_rows(), *_block_rows())


def _output_rows() -> tuple[Row, ...]:
    return (
        Row(
            equation(f, copy(tau)),
            r"one of $m$ outputs of a copy of the unit $(w, v)$ with weight $\alpha$, on an example with $z "
            r"= w^T x$: moved by $\tau$, $p$ is the move of $w^T x$ and $e$ that of the output weight",
            Definition(),
        ),
        Row(
            slope(),
            r"the copies, of moves $p_i, e_i$, have the slope of the narrow unit moved by $q = \sum "
            r"\alpha_i p_i$ and $\epsilon = \sum e_i$: they are critical for all $\alpha$ of sum 1, in "
            "every output",
            ScalarIdentity(),
        ),
        Row(
            bend(),
            r"the second derivatives, times $\ell'$ and summed over outputs and examples: $\sum \alpha_i "
            r"p_i^T B p_i + 2 \sum p_i^T C e_i$ with $B = \sum \langle \ell', v \rangle \sigma'' x x^T$ and "
            r"$C = \sum \sigma' x \ell'^T$, where now $p_i$ are moves of $w$. What has $\ell''$ has the "
            "slopes only",
            ScalarIdentity(),
        ),
    )


def _coordinate_rows() -> tuple[Row, ...]:
    words = MatrixWords(_weights, WEIGHTS, (D, B, a))
    moves, outputs = q * one.T + Y * R.T, epsilon * one.T * D + Xi * S.T
    both, dual = BlockMatrix([[one, R]]), BlockMatrix([[D * one, S]])
    corner, side = ZeroMatrix(1, k - 1), ZeroMatrix(k - 1, 1)
    unit = BlockMatrix([[Identity(1), corner], [side, Identity(k - 1)]])
    return (
        Row(
            equation(both.T * dual, unit),
            r"$D$ has $\alpha$ on its diagonal, $1$ is a column of ones, $R$ a basis of $\{t : \alpha^T t = "
            r"0\}$ and $S$ its dual basis of $\{s : 1^T s = 0\}$: $P = q 1^T + Y R^T$ and $E = \epsilon "
            r"\alpha^T + \Xi S^T$ are all moves, each once",
            words,
        ),
        Row(
            equation(moves * D * one, q),
            r"the narrow move of $w$: with the next row this is $A^T$, and $Y = 0, \Xi = 0$ is $T$, so $A^T "
            "T = I$",
            words,
        ),
        Row(equation(outputs * one, epsilon), "and that of $v$", words),
        Row(
            split_form(),
            "in these coordinates nothing is mixed: the Hessian is that of the narrow network, which holds "
            r"$\ell''$, and the form in $Y$, $\Xi$",
            words,
        ),
        Row(
            equation(both.T * D * both, BlockMatrix([[Identity(1), corner], [side, a]])),
            "$R$ can be chosen so that $a$ is diagonal: the form falls into $k - 1$ blocks $y^T a_j B y + "
            r"2 y^T C \xi$",
            words,
        ),
    )


def block_congruence() -> Eq:
    """[[B, C], [C^T, 0]] is congruent to [[0, I], [I, 0]], N^T B N and m - r zeros."""
    change = BlockMatrix(
        [
            [F, ZeroMatrix(d, r), N, ZeroMatrix(d, m - r)],
            [-M * F.T * B * F / 2, M, -M * F.T * B * N, K],
        ]
    )
    block = BlockMatrix([[B, C], [C.T, ZeroMatrix(m, m)]])
    sizes = (r, r, d - r, m - r)
    filled: dict[tuple[int, int], MatrixExpr] = {
        (0, 1): Identity(r),
        (1, 0): Identity(r),
        (2, 2): N.T * B * N,
    }
    result = BlockMatrix(
        [
            [filled.get((i, j), ZeroMatrix(sizes[i], sizes[j])) for j in range(len(sizes))]
            for i in range(len(sizes))
        ]
    )
    return equation(change.T * block * change, result)


def _block_rows() -> tuple[Row, ...]:
    unit, empty = Identity(r), ZeroMatrix(r, r)
    turn = BlockMatrix([[unit, unit], [unit / 2, -unit / 2]])
    swap = BlockMatrix([[empty, unit], [unit, empty]])
    return (
        Row(
            block_congruence(),
            "$C$ has rank $r$, $N$ spans the kernel of $C^T$ and $K$ that of $C$; $F$ and $M$ complete "
            "them to bases, dual to each other under $C$. Likewise with $a_j B$ in place of $B$. Where a "
            r"point is critical and $v \ne 0$, $C v = 0$ and $r < m$",
            MatrixWords(_blocks, BASES, (B,)),
        ),
        Row(
            equation(turn.T * swap * turn, BlockMatrix([[unit, empty], [empty, -unit]])),
            "so every block has $r$ negative, $r$ positive eigenvalues, $m - r$ zeros, and the signs of "
            "$a_j N^T B N$",
            MatrixWords(_blocks),
        ),
    )


def _weights(random: Random) -> dict[Any, Any]:
    """Two to four weights of sum 1, of any sign and zero too; any moves, B and C."""
    count, inputs, outputs = random.randint(2, 4), random.randint(1, 3), random.randint(1, 3)
    free = rational.general(random, 1, count - 1).to_list()[0]
    weights = rational.diagonal([*free, 1 - sum(free)], count, count)
    ones = rational.above(*[rational.identity(1)] * count)
    basis = rational.null_space((weights * ones).transpose())
    dual = rational.beside(ones, basis).inv().transpose()
    return {
        one: ones,
        D: weights,
        R: basis,
        S: rational.columns_of(dual, range(1, count)),
        a: basis.transpose() * weights * basis,
        q: rational.general(random, inputs, 1),
        epsilon: rational.general(random, outputs, 1),
        Y: rational.general(random, inputs, count - 1),
        Xi: rational.general(random, outputs, count - 1),
        B: rational.symmetric(random, inputs),
        C: rational.general(random, inputs, outputs),
    }


def _blocks(random: Random) -> dict[Any, Any]:
    """C of a rank below both of its sizes, and bases of its kernels and of complements."""
    rank = random.randint(1, 2)
    inputs, outputs = rank + random.randint(1, 2), rank + random.randint(1, 2)
    left, right = (rational.of_full_rank(random, size, rank) for size in (inputs, outputs))
    return {
        B: rational.symmetric(random, inputs),
        C: left * right.transpose(),
        F: left * (left.transpose() * left).inv(),
        M: right * (right.transpose() * right).inv(),
        N: rational.null_space(left.transpose()),
        K: rational.null_space(right.transpose()),
        r: rank,
    }
