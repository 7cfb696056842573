"""Universal approximation by bumps: explicit networks for a given function, with a certified error.

Step, then bump, then tower: Heaviside staircases, sigmoidal networks for any activation with two limits, and
ReLU interpolation on the Kuhn triangulation, each with a closed-form bound that fixes the number of units.
"""

from __future__ import annotations

from fractions import Fraction

from sympy import Abs, Derivative, Eq, Expr, Function, Gt, Le, Rational, Symbol, oo, sinh

from theory.balls import BallsUnavailable
from theory.bump_networks import rows as lemma
from theory.bump_networks.activation import LOGISTIC, RELU, STEP, Z
from theory.bump_networks.approximate import NAMED, built, solved
from theory.bump_networks.arithmetic import precision, rational, round_up
from theory.bump_networks.construct import TAIL_SHARE, ZONE, Construction, near_factor
from theory.bump_networks.methods import DerivativeBound, ErrorBound, ModulusBound, TailBound
from theory.bump_networks.problem import COORDINATES, Problem, pose
from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.grammar import parse
from theory.parameters import Parameter, expression_in, intervals, positive_rational
from theory.proving import Definition, Identity, Nonnegativity
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
    construction = _construction(problem, activation)
    instance = {EPSILON: rational(problem.epsilon), "function": problem.function}
    return Statement(
        id="approximation.bumps",
        title="Universal approximation by explicit bumps",
        summary="An explicit network approximates a given function on a box to within a given "
        "accuracy; its size "
        "follows from a closed form, and its error is certified on the whole box.",
        hypotheses=(
            Hypothesis(
                "$f$ is continuous on the closed box",
                holds=lambda given: given["function"].is_real is not False,
            ),
            Hypothesis("$\\varepsilon > 0$", Gt(EPSILON, 0)),
            Hypothesis("the activation is ReLU, or has finite and distinct limits at $\\pm\\infty$"),
        ),
        conclusion=Le(lemma.E, _bound(problem, construction, activation)),
        regime="bound",
        sources=SOURCES,
        instance=instance,
    )


def _construction(problem: Problem, activation: Expr) -> Construction | None:
    try:
        return built(problem, activation)
    except BallsUnavailable:
        return None


def _bound(problem: Problem, construction: Construction | None, activation: Expr) -> Expr:
    """The closed form in h, L or M, and the tails."""
    size = problem.dimension
    rule = construction.rule if construction else "curvature" if activation == RELU else "lipschitz"
    rounding = Symbol("rho", nonnegative=True)
    if rule == "modulus":
        factor = _sigmoid_factor(activation) * 2 if activation not in (RELU, STEP) else 1
        width = lemma.h / 2 if activation == STEP else lemma.h
        return factor * Function("omega")(width) + rounding
    if activation == RELU:
        return (lemma.curvature_bound(size) if rule == "curvature" else lemma.step_bound(size)) + rounding
    step = lemma.step_bound(size)
    if activation == STEP:
        return step + rounding
    if size == 1:
        return Symbol("L", positive=True) * lemma.h * _sigmoid_factor(activation) + rounding
    corners = Symbol("D", nonnegative=True)
    return step * (1 + 2 * rational(ZONE)) + corners + Symbol("tau", nonnegative=True) + rounding


def _sigmoid_factor(activation: Expr) -> Expr:
    if activation == LOGISTIC:
        return lemma.HALF + 1 / sinh(lemma.u)
    over = Symbol("s", nonnegative=True)
    return (1 + 2 * over) * (lemma.HALF + rational(ZONE)) + rational(TAIL_SHARE)


def derivation(function: Expr, box: Box, epsilon: Rational, activation: Expr) -> Derivation:
    """Rows from the construction to the certified error; the lemmas of all three constructions are proved."""
    problem = pose(function, box, epsilon)
    size = problem.dimension
    found = statement(function, box, epsilon, activation)
    rows = [_definition(problem), *lemma.telescoping()]
    rows += lemma.gates(size) if size > 1 else []
    rows += lemma.mean_value(size)
    if size > 1:
        rows += lemma.orthants(size)
    else:
        rows += lemma.logistic() if activation in NAMED.values() else lemma.zones()
    rows += lemma.interpolation(size) + lemma.lipschitz_interpolation()
    rows += _numbers(problem, activation)
    return Derivation(found, tuple(rows), _limiting_case(activation))


def _definition(problem: Problem) -> Row:
    network = Function("N")(*problem.variables)
    return Row(
        Eq(lemma.E, Function("sup")(Abs(problem.function - network))),
        "The error of the explicit network $N$ on the whole closed box, in supremum norm.",
        Definition(),
    )


