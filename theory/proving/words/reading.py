"""From SymPy's matrix expressions to polynomials in words; block matrices to arrays of polynomials."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import sympy
from sympy import Dummy, Expr, Identity, Inverse, MatAdd, MatMul, MatPow, MatrixSymbol, S, Trace, Transpose
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory.proving.words.polynomials import Alphabet, Letter, Polynomial, ShapeMismatch, Word, same_size


class NotWords(ValueError):
    """An expression that is no polynomial in matrix letters: a determinant, an entry, an unknown function."""


Blocks = tuple[tuple[Polynomial, ...], ...]


@dataclass
class Reader:
    """Reads expressions over one alphabet.

    traces
        The commuting symbol that stands for the trace of each word met so far.
    inverses
        Inverted letters met so far: the caller adds s s^-1 = s^-1 s = I for them.
    """

    alphabet: Alphabet
    traces: dict[tuple[Word, Expr], Dummy] = field(default_factory=dict)
    inverses: set[Letter] = field(default_factory=set)

    def matrix(self, expression: MatrixExpr) -> Polynomial:
        """One polynomial; raises NotWords if the expression falls into several blocks."""
        blocks = self.blocks(expression)
        if len(blocks) != 1 or len(blocks[0]) != 1:
            raise NotWords(f"{expression} is a matrix of blocks: compare it with one of the same blocks")
        return blocks[0][0]

    def blocks(self, expression: MatrixExpr) -> Blocks:
        """The array of polynomials of an expression; a matrix that is no block matrix is one block."""
        if isinstance(expression, MatMul):
            scalar, factors = expression.as_coeff_matrices()
            product = reduce(_multiply, (self.blocks(factor) for factor in factors))
            return _each(product, lambda block: block.scaled(self.scalar(scalar)))
        if isinstance(expression, MatAdd):
            return reduce(_add, (self.blocks(term) for term in expression.args))
        if isinstance(expression, Transpose):
            return self._transposed(self.blocks(expression.arg))
        if isinstance(expression, sympy.BlockMatrix):
            rows = expression.blocks.tolist()
            return tuple(tuple(self.matrix(block) for block in row) for row in rows)
        if isinstance(expression, MatPow):
            return self._power(expression)
        return ((self._letter(expression),),)

    def _power(self, expression: MatPow) -> Blocks:
        base, exponent = expression.args
        if exponent.is_Integer and exponent != 0:
            once = self.blocks(base) if exponent > 0 else ((self._inverse(base),),)
            return reduce(_multiply, [once] * abs(int(exponent)))
        raise NotWords(f"the power {exponent} of a matrix is no word")

    def _transposed(self, blocks: Blocks) -> Blocks:
        columns = zip(*blocks, strict=True)
        return tuple(tuple(block.transposed(self.alphabet) for block in column) for column in columns)

    def _letter(self, expression: MatrixExpr) -> Polynomial:
        if isinstance(expression, MatrixSymbol):
            letter = Letter(str(expression.name), *expression.shape)
            return Polynomial.word((letter,), expression.shape)
        if isinstance(expression, Identity):
            return Polynomial.word((), expression.shape)
        if isinstance(expression, sympy.ZeroMatrix):
            return Polynomial(expression.shape)
        if isinstance(expression, Inverse):
            return self._inverse(expression.arg)
        raise NotWords(f"{type(expression).__name__} is no polynomial in matrix letters")

    def _inverse(self, base: MatrixExpr) -> Polynomial:
        """Products of square letters are inverted letter by letter; sums must be given a name first."""
        polynomial = self.matrix(base)
        if len(polynomial.terms) != 1:
            raise NotWords(f"the inverse of {base} is no word: give {base} a name of its own")
        word, coefficient = polynomial.terms[0]
        for letter in word:
            if not same_size(letter.rows, letter.columns):
                raise ShapeMismatch(f"{letter.name} is inverted, but it is {letter.rows} x {letter.columns}")
        inverted = tuple(letter._replace(inverted=not letter.inverted) for letter in reversed(word))
        self.inverses.update(letter for letter in inverted if letter.inverted)
        return Polynomial(polynomial.shape, ((inverted, 1 / coefficient),))

    def scalar(self, expression: Expr) -> Expr:
        """A scalar expression with every trace replaced by a sum of commuting symbols, one for each word."""
        if isinstance(expression, Trace):
            return self._trace(expression.arg)
        changed = getattr(expression, "variables", ())  # of a derivative or a substitution
        if not all(isinstance(variable, sympy.Symbol) for variable in changed):
            raise NotWords(f"{changed} are no numbers to differentiate in or to replace")
        if isinstance(expression, sympy.Derivative):
            body = self.scalar(expression.expr)
            return sympy.diff(body, *expression.variable_count)
        if isinstance(expression, sympy.Subs):
            substitution = dict(zip(expression.variables, expression.point, strict=True))
            return self.scalar(expression.expr).subs(substitution)
        if not expression.has(MatrixExpr):
            return expression
        if isinstance(expression, (sympy.Add, sympy.Mul, sympy.Pow)):
            return expression.func(*(self.scalar(argument) for argument in expression.args))
        raise NotWords(f"{type(expression).__name__} of a matrix is no polynomial in traces")

    def _trace(self, argument: MatrixExpr) -> Expr:
        blocks = self.blocks(argument)
        if any(len(row) != len(blocks) for row in blocks):
            raise ShapeMismatch("the trace of blocks that are not square was asked for")
        return sum((self.trace_of(blocks[k][k]) for k in range(len(blocks))), S.Zero)

    def trace_of(self, polynomial: Polynomial) -> Expr:
        """The trace of a square polynomial in commuting symbols; tr(I) is the size."""
        rows, columns = polynomial.shape
        if not same_size(rows, columns):
            raise ShapeMismatch(f"the trace of a {rows} x {columns} matrix was asked for")
        return sum((value * self._symbol(word, rows) for word, value in polynomial.terms), S.Zero)

    def _symbol(self, word: Word, size: Expr) -> Expr:
        return self.traces.setdefault((word, size), Dummy("tr")) if word else size


def _each(blocks: Blocks, change: object) -> Blocks:
    return tuple(tuple(change(block) for block in row) for row in blocks)  # type: ignore[operator]


def _add(left: Blocks, right: Blocks) -> Blocks:
    if len(left) != len(right) or len(left[0]) != len(right[0]):
        raise NotWords("two block matrices are cut differently")
    pairs = (zip(a, b, strict=True) for a, b in zip(left, right, strict=True))
    return tuple(tuple(a + b for a, b in row) for row in pairs)


def _multiply(left: Blocks, right: Blocks) -> Blocks:
    if len(left[0]) != len(right):
        raise NotWords("two block matrices are cut differently")
    columns = tuple(zip(*right, strict=True))
    return tuple(tuple(_dot(row, column) for column in columns) for row in left)


def _dot(row: tuple[Polynomial, ...], column: tuple[Polynomial, ...]) -> Polynomial:
    return reduce(lambda total, term: total + term, (a * b for a, b in zip(row, column, strict=True)))
