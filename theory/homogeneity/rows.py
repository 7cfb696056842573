"""Rows of the proof: Euler's identity layer by layer, what a unit conserves, and the dual certificate."""

from __future__ import annotations

from random import Random
from typing import Any

from sympy import (
    Derivative,
    Eq,
    Expr,
    Ge,
    Mul,
    Rational,
    Subs,
    Symbol,
    Trace,
    symbols,
)
from sympy import MatrixSymbol as Matrix

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_landscape.letters import equation, squared_norm
from theory.proving.definition import Citation, Given
from theory.proving.identity import Identity
from theory.proving.matrix_words import MatrixWords
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Source

HAEFFELE_VIDAL = Source(
    "B. D. Haeffele and R. Vidal",
    "Global optimality in tensor factorization, deep learning, and beyond",
    2015,
    identifier="arXiv:1506.07540",
)
DU_HU_LEE = Source(
    "S. S. Du, W. Hu and J. D. Lee",
    "Algorithmic regularization in learning deep homogeneous models: layers are automatically balanced",
    2018,
    identifier="arXiv:1806.00900",
)

c, z, eta = symbols("c z eta", positive=True)
decay = Symbol("lambda", nonnegative=True)
lambda_1, lambda_2 = symbols("lambda_1 lambda_2", positive=True)
steps = Symbol("k", integer=True, positive=True)
q = Symbol("q", positive=True)
f, slope = symbols("f g", real=True)
d, k, n, m = symbols("d k n m", integer=True, positive=True)
w, g_w = Matrix("w", d, 1), Matrix("g_w", d, 1)
a, g_a = Matrix("a", k, 1), Matrix("g_a", k, 1)
Y, F, Z = Matrix("Y", n, m), Matrix("F", n, m), Matrix("Z", n, m)
BALANCE = equation(w.T * g_w, a.T * g_a)


def scales(depth: int) -> tuple[Symbol, ...]:
    """c_1, ..., c_H, by which the layers are scaled."""
    return symbols(f"c_1:{depth + 1}", positive=True)


def degrees(depth: int, degree: Expr = q) -> tuple[Expr, ...]:
    """q^(H - l), the degree of the network in layer l = 1, ..., H."""
    return tuple(degree ** (depth - layer) for layer in range(1, depth + 1))


def scaled(depth: int) -> Expr:
    """f of layers scaled by c_1, ..., c_H."""
    found: Expr = Mul(*(one**degree for one, degree in zip(scales(depth), degrees(depth), strict=True))) * f
    return found


def euler(depth: int) -> tuple[Eq, ...]:
    """c_l d/dc_l of the scaled f is q^(H - l) of it, for all c; at c = 1 <W_l, df / dW_l> = q^(H - l) f."""
    return tuple(
        equation(letter * Derivative(scaled(depth), letter), degree * scaled(depth))
        for letter, degree in zip(scales(depth), degrees(depth), strict=True)
    )


def conserved() -> Eq:
    """|w|^2 - |a|^2 after a step of descent with decay."""
    kept = 1 - eta * decay
    after = squared_norm(kept * w - eta * g_w) - squared_norm(kept * a - eta * g_a)
    before = kept**2 * (squared_norm(w) - squared_norm(a))
    return equation(after, before + eta**2 * (squared_norm(g_w) - squared_norm(g_a)))


def kept() -> Expr:
    """(1 - eta lambda)^(2 k), the share of |w|^2 - |a|^2 that k steps with decay leave."""
    found: Expr = (1 - eta * decay) ** (2 * steps)
    return found


def balance() -> Eq:
    """What the gradients with decays lambda_1 of w and lambda_2 of a, taken along w and a, differ by."""
    along = Trace(w.T * (lambda_1 * w + g_w)) - Trace(a.T * (lambda_2 * a + g_a))
    return equation(along, lambda_1 * squared_norm(w) - lambda_2 * squared_norm(a))


def ratio() -> Expr:
    """lambda_2 / lambda_1, the value of |w|^2 / |a|^2 where both gradients vanish."""
    found: Expr = lambda_2 / lambda_1
    return found


def forgotten() -> Eq:
    """d/dt (|w|^2 - |a|^2) under the flow w' = -(g_w + lambda w), a' = -(g_a + lambda a)."""
    moved = Trace(a.T * (decay * a + g_a)) - Trace(w.T * (decay * w + g_w))
    return equation(2 * moved, -2 * decay * (squared_norm(w) - squared_norm(a)))


def gap() -> Eq:
    """Primal less dual value, but for the penalty."""
    primal = squared_norm(Y - F) / 2
    dual = Trace(Y * Z.T) - squared_norm(Z) / 2
    return equation(primal - dual, squared_norm(Y - F - Z) / 2 - Trace(F * Z.T))


