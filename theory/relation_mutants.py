"""Planted errors of a relation: one slip in one of its sides, a wrong limit, a wrong matrix word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy import Basic, MatrixSymbol, S, Transpose
from sympy.core.relational import Relational
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory.mutants import Place, changes

_NAMED = (MatrixSymbol, sympy.Identity, sympy.ZeroMatrix)  # what stands in their arguments is no formula
_SUMMED = (sympy.Sum, sympy.Product, sympy.Integral)
_REFUSED = (TypeError, ValueError, AttributeError, ZeroDivisionError, NotImplementedError)


@dataclass(frozen=True)
class Slip:
    """One change at one place of a relation: what was done, where, and what stands there before and after."""

    operator: str
    place: Place
    before: Basic
    after: Basic

    @property
    def change(self) -> str:
        """The change in one line."""
        return f"{self.before} -> {self.after}"


def slips(relation: Basic) -> tuple[Slip, ...]:
    """Every slip of `theory.mutants`, and those of limits and matrix words. An equation stays one."""
    return tuple(
        Slip(operator, place, node, after)
        for place, node in _places(relation)
        if place or not isinstance(relation, sympy.Eq)
        for operator, after in _changes(node)
        if after is not None and after != node
    )


def committed(relation: Basic, slip: Slip) -> Basic | None:
    """The relation with this slip, evaluated as a person who writes it down would evaluate it.

    None where that gives the relation back, where SymPy cannot write it, and where it is true or false at
    sight: no row says that.
    """
    changed = _replaced(relation, slip.place, slip.after)
    written = None if changed is None else _attempt(changed)
    if written is None or written in (relation, S.true, S.false) or written == _attempt(relation):
        return None
    return None if isinstance(written, sympy.Eq) and written.lhs == written.rhs else written


def _places(node: Basic, place: Place = ()) -> Iterator[tuple[Place, Basic]]:
    yield place, node
    if isinstance(node, _NAMED):
        return
    # The value of a step at 0 is a convention, which changes no expectation.
    arguments = node.args[:1] if isinstance(node, sympy.Heaviside) else node.args
    for index, argument in enumerate(arguments):
        yield from _places(argument, (*place, index))


def _changes(node: Basic) -> Iterator[tuple[str, Basic | None]]:
    if isinstance(node, MatrixSymbol):
        yield "letter transposed", Transpose(node)
    elif isinstance(node, Transpose):
        yield "transposition dropped", node.arg
    elif isinstance(node, sympy.MatMul):
        factors = list(node.args)
        for k in range(len(factors) - 1):
            exchanged = [*factors[:k], factors[k + 1], factors[k], *factors[k + 2 :]]
            yield "neighbors exchanged", _built(sympy.MatMul, exchanged)
    elif isinstance(node, _SUMMED):
        yield from _moved_limits(node)
    if not isinstance(node, _NAMED):
        yield from changes(node)


def _moved_limits(node: Basic) -> Iterator[tuple[str, Basic | None]]:
    limits = node.args[1:]
    for number, limit in enumerate(limits):
        for end, name in ((1, "lower"), (2, "upper")):
            if len(limit.args) != 3 or not limit.args[end].is_finite:
                continue
            for step in (1, -1):
                ends = [value + step if k == end else value for k, value in enumerate(limit.args)]
                moved = [*limits[:number], sympy.Tuple(*ends), *limits[number + 1 :]]
                yield f"{name} limit moved by one", _built(node.func, [node.args[0], *moved])


def _replaced(node: Basic, place: Place, after: Basic) -> Basic | None:
    if not place:
        return after
    inner = _replaced(node.args[place[0]], place[1:], after)
    if inner is None:
        return None
    return _built(node.func, [*node.args[: place[0]], inner, *node.args[place[0] + 1 :]])


def _built(head: type[Basic], arguments: list[Basic]) -> Basic | None:
    """The head on these arguments, or None where SymPy refuses: shapes that do not fit, for example."""
    try:
        built = head(*arguments, evaluate=False) if issubclass(head, Relational) else head(*arguments)
        if isinstance(built, MatrixExpr):
            _ = built.shape  # where SymPy notices blocks that do not fit
        return built
    except _REFUSED:
        return None


def _attempt(relation: Basic) -> Basic | None:
    try:
        written = _written(relation)
    except _REFUSED:
        return None
    return None if written.has(S.NaN, S.ComplexInfinity) else written


def _written(node: Basic) -> Basic:
    """The node evaluated from its leaves upwards; relations themselves stay as they are."""
    if not node.args or isinstance(node, _NAMED):
        return node
    arguments = [_written(argument) for argument in node.args]
    if isinstance(node, Relational):
        return node.func(*arguments, evaluate=False)
    return node.func(*arguments)
