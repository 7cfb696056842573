"""Gradient descent on a linearized network, as words: N training and M test inputs, any number of parameters.

f(X) = f_0 + J w and f(X*) = g_0 + H w with the Jacobians J, H at initialization and the displacement w.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from sympy import (
    QQ,
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
    exp,
    symbols,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.proving import Citation, Definition, Given
from theory.proving import Identity as ScalarIdentity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

LEE = Source(
    "J. Lee, L. Xiao, S. S. Schoenholz, Y. Bahri, R. Novak, J. Sohl-Dickstein and J. Pennington",
    "Wide neural networks of any depth evolve as linear models under gradient descent",
    2019,
    "Equations 8 to 16 and Theorem 2.1",
    "arXiv:1902.06720",
)

N, M, p, k = symbols("N M p k", integer=True, positive=True)
eta = Symbol("eta", positive=True)
s = Symbol("s", real=True)

J, H = MatrixSymbol("J", N, p), MatrixSymbol("H", M, p)
w, w_next, v = MatrixSymbol("w", p, k), MatrixSymbol("w_+", p, k), MatrixSymbol("v", p, k)
K, T = MatrixSymbol("Theta", N, N), MatrixSymbol("Theta_*", M, N)
y, f_0, g_0 = MatrixSymbol("y", N, k), MatrixSymbol("f_0", N, k), MatrixSymbol("g_0", M, k)
F, F_next = MatrixSymbol("f", N, k), MatrixSymbol("f_+", N, k)
G, G_next = MatrixSymbol("g", M, k), MatrixSymbol("g_+", M, k)
P, P_next = MatrixSymbol("P", N, N), MatrixSymbol("P_+", N, N)  # (1 - eta Theta)^n and its next power
A = MatrixSymbol("A", M, N)
C_XX, C_TX, C_TT = MatrixSymbol("K", N, N), MatrixSymbol("K_*", M, N), MatrixSymbol("K_**", M, M)
S = MatrixSymbol("S", M, M)

STEPS = 3  # of the instances


def equation(left: Any, right: Any) -> Eq:
    """As it is written."""
    return Eq(left, right, evaluate=False)


KERNELS = (equation(K, J * J.T), equation(T, H * J.T))
MOVE = equation(w_next, w - eta * J.T * (f_0 + J * w - y))
POWER = equation(P_next, P * (Identity(N) - eta * K))
COMMUTES = equation(P * K, K * P)
HYPOTHESES = (
    equation(F, f_0 + (Identity(N) - P) * (y - f_0)),
    equation(G, g_0 + T * Inverse(K) * (Identity(N) - P) * (y - f_0)),
)
DYNAMICS = (
    equation(F_next, F + eta * K * (y - F)),
    equation(G_next, G + eta * T * (y - F)),
)
# What the theorem concludes: the induction from n to n + 1, and the covariance over initializations.
TRAINED = equation(F_next, f_0 + (Identity(N) - P_next) * (y - f_0))
PREDICTED = equation(G_next, g_0 + T * Inverse(K) * (Identity(N) - P_next) * (y - f_0))
SPREAD = equation(S, C_TT + A * C_XX * A.T - A * C_TX.T - C_TX * A.T)
LAW = equation(
    S,
    BlockMatrix([[-A, Identity(M)]])
    * BlockMatrix([[C_XX, C_TX.T], [C_TX, C_TT]])
    * BlockMatrix([[-A.T], [Identity(M)]]),
)


@cache
def _words(*rules: Any, symmetric: tuple[MatrixSymbol, ...] = (K,)) -> MatrixWords:
    return MatrixWords(instance, rules, symmetric)


def linear_rows() -> tuple[Row, ...]:
    """One step of gradient descent on the parameters, and what it does to the outputs."""
    loss = Trace((f_0 + J * (w + s * v) - y) * (f_0 + J * (w + s * v) - y).T) / 2
    slope = Trace(v.T * J.T * (f_0 + J * w - y))
    moved = (equation(f_0 + J * w_next, f_0 + J * w + eta * K * (y - (f_0 + J * w))),
             equation(g_0 + H * w_next, g_0 + H * w + eta * T * (y - (f_0 + J * w))))  # fmt: skip
    return (
        *(Row(rule, "the tangent kernel of the linearized network", Definition()) for rule in KERNELS),
        Row(
            equation(Subs(Derivative(loss, s), s, 0), slope),
            "the loss $|f(X) - y|^2 / 2$ changes in the direction $v$ by the gradient that follows",
            _words(),
        ),
        Row(MOVE, r"a step of size $\eta$ against that gradient", Definition()),
        *(
            Row(one, f"so the outputs at the {where} inputs move by the kernel alone", _words(*KERNELS, MOVE))
            for one, where in zip(moved, ("training", "test"), strict=True)
        ),
    )


def induction_rows() -> tuple[Row, ...]:
    """From n steps to n + 1, for every size; and from none."""
    start = equation(f_0 + (Identity(N) - Identity(N)) * (y - f_0), f_0)
    return (
        Row(start, "no step yet: $P = 1$", _words()),
        Row(POWER, r"$P = (1 - \eta \Theta)^n$, and its next power", Definition()),
        Row(COMMUTES, "it commutes with the kernel: so does 1, and if one power does", Given()),
        Row(
            equation(P_next * K, K * P_next),
            "then the next one does",
            _words(POWER, COMMUTES),
        ),
        *(
            Row(one, f"suppose that so it is after $n$ steps at the {where} inputs", Given())
            for one, where in zip(HYPOTHESES, ("training", "test"), strict=True)
        ),
        *(Row(one, "one step more", Definition()) for one in DYNAMICS),
        Row(
            TRAINED,
            r"then it is so after $n + 1$: by induction $f_n = f_0 + (1 - (1 - \eta \Theta)^n)(y - f_0)$",
            _words(POWER, COMMUTES, HYPOTHESES[0], DYNAMICS[0]),
        ),
        Row(
            PREDICTED,
            r"likewise $g_n = g_0 + \Theta_* \Theta^{-1} (1 - (1 - \eta \Theta)^n)(y - f_0)$",
            _words(POWER, COMMUTES, *HYPOTHESES, DYNAMICS[1]),
        ),
    )


def flow_rows() -> tuple[Row, ...]:
    """Gradient flow along an eigenvector of the kernel."""
    t, rate = symbols("t lambda", positive=True)
    start, target, initial, cross = symbols("f_0 y g_0 c", real=True)
    flow = start + (1 - exp(-rate * t)) * (target - start)
    test = initial + cross / rate * (1 - exp(-rate * t)) * (target - start)
    return (
        Row(
            equation(Derivative(flow, t), rate * (target - flow)),
            r"gradient flow $\dot f = \Theta (y - f)$ along an eigenvector of $\Theta$ with eigenvalue "
            r"$\lambda$; altogether $f_t = f_0 + (1 - e^{-\Theta t})(y - f_0)$",
            ScalarIdentity(),
        ),
        Row(
            equation(Derivative(test, t), cross * (target - flow)),
            r"and at a new input, where $c$ is the component of $\Theta(x, X)$ along it: "
            r"$f_t(x) = f_0(x) + \Theta(x, X) \Theta^{-1} (1 - e^{-\Theta t})(y - f_0)$",
            ScalarIdentity(),
        ),
    )


def law_rows() -> tuple[Row, ...]:
    """Mean and covariance over initializations."""
    return (
        Row(
            LAW,
            r"with $A = \Theta_* \Theta^{-1} (1 - P)$ the prediction is $A y + g_0 - A f_0$, whose mean is "
            r"$A y$; $(f_0, g_0)$ has mean 0 and the covariance $K$ of the Gaussian process",
            Definition(),
        ),
        Row(SPREAD, "its covariance, multiplied out", _words(LAW, symmetric=(C_XX, C_TT))),
    )


def limit_rows(exponent: Rational, source: Source, kind: str) -> tuple[Row, ...]:
    """What is known of networks of finite width."""
    return (
        Row(
            Eq(Symbol("q"), exponent),
            rf"$\sigma$ {kind}: with layers of width $m$ the outputs of a trained network and of its own "
            r"linearization differ by an amount of order $m^q$, as its tangent kernel moves",
            Citation(source),
        ),
        Row(
            Eq(Symbol("r"), Rational(-1, 2)),
            r"and from kernel regression with the limiting kernel they differ by the order $m^r$, since the "
            r"empirical kernel fluctuates by as much",
            Citation(LEE),
        ),
    )


def instance(random: Random) -> dict[Any, Any]:
    """Random Jacobians and data; all other letters follow from them."""
    train, test, outputs = (random.randint(1, 3) for _ in range(3))
    count = train + random.randint(0, 2)
    jacobian, other = rational.of_full_rank(random, train, count), rational.general(random, test, count)
    kernel, cross = jacobian * jacobian.transpose(), other * jacobian.transpose()
    targets, first = (rational.general(random, train, outputs) for _ in range(2))
    initial, moved = rational.general(random, test, outputs), rational.general(random, count, outputs)
    size = Rational(random.randint(1, 9), 10)
    step, unit = QQ(int(size.p), int(size.q)), rational.identity(train)
    power = (unit - kernel * step) ** STEPS
    done = (unit - power) * (targets - first)
    now, predicted = first + done, initial + cross * kernel.inv() * done
    root = rational.general(random, train + test, train + test)
    return {
        J: jacobian,
        H: other,
        K: kernel,
        T: cross,
        y: targets,
        f_0: first,
        g_0: initial,
        w: moved,
        v: rational.general(random, count, outputs),
        w_next: moved - jacobian.transpose() * (first + jacobian * moved - targets) * step,
        P: power,
        P_next: power * (unit - kernel * step),
        F: now,
        G: predicted,
        F_next: now + kernel * (targets - now) * step,
        G_next: predicted + cross * (targets - now) * step,
        eta: size,
        s: Rational(random.randint(1, 9), 7),
        **_law(root * root.transpose(), train, cross * kernel.inv() * (unit - power)),
    }


def _law(covariance: Any, train: int, gain: Any) -> dict[Any, Any]:
    entries = covariance.to_Matrix()
    joint = {
        C_XX: entries[:train, :train],
        C_TX: entries[train:, :train],
        C_TT: entries[train:, train:],
    }
    blocks = {letter: covariance.from_Matrix(block).convert_to(QQ) for letter, block in joint.items()}
    between = gain * blocks[C_TX].transpose()
    spread = blocks[C_TT] + gain * blocks[C_XX] * gain.transpose() - between - between.transpose()
    return {A: gain, S: spread, **blocks}
