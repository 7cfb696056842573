"""The functions a user may write, and the SymPy expression that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Heaviside, Integer, Max, Min, Piecewise, Rational, erf, exp, log, sqrt

from theory.errors import InputError
from theory.grammar.names import ARITIES, MOST_COMPARED

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
_BUILDERS: Mapping[str, Callable[..., Expr]] = {
    "exp": exp,
    "log": log,
    "ln": log,
    "sqrt": sqrt,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "atan2": sympy.atan2,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "asinh": sympy.asinh,
    "acosh": sympy.acosh,
    "atanh": sympy.atanh,
    "erf": erf,
    "erfc": sympy.erfc,
    "Phi": normal_distribution,
    "abs": sympy.Abs,
    "Abs": sympy.Abs,
    "sign": sympy.sign,
    "max": _extremum(Max),
    "Max": _extremum(Max),
    "min": _extremum(Min),
    "Min": _extremum(Min),
    "step": Heaviside,
    "heaviside": Heaviside,
    "Heaviside": Heaviside,
    "relu": lambda x: _extremum(Max)(Integer(0), x),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": lambda x: x * (1 + erf(x / sqrt(2))) / 2,
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "logistic": lambda x: 1 / (1 + exp(-x)),
    "silu": lambda x: x / (1 + exp(-x)),
    "softplus": lambda x: log(1 + exp(x)),
    "mish": lambda x: x * sympy.tanh(log(1 + exp(x))),
    "Piecewise": Piecewise,  # its arguments are pairs (value, condition)
    "where": lambda condition, yes, no: Piecewise((yes, condition), (no, True)),
}
FUNCTIONS: Mapping[str, Form] = {
    name: Form(build, ARITIES[name].fewest, ARITIES[name].most) for name, build in _BUILDERS.items()
}
