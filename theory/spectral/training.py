"""Rows on training: the kernel matrix of equispaced points, the decay of a mode, modes that never decay."""

from __future__ import annotations

from sympy import (
    Eq,
    Expr,
    Integral,
    Product,
    Sum,
    Symbol,
    cos,
    pi,
    simplify,
    sin,
    symbols,
)

from theory.derivation import Row
from theory.gaussian import read
from theory.gaussian.rows import SameFunction
from theory.proving import Antiderivative, Identity, Induction
from theory.spectral.circle import ANGLE, HALF, primitive


def grid_rows() -> tuple[Row, ...]:
    """cos(k phi_i) is an eigenvector of Theta(phi_i - phi_j)/n on n equispaced points; which eigenvalue."""
    x, y, q, k = symbols("x y q k", real=True)
    theta = Symbol("theta", positive=True)
    j = Symbol("j", integer=True, nonnegative=True)
    n, p = symbols("n p", integer=True, positive=True)
    waves = (cos((q - k) * y - q * x) + cos((q + k) * y - q * x)) / 2
    closed = (sin((2 * n + 1) * theta) + sin(theta)) / (2 * sin(theta))
    return (
        Row(Eq(cos(q * (x - y)) * cos(k * y), waves), "one mode of the kernel times one of the target",
            Identity()),
        Row(Eq(Sum(cos(2 * theta * j), (j, 0, n)), closed), "the sum of a wave over equispaced points",
            Induction(n)),
        Row(
            Eq(sin((2 * (n - 1) + 1) * pi * p / n) + sin(pi * p / n), 0, evaluate=False),
            r"with $n - 1$ for $n$ and $\theta = \pi p / n$ that sum is 0, unless $n$ divides $p$: of all "
            r"modes $q$ of the kernel only those with $q = \pm k$ modulo $n$ meet mode $k$, and the "
            r"eigenvalue on the grid is the aliased sum $\hat\lambda_k = \sum_{m \in Z} \lambda_{|k + m n|}$",
            Identity(),
        ),
    )  # fmt: skip


def decay_row() -> Row:
    """Mode k of the residual after t steps of gradient descent."""
    t, i = symbols("t i", integer=True, positive=True)
    rate = Symbol("eta", positive=True) * Symbol("lambda_k", positive=True)
    return Row(
        Eq(Product(1 - rate, (i, 1, t)), (1 - rate) ** t),
        r"a step of size $\eta$ on $|f(X) - y|^2 / (2 n)$ with the kernel held fixed multiplies mode $k$ of "
        r"the residual by $1 - \eta \hat\lambda_k$",
        Induction(t),
    )


def odd_slope(activation: Expr, variable: Symbol) -> Expr | None:
    """c where s(z) - s(-z) = c z: the odd part of the activation is linear; None where it is not."""
    difference = activation - activation.subs(variable, -variable)
    slope = simplify(difference.subs(variable, 1))
    linear = read(difference, variable) - read(slope * variable, variable)
    return slope if linear.terms == () else None


def silent_rows(activation: Expr, variable: Symbol) -> tuple[Row, ...]:
    """Networks whose odd part is linear have no odd mode from 3 on, whatever their weights; () otherwise."""
    slope = odd_slope(activation, variable)
    if slope is None:
        return ()
    # In degrees: in units of pi the integral is 0 between any two integers, and no error in the limits shows.
    turn = pi * ANGLE / 180
    linear = cos(turn) * cos((2 * HALF + 1) * turn)
    return (
        Row(
            Eq(activation - activation.subs(variable, -variable), slope * variable, evaluate=False),
            r"hence $f(x) - f(-x)$ is linear for every network without biases, at every width",
            SameFunction(variable),
        ),
        Row(
            Eq(Integral(linear, (ANGLE, 0, 360)), 0, evaluate=False),
            "a linear function has no odd mode from 3 on ($s$ in degrees)",
            Antiderivative(primitive(linear)),
        ),
        Row(
            Eq(cos((2 * HALF + 1) * (ANGLE + 1) * pi), -cos((2 * HALF + 1) * pi * ANGLE)),
            r"an even function takes the same value half a turn later, where an odd mode has the other sign: "
            r"they are orthogonal, also on a grid of evenly many points. The component of the residual along "
            r"these modes never changes in training",
            Identity(),
        ),
    )
