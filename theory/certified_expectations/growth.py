"""Ranges and growth of an expression on a half line [R, oo): what bounds the tails of an expectation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import sympy
from sympy import Expr, Poly, Rational, Symbol

from theory import balls
from theory.errors import InputError

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

Interval = tuple[Any, Any]  # lower and upper end, balls; the ends may be infinite


class Unbounded(InputError):
    """No bound of the growth was found."""


class Growth(NamedTuple):
    """|f(x)| <= factor (1 + x)^power exp(linear x + quadratic x^2) for all x >= R; nothing is negative."""

    factor: Any
    power: Any
    linear: Any
    quadratic: Any


def tail_mass(growth: Growth, start: Any, rate: Any) -> Any:
    """An upper bound of the integral of the growth times exp(-rate x^2) over [start, oo), nan if none.

    With h the logarithm of the integrand, h' falls for x >= start, so that the integral is at most
    exp(h(start)) / -h'(start) where h'(start) < 0.
    """
    free = rate - growth.quadratic
    decay = 2 * free * start - growth.linear - growth.power / (1 + start)
    if not (free > 0 and decay > 0):
        return flint.arb.nan()
    exponent = growth.linear * start - free * start * start + growth.power * (1 + start).log()
    return (growth.factor * exponent.exp() / decay).abs_upper()


class HalfLine:
    """Ranges and growth on [start, oo) of expressions in ``variable``; each node is treated once."""

    def __init__(self, variable: Symbol, start: Any) -> None:
        self.variable, self.start = variable, start
        self._ranges: dict[Any, Interval] = {}

    def range(self, node: Any) -> Interval:
        """An interval that contains all values of the node."""
        if node not in self._ranges:
            self._ranges[node] = self._range(node)
        return self._ranges[node]

    def _range(self, node: Any) -> Interval:
        if not node.free_symbols:
            value = balls.ball(node)
            return value.lower(), value.upper()
        if node == self.variable:
            return self.start.lower(), flint.arb.pos_inf()
        monotone = self._polynomial(node)
        if monotone is not None:
            return monotone
        if isinstance(node, sympy.Piecewise):
            return _hull([self.range(branch) for branch in self.branches(node)])
        if isinstance(node, sympy.Pow):
            return self._power_range(node)
        rule = _RANGES.get(type(node))
        return rule(*map(self.range, node.args)) if rule else _everything()

    def _polynomial(self, node: Any) -> Interval | None:
        """A polynomial is monotone beyond Cauchy's bound of the zeros of its derivative."""
        if not (node.is_polynomial(self.variable) and isinstance(node, sympy.Add | sympy.Pow | sympy.Mul)):
            return None
        polynomial = Poly(node, self.variable)
        slope = [balls.ball(value) for value in polynomial.diff(self.variable).all_coeffs()]
        largest = reduce(lambda x, y: x.max(y), [abs(value) for value in slope[1:]], flint.arb(0))
        if not self.start > 1 + largest / abs(slope[0]):
            return None
        value = balls.lower_function(node, (self.variable,))([self.start])
        if slope[0] > 0:
            return value.lower(), flint.arb.pos_inf()
        return flint.arb.neg_inf(), value.upper()

    def _power_range(self, node: sympy.Pow) -> Interval:
        base, exponent = self.range(node.base), node.exp
        if node.base == sympy.E or not isinstance(exponent, Rational):
            inner = _times(self.range(exponent), _logarithm(base))
            return _exp_range(inner)
        if exponent < 0:
            return _inverse(self._positive_power(base, -exponent))
        return self._positive_power(base, exponent)

    def _positive_power(self, base: Interval, exponent: Rational) -> Interval:
        low, high = base
        if exponent.q > 1:
            return _monotone(lambda x: x ** balls.ball(exponent), (low.max(flint.arb(0)), high))
        power = int(exponent)
        if power % 2:
            return _monotone(lambda x: x**power if x >= 0 else -((-x) ** power), base)
        return _even(lambda x: x**power)(base)

    def branches(self, node: sympy.Piecewise) -> list[Expr]:
        """Those that may be taken somewhere."""
        found = []
        for value, condition in node.args:
            truth = self.truth(condition)
            if truth is not False:
                found.append(value)
            if truth is True:
                break
        return found

    def truth(self, condition: Any) -> bool | None:
        """Whether an inequality holds on the whole half line, nowhere, or neither."""
        if condition in (sympy.true, sympy.false):
            return bool(condition)
        if isinstance(condition, sympy.Not):
            truth = self.truth(condition.args[0])
            return None if truth is None else not truth
        if isinstance(condition, sympy.And | sympy.Or):
            decisive = isinstance(condition, sympy.Or)
            truths = [self.truth(part) for part in condition.args]
            return decisive if decisive in truths else (None if None in truths else not decisive)
        sign = self.sign(condition.lhs - condition.rhs)
        if sign is None:
            return None
        return bool(_COMPARISONS[condition.rel_op](sign, 0))

    def sign(self, node: Any) -> int | None:
        """1 or -1 where the node has this sign on the whole half line, None where that is not known."""
        low, high = self.range(sympy.expand(node))
        return 1 if low > 0 else (-1 if high < 0 else None)

    def growth(self, node: Any) -> Growth:
        """A bound of |node|. Raises Unbounded."""
        low, high = self.range(node)
        if low.is_finite() and high.is_finite():
            return _constant(abs(low).max(abs(high)))
        if node == self.variable:
            return Growth(flint.arb(1), flint.arb(1), flint.arb(0), flint.arb(0))
        if isinstance(node, sympy.Add | sympy.Max | sympy.Min):
            return reduce(_sum, map(self.growth, node.args))
        if isinstance(node, sympy.Mul):
            return reduce(_product, map(self.growth, node.args))
        if isinstance(node, sympy.Piecewise):
            return reduce(_sum, map(self.growth, self.branches(node)))
        if isinstance(node, sympy.Pow) and isinstance(node.exp, Rational) and node.base != sympy.E:
            return self._power_growth(node)
        if isinstance(node, sympy.exp | sympy.Pow):
            base, exponent = node.as_base_exp()
            return self._exponential(exponent * sympy.log(base))
        if isinstance(node, sympy.sinh | sympy.cosh):
            return _sum(self._exponential(node.args[0]), self._exponential(-node.args[0]))
        if isinstance(node, sympy.log):
            return self._logarithm(node.args[0])
        if isinstance(node, sympy.Abs | sympy.asinh):
            return self.growth(node.args[0])
        raise Unbounded(f"the growth of {node} as |z| grows is not known here")

    def _power_growth(self, node: sympy.Pow) -> Growth:
        exponent = balls.ball(abs(node.exp))
        if node.exp > 0:
            inner = self.growth(node.base)
            return Growth(inner.factor**exponent, *(exponent * value for value in inner[1:]))
        low, high = self.range(node.base)
        if not (low > 0 or high < 0):
            raise Unbounded(f"the denominator {node.base} was not bounded away from 0 as |z| grows")
        return _constant((low if low > 0 else -high) ** (-exponent))

    def _exponential(self, exponent: Expr) -> Growth:
        """Term by term: exp(t) is at most exp(max t), or t is a multiple of x or x^2 at most."""
        return reduce(_product, map(self._exponential_term, sympy.Add.make_args(sympy.expand(exponent))))

    def _exponential_term(self, term: Expr) -> Growth:
        high = self.range(term)[1]
        if high.is_finite():
            return _constant(high.exp())
        zero = flint.arb(0)
        coefficient, rest = term.as_independent(self.variable)
        if rest in (self.variable, self.variable**2) and coefficient.is_real:
            value = balls.ball(coefficient).abs_upper()
            pair = (value, zero) if rest == self.variable else (zero, value)
            return Growth(flint.arb(1), zero, *pair)
        bound = self.growth(term)
        if bound.linear > 0 or bound.quadratic > 0 or not bound.power <= 2:
            raise Unbounded(f"exp({term}) outgrows every Gaussian as |z| grows")
        factor = bound.factor.abs_upper()
        if bound.power <= 1:
            return Growth(factor.exp(), zero, factor, zero)
        return Growth(factor.exp(), zero, 2 * factor, factor)

    def _logarithm(self, argument: Expr) -> Growth:
        """|log f| <= |log min f| + the logarithm of the growth of f, with log(1 + x) <= 1 + x."""
        low = self.range(argument)[0]
        if not low > 0:
            raise Unbounded(f"{argument} under a logarithm was not bounded away from 0 as |z| grows")
        inner = self.growth(argument)
        factor = abs(low.log()) + abs(inner.factor.log()) + inner.power + inner.linear + inner.quadratic
        power = flint.arb(2 if inner.quadratic > 0 else 1)
        return Growth(factor, power, flint.arb(0), flint.arb(0))


