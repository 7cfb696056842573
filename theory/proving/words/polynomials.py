"""Letters, words and polynomials: matrix expressions as sums of products of noncommuting letters.

A polynomial has a shape, and its words are paths: each letter starts with the number of columns that the
letter before it ended with. The empty word is the identity of its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sympy import Expr, S, expand

Shape = tuple[Expr, Expr]


class Letter(NamedTuple):
    """One letter: a named matrix, its transpose, its inverse, or the transpose of its inverse."""

    name: str
    rows: Expr
    columns: Expr
    transposed: bool = False
    inverted: bool = False


Word = tuple[Letter, ...]


class ShapeMismatch(ValueError):
    """Two matrices whose shapes do not fit were added, multiplied or compared."""


@dataclass(frozen=True)
class Alphabet:
    """What is known of the letters by name: which are symmetric, which diagonal, and how they are ordered.

    weights
        A letter that abbreviates a longer expression weighs more than that expression, so that rewriting
        replaces it; every other letter weighs 1 unless a weight is given.
    """

    symmetric: frozenset[str] = frozenset()
    diagonal: frozenset[str] = frozenset()
    weights: tuple[tuple[str, int], ...] = ()

    def transpose(self, letter: Letter) -> Letter:
        """The transposed letter; symmetric and diagonal letters are their own."""
        if letter.name in self.symmetric or letter.name in self.diagonal:
            return letter
        return letter._replace(rows=letter.columns, columns=letter.rows, transposed=not letter.transposed)

    def transpose_word(self, word: Word) -> Word:
        """(a b)^T = b^T a^T."""
        return tuple(self.transpose(letter) for letter in reversed(word))

    def key(self, word: Word) -> tuple[int, int, tuple[tuple[str, bool, bool], ...]]:
        """Total order of words that multiplication respects: by weight, then length, then alphabet."""
        heavy = dict(self.weights)
        weight = sum(heavy.get(letter.name, 1) for letter in word)
        return weight, len(word), tuple((x.name, x.transposed, x.inverted) for x in word)


@dataclass(frozen=True)
class Polynomial:
    """A sum of coefficient times word, all of one shape; coefficients are commuting SymPy expressions."""

    shape: Shape
    terms: tuple[tuple[Word, Expr], ...] = ()

    @classmethod
    def collect(cls, shape: Shape, terms: Iterator[tuple[Word, Expr]]) -> Polynomial:
        """The polynomial with equal words added up and zero coefficients dropped."""
        sums: dict[Word, Expr] = {}
        for word, coefficient in terms:
            sums[word] = sums.get(word, S.Zero) + coefficient
        tidy = ((word, value if value.is_Rational else expand(value)) for word, value in sums.items())
        return cls(shape, tuple((word, value) for word, value in tidy if value != 0))

    @classmethod
    def word(cls, word: Word, shape: Shape) -> Polynomial:
        """One word with coefficient 1."""
        return cls(shape, ((word, S.One),))

    def __add__(self, other: Polynomial) -> Polynomial:
        if not same_shape(self.shape, other.shape):
            raise ShapeMismatch(f"a {readable(self.shape)} matrix and a {readable(other.shape)} matrix meet")
        return Polynomial.collect(self.shape, iter((*self.terms, *other.terms)))

    def __mul__(self, other: Polynomial) -> Polynomial:
        if not same_size(self.shape[1], other.shape[0]):
            message = f"a {readable(self.shape)} matrix is multiplied by a {readable(other.shape)} matrix"
            raise ShapeMismatch(message)
        products = ((u + v, a * b) for u, a in self.terms for v, b in other.terms)
        return Polynomial.collect((self.shape[0], other.shape[1]), products)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.scaled(S.NegativeOne)

    def scaled(self, factor: Expr) -> Polynomial:
        """factor times this."""
        return Polynomial.collect(self.shape, ((word, factor * value) for word, value in self.terms))

    def transposed(self, alphabet: Alphabet) -> Polynomial:
        """The transposed polynomial."""
        turned = ((alphabet.transpose_word(word), value) for word, value in self.terms)
        return Polynomial.collect((self.shape[1], self.shape[0]), turned)

    @property
    def is_zero(self) -> bool:
        """Whether no word is left."""
        return not self.terms


def same_size(left: Expr, right: Expr) -> bool:
    """Whether two symbolic sizes are equal for all values of their symbols."""
    return bool(left == right or expand(left - right) == 0)


def same_shape(left: Shape, right: Shape) -> bool:
    """Whether both sizes agree."""
    return same_size(left[0], right[0]) and same_size(left[1], right[1])


def readable(shape: Shape) -> str:
    """``n x m``."""
    return f"{shape[0]} x {shape[1]}"
