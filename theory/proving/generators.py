"""Turn an expression into a rational function of algebraically tagged generators.

Roots become variables r with r^q = base, exponentials and symbolic powers variables that multiply as
b^(x + y) = b^x b^y, the imaginary unit a variable with i^2 = -1, every other transcendental subexpression
a free variable. These rules hold for principal values without any condition on the symbols.
"""

from __future__ import annotations

from math import lcm

import sympy
from sympy import Basic, Dummy, Expr, Poly, S, Symbol

_ELEMENTARY = (sympy.Add, sympy.Mul)
_Key = tuple[Basic, Basic]


def vanishes_algebraically(expression: Expr) -> bool:
    """Whether ``expression`` is 0 as a rational function of its generators: a proof that it is 0.

    False decides nothing, since the free generators may depend on each other.
    """
    generators = Generators(expression)
    numerator, denominator = sympy.fraction(sympy.together(generators.replaced))
    return generators.reduce(denominator) != 0 and generators.reduce(numerator) == 0


class Generators:
    """The replacement of one expression, with the defining equations of its algebraic generators."""

    def __init__(self, expression: Expr) -> None:
        self._denominators: dict[_Key, int] = {}
        self._symbols: dict[_Key, Symbol] = {}
        self._equations: list[tuple[Symbol, Expr]] = []
        self._collect_denominators(expression)
        self.replaced: Expr = self._visit(expression)

    def reduce(self, polynomial: Expr) -> Expr:
        """The remainder modulo the defining equations, outermost generator first."""
        remainder = sympy.expand(polynomial)
        for generator, equation in reversed(self._equations):
            if remainder == 0 or not remainder.has(generator):
                continue
            numerator, _ = sympy.fraction(sympy.together(equation))
            dividend, divisor = Poly(remainder, generator), Poly(numerator, generator)
            if dividend.degree() >= divisor.degree():  # otherwise SymPy's prem fails over flint's integers
                remainder = sympy.expand(sympy.prem(dividend, divisor).as_expr())
        return remainder

    def _collect_denominators(self, expression: Expr) -> None:
        for node in sympy.preorder_traversal(expression):
            for key, coefficient in _powers(node):
                self._denominators[key] = lcm(self._denominators.get(key, 1), coefficient.q)

    def _visit(self, node: Basic) -> Expr:
        if node.is_Symbol or node.is_Rational:
            return node
        if isinstance(node, _ELEMENTARY):
            return node.func(*(self._visit(argument) for argument in node.args))
        if node is S.ImaginaryUnit:
            return self._generator((node, S.One), square=S.NegativeOne)
        powers = _powers(node)
        if not powers:
            return self._generator((node, S.Zero))
        return sympy.Mul(*(self._power(key, coefficient) for key, coefficient in powers))

    def _power(self, key: _Key, coefficient: sympy.Rational) -> Expr:
        base, rest = key
        if rest == 1 and coefficient.is_Integer:
            return self._visit(base) ** coefficient
        order = self._denominators[key]
        return self._generator(key, order=order if rest == 1 else 0) ** (coefficient * order)

    def _generator(self, key: _Key, *, order: int = 0, square: Expr | None = None) -> Symbol:
        if key not in self._symbols:
            inner = self._visit(key[0]) if order else square
            self._symbols[key] = generator = Dummy("g")
            if inner is not None:
                self._equations.append((generator, generator ** (order or 2) - inner))
        return self._symbols[key]


def _powers(node: Basic) -> list[tuple[_Key, sympy.Rational]]:
    """The factors b^(coefficient * rest) of a power or exponential; nothing for other nodes."""
    if not isinstance(node, (sympy.Pow, sympy.exp)):
        return []
    base, exponent = node.as_base_exp()
    if base is S.Exp1 and node is S.Exp1:
        return []
    terms = (term.as_coeff_Mul() for term in sympy.Add.make_args(sympy.expand(exponent)))
    return [((base, rest), sympy.Rational(coefficient)) for coefficient, rest in terms]
