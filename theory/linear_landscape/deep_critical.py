"""Rows of the proof: all critical points of a linear network of any depth, their form and their values.

The product W = W_H ... W_1 is cut behind the first layer, W = A B with A = W_H ... W_2 and B = W_1, and in
front of the last, W = W_H B_H with B_H = W_{H-1} ... W_1. Zero gradients in these two layers decide what W
can be.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from sympy import (
    BlockMatrix,
    Derivative,
    Identity,
    Integer,
    Inverse,
    MatrixSymbol,
    Subs,
    Symbol,
    Trace,
    ZeroMatrix,
    symbols,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape import deep_form, first_order, minimum
from theory.linear_landscape import letters as w
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.instances import CriticalPoint, RationalProblem
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving.definition import Definition, Given
from theory.proving.matrix_words import MatrixWords

_POOL = 16

q, before, after = symbols("d_{H-1} d_{h-1} d_h", integer=True, positive=True)
left, right, beyond = symbols("k_{h-1} k_h k_{h+1}", integer=True, positive=True)

W = MatrixSymbol("W", w.n, w.m)
W_H, B_H = MatrixSymbol("W_H", w.n, q), MatrixSymbol("B_H", q, w.m)
A_h, W_h, B_h = (
    MatrixSymbol("A_h", w.n, after),
    MatrixSymbol("W_h", after, before),
    MatrixSymbol("B_h", before, w.m),
)
D_h = MatrixSymbol("D_h", after, before)
Z_h, Z_k, N_h, M_h = (
    MatrixSymbol("Z_h", right, left),
    MatrixSymbol("Z_{h+1}", beyond, right),
    MatrixSymbol("N_h", w.n, right),
    MatrixSymbol("M_h", left, w.m),
)
R, U_0 = MatrixSymbol("R", w.m, w.m), MatrixSymbol("U_0", w.n, w.n - w.r)

LOSS = squared_norm(w.Y - W * w.X) / 2
CUTS = (equation(W, w.A * w.B), equation(W_H * B_H, w.A * w.B))
GRADIENT_LAST = (W_H * B_H * w.S_XX - w.S_YX) * B_H.T
STATIONARY = equation(w.A * w.B * w.S_XX * (w.A * w.B).T, w.S_YX * (w.A * w.B).T)
PROJECTED = equation(w.A * w.B, w.P * w.REGRESSION)
CHOSEN = equation(w.A * w.B, w.U_S * w.U_S.T * w.REGRESSION)
PRODUCT = equation(W, w.U_S * w.U_S.T * w.REGRESSION)
WHITENED = (
    equation(deep_form.W, W * R),
    equation(deep_form.Q.T, Inverse(deep_form.T_S) * w.U_S.T * w.S_YX * Inverse(R)),
)
LAST_CUT = minimum.LastLayer(
    MatrixSymbol("c", w.n, q), MatrixSymbol("d", q, w.m), MatrixSymbol("G_c", w.n, q)
)


def rows() -> tuple[Row, ...]:
    """From the loss to the product, the value, the form of every layer and the condition on its rest."""
    return (
        *gradient_rows(),
        *necessity_rows(),
        *first_order.eigenbasis_rows(),
        *product_rows(),
        *form_rows(),
        *sufficiency_rows(),
        *minimum.quantization_rows(LAST_CUT),
    )


def gradient_rows() -> tuple[Row, ...]:
    """The loss, its moments, and its gradient in every layer."""
    moved = Subs(Derivative(w.loss(A_h * (W_h + w.t * D_h), B_h), w.t), w.t, 0)
    slope = A_h.T * (A_h * W_h * B_h * w.S_XX - w.S_YX) * B_h.T
    return (
        Row(equation(Symbol("L"), LOSS), r"the loss of $W = W_H \cdots W_1$, summed", Definition()),
        *first_order.moment_rows(),
        Row(CUTS[0], r"$A = W_H \cdots W_2$ behind the first layer $B = W_1$", Definition()),
        Row(CUTS[1], r"$B_H = W_{H-1} \cdots W_1$ before the last layer", Definition()),
        Row(
            equation(moved, Trace(slope.T * D_h)),
            r"matrix calculus: the gradient in layer $h$, with $A_h = W_H \cdots W_{h+1}$ behind it and "
            r"$B_h = W_{h-1} \cdots W_1$ before it, is the coefficient of every direction $D_h$",
            MatrixWords(_any_layer, w.MOMENTS, first_order.MOMENT_MATRICES),
        ),
    )


def necessity_rows() -> tuple[Row, ...]:
    """The product is the regression, projected onto the range of A, which Sigma leaves invariant."""
    vanishing = equation(W_H * B_H * w.S_XX * B_H.T, w.S_YX * B_H.T)
    return (
        *first_order.projector_rows(),
        Row(equation(w.GRADIENT_B, ZeroMatrix(w.p, w.m)), "the gradient in $W_1$ is zero", Given()),
        Row(
            PROJECTED,
            r"multiply by $(A^+)^T$ on the left and by $\Sigma_{XX}^{-1}$ on the right",
            _words((*w.PENROSE, w.CRITICAL[0])),
        ),
        Row(equation(GRADIENT_LAST, ZeroMatrix(w.n, q)), "the gradient in $W_H$ is zero", Given()),
        Row(STATIONARY, "multiply by $W_H^T$ on the right", _words((CUTS[1], vanishing))),
        Row(
            equation(w.P * w.Sigma * w.P, w.Sigma * w.P),
            "insert $A B$",
            _words((STATIONARY, PROJECTED, *w.SIGMA, equation(w.P.T, w.P))),
        ),
        first_order.commuting_row(),
    )


def product_rows() -> tuple[Row, ...]:
    """The product and its value: eigenvectors of eigenvalue 0 add nothing to either."""
    idle = w.S_YX * Inverse(R) * Inverse(R) * w.S_YX.T * U_0
    silent = (equation(w.X * w.X.T, R * R), equation(idle, ZeroMatrix(w.n, w.n - w.r)))
    return (
        Row(
            CHOSEN,
            "insert $P$; ties leave the choice of eigenvectors free",
            _words((PROJECTED, equation(w.P, w.U_S * w.U_S.T))),
        ),
        Row(PRODUCT, "the same product", _words((CUTS[0], CHOSEN))),
        Row(
            equation(squared_norm(U_0.T * w.S_YX * Inverse(R)), 0),
            r"chosen eigenvectors $U_0$ of eigenvalue 0 add nothing to $W$, where $R$ is the positive root "
            r"of "
            r"$\Sigma_{XX}$: $r$ counts the others, and it is the rank of $W$",
            MatrixWords(_kernel, silent, (R,)),
        ),
        Row(
            equation(2 * LOSS, Trace(w.S_YY) - Trace(w.Lambda_S)),
            r"insert $W$: $U_S^T \Sigma U_S = \Lambda_S$, the chosen eigenvalues",
            _words((PRODUCT, *w.EIGENVECTORS, *w.MOMENTS)),
        ),
    )


def form_rows() -> tuple[Row, ...]:
    """Every layer is the identity on r directions beside a rest Z_h, in bases of the hidden nodes."""
    return (
        Row(WHITENED[0], r"whitened inputs, $\Sigma_{XX} = R^2$", Definition()),
        Row(
            WHITENED[1],
            "the right singular vectors, where $T_S$ are the chosen singular values",
            Definition(),
        ),
        Row(
            deep_form.PRODUCT,
            "insert $W$",
            MatrixWords(
                _spectral,
                (*WHITENED, PRODUCT, equation(Inverse(w.S_XX), Inverse(R) * Inverse(R))),
                (R,),
                (deep_form.T_S,),
            ),
        ),
        *deep_form.rows()[1:],
    )


def sufficiency_rows() -> tuple[Row, ...]:
    """Which rests Z_h make a critical point: all gradients, block by block."""
    front, back = BlockMatrix([[w.U_S.T * w.REGRESSION], [M_h]]), BlockMatrix([[w.U_S, N_h]])
    error = w.U_S * w.U_S.T * w.REGRESSION * w.S_XX - w.S_YX
    rest = -N_h.T * w.U_C * w.U_C.T * w.S_YX * M_h.T
    zeros = ZeroMatrix(w.r, w.r), ZeroMatrix(w.r, left), ZeroMatrix(right, w.r)
    return (
        Row(
            equation(_beside(Z_k) * _beside(Z_h), _beside(Z_k * Z_h)),
            "rests multiply by themselves: $M_h = Z_{h-1} \\cdots Z_1$ and $N_h = Z_H \\cdots Z_{h+1}$ are "
            "what "
            "the layers before and behind layer $h$ hold beside the chosen directions",
            MatrixWords(_rests),
        ),
        Row(
            equation(back * _beside(Z_h) * front, w.U_S * w.U_S.T * w.REGRESSION + N_h * Z_h * M_h),
            r"so the product is as above if and only if $Z_H \cdots Z_1 = 0$",
            MatrixWords(_rests),
        ),
        Row(
            equation(back.T * error * front.T, BlockMatrix([[zeros[0], zeros[1]], [zeros[2], rest]])),
            "up to the bases, the gradient in layer $h$: such layers make a critical point if and only if "
            r"$N_h^T U_C U_C^T \Sigma_{YX} M_h^T = 0$ for every $h$, as they do with all rests 0",
            MatrixWords(_rests, (*w.EIGENVECTORS, *w.MOMENTS), first_order.MOMENT_MATRICES, w.DIAGONAL),
        ),
    )


def _beside(rest: Any) -> BlockMatrix:
    """I + Z, the direct sum."""
    rows, columns = rest.shape
    return BlockMatrix([[Identity(w.r), ZeroMatrix(w.r, columns)], [ZeroMatrix(rows, w.r), rest]])


def _words(rules: tuple[Any, ...]) -> MatrixWords:
    return first_order.words(rules, point=any_deep_point, symmetric=first_order.MOMENT_MATRICES)


def any_deep_point(random: Random) -> dict[Any, Any]:
    """One of a fixed pool of critical points of three layers, all letters included."""
    return _deep_point(random.randrange(_POOL))


@lru_cache
def _deep_point(seed: int) -> dict[Any, Any]:
    """A point whose A has the chosen singular vectors as its range; layers pass idle directions on."""
    random = Random(seed)
    while True:
        inputs, first, second, outputs = (random.randint(2, 4) for _ in range(4))
        count = random.randint(1, min(inputs, outputs))
        values = sorted((random.randint(1, 5) for _ in range(count)), reverse=True)
        problem = RationalProblem.random(random, (inputs, first, outputs), values)
        chosen = sorted(random.sample(range(count), random.randint(1, min(count, first, second))))
        point = DeepPoint.random(problem, (first, second), chosen, random, random.choice((0.5, 1.0)))
        if point.forward(1, 3) == len(chosen):
            break
    A, B = point.path(1, 3), point.layers[0]
    letters = w.critical_letters(problem, CriticalPoint(problem, point.chosen, A, B, 0, 0))
    return {**letters, W: point.product, W_H: point.layers[-1], B_H: point.path(0, 2)}


def _any_layer(random: Random) -> dict[Any, Any]:
    """Random matrices behind and before a layer."""
    letters, first, second = w.any_point(random), random.randint(1, 4), random.randint(1, 4)
    outputs, inputs = letters[w.Y].shape[0], letters[w.X].shape[0]
    return {
        **letters,
        A_h: rational.general(random, outputs, second),
        W_h: rational.general(random, second, first),
        D_h: rational.general(random, second, first),
        B_h: rational.general(random, first, inputs),
    }


def _kernel(random: Random) -> dict[Any, Any]:
    """Data whose Sigma has a kernel, and its eigenvectors there."""
    inputs, outputs = random.randint(1, 3), random.randint(2, 4)
    count = random.randint(1, min(inputs, outputs - 1))
    problem = RationalProblem.random(random, (inputs, 1, outputs), range(count, 0, -1))
    return {
        w.X: problem.X,
        w.S_YX: problem.cross_covariance,
        R: problem.R,
        w.r: Integer(count),
        U_0: rational.columns_of(problem.U, range(count, outputs)),
    }


def _spectral(random: Random) -> dict[Any, Any]:
    """Chosen singular vectors of random data, and the product they make."""
    problem, chosen = _data(random)
    frame = rational.columns_of(problem.U, chosen)
    product = frame * frame.transpose() * problem.regression
    levels = [problem.singular_values[k] for k in chosen]
    return {
        w.S_XX: problem.covariance,
        w.S_YX: problem.cross_covariance,
        R: problem.R,
        w.U_S: frame,
        deep_form.Q: rational.columns_of(problem.Q, chosen),
        deep_form.T_S: rational.diagonal(levels, len(chosen), len(chosen)),
        W: product,
        deep_form.W: product * problem.R,
    }


def _rests(random: Random) -> dict[Any, Any]:
    """Chosen eigenvectors of random data, and rests of any size."""
    problem, chosen = _data(random)
    rest = [k for k in range(problem.U.shape[0]) if k not in chosen]
    first, second, third = (random.randint(1, 3) for _ in range(3))
    squares = [value**2 for value in problem.singular_values] + [0] * len(rest)
    return {
        w.X: problem.X,
        w.Y: problem.Y,
        w.S_XX: problem.covariance,
        w.S_YX: problem.cross_covariance,
        w.S_YY: problem.Y * problem.Y.transpose(),
        w.U_S: rational.columns_of(problem.U, chosen),
        w.U_C: rational.columns_of(problem.U, rest),
        w.Lambda_S: rational.diagonal([squares[k] for k in chosen], len(chosen), len(chosen)),
        Z_h: rational.general(random, second, first),
        Z_k: rational.general(random, third, second),
        N_h: rational.general(random, len(problem.U.to_list()), second),
        M_h: rational.general(random, first, problem.X.shape[0]),
    }


def _data(random: Random) -> tuple[RationalProblem, list[int]]:
    """Random data, ties allowed, with some singular values chosen and some not."""
    inputs, outputs = random.randint(2, 3), random.randint(3, 4)
    count = random.randint(2, min(inputs, outputs - 1))
    values = sorted((random.randint(1, 4) for _ in range(count)), reverse=True)
    problem = RationalProblem.random(random, (inputs, 1, outputs), values)
    return problem, sorted(random.sample(range(count), random.randint(1, count - 1)))
