"""The kinks of an activation with abs, max, sign, steps or cases, and what it is between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from sympy import Abs, Expr, Heaviside, Max, Min, Piecewise, Poly, Rational, S, Symbol, sign
from sympy.core.relational import Relational

from theory import balls
from theory.certified_expectations.growth import HalfLine
from theory.errors import OutsideClass

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

SWITCHING = (Abs, sign, Heaviside, Max, Min, Piecewise)
JUMPING = (sign, Heaviside, Piecewise)
_FIRST_CELLS = 37  # a prime: simple zeros are not met at the ends of cells
_SPLIT = Rational(4837, 10000)
_MOST_CELLS = 4000
_MOST_KINKS = 200
_SIGN_DIGITS = 30
_LARGEST_DENOMINATOR = 1000


@dataclass(frozen=True)
class Kink:
    """A point between two pieces: a ball, and its exact value where that is known."""

    ball: Any
    exact: Expr | None = None


@dataclass(frozen=True)
class Piece:
    """Between two kinks each of the given functions is this analytic expression."""

    low: Kink
    high: Kink
    functions: tuple[Expr, ...]


def pieces(functions: Sequence[Expr], variable: Symbol, radius: Rational) -> list[Piece]:
    """The pieces of several functions on [-radius, radius], kinks enclosed at the precision of the caller.

    Raises OutsideClass where the kinks cannot be told apart.
    """
    cells = [(_exact(-radius), _exact(radius))]
    switches = dict.fromkeys(s for function in functions for s in _switches(function))
    known: set[Expr] = set()
    for switch in switches:
        deciding = [function for function in _deciding(switch) if not known & {function, -function}]
        known.update(deciding)  # their zeros are ends of cells by now; balls could not tell them apart again
        cells = [part for cell in cells for part in _divided(deciding, cell, variable)]
        if len(cells) > _MOST_KINKS:
            raise OutsideClass(f"{functions[0]} has more than {_MOST_KINKS} kinks in [-{radius}, {radius}]")
    return [
        Piece(low, high, tuple(resolved(function, variable, _between(low, high)) for function in functions))
        for low, high in cells
    ]


def _exact(value: Expr) -> Kink:
    return Kink(balls.ball(value), value)


def _switches(function: Expr) -> Iterator[Any]:
    """The nodes whose sign or order decides, the inner ones first."""
    for node in sympy.postorder_traversal(function):
        if isinstance(node, SWITCHING) and node.free_symbols:
            yield node


def _deciding(node: Any) -> list[Expr]:
    """The functions at whose zeros the node has its kinks or jumps."""
    if isinstance(node, Max | Min):
        return [left - right for left, right in itertools.combinations(node.args, 2)]
    if isinstance(node, Piecewise):
        conditions = [condition for _, condition in node.args]
        return [r.lhs - r.rhs for condition in conditions for r in condition.atoms(Relational)]
    return [node.args[0]]


def _divided(deciding: Sequence[Expr], cell: tuple[Kink, Kink], variable: Symbol) -> list[tuple[Kink, Kink]]:
    cells = [cell]
    for function in deciding:
        parts = []
        for low, high in cells:
            smooth = resolved(function, variable, _between(low, high))
            points = [low, *_zeros(smooth, variable, low, high), high]
            parts += list(itertools.pairwise(points))
        cells = parts
    return cells


def _between(low: Kink, high: Kink) -> Rational:
    """A rational point inside, generic on purpose."""
    left, right = (Rational(Fraction(float(kink.ball.mid()))) for kink in (low, high))
    point = left + _SPLIT * (right - left)
    if not (low.ball < balls.ball(point) < high.ball):
        raise OutsideClass(f"kinks near {float(left):.6g} lie too close together to be told apart")
    return point


def resolved(function: Expr, variable: Symbol, at: Rational) -> Expr:
    """The analytic function that equals ``function`` near the point. Raises OutsideClass."""

    def order(left: Expr, right: Expr) -> int:
        difference = left - right
        if difference == 0:
            return 0
        ball = balls.enclose(difference, {variable: at}, _SIGN_DIGITS)
        if ball > 0 or ball < 0:
            return 1 if ball > 0 else -1
        raise OutsideClass(f"the sign of {difference} at {variable} = {at} could not be decided")

    return _resolved(function, order)


def resolved_on(function: Expr, line: HalfLine) -> Expr:
    """The same on a half line; what is not decided there stays as it is."""

    def order(left: Expr, right: Expr) -> int | None:
        return 0 if left == right else line.sign(left - right)

    return _resolved(function, order)


def _resolved(node: Any, order: Any) -> Any:
    if not node.args or not node.has(*SWITCHING):
        return node
    if isinstance(node, Piecewise):
        return _taken(node, order)
    arguments = [_resolved(argument, order) for argument in node.args]
    if isinstance(node, Max | Min):
        return _extreme(node, arguments, order)
    if isinstance(node, Abs | sign | Heaviside):
        direction = order(arguments[0], S.Zero)
        if direction is None:
            return node.func(*arguments)
        if isinstance(node, Heaviside):
            return node.func(direction, *arguments[1:])
        return direction * arguments[0] if isinstance(node, Abs) else sympy.Integer(direction)
    return node.func(*arguments)


def _extreme(node: Any, arguments: list[Expr], order: Any) -> Expr:
    wanted = 1 if isinstance(node, Max) else -1
    for candidate in arguments:
        orders = [order(candidate, other) for other in arguments]
        if None not in orders and all(value in (0, wanted) for value in orders):
            return candidate
    return node.func(*arguments)


def _taken(node: Piecewise, order: Any) -> Any:
    for value, condition in node.args:
        truth = _truth(condition, order)
        if truth is None:
            return node
        if truth:
            return _resolved(value, order)
    raise OutsideClass(f"{node} is not defined everywhere: end the Piecewise with (value, True)")


def _truth(condition: Any, order: Any) -> bool | None:
    if condition in (sympy.true, sympy.false):
        return bool(condition)
    if isinstance(condition, sympy.Not):
        truth = _truth(condition.args[0], order)
        return None if truth is None else not truth
    if isinstance(condition, sympy.And | sympy.Or):
        decisive = isinstance(condition, sympy.Or)
        truths = [_truth(part, order) for part in condition.args]
        return decisive if decisive in truths else (None if None in truths else not decisive)
    direction = order(_resolved(condition.lhs, order), _resolved(condition.rhs, order))
    return None if direction is None else bool(condition.func(sympy.Integer(direction), S.Zero))


def _zeros(function: Expr, variable: Symbol, low: Kink, high: Kink) -> list[Kink]:
    """All zeros of an analytic function inside, in order. Raises OutsideClass if they are not isolated."""
    if not function.free_symbols:
        return []
    if isinstance(function, sympy.Mul | sympy.Pow):
        parts = [base for base, power in function.as_powers_dict().items() if power.is_positive]
        if parts != [function]:
            kinks = [kink for part in parts for kink in _zeros(part, variable, low, high)]
            return _in_order(kinks, function)
    if function.is_polynomial(variable):
        return _polynomial_zeros(function, variable, low, high)
    value, slope = (balls.lower_function(f, (variable,)) for f in (function, function.diff(variable)))
    left, right = (Rational(Fraction(float(kink.ball.mid()))) for kink in (low, high))
    marks = [left + (right - left) * Rational(k, _FIRST_CELLS) for k in range(_FIRST_CELLS + 1)]
    waiting, found, count = list(itertools.pairwise(marks))[::-1], [], 0
    while waiting:
        start, end = waiting.pop()
        count += 1
        if count > _MOST_CELLS:
            raise OutsideClass(f"the zeros of {function}, where the activation has kinks, are not isolated")
        interval = balls.ball((start, end))
        for kink, place in ((low, left), (high, right)):
            if place in (start, end):  # rounded: the kink itself belongs to the cell
                interval = interval.union(kink.ball)
        over = value([interval])
        if over > 0 or over < 0:
            continue
        rise = slope([interval])
        ends = [_side(value, low, left, start), _side(value, high, right, end)]
        if (rise > 0 or rise < 0) and 0 not in ends:
            if ends[0] != ends[1] and None not in ends:
                found.append(_refined(function, variable, value, slope, start, end))
            elif None in ends and not _vanishes_at(function, variable, low if ends[0] is None else high):
                raise OutsideClass(f"{function} may vanish at a kink, which could not be decided")
            continue
        middle = start + _SPLIT * (end - start)
        waiting += [(middle, end), (start, middle)]
    return found


def _in_order(kinks: list[Kink], function: Expr) -> list[Kink]:
    """Sorted, each once."""
    ordered: list[Kink] = []
    for kink in sorted(kinks, key=lambda kink: float(kink.ball.mid())):
        if ordered and not kink.ball > ordered[-1].ball:
            if kink.exact is None or kink.exact != ordered[-1].exact:
                raise OutsideClass(f"two zeros of {function} could not be told apart")
        else:
            ordered.append(kink)
    return ordered


def _side(value: Any, kink: Kink, place: Rational, at: Rational) -> int | None:
    """The sign at an end of a cell: 0 undecided, None where that end is a kink, which may be a zero."""
    ball = value([kink.ball if at == place else balls.ball(at)])
    if ball > 0 or ball < 0:
        return 1 if ball > 0 else -1
    return None if at == place else 0


def _vanishes_at(function: Expr, variable: Symbol, kink: Kink) -> bool:
    return kink.exact is not None and sympy.simplify(function.subs(variable, kink.exact)) == 0


def _polynomial_zeros(function: Expr, variable: Symbol, low: Kink, high: Kink) -> list[Kink]:
    try:
        roots = sorted(set(Poly(function, variable).real_roots(multiple=True)))
    except NotImplementedError:
        raise OutsideClass(f"the zeros of {function}, where the activation has kinks, are unknown") from None
    kinks = [Kink(_root_ball(root), root) for root in roots]
    return [kink for kink in kinks if _inside(kink, low, high)]


def _inside(kink: Kink, low: Kink, high: Kink) -> bool:
    """Whether a zero lies strictly between two kinks. Raises OutsideClass where balls do not tell."""
    for end in (low, high):
        if kink.ball.overlaps(end.ball):
            if end.exact is None or sympy.simplify(kink.exact - end.exact) != 0:
                raise OutsideClass(f"two kinks near {float(kink.ball.mid()):.6g} could not be told apart")
            return False
    return bool(kink.ball > low.ball and kink.ball < high.ball)


def _root_ball(root: Expr) -> Any:
    if not root.has(sympy.CRootOf):
        return balls.ball(root)
    accuracy = Rational(1, 2**flint.ctx.prec)
    return balls.ball(root.eval_rational(dx=accuracy, dy=accuracy)) + flint.arb(0, balls.ball(accuracy))


def _refined(
    function: Expr, variable: Symbol, value: Any, slope: Any, start: Rational, end: Rational
) -> Kink:
    """Newton's method on balls: the zero stays inside, and the number of digits doubles."""
    ball = balls.ball((start, end))
    for _ in range(flint.ctx.prec.bit_length() + 8):
        middle = flint.arb(ball.mid())
        step = middle - value([middle]) / slope([ball])
        ball = ball.intersection(step) if step.is_finite() else ball
    near = Rational(Fraction(float(ball.mid())).limit_denominator(_LARGEST_DENOMINATOR))
    if ball.contains(balls.ball(near)) and sympy.simplify(function.subs(variable, near)) == 0:
        return Kink(balls.ball(near), near)
    return Kink(ball)
