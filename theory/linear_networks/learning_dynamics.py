"""The course of training of deep linear networks, mode by mode: any depth, flow and descent."""

from __future__ import annotations

from sympy import And, Integer, Rational

from theory.derivation import Derivation, Row
from theory.linear_dynamics import modes as w
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, layer_widths
from theory.proving import Identity
from theory.statement import Hypothesis, Source, Statement

LARGEST_WIDTH = 16
MOST_LAYERS = 6

SAXE = Source(
    "A. M. Saxe, J. L. McClelland and S. Ganguli",
    "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
    2014,
    identifier="arXiv:1312.6120",
)
GIDEL = Source(
    "G. Gidel, F. Bach and S. Lacoste-Julien",
    "Implicit regularization of discrete gradient dynamics in linear neural networks",
    2019,
    identifier="arXiv:1904.13262",
)


PARAMETERS = (
    Parameter(
        "widths", "inputs, hidden units, outputs", (4, 3, 5, 3), layer_widths(LARGEST_WIDTH, MOST_LAYERS)
    ),
)


def statement(widths: tuple[int, ...] = (4, 3, 5, 3)) -> Statement:
    """One mode u of |Y - W_N ... W_1 X|^2 / 2: s of Y X^T, mu of X X^T, its course for every depth N.

    The logistic curve of two balanced layers, the hyperbolic one of layers of different size, the pace of N
    balanced layers, and how late descent with step eta is. The loss is summed over the examples.
    """
    return Statement(
        id="linear_networks.learning_dynamics",
        title="Deep linear networks learn mode by mode",
        summary=(
            r"In the common singular directions of $Y X^T$ ($s$) and $X X^T$ ($\mu$) the layers decouple: "
            r"each mode $u$ rises from its seed to $s / \mu$ by itself, "
            r"$\dot u = N u^{2 - 2 / N} (s - \mu u)$ for $N$ balanced layers. Two layers follow a logistic "
            "curve (balanced) or a hyperbolic tangent "
            r"($c = |a^2 - b^2|$, $u = c x / (1 - x^2)$), three and more wait on plateaus that last a power "
            r"of the initial weights; vanishing weights learn one mode after the other. Descent with step "
            rf"$\eta$ is late by $\eta \int g / f^2 du$. Measured with widths {widths}."
        ),
        hypotheses=(
            Hypothesis(r"$X X^T$ and $X Y^T Y X^T$ commute, as they do for white inputs"),
            Hypothesis(
                "the layers are aligned with the common directions: then this is exact; from small random "
                "weights of two layers it holds with the effective seed"
            ),
            Hypothesis(r"the seed is below the end: $0 < u_0 < s / \mu$", relation=w.SEED < w.END),
        ),
        conclusion=And(w.LOGISTIC, w.HYPERBOLIC, w.DEEP, w.DELAYED),
        regime="exact",
        sources=(SAXE, GIDEL),
        instance={w.RATE: Integer(3), w.VARIANCE: Rational(3, 2), w.SEED: Rational(1, 4)},
        domain=w.BELOW_END,
    )


def derivation(widths: tuple[int, ...] = (4, 3, 5, 3)) -> Derivation:
    """Decoupling for every size and depth; two layers, deep ones, vanishing weights, descent, seeds."""
    return Derivation(
        statement(widths),
        (
            *w.decoupling_rows(),
            *w.balance_rows(),
            *w.two_layer_rows(),
            *w.deep_rows(),
            *w.vanishing_rows(),
            *w.descent_rows(),
            *w.seed_rows(),
        ),
        _one_layer(),
    )


def _one_layer() -> Row:
    """N = 1: linear regression approaches its end at the rate mu."""
    return Row(
        equation(w.PACE.subs(w.DEPTH, 1), w.RATE - w.VARIANCE * w.VALUE),
        r"one layer is linear regression: $\dot u = s - \mu u$",
        Identity(),
    )
