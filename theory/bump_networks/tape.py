"""A SymPy expression as a straight-line program, so that balls, ranges and rationals run over one list.

SymPy's derivatives are never used on it: those of Abs, Max and Heaviside bring sign and Dirac terms
that no enclosure can treat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import sympy
from sympy import Expr, Poly, Symbol

from theory.bump_networks.arithmetic import fraction
from theory.errors import OutsideClass

UNARY = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atan: "atan",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.asinh: "asinh",
    sympy.acosh: "acosh",
    sympy.atanh: "atanh",
    sympy.erf: "erf",
    sympy.erfc: "erfc",
}


class Affine(NamedTuple):
    """slopes . x + offset with rational coefficients: its sign on a box is decided exactly."""

    slopes: tuple[Fraction, ...]
    offset: Fraction

    def range(self, box: Sequence[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction]:
        """Exact minimum and maximum on a box."""
        ends = [(s * lo, s * hi) for s, (lo, hi) in zip(self.slopes, box, strict=True)]
        return self.offset + sum(map(min, ends)), self.offset + sum(map(max, ends))


class Instruction(NamedTuple):
    """One operation on earlier registers; ``data`` is a number, an exponent or the affine kink argument."""

    operation: str
    arguments: tuple[int, ...]
    data: Fraction | int | Affine | None = None


@dataclass
class Tape:
    """Instructions in the order of evaluation; the value of the expression is the last register."""

    variables: tuple[Symbol, ...]
    instructions: list[Instruction] = field(default_factory=list)
    known: dict[Expr, int] = field(default_factory=dict)

    def breakpoints(self, axis: int) -> list[Fraction]:
        """Exact rational coordinates at which the expression may have a kink across this axis."""
        found = set()
        for instruction in self.instructions:
            kink = instruction.data
            if (
                isinstance(kink, Affine)
                and kink.slopes[axis] != 0
                and not any(slope for other, slope in enumerate(kink.slopes) if other != axis)
            ):
                found.add(-kink.offset / kink.slopes[axis])
        return sorted(found)

    def _emit(self, operation: str, *arguments: int, data: Fraction | int | Affine | None = None) -> int:
        self.instructions.append(Instruction(operation, arguments, data))
        return len(self.instructions) - 1

    def read(self, node: Expr) -> int:
        """The register that holds ``node``; its instructions are appended where they are missing."""
        if node not in self.known:
            self.known[node] = self._compile(node)
        return self.known[node]

    def _compile(self, node: Expr) -> int:
        if node.is_Rational:
            return self._emit("constant", data=fraction(node))
        if node.is_Float:
            return self._emit("constant", data=fraction(sympy.Rational(node)))
        if node.is_Symbol:
            return self._emit("variable", data=self.variables.index(node))
        if node in (sympy.pi, sympy.E):
            return self._emit("pi") if node == sympy.pi else self._emit("exp", self.read(sympy.S.One))
        if isinstance(node, (sympy.Add, sympy.Mul)):
            return self._fold("add" if isinstance(node, sympy.Add) else "multiply", node.args)
        if isinstance(node, sympy.Pow):
            return self._power(node.base, node.exp)
        if type(node) in UNARY:
            return self._emit(UNARY[type(node)], self.read(node.args[0]))
        return self._kinked(node)

    def _fold(self, operation: str, arguments: Sequence[Expr]) -> int:
        register = self.read(arguments[0])
        for argument in arguments[1:]:
            register = self._emit(operation, register, self.read(argument))
        return register

    def _power(self, base: Expr, exponent: Expr) -> int:
        if exponent.is_Integer:
            return self._emit("integer power", self.read(base), data=int(exponent))
        if exponent.is_Rational:
            return self._emit("real power", self.read(base), data=fraction(exponent))
        if base == sympy.E:
            return self._emit("exp", self.read(exponent))
        logarithm = self._emit("log", self.read(base))
        return self._emit("exp", self._emit("multiply", self.read(exponent), logarithm))

    def _kinked(self, node: Expr) -> int:
        if isinstance(node, sympy.Abs):
            return self._emit("absolute", self.read(node.args[0]), data=self._affine(node.args[0]))
        if isinstance(node, (sympy.Max, sympy.Min)):
            return self._extremum(node)
        if isinstance(node, sympy.Heaviside):
            return self._emit("step", self.read(node.args[0]), data=self._affine(node.args[0]))
        if isinstance(node, sympy.sign):
            step = self._emit("step", self.read(node.args[0]), data=self._affine(node.args[0]))
            twice = self._emit("multiply", step, self._emit("constant", data=Fraction(2)))
            return self._emit("add", twice, self._emit("constant", data=Fraction(-1)))
        raise OutsideClass(
            f"{node} cannot be certified here: use {', '.join(sorted(UNARY.values()))}, "
            "abs, max, min, sign, step and powers"
        )

    def _extremum(self, node: Expr) -> int:
        operation = "maximum" if isinstance(node, sympy.Max) else "minimum"
        arguments = sorted(node.args, key=sympy.default_sort_key)
        register, seen = self.read(arguments[0]), arguments[0]
        for position, argument in enumerate(arguments[1:]):
            kink = self._affine(seen - argument) if position == 0 else None
            register = self._emit(operation, register, self.read(argument), data=kink)
        return register

    def _affine(self, node: Expr) -> Affine | None:
        try:
            polynomial = Poly(node, *self.variables)
        except sympy.PolynomialError:
            return None
        if polynomial.total_degree() > 1 or not all(c.is_Rational for c in polynomial.coeffs()):
            return None
        slopes = tuple(fraction(polynomial.coeff_monomial(variable)) for variable in self.variables)
        return Affine(slopes, fraction(polynomial.coeff_monomial(1)))


@lru_cache(maxsize=256)
def compiled(expression: Expr, variables: tuple[Symbol, ...]) -> Tape:
    """The tape of an expression. Raises OutsideClass, naming the part, for what cannot be enclosed."""
    tape = Tape(variables)
    tape.read(expression)
    return tape
