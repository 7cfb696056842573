"""Certifies inequalities between Gaussian expectations of functions without closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sympy import And, Basic, Expr, Function, Ge, Gt, Le, Lt, Symbol

from theory import balls
from theory.certified_expectations.values import Factor, Z, enclose_line, enclose_pair
from theory.errors import InputError, OutsideClass
from theory.gaussian.expectation import GaussianExpectation
from theory.proving.exactness import ROUNDED, rounded
from theory.proving.outcome import Answer, Outcome, Status

_BITS = 48  # about 1e-7 of the mean squares at worst; 1e-10 was seen


class Enclosable(Function):
    """A real number that encloses itself."""

    is_real = True

    def ball(self) -> Any:
        """A ball that contains it. Raises InputError, BallsUnavailable."""
        raise NotImplementedError


@dataclass(frozen=True)
class CertifiedQuadrature:
    """Certifies inequalities, one or several joined by and, in expectations at rational covariances."""

    earns: Status = Status.CERTIFIED

    def discharge(self, relation: Basic, domain: object) -> Outcome:
        """YES if ball arithmetic settles every part, NO if it contradicts one.

        Raises BallsUnavailable without python-flint.
        """
        parts = relation.args if isinstance(relation, And) else (relation,)
        if rounded(relation):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if not all(isinstance(part, (Lt, Le, Gt, Ge)) for part in parts):
            return Outcome(Answer.UNKNOWN, "an enclosure needs inequalities, one or several joined by and")
        try:
            values = [enclose_expression(part.gts - part.lts) for part in parts]
        except InputError as reason:
            return Outcome(Answer.UNKNOWN, str(reason))
        for part, value in zip(parts, values, strict=True):
            if value < 0:
                return Outcome(Answer.NO, f"quadrature in ball arithmetic contradicts {part}")
            if not value > 0:
                return Outcome(Answer.UNKNOWN, "the enclosure by quadrature is too wide")
        return Outcome(
            Answer.YES, "Gauss-Legendre quadrature in ball arithmetic, its error bounded", len(parts)
        )


def enclose_expression(expression: Expr) -> Any:
    """A ball of an expression in expectations at rational covariances, and in other enclosable numbers.

    Raises OutsideClass, InputError.
    """
    values: dict[Symbol, Any] = {}
    renamed = {}
    for index, node in enumerate(sorted(expression.atoms(GaussianExpectation, Enclosable), key=str)):
        symbol = Symbol(f"_expectation_{index}", real=True)
        renamed[node] = symbol
        values[symbol] = node.ball() if isinstance(node, Enclosable) else enclose_expectation(node)
    return balls.enclose(expression.xreplace(renamed), values)


@lru_cache(maxsize=256)
def enclose_expectation(node: GaussianExpectation) -> Any:
    """A ball of E[f(u)], or of E[f(u) f(v)] times a number, at a rational covariance.

    Of a singular covariance f and g may differ. Raises OutsideClass for other expectations, InputError where
    E[f(u)^2] was not shown to be finite, BallsUnavailable without python-flint.
    """
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing")
    functions = [f.subs(u, Z) for f, u in zip(node.factors(), node.variables, strict=True)]
    with balls.flint.ctx.workprec(_BITS):
        if len(functions) == 1:
            return enclose_line((Factor(functions[0]),), balls.ball(node.covariance[0]))
        if len(functions) == 2:
            return _pair(functions[0], functions[1], node.covariance)
    raise OutsideClass(f"{node} has {len(functions)} variables: one or two are integrated here")


def _pair(f: Expr, g: Expr, covariance: Any) -> Any:
    a, c, b = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    if c**2 == a * b:  # v = (c/a) u
        return enclose_line((Factor(f), Factor(g.subs(Z, c / a * Z))), balls.ball(a))
    (left, f), (right, g) = (h.as_independent(Z, as_Add=False) for h in (f, g))
    if f != g:
        raise OutsideClass(f"two different functions, {f} and {g}, are not integrated here")
    first = balls.ball(a)
    value = enclose_pair(Factor(f), first, first if a == b else balls.ball(b), balls.ball(c))
    return balls.ball(left * right) * value
