"""The names a user may write, and with how many arguments; free of SymPy, for refusals that come at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

MOST_COMPARED = 8
MOST_PIECES = 16
NUMBERS = ("pi", "E")


class Arity(NamedTuple):
    """How many arguments a function takes."""

    fewest: int = 1
    most: int = 1


class TakesArguments(Protocol):
    """Whatever says how many arguments it takes."""

    @property
    def fewest(self) -> int: ...

    @property
    def most(self) -> int: ...


# These contain an exponential of their argument.
GROWING = frozenset("exp sinh cosh sigmoid logistic silu softplus elu selu mish".split())

_ONE = (
    "exp log ln sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc Phi abs Abs sign "
    "step relu relu6 selu gelu sigmoid logistic silu softplus mish hardtanh hardsigmoid hardswish"
)
ARITIES: Mapping[str, Arity] = {
    **dict.fromkeys(_ONE.split(), Arity()),
    **dict.fromkeys(["max", "Max", "min", "Min"], Arity(1, MOST_COMPARED)),
    **dict.fromkeys(["heaviside", "Heaviside", "leaky_relu", "elu"], Arity(1, 2)),
    "atan2": Arity(2, 2),
    "abrelu": Arity(3, 3),
    "where": Arity(3, 3),
    "Piecewise": Arity(1, MOST_PIECES),  # its arguments are pairs (value, condition)
}
