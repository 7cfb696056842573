"""Lower a SymPy expression to JAX: an own walk over the tree with an own table of functions.

SymPy's lambdify is not used: it binds Python's math.erf and math.gamma, which break under jit, and its
Piecewise has NaN gradients wherever a branch that is not taken is undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import sympy
from jax.scipy import special
from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, Rational, Symbol, exp, log

from numerics import elementary
from numerics.bivariate_normal import bivariate_normal_cdf
from theory.errors import InputError, OutsideClass
from theory.gaussian.special import BivariateNormalCDF


class AngularNormalCDF(Function):
    """Phi_2(h, k; rho) with rho = u / sqrt(u^2 + v^2), as (h, k, u, v); see numerics.bivariate_normal."""

    nargs = 4


Value = Any  # a traced array, or a Python number or truth value where the subexpression is constant
Lowered = Callable[..., jax.Array]

CONSTANT_DIGITS = 30
CACHE_SIZE = 512

# Where a branch of a Piecewise may be evaluated when it is not taken; generic, so that no kink is met.
_TRIAL_VALUES = tuple(Rational(p, q) for p, q in ((3, 7), (8, 5), (17, 6), (1, 13), (41, 4)))
_TRIAL_VALUES += tuple(-value for value in _TRIAL_VALUES)
_TRIALS = 200

_FUNCTIONS: Mapping[Any, Callable[..., Value]] = {
    sympy.exp: jnp.exp,
    sympy.sin: jnp.sin,
    sympy.cos: jnp.cos,
    sympy.tan: jnp.tan,
    sympy.cot: lambda x: 1 / jnp.tan(x),
    sympy.sec: lambda x: 1 / jnp.cos(x),
    sympy.csc: lambda x: 1 / jnp.sin(x),
    sympy.asin: jnp.arcsin,
    sympy.acos: jnp.arccos,
    sympy.atan: elementary.arctan,
    sympy.atan2: elementary.arctan2,
    sympy.sinh: elementary.sinh,
    sympy.cosh: elementary.cosh,
    sympy.tanh: jnp.tanh,
    sympy.coth: lambda x: 1 / jnp.tanh(x),
    sympy.asinh: jnp.arcsinh,
    sympy.acosh: jnp.arccosh,
    sympy.atanh: jnp.arctanh,
    sympy.erf: special.erf,
    sympy.erfc: special.erfc,
    sympy.gamma: special.gamma,
    sympy.loggamma: special.gammaln,
    sympy.polygamma: lambda order, x: special.digamma(x) if order == 0 else special.polygamma(order, x),
    sympy.Abs: lambda x: x * jnp.sign(x),  # the gradient of jnp.abs at 0 is 1
    sympy.sign: jnp.sign,
    sympy.floor: jnp.floor,
    sympy.ceiling: jnp.ceil,
    sympy.Heaviside: jnp.heaviside,
    sympy.Max: lambda *values: _fold(jnp.maximum, values),
    sympy.Min: lambda *values: _fold(jnp.minimum, values),
    sympy.Lt: jnp.less,
    sympy.Le: jnp.less_equal,
    sympy.Gt: jnp.greater,
    sympy.Ge: jnp.greater_equal,
    sympy.Eq: jnp.equal,
    sympy.Ne: jnp.not_equal,
    sympy.And: lambda *values: _fold(jnp.logical_and, values),
    sympy.Or: lambda *values: _fold(jnp.logical_or, values),
    sympy.Not: jnp.logical_not,
    BivariateNormalCDF: lambda h, k, rho: _correlated(h, k, rho, elementary.root((1 - rho) * (1 + rho))),
    AngularNormalCDF: lambda *values: _correlated(*values),
}


def _correlated(*values: Value) -> jax.Array:
    floating = jnp.result_type(*values, float)
    return bivariate_normal_cdf(*(jnp.asarray(value, floating) for value in values))


def lower(expression: Expr, symbols: Sequence[Symbol]) -> Lowered:
    """A jitted JAX function of one array per symbol that evaluates ``expression`` elementwise.

    float64 where x64 is enabled; constants are rounded once, from 30 digits. Usable under ``vmap`` and
    ``grad``; the same callable comes back for the same expression and symbols, so it compiles once.

    Conventions at kinks: Heaviside(x, H0) is H0 at 0 (1/2 by default), sign(0) = 0, and its gradient and
    Heaviside's are 0 there; at a tie Max and Min pass half of the gradient to either side; a branch of a
    Piecewise that is not taken adds nothing to the gradient.

    Raises OutsideClass for a function that has no JAX counterpart here, InputError for symbols that are not
    listed and for constants that are not real or exceed float64.
    """
    return _jitted(_checked(expression), tuple(symbols))


@lru_cache(maxsize=CACHE_SIZE)
def _jitted(expression: Expr, symbols: tuple[Symbol, ...]) -> Lowered:
    return jax.jit(evaluator(expression, symbols))


def _checked(expression: object) -> Expr:
    if isinstance(expression, int | float):
        return sympy.Float(expression) if isinstance(expression, float) else Integer(expression)
    if not isinstance(expression, Expr):
        raise InputError(f"{expression!r} is not a SymPy expression: give a closed form")
    return expression


def evaluator(expression: Expr, symbols: tuple[Symbol, ...]) -> Lowered:
    """The function that `lower` jits."""
    unknown = sorted(str(symbol) for symbol in expression.free_symbols - set(symbols))
    if unknown:
        raise InputError(f"{expression} contains {', '.join(unknown)}: allowed are {symbols}")
    plan = _Plan(expression)

    def function(*values: Any) -> jax.Array:
        if len(values) != len(symbols):
            raise TypeError(f"{len(values)} values for the {len(symbols)} symbols {symbols}")
        floating = jnp.result_type(float)
        arrays = [jnp.asarray(value, dtype=floating) for value in values]
        result = _Evaluation(plan, dict(zip(symbols, arrays, strict=True))).value(expression)
        shape = jnp.broadcast_shapes(*(array.shape for array in arrays))
        return jnp.broadcast_to(jnp.asarray(result, dtype=floating), shape)

    return function


def joint_evaluator(expressions: Sequence[Expr], symbols: Sequence[Symbol]) -> Callable[..., list[Value]]:
    """Several expressions in one evaluation, which shares what they have in common.

    Neither jitted nor converted: the values keep the floating-point type of the arguments, and what depends
    on one argument has its shape. A constant expression is a number.
    """
    plan = _Plan(sympy.Tuple(*expressions))

    def function(*values: Any) -> list[Value]:
        evaluation = _Evaluation(plan, dict(zip(symbols, values, strict=True)))
        return [evaluation.value(expression) for expression in expressions]

    return function


def _fold(combine: Callable[[Value, Value], Value], values: Sequence[Value]) -> Value:
    result = values[0]
    for value in values[1:]:
        result = combine(result, value)
    return result


class _Plan:
    """What is settled before any number arrives: the constants, and where idle branches are evaluated."""

    def __init__(self, expression: Expr) -> None:
        self.constants: dict[Any, float | bool] = {}
        self.refuges: dict[tuple[Piecewise, int], dict[Symbol, float] | None] = {}
        seen, pending = {expression}, [expression]
        while pending:  # every distinct node once, from the outside in
            node = pending.pop()
            self._visit(node)
            pending.extend(set(node.args) - seen)
            seen.update(node.args)

    def _visit(self, node: Any) -> None:
        if isinstance(node, Piecewise):
            for place in range(len(node.args)):
                self.refuges[node, place] = _refuge(node, place)
        elif not isinstance(node, Symbol | Add | Mul | Pow | log | sympy.Number | sympy.NumberSymbol):
            known = (
                sympy.Tuple,
                sympy.logic.boolalg.BooleanAtom,
                sympy.functions.elementary.piecewise.ExprCondPair,
            )
            if node.func not in _FUNCTIONS and not isinstance(node, known):
                raise OutsideClass(f"{node} has no JAX counterpart here ({node.func.__name__})")
        if isinstance(node, Add | Mul):  # their constant part
            self.constant(node.func(*(part for part in node.args if not part.free_symbols)))

    def constant(self, node: Any) -> float | bool:
        """The float64 nearest to a constant subexpression."""
        if node not in self.constants:
            self.constants[node] = _float(node)
        return self.constants[node]


def _float(node: Any) -> float | bool:
    if isinstance(node, sympy.logic.boolalg.Boolean):
        return bool(sympy.simplify(node))
    if isinstance(node, Rational):
        return _bounded(node, lambda: node.p / node.q)  # Python's quotient of integers is correctly rounded
    value = node.evalf(CONSTANT_DIGITS)
    if value.is_real is not True and value not in (sympy.oo, -sympy.oo):
        raise InputError(f"the constant {node} is not a real number")
    return _bounded(node, lambda: float(value))


def _bounded(node: Expr, convert: Callable[[], float]) -> float:
    try:
        result = convert()
    except OverflowError:
        result = math.inf
    if math.isinf(result) and node.is_finite is not False:
        raise InputError(f"a constant of about 10^{int(log(abs(node), 10).evalf(5))} exceeds float64")
    return result


def _refuge(node: Piecewise, place: int) -> dict[Symbol, float] | None:
    """A point at which the branch is the one taken, and finite: there it is evaluated when it is idle."""
    branch, condition = node.args[place].args
    earlier = [piece.args[1] for piece in node.args[:place]]
    for point in _trial_points(sorted(node.free_symbols, key=str)):
        taken = condition.subs(point) == sympy.true and all(c.subs(point) == sympy.false for c in earlier)
        if taken and branch.subs(point).evalf().is_real:
            return {symbol: float(value) for symbol, value in point.items()}
    return None


def _trial_points(symbols: Sequence[Symbol]) -> Iterator[dict[Symbol, Rational]]:
    count = len(_TRIAL_VALUES)
    for trial in range(min(_TRIALS, count ** len(symbols))):
        digits = (trial // count**place for place in range(len(symbols)))
        yield {symbol: _TRIAL_VALUES[digit % count] for symbol, digit in zip(symbols, digits, strict=True)}


class _Evaluation:
    """One evaluation at given arrays; every distinct subexpression is evaluated once."""

    def __init__(self, plan: _Plan, values: Mapping[Any, Value]) -> None:
        self.plan = plan
        self.values: dict[Any, Value] = dict(values)

    def value(self, node: Any) -> Value:
        if node not in self.values:
            self.values[node] = self._compute(node)
        return self.values[node]

    def _compute(self, node: Any) -> Value:
        if not node.free_symbols:
            return self.plan.constant(node)
        match node:
            case Add():
                return self._sum(node)
            case Mul():
                return self._product(node)
            case Pow():
                return self._power(node.base, node.exp)
            case exp():
                return self._exponential(node.args[0])
            case log():
                return self._logarithm(node.args[0])
            case Piecewise():
                return self._piecewise(node)
        return _FUNCTIONS[node.func](*map(self.value, node.args))

    def _split(self, node: Add | Mul) -> tuple[float, list[Any]]:
        """The constant part of a sum or product, rounded once, and the other parts."""
        constant = node.func(*(part for part in node.args if not part.free_symbols))
        return self.plan.constant(constant), [part for part in node.args if part.free_symbols]

    def _sum(self, node: Add) -> Value:
        constant, terms = self._split(node)
        if constant == -1 and isinstance(terms[-1], exp):
            return _fold(jnp.add, [*map(self.value, terms[:-1]), jnp.expm1(self.value(terms[-1].args[0]))])
        tail = _normal_tail(constant, terms)
        if tail is not None:
            return constant * special.erfc(self.value(tail))
        total = _fold(jnp.add, [self.value(term) for term in terms])
        return total if constant == 0 else total + constant

    def _product(self, node: Mul) -> Value:
        """Factors of one shape first: what belongs to one input is divided once per input, not per pair."""
        constant, factors = self._split(node)
        groups: dict[Any, tuple[list[Value], list[Value]]] = {}
        for factor in factors:
            quotient = _is_quotient(factor)
            value = self._power(factor.base, -factor.exp) if quotient else self.value(factor)
            groups.setdefault(jnp.shape(value), ([], []))[quotient].append(value)
        parts = []
        for shape in sorted(groups, key=math.prod):
            above, below = groups[shape]
            if constant != 1 or not above:
                above.append(constant)
                constant = 1
            numerator = _fold(jnp.multiply, above)
            parts.append(numerator / _fold(jnp.multiply, below) if below else numerator)
        return _fold(jnp.multiply, parts)

    def _exponential(self, argument: Expr) -> Value:
        """exp of a sum of terms of one sign and of one symbol each: a product of exponentials.

        Of two inputs, these are exponentials per input rather than per pair. None of them overflows or
        vanishes long before their product does.
        """
        terms = Add.make_args(argument)
        single = all(len(term.free_symbols) == 1 for term in terms)
        if len(terms) > 1 and single and (argument.is_negative or argument.is_positive):
            return _fold(jnp.multiply, [jnp.exp(self.value(term)) for term in terms])
        return jnp.exp(self.value(argument))

    def _power(self, base: Expr, exponent: Expr) -> Value:
        if isinstance(exponent, Integer) and exponent < 0:
            growing = _one_plus_exponential(base)
            if growing is not None:  # exp overflows, its logistic does not
                return jax.nn.sigmoid(-self.value(growing)) ** int(-exponent)
        if isinstance(exponent, Integer):
            return self.value(base) ** int(exponent)
        if exponent == Rational(1, 2):
            return elementary.plain_root(self.value(base))
        if exponent == Rational(-1, 2):
            return 1 / elementary.plain_root(self.value(base))
        if (
            isinstance(exponent, Rational) and exponent.q == 2 and exponent > 0
        ):  # jnp.power is ten times slower
            return self.value(base) ** int(exponent - Rational(1, 2)) * elementary.plain_root(
                self.value(base)
            )
        return jnp.power(self.value(base), self.value(exponent))

    def _logarithm(self, argument: Expr) -> Value:
        growing = _one_plus_exponential(argument)
        if growing is not None:
            return jax.nn.softplus(self.value(growing))
        if isinstance(argument, Add) and argument.args[0] == 1:
            return jnp.log1p(self.value(argument - 1))
        return jnp.log(self.value(argument))

    def _piecewise(self, node: Piecewise) -> Value:
        """From the last branch to the first; an idle branch sees its refuge in place of the arguments."""
        conditions = [jnp.asarray(self.value(piece.args[1])) for piece in node.args]
        result: Value = jnp.nan
        for place in reversed(range(len(node.args))):
            active = conditions[place]
            for earlier in conditions[:place]:
                active = active & ~earlier
            result = jnp.where(conditions[place], self._branch(node, place, active), result)
        return result

    def _branch(self, node: Piecewise, place: int, active: Value) -> Value:
        branch = node.args[place].args[0]
        refuge = self.plan.refuges[node, place]
        if refuge is None or not branch.free_symbols:
            return self.value(branch)
        symbols = {s: jnp.where(active, self.value(s), point) for s, point in refuge.items()}
        others = {symbol: self.values[symbol] for symbol in node.free_symbols if symbol not in symbols}
        return _Evaluation(self.plan, {**others, **symbols}).value(branch)


def _is_quotient(factor: Expr) -> bool:
    """Whether the factor is written below the fraction line, rather than as a logistic function."""
    negative = isinstance(factor, Pow) and isinstance(factor.exp, Rational) and bool(factor.exp < 0)
    return negative and _one_plus_exponential(factor.base) is None


def _normal_tail(constant: float, terms: Sequence[Expr]) -> Expr | None:
    """u where constant + terms is constant * erfc(u), which keeps its digits where erf is close to -1."""
    if len(terms) != 1:
        return None
    coefficient, function = terms[0].as_coeff_Mul()
    if not isinstance(function, sympy.erf) or abs(coefficient) != constant:
        return None
    return -function.args[0] if coefficient > 0 else function.args[0]


def _one_plus_exponential(node: Expr) -> Expr | None:
    """u where the node is 1 + exp(u)."""
    if isinstance(node, Add) and len(node.args) == 2 and node.args[0] == 1 and isinstance(node.args[1], exp):
        return node.args[1].args[0]
    return None
