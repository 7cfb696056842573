"""Universal approximation by bumps: explicit networks for a given function, with a certified error.

Step, then bump, then tower: Heaviside staircases, sigmoidal networks for any activation with two limits, and
ReLU interpolation on the Kuhn triangulation, each with a closed-form bound that fixes the number of units.
"""

from __future__ import annotations

from typing import Any

from sympy import Eq, Expr, Gt, Le, Rational, Sum, Symbol, exp, sinh

from theory.bump_networks import rows as lemma
from theory.bump_networks.activation import LOGISTIC, RELU, STEP
from theory.bump_networks.approximate import NAMED
from theory.bump_networks.arithmetic import rational
from theory.bump_networks.construct import TAIL_SHARE, ZONE
from theory.bump_networks.problem import COORDINATES, Problem, pose
from theory.bump_networks.rows import joining
from theory.bump_networks.rows import symbols as letter
from theory.bump_networks.rows.numbers import construction_of, definitions, numbers
from theory.derivation import Derivation, Row
from theory.grammar import parse
from theory.parameters import Parameter, expression_in, intervals, positive_rational
from theory.proving import Identity
from theory.statement import Hypothesis, Source, Statement

Box = tuple[tuple[Expr, Expr], ...]
EPSILON = Symbol("epsilon", positive=True)


def read_activation(value: object) -> Expr:
    """``relu``, ``heaviside``, ``logistic``, or an expression in z. Raises InputError."""
    if isinstance(value, str):
        return NAMED[value] if value in NAMED else _recognized(parse(value, symbols=("z",)))
    return _recognized(expression_in("z")(value))


def _recognized(expression: Expr) -> Expr:
    equal = [known for known in NAMED.values() if (expression - known).equals(0)]
    return equal[0] if equal else expression


PARAMETERS = (
    Parameter(
        "function",
        "the function to approximate, in x (and y, z in more dimensions)",
        "sin(x)",
        expression_in(*COORDINATES),
    ),
    Parameter("box", "one interval LO,HI for each variable, separated by semicolons", "0,6", intervals()),
    Parameter("epsilon", "the largest error allowed, in supremum norm", "1/100", positive_rational()),
    Parameter(
        "activation", "relu, heaviside, logistic, or a sigmoidal expression in z", "logistic", read_activation
    ),
)

SOURCES = (
    Source(
        "Cybenko, G.",
        "Approximation by superpositions of a sigmoidal function",
        1989,
        "Theorem 2",
        "doi:10.1007/BF02551274",
    ),
    Source(
        "Hornik, K.",
        "Approximation capabilities of multilayer feedforward networks",
        1991,
        "Theorem 2",
        "doi:10.1016/0893-6080(91)90009-T",
    ),
    Source(
        "Yarotsky, D.",
        "Error bounds for approximations with deep ReLU networks",
        2017,
        "Section 3.2",
        "arXiv:1610.01145",
    ),
)


def statement(function: Expr, box: Box, epsilon: Rational, activation: Expr) -> Statement:
    """The theorem for one activation; the bound is that of the rule that applies to this function."""
    problem = pose(function, box, epsilon)
    instance: dict[Any, Any] = {EPSILON: rational(problem.epsilon), "function": problem.function}
    return Statement(
        id="approximation.bumps",
        title="Universal approximation by explicit bumps",
        summary="An explicit network approximates a given function on a box to within a given accuracy; its "
        "size follows from a closed form, and its error is certified on the whole box.",
        hypotheses=(
            Hypothesis("$f$ is continuous on the closed box"),
            Hypothesis("$\\varepsilon > 0$", Gt(EPSILON, 0)),
            Hypothesis("the activation is ReLU, or has finite and distinct limits at $\\pm\\infty$"),
        ),
        conclusion=Le(letter.E, _bound(problem, activation)),
        regime="bound",
        sources=SOURCES,
        instance=instance,
    )


def _bound(problem: Problem, activation: Expr) -> Expr:
    return closed_form(problem.dimension, _rule(problem, activation), activation)