def _constant(value: Any) -> Growth:
    return Growth(value, flint.arb(0), flint.arb(0), flint.arb(0))


def _sum(left: Growth, right: Growth) -> Growth:
    rates = (x.max(y) for x, y in zip(left[1:], right[1:], strict=True))
    return Growth(left.factor + right.factor, *rates)


def _product(left: Growth, right: Growth) -> Growth:
    return Growth(left.factor * right.factor, *(x + y for x, y in zip(left[1:], right[1:], strict=True)))


def _everything() -> Interval:
    return flint.arb.neg_inf(), flint.arb.pos_inf()


def _hull(intervals: list[Interval]) -> Interval:
    lows, highs = zip(*intervals, strict=True)
    return reduce(lambda x, y: x.min(y), lows), reduce(lambda x, y: x.max(y), highs)


def _plus(*intervals: Interval) -> Interval:
    lows, highs = zip(*intervals, strict=True)
    return sum(lows[1:], lows[0]).lower(), sum(highs[1:], highs[0]).upper()


def _scaled(x: Any, y: Any) -> Any:
    return flint.arb(0) if x == 0 or y == 0 else x * y


def _times(*intervals: Interval) -> Interval:
    result = intervals[0]
    for low, high in intervals[1:]:
        ends = [_scaled(x, y) for x in result for y in (low, high)]
        result = (
            reduce(lambda x, y: x.min(y), ends).lower(),
            reduce(lambda x, y: x.max(y), ends).upper(),
        )
    return result