def _numbers(problem: Problem, activation: Expr) -> list[Row]:
    """The rows with this function's own numbers, certified in ball arithmetic."""
    accuracy = rational(problem.epsilon)
    final = ErrorBound(problem, activation)
    construction = _construction(problem, activation)
    if construction is None:
        return [Row(Le(lemma.E, accuracy), "The error of the explicit network.", final)]
    rows = _regularity_rows(problem, construction, activation)
    rows += _sigmoid_rows(construction)
    bound = rational(_short(construction.bound, problem.epsilon))
    rows.append(
        Row(
            Le(bound, accuracy, evaluate=False),
            f"The closed form with {_count(construction)}, rounding of the weights included: the "
            "bound known before "
            "the network is built.",
            Nonnegativity(),
        )
    )
    certificate = solved(problem, activation).certificate
    upper = accuracy if certificate.upper is None else rational(_short(certificate.upper, problem.epsilon))
    rows.append(
        Row(
            Le(lemma.E, upper),
            f"The network itself, all {construction.network.units} units of it: a certificate "
            f"on the whole box, which a point with error at least {float(certificate.lower):.6g} shows to be "
            "nearly sharp.",
            final,
        )
    )
    return rows


def _short(value: Fraction, epsilon: Fraction) -> Fraction:
    """A short number above ``value``; where that would pass epsilon, epsilon itself."""
    return min(round_up(value, 40), epsilon) if value <= epsilon else value


def _count(construction: Construction) -> str:
    cells = " x ".join(map(str, construction.cells))
    return f"{cells} cells of width {', '.join(f'{float(width):.6g}' for width in construction.widths)}"


def _regularity_rows(problem: Problem, construction: Construction, activation: Expr) -> list[Row]:
    if construction.rule == "modulus":
        cells, target = _modulus(construction, activation)
        width = (problem.box[0][1] - problem.box[0][0]) / cells
        relation = Le(Function("omega")(rational(width)), rational(target))
        return [Row(relation, "The modulus of continuity of f.", ModulusBound(problem, cells))]
    smooth, size = construction.regularity, problem.dimension
    method = DerivativeBound(problem)
    found = []
    if construction.rule == "lipschitz":
        for axis, value in enumerate(smooth.lipschitz):
            if value is not None:
                relation = Le(Abs(_derivative(problem, axis)), rational(value))
                found.append(Row(relation, "The Lipschitz constant along one axis.", method))
    if construction.rule == "curvature" or (size > 1 and construction.sigmoid is not None):
        for first in range(size):
            for second in range(first, size):
                bound = smooth.curvature(first, second)
                if bound is not None:
                    relation = Le(Abs(_derivative(problem, first, second)), rational(bound))
                    found.append(Row(relation, "A second derivative, away from kinks at knots.", method))
    return found


def _derivative(problem: Problem, *axes: int) -> Expr:
    return Derivative(problem.function, *(problem.variables[axis] for axis in axes), evaluate=False)


def _modulus(construction: Construction, activation: Expr) -> tuple[int, Fraction]:
    """On how many windows the oscillation was bounded, and by what."""
    goal = construction.bound - construction.rounding
    cells = construction.cells[0] * (2 if activation == STEP else 1)
    if construction.sigmoid is None:
        return cells, goal
    with precision():
        return cells, goal / (2 * near_factor(construction.sigmoid))


def _sigmoid_rows(construction: Construction) -> list[Row]:
    unit = construction.sigmoid
    if unit is None or (unit.logistic and len(construction.cells) == 1):
        return []
    normalized = (unit.expression - rational(unit.low)) / rational(unit.high - unit.low)
    threshold = unit.threshold(TAIL_SHARE / max(1, construction.cells[0]))
    tail = round_up(unit.tail(threshold), 20)
    rows = [
        Row(
            Le(Abs(normalized - Function("H")(Z)), rational(tail)),
            f"The tail of the activation, normalized to the limits "
            f"0 and 1, beyond $|z| = {rational(threshold)}$, enclosed on both half-lines.",
            TailBound(unit, "tail", threshold),
        ),
        Row(
            Le(Function("s")(normalized), rational(round_up(unit.overshoot, 20))),
            "How far the activation leaves the interval between its limits.",
            TailBound(unit, "overshoot"),
        ),
    ]
    if len(construction.cells) > 1:
        slope = rational(round_up(unit.lipschitz, 20))
        rows.append(
            Row(
                Le(Abs(Derivative(normalized, Z, evaluate=False)), slope),
                "The slope of the activation, by which errors of inner units reach the outer ones.",
                TailBound(unit, "slope"),
            )
        )
    return rows


def _limiting_case(activation: Expr) -> Row:
    """Known answers: x^2 under ReLU, a straight line under steps, infinitely steep sigmoids."""
    a, h = lemma.a, lemma.h
    if activation == RELU:
        return Row(
            Eq((a**2 + (a + h) ** 2) / 2 - (a + h / 2) ** 2, 2 * h**2 / 8),
            "For $f = x^2$, $M = 2$, the error in the middle of a cell equals the bound.",
            Identity(),
        )
    if activation == LOGISTIC:
        return Row(
            Eq((lemma.HALF + 1 / sinh(lemma.u)).limit(lemma.u, oo), lemma.HALF),
            "Infinitely steep units are steps, and the bound becomes theirs.",
            Identity(),
        )
    return Row(
        Eq((a + h) - (a + h / 2), h / 2),
        "For $f = x$, $L = 1$, the error at the end of a cell equals the bound of the step network.",
        Identity(),
    )


__all__ = ["PARAMETERS", "InputError", "derivation", "read_activation", "statement"]