def euler_rows(depth: int) -> tuple[Row, ...]:
    """From the activation to every layer."""
    return (
        Row(
            equation((c * z) ** q, c**q * z**q),
            r"an activation $\max(z, 0)^q$ turns a factor $c > 0$ of its input into $c^q$ of its output; "
            r"for $z \le 0$ both are 0",
            Identity(),
        ),
        *(
            Row(
                one,
                rf"so $f(c_1 W_1, ..., c_H W_H)$ is the product of $c_l^{{q^{{H - l}}}}$ and $f$. At $c = 1$ "
                rf"its derivative in $c_{layer}$ is $\langle W_{layer}, \partial f / \partial W_{layer} "
                r"\rangle$, at kinks for any choice of the slope there, since $z$ is 0",
                Identity(),
            )
            for layer, one in enumerate(euler(depth), start=1)
        ),
        Row(
            equation(Subs(Derivative(c ** (q - 1) * slope, c), c, 1), (q - 1) * slope),
            r"a gradient has one degree less: $\nabla^2 f \theta = (q - 1) \nabla f$ for total degree $q$",
            Identity(),
        ),
    )


def unit_rows() -> tuple[Row, ...]:
    """One hidden unit of degree 1, and the balance of layers at a stationary point."""
    first, second = symbols("N_1 N_2", positive=True)
    total = Symbol("S", real=True)
    return (
        Row(
            BALANCE,
            "a unit of degree 1 with incoming weights (and bias) $w$ and outgoing $a$: $c w$ and $a / c$ "
            "give the same network, so the derivative of any loss along $(w, -a)$ is 0",
            Given(),
        ),
        Row(
            conserved(),
            "a step of descent, on any batch and across kinks: the terms of first order cancel",
            MatrixWords(_unit, (BALANCE,)),
        ),
        Row(
            forgotten(),
            r"in the flow $\|w\|^2 - \|a\|^2$ falls like $e^{-2 \lambda t}$, wherever the weights are; "
            r"$k$ steps leave the share $(1 - \eta \lambda)^{2 k}$ of it and a sum of terms in $\eta^2$",
            MatrixWords(_unit, (BALANCE,)),
        ),
        Row(
            balance(),
            r"where the gradients vanish, $\lambda_1 w + g_w = 0$ and $\lambda_2 a + g_a = 0$, each unit "
            r"has $\|w\|^2 / \|a\|^2 = \lambda_2 / \lambda_1$; with one decay for both they are equal",
            MatrixWords(_unit, (BALANCE,)),
        ),
        Row(
            equation(
                q * (decay * second + total) - (decay * first + q * total), decay * (q * second - first)
            ),
            r"where layer norms $N_l = \|W_l\|^2$ meet $\lambda N_l + q^{H - l} S = 0$, $S = \sum \ell'_i "
            "f_i$, as they do where the gradient of the decayed loss vanishes: neighbors have $N_l = q "
            "N_{l + 1}$",
            Identity(),
        ),
    )


def certificate_rows() -> tuple[Row, ...]:
    """Weak duality: how far from the global minimum any weights are at most."""
    first, second = symbols("u v", nonnegative=True)
    return (
        Row(
            Ge((first**2 + second**2) / 2, first * second, evaluate=False),
            r"the decay of a unit bounds what it contributes: $\langle Z, \phi(u, v) \rangle \le \|u\| "
            r"\|v\| \le (\|u\|^2 + \|v\|^2) / 2$ where the polar of $Z$, the largest $\langle Z, \phi "
            r"\rangle$ of unit $u$ and $v$, is at most 1",
            Nonnegativity((first - second) ** 2 / 2),
        ),
        Row(
            gap(),
            r"completing the square: for every $Z$ with polar at most $\lambda$ the second term and the "
            r"decay together are nonnegative, so $\langle Y, Z \rangle - \|Z\|^2 / 2$ is below the loss "
            "of all networks of any width, and what is left bounds the distance to the global minimum",
            MatrixWords(_residuals),
        ),
        Row(
            equation(Symbol("x_i"), 0),
            r"a local minimum with a unit $x_i$ that is 0 meets the certificate: it is global",
            Citation(HAEFFELE_VIDAL),
        ),
    )


def _unit(random: Random) -> dict[Any, Any]:
    """Random weights and slopes with w^T g_w = a^T g_a, by solving for the last entry of g_a."""
    size, outputs = random.randint(1, 4), random.randint(1, 3)
    first, slopes = rational.general(random, size, 1), rational.general(random, size, 1)
    second = rational.general(random, outputs, 1)
    wanted = (first.transpose() * slopes).to_list()[0][0]
    norm = (second.transpose() * second).to_list()[0][0]
    if norm == 0:
        return _unit(random)
    return {
        w: first,
        g_w: slopes,
        a: second,
        g_a: second * (wanted / norm),
        eta: Rational(random.randint(1, 9), 10),
        decay: Rational(random.randint(0, 9), 10),
        lambda_1: Rational(random.randint(1, 9), 10),
        lambda_2: Rational(random.randint(1, 9), 10),
    }


def _residuals(random: Random) -> dict[Any, Any]:
    rows, columns = random.randint(1, 3), random.randint(1, 3)
    return {letter: rational.general(random, rows, columns) for letter in (Y, F, Z)}
