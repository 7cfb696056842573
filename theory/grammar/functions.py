"""The functions a user may write, and the SymPy expression that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Heaviside, Integer, Max, Min, Piecewise, Rational, erf, exp, log, sqrt

from theory.errors import InputError

MOST_COMPARED = 8
LEAK = Rational(1, 100)
NAMED_NUMBERS: Mapping[str, Expr] = {"pi": sympy.pi, "E": sympy.E}


@dataclass(frozen=True)
class Form:
    """How a call is built, and with how many arguments."""

    build: Callable[..., Expr]
    fewest: int = 1
    most: int = 1


def normal_distribution(x: Expr) -> Expr:
    """The distribution function of a standard normal variable, (1 + erf(x/sqrt 2))/2."""
    return (1 + erf(x / sqrt(2))) / 2


def _extremum(kind: type[Expr]) -> Callable[..., Expr]:
    """Max or Min, flattened by SymPy, which compares every argument with every other."""

    def build(*values: Expr) -> Expr:
        count = sum(len(value.args) if isinstance(value, kind) else 1 for value in values)
        if count > MOST_COMPARED:
            raise InputError(f"a maximum or minimum of {count} expressions: use at most {MOST_COMPARED}")
        return kind(*values)

    return build


def _elu(x: Expr) -> Expr:
    return Piecewise((x, x > 0), (exp(x) - 1, True))


def _leaky_relu(x: Expr, slope: Expr = LEAK) -> Expr:
    return Max(0, x) + slope * Min(0, x)


# Heaviside(0) = 1/2 unless the second argument says otherwise: SymPy's convention, and the sign's.
FUNCTIONS: Mapping[str, Form] = {
    "exp": Form(exp),
    "log": Form(log),
    "ln": Form(log),
    "sqrt": Form(sqrt),
    "sin": Form(sympy.sin),
    "cos": Form(sympy.cos),
    "tan": Form(sympy.tan),
    "asin": Form(sympy.asin),
    "acos": Form(sympy.acos),
    "atan": Form(sympy.atan),
    "atan2": Form(sympy.atan2, 2, 2),
    "sinh": Form(sympy.sinh),
    "cosh": Form(sympy.cosh),
    "tanh": Form(sympy.tanh),
    "asinh": Form(sympy.asinh),
    "acosh": Form(sympy.acosh),
    "atanh": Form(sympy.atanh),
    "erf": Form(erf),
    "erfc": Form(sympy.erfc),
    "Phi": Form(normal_distribution),
    "abs": Form(sympy.Abs),
    "Abs": Form(sympy.Abs),
    "sign": Form(sympy.sign),
    "max": Form(_extremum(Max), 1, MOST_COMPARED),
    "Max": Form(_extremum(Max), 1, MOST_COMPARED),
    "min": Form(_extremum(Min), 1, MOST_COMPARED),
    "Min": Form(_extremum(Min), 1, MOST_COMPARED),
    "step": Form(Heaviside),
    "heaviside": Form(Heaviside, 1, 2),
    "Heaviside": Form(Heaviside, 1, 2),
    "relu": Form(lambda x: _extremum(Max)(Integer(0), x)),
    "leaky_relu": Form(_leaky_relu, 1, 2),
    "elu": Form(_elu),
    "gelu": Form(lambda x: x * (1 + erf(x / sqrt(2))) / 2),
    "sigmoid": Form(lambda x: 1 / (1 + exp(-x))),
    "logistic": Form(lambda x: 1 / (1 + exp(-x))),
    "silu": Form(lambda x: x / (1 + exp(-x))),
    "softplus": Form(lambda x: log(1 + exp(x))),
    "Piecewise": Form(Piecewise, 1, 16),  # its arguments are pairs (value, condition)
    "where": Form(lambda condition, yes, no: Piecewise((yes, condition), (no, True)), 3, 3),
}
