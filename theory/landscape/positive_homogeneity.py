"""Positively homogeneous networks: Euler's identity, conserved units, balanced layers, a dual certificate."""

from __future__ import annotations

from sympy import And, Ge, Gt, Integer, Rational

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.homogeneity import rows as w
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, as_rational, positive_integers
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Statement

DEEPEST, LARGEST_WIDTH = 5, 64
# Training takes a time 1 / lambda; with more decay than the largest, most networks shrink to 0.
SMALLEST_DECAY, LARGEST_DECAY = Rational(1, 50), Rational(1, 2)
DEFAULT_WIDTHS, DEFAULT_DECAY = (3, 8, 6, 1), Rational(1, 10)


def _widths(value: object) -> tuple[int, ...]:
    found: tuple[int, ...] = positive_integers(maximum=LARGEST_WIDTH)(value)
    if not 3 <= len(found) <= DEEPEST + 1 or found[-1] != 1:
        raise InputError(f"{found} is not allowed: give 3 to {DEEPEST + 1} widths, inputs first, one output")
    return found


def _decay(value: object) -> Rational:
    number = as_rational(value)
    if not SMALLEST_DECAY <= number <= LARGEST_DECAY:
        raise InputError(f"{number} is not allowed: give a number from {SMALLEST_DECAY} to {LARGEST_DECAY}")
    return number


PARAMETERS = (
    Parameter("widths", "inputs, hidden units of every layer, 1 output", DEFAULT_WIDTHS, _widths),
    Parameter("weight_decay", "lambda in what is measured", DEFAULT_DECAY, _decay),
)


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS, weight_decay: Rational = DEFAULT_DECAY) -> Statement:
    """f(x) = W_H s(W_{H-1} ... s(W_1 x)) without biases, s(z) = max(z, 0)^q.

    The conclusion has <W_l, df/dW_l> = q^(H - l) f at scaled layers, |w|^2 - |a|^2 of a unit of degree 1
    after a step of descent and where the gradients vanish, and the distance of any weights from the global
    minimum.
    """
    depth = len(widths) - 1
    return Statement(
        id="landscape.positive_homogeneity",
        title="Positively homogeneous networks",
        summary=(
            r"With activations $\max(z, 0)^q$ and no biases $\langle W_l, \partial f / \partial W_l "
            r"\rangle = q^{H - l} f$. Each ReLU unit changes $\|w\|^2 - \|a\|^2$ in a step of descent, on "
            "any batch and across kinks, by a term of second order and the decay only. Under weight "
            r"decay it falls like $e^{-2 \lambda t}$, and training ends with $\lambda_1 \|w\|^2 = "
            r"\lambda_2 \|a\|^2$. And a matrix $Z$ of polar at most $\lambda$ certifies how far from the "
            "global minimum over all widths a decayed two-layer network is at most."
        ),
        hypotheses=(
            Hypothesis(r"the activation is $\max(z, 0)^q$, $q > 0$", relation=Gt(w.q, 0, evaluate=False)),
            Hypothesis(r"there are no biases"),
            Hypothesis(
                r"$\lambda$ is the decay of all weights; in the balance $\lambda_1$ is that of $w$, "
                r"$\lambda_2$ that of $a$",
                relation=Ge(w.decay, 0, evaluate=False),
            ),
        ),
        conclusion=And(*w.euler(depth), w.conserved(), w.balance(), w.gap()),
        regime="exact",
        sources=(w.DU_HU_LEE, w.HAEFFELE_VIDAL),
        instance={w.q: Integer(1), w.decay: weight_decay},
    )


def derivation(
    widths: tuple[int, ...] = DEFAULT_WIDTHS, weight_decay: Rational = DEFAULT_DECAY
) -> Derivation:
    """Every layer, one unit, the certificate."""
    depth = len(widths) - 1
    return Derivation(
        statement(widths, weight_decay),
        (*w.euler_rows(depth), *w.unit_rows(), *w.certificate_rows()),
        _limiting_case(),
    )


def _limiting_case() -> Row:
    """q = 1: the degree is 1 in every layer, and 3 in all of three layers."""
    return Row(
        equation(sum(w.degrees(3, Integer(1))), 3),
        "ReLU: a network of three layers has degree 3 in all of its weights",
        Identity(),
    )