def closed_form(size: int, rule: str, activation: Expr) -> Expr:
    """The bound in h, and L, M or omega, with tails and rounding: in ``size`` dimensions, by one rule."""
    if rule == "modulus":
        factor = _sigmoid_factor(activation) * 2 if activation not in (RELU, STEP) else 1
        return factor * letter.omega(letter.h / 2 if activation == STEP else letter.h) + letter.rho
    step = lemma.step_bound(size)
    if activation == RELU:
        return (lemma.curvature_bound(size) if rule == "curvature" else step) + letter.rho
    if activation == STEP:
        return step + letter.rho
    if size == 1:
        return 2 * step * _sigmoid_factor(activation) + letter.rho
    return step * (1 + 2 * rational(ZONE)) + letter.D + letter.tau + letter.rho


def _rule(problem: Problem, activation: Expr) -> str:
    construction = construction_of(problem, activation)
    return construction.rule if construction else "curvature" if activation == RELU else "lipschitz"


def _sigmoid_factor(activation: Expr) -> Expr:
    if activation == LOGISTIC:
        return letter.HALF + 1 / sinh(letter.u)
    over = Symbol("s", nonnegative=True)
    return (1 + 2 * over) * (letter.HALF + rational(ZONE)) + rational(TAIL_SHARE)


def derivation(function: Expr, box: Box, epsilon: Rational, activation: Expr) -> Derivation:
    """Rows from the construction to the certified error; steps, sigmoids and ReLU are all derived."""
    problem = pose(function, box, epsilon)
    size = problem.dimension
    found = statement(function, box, epsilon, activation)
    rows = [*definitions(problem, activation), *lemma.telescoping()]
    rows += lemma.gates(size) if size > 1 else []
    rows += lemma.mean_value(size)
    if size > 1:
        rows += lemma.orthants(size)
    else:
        rows += lemma.logistic() if activation in NAMED.values() else lemma.zones()
    rows += lemma.interpolation(size)
    rows += _joined(problem, activation, found.conclusion, rows)
    rows += numbers(problem, activation)
    return Derivation(found, tuple(rows), _limiting_case(activation))


def _joined(problem: Problem, activation: Expr, conclusion: Any, rows: list[Row]) -> list[Row]:
    """The rows that add the shares up to the conclusion, for the rule in force."""
    size, rule = problem.dimension, _rule(problem, activation)
    if activation == RELU and rule != "modulus":
        return joining.relu(size, rule == "curvature", conclusion)
    if activation == STEP and rule != "modulus":
        return joining.steps(size, conclusion)
    if activation in (RELU, STEP):
        return joining.by_modulus(activation == STEP, conclusion)
    if size > 1:
        return joining.crossings(size, rational(ZONE), conclusion)
    if activation == LOGISTIC:
        sums = [row.relation for row in rows if isinstance(row.relation, Eq)]
        geometric = next(r for r in sums if isinstance(r.lhs, Sum) and r.lhs.has(exp))
        return joining.logistic(rule == "modulus", conclusion, geometric)
    return joining.sigmoid(rule == "modulus", rational(ZONE), rational(TAIL_SHARE), conclusion)


def _limiting_case(activation: Expr) -> Row:
    """Known answers: x^2 under ReLU, a straight line under steps, infinitely steep sigmoids."""
    a, h, u = letter.a, letter.h, letter.u
    if activation == RELU:
        return Row(
            Eq((a**2 + (a + h) ** 2) / 2 - (a + h / 2) ** 2, 2 * h**2 / 8),
            "For $f = x^2$, $M = 2$, the error in the middle of a cell equals the bound.",
            Identity(),
        )
    if activation == LOGISTIC:
        return Row(
            Eq(1 / sinh(u), 2 * exp(-u) / (1 - exp(-2 * u))),
            "What the bound exceeds that of the step network by, in units of $L h$: it vanishes "
            "exponentially as "
            "the units become steep.",
            Identity(),
        )
    return Row(
        Eq((a + h) - (a + h / 2), h / 2, evaluate=False),
        "For $f = x$, $L = 1$, the error at the end of a cell equals the bound of the step network.",
        Identity(),
    )
