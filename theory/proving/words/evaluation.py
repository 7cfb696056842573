"""The second lock: exact evaluation of a matrix relation at one rational instance.

It walks SymPy's tree with rational matrices and shares no code with the words: derivatives, for example,
are taken by differences that are exact for polynomials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from math import comb
from typing import Any

import sympy
from sympy import QQ, Basic, Expr, Rational
from sympy.matrices.expressions.matexpr import MatrixExpr
from sympy.polys.matrices import DomainMatrix

DEGREE = 6  # a bound of the degree in which a differentiated variable may occur; checked

Instance = Mapping[Basic, Any]


class NotEvaluable(ValueError):
    """The instance says nothing about a symbol of the relation, or the expression cannot be evaluated."""


def sizes_of(instance: Instance) -> dict[Basic, Any]:
    """The values of the symbolic sizes, read off the shapes of the matrices of ``instance``.

    Raises NotEvaluable when two matrices disagree about a size.
    """
    sizes: dict[Basic, Any] = {}
    for symbol, value in instance.items():
        if not isinstance(value, DomainMatrix):
            continue
        for symbolic, number in zip(symbol.shape, value.shape, strict=True):
            if symbolic.is_Symbol and sizes.setdefault(symbolic, sympy.Integer(int(number))) != number:
                raise NotEvaluable(f"{symbol} has another size {symbolic} than the matrices before it")
    return sizes


def holds_at(relation: Basic, instance: Instance) -> bool:
    """Whether both sides of ``Eq(left, right)`` are equal, exactly."""
    values = {**sizes_of(instance), **instance}
    left, right = relation.args
    if isinstance(left, MatrixExpr):
        difference = matrix_value(left, values) - matrix_value(right, values)
        return bool(difference.is_zero_matrix)
    return bool(scalar_value(left, values) == scalar_value(right, values))


def equals_transpose(matrix: DomainMatrix) -> bool:
    """Whether a matrix is square and symmetric."""
    return matrix.shape[0] == matrix.shape[1] and bool((matrix - matrix.transpose()).is_zero_matrix)


def matrix_value(expression: Basic, values: Instance) -> DomainMatrix:
    """The rational matrix an expression stands for."""
    if expression in values:
        return values[expression]
    shape = tuple(int(scalar_value(size, values)) for size in expression.shape)
    if isinstance(expression, sympy.Identity):
        return DomainMatrix.eye(shape[0], QQ).to_sparse()
    if isinstance(expression, sympy.ZeroMatrix):
        return DomainMatrix.zeros(shape, QQ)
    handler = _HANDLERS.get(type(expression))
    if handler is None:
        raise NotEvaluable(f"{expression} has no value at the instance")
    return handler(expression, values)


def _product(expression: Any, values: Instance) -> DomainMatrix:
    scalar, factors = expression.as_coeff_matrices()
    product = reduce(lambda a, b: a * b, (matrix_value(factor, values) for factor in factors))
    value = scalar_value(scalar, values)
    return product * QQ(value.p, value.q)


def _sum(expression: Any, values: Instance) -> DomainMatrix:
    return reduce(lambda a, b: a + b, (matrix_value(term, values) for term in expression.args))


def _power(expression: Any, values: Instance) -> DomainMatrix:
    base, exponent = matrix_value(expression.args[0], values), int(expression.args[1])
    return base**exponent if exponent >= 0 else base.inv() ** -exponent


def _inverse(expression: Any, values: Instance) -> DomainMatrix:
    return matrix_value(expression.args[0], values).inv()


def _block(expression: Any, values: Instance) -> DomainMatrix:
    rows = [[matrix_value(block, values) for block in row] for row in expression.blocks.tolist()]
    joined = [row[0].hstack(*row[1:]) for row in rows]
    return joined[0].vstack(*joined[1:])


def _transpose(expression: Any, values: Instance) -> DomainMatrix:
    return matrix_value(expression.arg, values).transpose()


_HANDLERS: dict[type, Callable[[Any, Instance], DomainMatrix]] = {
    sympy.MatMul: _product,
    sympy.MatAdd: _sum,
    sympy.MatPow: _power,
    sympy.Inverse: _inverse,
    sympy.Transpose: _transpose,
    sympy.BlockMatrix: _block,
}


def scalar_value(expression: Expr, values: Instance) -> Rational:
    """The rational number a scalar expression stands for."""
    if expression.is_Rational:
        return expression
    if expression in values:
        return values[expression]
    if isinstance(expression, sympy.Trace):
        matrix = matrix_value(expression.arg, values)
        entries = matrix.to_Matrix() if matrix.shape[0] else sympy.zeros(0, 0)
        return entries.trace()
    if isinstance(expression, sympy.Subs):
        point = {
            v: scalar_value(p, values) for v, p in zip(expression.variables, expression.point, strict=True)
        }
        return scalar_value(expression.expr, {**values, **point})
    if isinstance(expression, sympy.Derivative):
        return _derivative(expression, values)
    if isinstance(expression, (sympy.Add, sympy.Mul, sympy.Pow)):
        return expression.func(*(scalar_value(argument, values) for argument in expression.args))
    raise NotEvaluable(f"{expression} has no value at the instance")


def _derivative(expression: sympy.Derivative, values: Instance) -> Rational:
    """Derivative of a polynomial in one variable, by a difference formula that is exact for its degree.

    The two differences of order DEGREE + 1 on the nodes must vanish: otherwise the degree is higher.
    """
    (variable, order), *others = expression.variable_count
    body = sympy.Derivative(expression.expr, *others, evaluate=False) if others else expression.expr
    if not isinstance(variable, sympy.Symbol):
        raise NotEvaluable(f"the derivative in {variable}, which is no number")
    half = DEGREE // 2 + 1
    nodes = [values[variable] + k for k in range(-half, half + 1)]
    samples = [scalar_value(body, {**values, variable: node}) for node in nodes]
    for start in range(2):
        part = samples[start : start + DEGREE + 2]
        if sum((-1) ** k * comb(DEGREE + 1, k) * sample for k, sample in enumerate(part)) != 0:
            raise NotEvaluable(
                f"the derivative of a function of {variable} that is no polynomial of low degree"
            )
    return sum(weight * sample for weight, sample in zip(_weights(half, int(order)), samples, strict=True))


@lru_cache
def _weights(half: int, order: int) -> tuple[Rational, ...]:
    """Weights of the values at -half, ..., half in the derivative at 0."""
    return tuple(sympy.finite_diff_weights(order, range(-half, half + 1), 0)[order][-1])
