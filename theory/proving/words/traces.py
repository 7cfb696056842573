"""Traces: words up to rotation and transposition, reduced by the same rules."""

from __future__ import annotations

from sympy import Expr, S, expand

from theory.proving.words.polynomials import Polynomial, Word
from theory.proving.words.reading import Reader
from theory.proving.words.rewriting import Rewriting


def scalar_normal_form(expression: Expr, reader: Reader, rewriting: Rewriting) -> Expr:
    """``expression`` (traces as symbols of ``reader``) with every trace in its normal form, expanded."""
    values = {
        symbol: _trace_normal_form(word, size, reader, rewriting)
        for (word, size), symbol in list(reader.traces.items())
    }
    return expand(expand(expression).subs(values, simultaneous=True))


def _trace_normal_form(word: Word, size: Expr, reader: Reader, rewriting: Rewriting) -> Expr:
    """Rotations are reduced as long as every word they give is smaller than the smallest rotation."""
    pending, total = [(word, size, S.One)], S.Zero
    while pending:
        current, current_size, coefficient = pending.pop()
        smaller = _smaller(current, rewriting)
        if smaller is None:
            least = _least(current, rewriting)
            rows = least[0].rows if least else current_size
            total += coefficient * reader.trace_of(Polynomial.word(least, (rows, rows)))
            continue
        rows = smaller.shape[0]
        pending.extend((following, rows, coefficient * value) for following, value in smaller.terms)
    return total


def _smaller(word: Word, rewriting: Rewriting) -> Polynomial | None:
    least_key = rewriting.alphabet.key(_least(word, rewriting))
    for rotation in _rotations(word):
        rows = rotation[0].rows
        reduced = rewriting.reduce(Polynomial.word(rotation, (rows, rows)))
        keys = [rewriting.alphabet.key(_least(term, rewriting)) for term, _ in reduced.terms]
        if all(key < least_key for key in keys):
            return reduced
    return None


def _rotations(word: Word) -> list[Word]:
    return [word[k:] + word[:k] for k in range(len(word))]


def _least(word: Word, rewriting: Rewriting) -> Word:
    """The smallest among all rotations of the word and of its transpose."""
    if not word:
        return word
    turned = rewriting.alphabet.transpose_word(word)
    return min(_rotations(word) + _rotations(turned), key=rewriting.alphabet.key)
