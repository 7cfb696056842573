"""The functions a user may write, and the SymPy expression that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Heaviside, Integer, Max, Min, Piecewise, Rational, erf, exp, log, sqrt

from theory.errors import InputError
from theory.grammar.names import ARITIES, MOST_COMPARED

LEAK = Rational(1, 100)
# To double precision, the numbers at which N(0, 1) inputs give outputs of mean 0 and variance 1.
# Source: Klambauer, Unterthiner, Mayr and Hochreiter, NIPS 2017, equation 14.
SELU_SCALE = Rational("1.0507009873554805")
SELU_ALPHA = Rational("1.6732632423543772")
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


def _elu(x: Expr, alpha: Expr = sympy.S.One) -> Expr:
    """x above 0, alpha (exp(x) - 1) below. Source: Clevert, Unterthiner and Hochreiter, ICLR 2016."""
    return Piecewise((x, x > 0), (alpha * (exp(x) - 1), True))


def _selu(x: Expr) -> Expr:
    return SELU_SCALE * _elu(x, SELU_ALPHA)


def _leaky_relu(x: Expr, slope: Expr = LEAK) -> Expr:
    return Max(0, x) + slope * Min(0, x)


def _abrelu(x: Expr, negative: Expr, positive: Expr) -> Expr:
    """negative min(x, 0) + positive max(x, 0). Source: Tsuchida et al., ICML 2018."""
    return positive * Max(0, x) + negative * Min(0, x)


def _between(low: int, high: int, x: Expr) -> Expr:
    return _extremum(Max)(Integer(low), _extremum(Min)(Integer(high), x))


def _hard_sigmoid(x: Expr) -> Expr:
    """min(max(x + 3, 0), 6)/6, and x times it is hardswish. Source: Howard et al., ICCV 2019, section 5.2."""
    return _between(0, 6, x + 3) / 6


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
    "relu6": lambda x: _between(0, 6, x),
    "abrelu": _abrelu,
    "elu": _elu,
    "selu": _selu,
    "hardtanh": lambda x: _between(-1, 1, x),
    "hardsigmoid": _hard_sigmoid,
    "hardswish": lambda x: x * _hard_sigmoid(x),
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
