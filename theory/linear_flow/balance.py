"""Rows: what each layer of a linear network keeps in common with the next, under flow and under descent.

D_h = W_{h+1}^T W_{h+1} - W_h W_h^T compares layer h with the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from random import Random
from typing import Any

from sympy import (
    QQ,
    Derivative,
    Eq,
    Expr,
    Function,
    Integral,
    Limit,
    MatrixSymbol,
    Subs,
    Sum,
    Symbol,
    Trace,
    exp,
    log,
    oo,
    symbols,
)

from theory import rational_matrices as rational
from theory.derivation import Row
from theory.linear_flow.chain import Chain, decay, equation, eta, s
from theory.proving.definition import Citation, Definition
from theory.proving.identity import Identity
from theory.proving.matrix_words import MatrixWords
from theory.statement import Source

HAIRER = Source(
    "E. Hairer, S. P. Nørsett and G. Wanner", "Solving Ordinary Differential Equations I, 2nd edition", 1993
)

t, T = symbols("t T", positive=True)
start = Symbol("D_0", real=True)  # an entry of D_h at the start
entry, upper, lower = symbols("D P Q", real=True)  # entries of D_h, G_{h+1}^T G_{h+1} and G_h G_h^T
total = Symbol("S", real=True)  # an entry of the sum of G_{h+1}^T G_{h+1} - G_h G_h^T over the steps

integral = Symbol("I", real=True)  # an entry of the integral of G_{h+1}^T G_{h+1} - G_h G_h^T along the flow

# Entry by entry: after one step of descent, after a time of flow, and after many steps without decay, of
# which the last is the leading term.
STEPPED: Expr = (1 - eta * decay) ** 2 * entry + eta**2 * (upper - lower)
FLOWED: Expr = exp(-2 * decay * t) * start
DRIFTED: Expr = start + eta**2 * total
LEADING: Expr = eta * integral


def difference(low: Any, high: Any) -> Any:
    """M_{h+1}^T M_{h+1} - M_h M_h^T, of letters or of rational matrices."""
    if isinstance(low, MatrixSymbol):
        return high.T * high - low * low.T
    return high.transpose() * high - low * low.transpose()


@dataclass(frozen=True)
class Balance:
    """The letters of the differences D_h, and the rows about them."""

    chain: Chain

    @cached_property
    def differences(self) -> tuple[MatrixSymbol, ...]:
        """D_h."""
        return self.chain.inner("D_{}")

    @cached_property
    def following(self) -> tuple[MatrixSymbol, ...]:
        """D_h after one step of descent."""
        return self.chain.inner("D_{}^+")

    @cached_property
    def stepped(self) -> tuple[MatrixSymbol, ...]:
        """W_h after one step of descent."""
        return self.chain.letters("W_{}^+")

    @cached_property
    def velocities(self) -> tuple[MatrixSymbol, ...]:
        """V_h, the velocity of layer h along the flow."""
        return self.chain.letters("V_{}")

    @cached_property
    def flow(self) -> tuple[Eq, ...]:
        """V_h = -G_h - lambda W_h."""
        trios = zip(self.velocities, self.chain.slopes, self.chain.layers, strict=True)
        return tuple(equation(V, -G - decay * W) for V, G, W in trios)

    @cached_property
    def probes(self) -> tuple[MatrixSymbol, ...]:
        """K_h, any matrix: tr(K_h^T D_h) for all of them is D_h."""
        return self.chain.inner("K_{}")

    @cached_property
    def definitions(self) -> tuple[Eq, ...]:
        """D_h by the layers."""
        return _defined(self.differences, self.chain.layers)

    @cached_property
    def steps(self) -> tuple[Eq, ...]:
        """W_h^+ = (1 - eta lambda) W_h - eta G_h, then D_h^+ by these layers."""
        trios = zip(self.stepped, self.chain.layers, self.chain.slopes, strict=True)
        moves = (equation(after, (1 - eta * decay) * W - eta * G) for after, W, G in trios)
        return (*moves, *_defined(self.following, self.stepped))

    @cached_property
    def descended(self) -> tuple[Eq, ...]:
        """What a step of descent makes of D_h, whatever its size."""
        trios = zip(self.following, self.differences, pairwise(self.chain.slopes), strict=True)
        return tuple(
            equation(after, (1 - eta * decay) ** 2 * D + eta**2 * difference(low, high))
            for after, D, (low, high) in trios
        )

    @cached_property
    def flowing(self) -> tuple[Eq, ...]:
        """The derivative of D_h along the flow, through every tr(K_h^T D_h)."""
        moved = [W + s * V for W, V in zip(self.chain.layers, self.velocities, strict=True)]
        traced = [
            Trace(K.T * (high.T * high - low * low.T))
            for K, (low, high) in zip(self.probes, pairwise(moved), strict=True)
        ]
        return tuple(
            equation(Subs(Derivative(trace, s), s, 0), -2 * decay * Trace(K.T * D))
            for trace, K, D in zip(traced, self.probes, self.differences, strict=True)
        )

    def instance(self, random: Random) -> dict[Any, Any]:
        """A random network, and one step of descent from it."""
        found = self.chain.instance(random)
        rate, shrink = (QQ.from_sympy(found[letter]) for letter in (eta, decay))
        layers, slopes = ([found[letter] for letter in row] for row in (self.chain.layers, self.chain.slopes))
        after = [W * (1 - rate * shrink) - G * rate for W, G in zip(layers, slopes, strict=True)]
        probes = [rational.general(random, W.shape[0], W.shape[0]) for W in layers[:-1]]
        moving = [-G - W * shrink for W, G in zip(layers, slopes, strict=True)]
        values = [*after, *moving, *_differences(after), *_differences(layers), *probes]
        letters = [*self.stepped, *self.velocities, *self.following, *self.differences, *self.probes]
        return {**found, **dict(zip(letters, values, strict=True))}

    def words(self, *rules: Eq) -> MatrixWords:
        """Matrix words with these letters; that D_h is symmetric is never used."""
        return MatrixWords(self.instance, rules)

    def gradient_rows(self) -> tuple[Row, ...]:
        """The gradient in each layer from that at the product."""
        rows = []
        chain = self.chain
        letters = zip(chain.slope_rules, chain.directions, chain.slopes, strict=True)
        for h, (rule, direction, slope) in enumerate(letters, start=1):
            moved = Trace(chain.gradient.T * chain.moved(h, direction))
            chained = equation(Subs(Derivative(moved, s), s, 0), Trace(slope.T * direction))
            reason = (
                f"the chain rule in every direction $F_{{{h}}}$: $G_{{{h}}}$ is the gradient in layer {h}"
            )
            rows += [
                Row(rule, f"notation: what the gradient $G$ at the product gives in layer {h}", Definition()),
                Row(chained, reason, self.words(rule)),
            ]
        return (*self._losses(), *rows)

    def _losses(self) -> tuple[Row, ...]:
        """Two losses, of which the first is that of the other theorems about linear networks."""
        chain, (f, y), (X, Y) = self.chain, symbols("f y", real=True), self.chain.data()
        squared = Subs(Derivative(chain.squared_loss(chain.product + s * chain.direction), s), s, 0)
        slope = (chain.product * X - Y) * X.T
        return (
            Row(
                equation(squared, Trace(slope.T * chain.direction)),
                "for example the squared loss: in every direction $F$ of the product it changes by "
                r"$\mathrm{tr}(G^T F)$ with this gradient $G$",
                self.words(),
            ),
            Row(
                equation(Derivative(log(1 + exp(-y * f)), f), -y / (1 + exp(y * f))),
                "or the logistic loss of an output $f$ and a label $y$; what follows holds for every $G$",
                Identity(),
            ),
        )

    def balance_rows(self) -> tuple[Row, ...]:
        """Neighbors share W_{h+1}^T G_{h+1} = G_h W_h^T, so that terms of first order cancel."""
        shared = (
            equation(high.T * G_high, G_low * low.T)
            for (low, high), (G_low, G_high) in zip(
                pairwise(self.chain.layers), pairwise(self.chain.slopes), strict=True
            )
        )
        reason = "both are the same word: the layers that one side lacks stand in the gradient of the other"
        return (
            *(Row(one, reason, self.words(*self.chain.slope_rules)) for one in shared),
            *(Row(one, "the layers' second moments compared", Definition()) for one in self.definitions),
        )

    def descent_rows(self) -> tuple[Row, ...]:
        """One step of gradient descent with weight decay, exactly."""
        rules = (*self.chain.slope_rules, *self.definitions, *self.steps)
        reason = (
            r"expand: the terms of first order in $\eta$ are $W_{h+1}^T G_{h+1} - G_h W_h^T$ "
            "and its transpose"
        )
        return (
            *(Row(one, r"one step of size $\eta$ with decay $\lambda$", Definition()) for one in self.steps),
            *(Row(one, reason, self.words(*rules)) for one in self.descended),
        )

    def flow_rows(self) -> tuple[Row, ...]:
        """Along the flow dW_h/dt = -G_h - lambda W_h."""
        rules = (*self.chain.slope_rules, *self.definitions, *self.flow)
        reason = r"for every matrix $K_h$, hence $d D_h / dt = -2 \lambda D_h$"
        entries = Function("D", real=True)(t)
        constant = equation(
            Derivative(exp(2 * decay * t) * entries, t),
            exp(2 * decay * t) * (Derivative(entries, t) + 2 * decay * entries),
        )
        return (
            *(Row(one, r"gradient flow with decay $\lambda$", Definition()) for one in self.flow),
            *(Row(one, reason, self.words(*rules)) for one in self.flowing),
            Row(
                constant,
                r"for an entry of $D_h$ the right-hand side is 0: $e^{2 \lambda t} D_h$ stays what it is",
                Identity(),
            ),
            Row(
                equation(exp(2 * decay * t) * FLOWED, start),
                r"so $D_h(t) = e^{-2 \lambda t} D_h(0)$, and without decay $D_h$ is conserved",
                Identity(),
            ),
        )

    @staticmethod
    def drift_rows() -> tuple[Row, ...]:
        """Many steps of descent without decay: a drift of first order in the step size."""
        step, after = STEPPED.subs(decay, 0), Symbol("S_+", real=True)
        rate = Function("R", real=True)
        k, n = symbols("k n", integer=True, positive=True)
        riemann = Sum(rate(k * T / n) * T / n, (k, 1, n))
        return (
            Row(equation(after, total + upper - lower), "one step more in the sum", Definition()),
            Row(
                equation(step.subs(entry, DRIFTED), start + eta**2 * (total + upper - lower)),
                r"so the drift of $D_h$ over any number of steps is $\eta^2$ times the sum of "
                r"$G_{h+1}^T G_{h+1} - G_h G_h^T$: by induction",
                Identity(),
            ),
            Row(
                equation(Limit(riemann, n, oo), Integral(rate(t), (t, 0, T))),
                r"over a time $T = n \eta$ it is $\eta$ times a Riemann sum. Descent follows the flow to "
                r"first order in $\eta$, so that drift over $\eta$ tends to the integral of "
                r"$G_{h+1}^T G_{h+1} - G_h G_h^T$ along the flow",
                Citation(HAIRER),
            ),
        )


def _defined(names: tuple[MatrixSymbol, ...], layers: tuple[MatrixSymbol, ...]) -> tuple[Eq, ...]:
    return tuple(equation(D, difference(*pair)) for D, pair in zip(names, pairwise(layers), strict=True))


def _differences(layers: list[Any]) -> list[Any]:
    return [difference(low, high) for low, high in pairwise(layers)]
