"""Rows about any affine embedding that carries gradients along, for every number of weights.

A embeds the gradient as T embeds the weights: grad L_wide(T theta) = A grad L_narrow(theta) for all theta.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import BlockMatrix, Identity, MatrixSymbol, ZeroMatrix, symbols

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation
from theory.proving.definition import Given
from theory.proving.matrix_words import MatrixWords

narrow, wide = symbols("P Q", integer=True, positive=True)
T, A = MatrixSymbol("T", wide, narrow), MatrixSymbol("A", wide, narrow)
Z = MatrixSymbol("Z", wide, wide - narrow)
H, h = MatrixSymbol("H", wide, wide), MatrixSymbol("h", narrow, narrow)

CARRIED = equation(H * T, A * h)
DUAL = equation(A.T * T, Identity(narrow))
COMPLEMENT = equation(A.T * Z, ZeroMatrix(narrow, wide - narrow))


def congruence() -> Any:
    """[T, Z]^T H [T, Z] = diag(h, Z^T H Z)."""
    bottom, corner = ZeroMatrix(wide - narrow, narrow), ZeroMatrix(narrow, wide - narrow)
    split = BlockMatrix([[T.T], [Z.T]]) * H * BlockMatrix([[T, Z]])
    return equation(split, BlockMatrix([[h, corner], [bottom, Z.T * H * Z]]))


def rows() -> tuple[Row, ...]:
    """The Hessian of the wide network is that of the narrow one and another block."""
    return (
        Row(
            CARRIED,
            r"an affine embedding $\theta \mapsto T \theta + t$ with $\nabla L_{wide}(T \theta + t) = A "
            r"\nabla L_{narrow}(\theta)$ for all $\theta$, differentiated: $H$ and $h$ are the Hessians. So "
            "critical points remain critical",
            Given(),
        ),
        Row(
            DUAL,
            r"the loss is kept, $\nabla L_{narrow} = T^T \nabla L_{wide} = T^T A \nabla L_{narrow}$, for "
            "gradients that span all directions",
            Given(),
        ),
        Row(
            congruence(),
            "with a basis $Z$ of the kernel of $A^T$; $[T, Z]$ is invertible, as $A^T T = I$. So the "
            "inertia is that of $h$ and that of $Z^T H Z$: none of the three counts decreases",
            MatrixWords(_embedding, (CARRIED, DUAL, COMPLEMENT), (H, h)),
        ),
    )


def _embedding(random: Random) -> dict[Any, Any]:
    """G = [T, Z] invertible, G^-T = [A, R], H = A h A^T + R K R^T."""
    few, more = random.randint(1, 3), random.randint(1, 3)
    basis = rational.invertible(random, few + more)
    dual = basis.inv().transpose()
    first, rest = range(few), range(few, few + more)
    tangent, gradient = rational.columns_of(basis, first), rational.columns_of(dual, first)
    other, small = rational.columns_of(dual, rest), rational.symmetric(random, few)
    added = other * rational.symmetric(random, more) * other.transpose()
    return {
        T: tangent,
        A: gradient,
        Z: rational.columns_of(basis, rest),
        h: small,
        H: gradient * small * gradient.transpose() + added,
    }
