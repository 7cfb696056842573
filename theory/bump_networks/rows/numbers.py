"""Rows with the numbers of one function: its regularity, the activation, the bound, and the certificate."""

from __future__ import annotations

from fractions import Fraction

from sympy import Abs, Derivative, Eq, Expr, Function, Le, Min

from theory.balls import BallsUnavailable
from theory.bump_networks.activation import LOGISTIC, STEP
from theory.bump_networks.approximate import built, solved
from theory.bump_networks.arithmetic import precision, rational, round_up
from theory.bump_networks.construct import TAIL_SHARE, Construction, near_factor
from theory.bump_networks.methods import DerivativeBound, ErrorBound, ModulusBound, TailBound
from theory.bump_networks.problem import Problem
from theory.bump_networks.rows.symbols import D, E, axis_symbols, curvature_symbol, h, k, omega, rho, tau, u
from theory.bump_networks.towers import Orthants
from theory.derivation import Row
from theory.proving import Definition, Nonnegativity


def construction_of(problem: Problem, activation: Expr) -> Construction | None:
    """The construction, or None where python-flint is missing."""
    try:
        return built(problem, activation)
    except BallsUnavailable:
        return None


def definitions(problem: Problem, activation: Expr) -> list[Row]:
    """The error, and the letters of the bound that are not constants of the function."""
    network = Function("N")(*problem.variables)
    rows = [
        Row(
            Eq(E, Function("sup")(Abs(problem.function - network))),
            "The error of the explicit network $N$ on the whole closed box, in supremum norm.",
            Definition(),
        )
    ]
    if activation == LOGISTIC and problem.dimension == 1:
        rows.append(Row(Eq(u, k * h / 2), "Half a cell in units of the steepness $k$.", Definition()))
    construction = construction_of(problem, activation)
    if construction is None:
        return rows
    rounding = rational(round_up(construction.rounding, 8))
    rows.append(Row(Eq(rho, rounding), "What rounding the values of $f$ adds.", Definition()))
    if isinstance(construction.network, Orthants):
        tails = rational(round_up(construction.network.tail, 8))
        rows.append(Row(Eq(tau, tails), "How far all units are from ideal ones.", Definition()))
        if problem.dimension == 2:
            rows.append(Row(Eq(D, _corner()), "What a crossing of two zones adds at most.", Definition()))
    return rows


def _corner() -> Expr:
    (first, second), (one, two) = axis_symbols("L", 2), axis_symbols("h", 2)
    return Min(2 * first * one, 2 * second * two, curvature_symbol(0, 1, 2) * one * two)


def numbers(problem: Problem, activation: Expr) -> list[Row]:
    """The rows certified in ball arithmetic, ending with the network itself."""
    accuracy = rational(problem.epsilon)
    final = ErrorBound(problem, activation)
    construction = construction_of(problem, activation)
    if construction is None:
        return [Row(Le(E, accuracy), "The error of the explicit network.", final)]
    certificate = solved(problem, activation).certificate
    upper = accuracy if certificate.upper is None else rational(_short(certificate.upper, problem.epsilon))
    return [
        *_regularity(problem, construction, activation),
        *_activation(construction),
        Row(
            Le(rational(_short(construction.bound, problem.epsilon)), accuracy, evaluate=False),
            f"The closed form with {_count(construction)}, rounding included: known before the "
            "network is built.",
            Nonnegativity(),
        ),
        Row(
            Le(E, upper),
            f"The network itself, all {construction.network.units} units of it: a certificate on the whole "
            f"box. At a witness the error is at least {float(certificate.lower):.6g}.",
            final,
        ),
    ]


def _short(value: Fraction, epsilon: Fraction) -> Fraction:
    """A short number above ``value``; where that would pass epsilon, epsilon itself."""
    return min(round_up(value, 40), epsilon) if value <= epsilon else value


def _count(construction: Construction) -> str:
    cells = " x ".join(map(str, construction.cells))
    return f"{cells} cells of width {', '.join(f'{float(width):.6g}' for width in construction.widths)}"


def _regularity(problem: Problem, construction: Construction, activation: Expr) -> list[Row]:
    if construction.rule == "modulus":
        return [_modulus(problem, construction, activation)]
    size = problem.dimension
    single = [(axis,) for axis in range(size)] if construction.rule == "lipschitz" else []
    double = [(first, second) for first in range(size) for second in range(first, size)]
    if construction.rule != "curvature" and (size == 1 or construction.sigmoid is None):
        double = []
    rows = [_derivative(problem, construction, axes) for axes in (*single, *double)]
    return [row for row in rows if row is not None]


def _derivative(problem: Problem, construction: Construction, axes: tuple[int, ...]) -> Row | None:
    smooth = construction.regularity
    bound = smooth.lipschitz[axes[0]] if len(axes) == 1 else smooth.curvature(*axes)
    if bound is None:
        return None
    derivative = Derivative(problem.function, *(problem.variables[axis] for axis in axes), evaluate=False)
    reason = (
        "The Lipschitz constant along one axis."
        if len(axes) == 1
        else ("A bound of a second derivative, between the kinks of $f$, which are knots.")
    )
    return Row(Le(Abs(derivative), rational(bound)), reason, DerivativeBound(problem))


def _modulus(problem: Problem, construction: Construction, activation: Expr) -> Row:
    """On how many windows the oscillation was bounded, and by what."""
    target = construction.bound - construction.rounding
    cells = construction.cells[0] * (2 if activation == STEP else 1)
    if construction.sigmoid is not None:
        with precision():
            target /= 2 * near_factor(construction.sigmoid)
    width = (problem.box[0][1] - problem.box[0][0]) / cells
    relation = Le(omega(rational(width)), rational(target))
    return Row(relation, "The modulus of continuity of $f$.", ModulusBound(problem, cells))


def _activation(construction: Construction) -> list[Row]:
    unit = construction.sigmoid
    if unit is None or (unit.logistic and len(construction.cells) == 1):
        return []
    threshold = unit.threshold(TAIL_SHARE / max(1, construction.cells[0]))
    tail = _unit_row(
        TailBound(unit, "tail", threshold),
        unit.tail(threshold),
        f"The activation, normalized to the limits 0 and 1, beyond $|z| = {rational(threshold)}$: its tail, "
        "enclosed on both half-lines.",
    )
    over = _unit_row(
        TailBound(unit, "overshoot"),
        unit.overshoot,
        "How far the activation leaves the interval between its limits.",
    )
    if len(construction.cells) == 1:
        return [tail, over]
    slope = _unit_row(
        TailBound(unit, "slope"),
        unit.lipschitz,
        "The slope of the activation, by which errors of inner units reach the outer ones.",
    )
    return [tail, over, slope]


def _unit_row(method: TailBound, bound: Fraction, reason: str) -> Row:
    return Row(Le(method.subject, rational(round_up(bound, 20))), reason, method)


__all__ = ["construction_of", "definitions", "numbers"]