def _inverse(interval: Interval) -> Interval:
    low, high = interval
    if not (low > 0 or high < 0):
        return _everything()
    ends = [flint.arb(0) if not end.is_finite() else 1 / end for end in (high, low)]
    return ends[0].lower(), ends[1].upper()


def _monotone(function: Callable[[Any], Any], interval: Interval) -> Interval:
    low, high = interval
    return function(low).lower(), function(high).upper()


def _rising(name: str, at_infinity: Any) -> Callable[[Interval], Interval]:
    """A rising odd function with the limit at infinity (None: infinite)."""

    def value(x: Any) -> Any:
        if x.is_finite():
            return getattr(x, name)()
        limit = flint.arb.pos_inf() if at_infinity is None else balls.ball(at_infinity)
        return limit if x > 0 else -limit

    return lambda interval: _monotone(value, interval)


def _exp_range(interval: Interval) -> Interval:
    return _monotone(lambda x: flint.arb(0) if not x.is_finite() and x < 0 else x.exp(), interval)


def _logarithm(interval: Interval) -> Interval:
    low, high = interval
    if not low > 0:
        return flint.arb.neg_inf(), high.log().upper() if high > 0 else flint.arb.pos_inf()
    return _monotone(lambda x: x.log(), (low, high))


def _even(function: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """A function of |x| that rises in |x|."""

    def apply(interval: Interval) -> Interval:
        low, high = interval
        largest = abs(low).max(abs(high))
        smallest = low if low >= 0 else (-high if high <= 0 else flint.arb(0))
        return function(smallest).lower(), function(largest).upper()

    return apply


def _within(low: Any, high: Any) -> Callable[..., Interval]:
    return lambda *_: (balls.ball(low).lower(), balls.ball(high).upper())


def _sign_range(interval: Interval) -> Interval:
    low, high = interval
    return flint.arb(1 if low > 0 else -1), flint.arb(-1 if high < 0 else 1)


def _step_range(interval: Interval, _: Interval) -> Interval:
    low, high = interval
    return flint.arb(1 if low > 0 else 0), flint.arb(0 if high < 0 else 1)


def _complement(interval: Interval) -> Interval:
    low, high = _rising("erf", 1)(interval)
    return (1 - high).lower(), (1 - low).upper()


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_RANGES: Mapping[Any, Callable[..., Interval]] = {
    sympy.Add: _plus,
    sympy.Mul: _times,
    sympy.exp: _exp_range,
    sympy.log: _logarithm,
    sympy.tanh: _rising("tanh", 1),
    sympy.erf: _rising("erf", 1),
    sympy.erfc: _complement,
    sympy.atan: _rising("atan", sympy.pi / 2),
    sympy.sinh: _rising("sinh", None),
    sympy.asinh: _rising("asinh", None),
    sympy.cosh: _even(lambda x: x.cosh() if x.is_finite() else x),
    sympy.Abs: _even(lambda x: x),
    sympy.sin: _within(-1, 1),
    sympy.cos: _within(-1, 1),
    sympy.asin: _within(-sympy.pi / 2, sympy.pi / 2),
    sympy.acos: _within(0, sympy.pi),
    sympy.sign: _sign_range,
    sympy.Heaviside: _step_range,
    sympy.Max: lambda *parts: tuple(reduce(lambda x, y: x.max(y), ends) for ends in zip(*parts, strict=True)),
    sympy.Min: lambda *parts: tuple(reduce(lambda x, y: x.min(y), ends) for ends in zip(*parts, strict=True)),
}
