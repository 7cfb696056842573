"""Two-layer linear networks with weight decay: soft-thresholded singular values, their loss and inertia."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sympy import (
    And,
    Derivative,
    Expr,
    Gt,
    Le,
    Ne,
    Rational,
    Subs,
    Symbol,
    Trace,
    sqrt,
    symbols,
)

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.linear_landscape.letters import equation
from theory.linear_minima import decay_rows
from theory.linear_minima import letters as w
from theory.parameters import Parameter, as_rational, positive_integers
from theory.proving.consequence import Consequence
from theory.proving.definition import Definition
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Source, Statement

LARGEST_WIDTH = 12  # Hessians of p (n + m) squared entries are formed when the theorem is measured
LARGEST_DECAY = Rational(1)
DEFAULT_WIDTHS, DEFAULT_DECAY = (5, 3, 4), (Rational(1, 4), Rational(1))

SREBRO = Source("N. Srebro, J. Rennie and T. Jaakkola", "Maximum-margin matrix factorization", 2005)
KUNIN = Source(
    "D. Kunin, J. Bloom, A. Goeva and C. Seed",
    "Loss landscapes of regularized linear autoencoders",
    2019,
    identifier="arXiv:1901.08168",
)

TOTAL, L = Symbol("T", positive=True), Symbol("L")
decay, decay_A, decay_B = symbols("lambda lambda_A lambda_B", positive=True)
p, r, q = symbols("p r q", integer=True, positive=True)
inv = Symbol("inv", integer=True, nonnegative=True)
INDEX, NULLITY = Symbol("#_-"), Symbol("#_0")


def weight_decays(value: object) -> tuple[Rational, Rational]:
    """Read one decay, or those of the first and the second layer; raises InputError on others."""
    parts = value.split(",") if isinstance(value, str) else value
    many = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    numbers = [as_rational(part) for part in many]
    if len(numbers) not in (1, 2) or not all(0 < number <= LARGEST_DECAY for number in numbers):
        raise InputError(f"{value!r} is not allowed: give one or two decays above 0, at most {LARGEST_DECAY}")
    return numbers[0], numbers[-1]


PARAMETERS = (
    Parameter(
        "widths", "inputs, hidden units, outputs", DEFAULT_WIDTHS, positive_integers(3, maximum=LARGEST_WIDTH)
    ),
    Parameter("weight_decay", "of the first and the second layer", DEFAULT_DECAY, weight_decays),
)


def check(levels: Sequence[Any], weight_decay: tuple[Rational, Rational], distance: float = 0.0) -> None:
    """Raise InputError if sqrt(lambda_A lambda_B) is a singular value, or within ``distance`` of one."""
    unit = sqrt(weight_decay[0] * weight_decay[1])
    for level in levels:
        if abs(level - unit) <= distance:
            raise InputError(
                f"the decays {weight_decay[0]} and {weight_decay[1]} have the geometric mean {float(unit):g}"
                f", too near the singular value {float(level):g}: where the threshold just reaches it, the "
                "Hessian has more zero eigenvalues than predicted; give other decays"
            )


def singular_values(widths: tuple[int, int, int]) -> tuple[Symbol, ...]:
    """s_1 > s_2 > ... of Y X^T."""
    return symbols(f"s_1:{min(widths[0], widths[2]) + 1}", positive=True)


def indicators(widths: tuple[int, int, int]) -> tuple[Symbol, ...]:
    """chi_i = 1 if singular value i is chosen, else 0."""
    return symbols(f"chi_1:{min(widths[0], widths[2]) + 1}", integer=True, nonnegative=True)


def value(widths: tuple[int, int, int]) -> Expr:
    """2 L = T - sum of (s_i - lambda)^2 over the chosen singular values."""
    pairs = zip(indicators(widths), singular_values(widths), strict=True)
    return TOTAL - sum(chi * (level - decay) ** 2 for chi, level in pairs)


def index() -> Expr:
    """(p - r)(q - r) + inv(S), with q singular values above the decay."""
    return (p - r) * (q - r) + inv


def nullity() -> Expr:
    """p r - r (r + 1) / 2, the dimension of the orbit under rotations of the hidden units."""
    return p * r - r * (r + 1) / 2


def statement(
    widths: tuple[int, int, int] = DEFAULT_WIDTHS, weight_decay: tuple[Rational, Rational] = DEFAULT_DECAY
) -> Statement:
    """2 L(A, B) = |Y - A B X|^2 + lambda_A |A|^2 + lambda_B |B|^2 with X X^T = I.

    The conclusion gives 2 L, the index and the nullity of the Hessian at every critical point with singular
    values S of Y X^T chosen, in lambda = sqrt(lambda_A lambda_B). The loss is summed over the examples;
    the decays are those of B (hidden x inputs) and A (outputs x hidden), in the order of the layers.
    """
    return Statement(
        id="linear_networks.weight_decay",
        title="Weight decay is a soft threshold",
        summary=(
            r"$2 L = \|Y - A B X\|^2 + \lambda_A \|A\|^2 + \lambda_B \|B\|^2$, $\lambda = \sqrt{\lambda_A "
            r"\lambda_B}$. Every critical point is $A = c\, U_S D O^T$, $B = c^{-1} O D Q_S^T$ with "
            r"$c^4 = \lambda_B / \lambda_A$ and $D^2 = \mathrm{diag}(s_i - \lambda)$: singular vectors of "
            r"$Y X^T$ with singular values above $\lambda$ only, softly thresholded; the columns of $O$ are "
            r"orthonormal. All but the choice of the largest are strict saddles, so the minimum is the "
            r"proximal map of the nuclear norm, cut to rank $p$. $q$ counts the singular values above "
            r"$\lambda$, $\mathrm{inv}(S)$ the pairs of a chosen and a larger one that is not."
        ),
        hypotheses=_hypotheses(widths),
        conclusion=And(*_parts(widths)),
        regime="exact",
        sources=(SREBRO, KUNIN),
        instance=_instance(widths, weight_decay),
    )


def derivation(
    widths: tuple[int, int, int] = DEFAULT_WIDTHS, weight_decay: tuple[Rational, Rational] = DEFAULT_DECAY
) -> Derivation:
    """From the loss to balance, thresholded singular values, loss, inertia, for every size."""
    _, *counts = _parts(widths)
    return Derivation(
        statement(widths, weight_decay),
        (
            *decay_rows.loss_rows(),
            *decay_rows.necessity_rows(),
            *decay_rows.sufficiency_rows(),
            *decay_rows.block_rows(),
            *decay_rows.counting_rows(*counts),
            *decay_rows.nuclear_norm_rows(),
            *_concluding_rows(widths),
        ),
        _limiting_case(),
    )


def _hypotheses(widths: tuple[int, int, int]) -> tuple[Hypothesis, ...]:
    levels, chis = singular_values(widths), indicators(widths)
    return (
        Hypothesis(r"the inputs are white: $X X^T = I$"),
        Hypothesis(
            r"the singular values of $Y X^T$ are distinct",
            relation=And(
                *(Gt(high, low) for high, low in pairwise(levels)), Gt(levels[-1], 0, evaluate=False)
            ),
        ),
        Hypothesis(
            r"no singular value is $\lambda$ itself, where it would add to the nullity",
            relation=And(*(Ne(level, decay) for level in levels)),
        ),
        Hypothesis(
            r"$S$ chooses $r \le \min(p, q)$ of the $q$ singular values above $\lambda$",
            relation=Le(sum(chis), widths[1], evaluate=False),
        ),
    )


def _parts(widths: tuple[int, int, int]) -> tuple[Any, ...]:
    return (
        equation(2 * L, value(widths)),
        equation(INDEX, index()),
        equation(NULLITY, nullity()),
    )


def _concluding_rows(widths: tuple[int, int, int]) -> tuple[Row, ...]:
    """The value in the units of the user."""
    pairs = zip(indicators(widths), singular_values(widths), strict=True)
    taken = sum(chi * (level / decay - 1) ** 2 for chi, level in pairs)
    left, right = w.U * w.D * w.R.T, w.R * w.D * w.Q.T
    explained = w.squared_norm(w.M)
    here = 2 * w.penalized(w.M, left, right)
    gained = equation(here, explained - w.squared_norm(w.D * w.D))
    units = equation(2 * L, TOTAL + decay**2 * (here - explained))
    chosen = equation(Trace(w.D * w.D * (w.D * w.D).T), taken)
    return (
        Row(units, r"the first two steps, with $T = \|Y\|^2$ and $M$ in units of $\lambda$", Definition()),
        Row(
            chosen,
            r"$D^2 = \mathrm{diag}(s_i / \lambda - 1)$ in these units, and $\chi_i = [i \in S]$",
            Definition(),
        ),
        Row(_parts(widths)[0], "insert", Consequence((units, gained, chosen))),
    )


def _instance(widths: tuple[int, int, int], weight_decay: tuple[Rational, Rational]) -> dict[Any, Any]:
    """Singular values in steps of the decay, from 3/2 of it, the first one chosen."""
    levels, unit = singular_values(widths), sqrt(weight_decay[0] * weight_decay[1])
    chosen = {chi: int(k == 0) for k, chi in enumerate(indicators(widths))}
    values = {level: (len(levels) - k + Rational(1, 2)) * unit for k, level in enumerate(levels)}
    return {**values, **chosen, decay: unit}


def _limiting_case() -> Row:
    """One weight a layer: a b = s - lambda where s > lambda."""
    a, b, s = symbols("a b s", positive=True)
    loss = ((s + decay - a * b) ** 2 + decay * (a**2 + b**2)) / 2
    return Row(
        equation(Subs(Derivative(loss, a), (a, b), (sqrt(s), sqrt(s))), 0),
        r"one input, hidden unit and output: with the singular value $s + \lambda$ the slope vanishes at "
        r"$a = b = \sqrt{s}$",
        Identity(),
    )
