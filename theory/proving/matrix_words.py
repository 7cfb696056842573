"""A matrix identity, proved for every size by rewriting words with declared rules."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sympy import Basic, Eq, Expr, MatrixSymbol, S, expand, srepr
from sympy.matrices.expressions.matexpr import MatrixExpr

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.outcome import Answer, Outcome, Status
from theory.proving.words.evaluation import Instance, NotEvaluable, equals_transpose, holds_at
from theory.proving.words.polynomials import Alphabet, Polynomial, ShapeMismatch
from theory.proving.words.reading import Blocks, NotWords, Reader
from theory.proving.words.rewriting import Rewriting
from theory.proving.words.traces import scalar_normal_form
from theory.statement import Domain

INSTANCES = 5
HEAVY = 4  # more than the three letters of U L U^T


@dataclass(frozen=True)
class MatrixWords:
    """Proves ``Eq(left, right)`` between matrices or traces, for every size of the matrices.

    instance
        Draws rational matrices (``DomainMatrix`` over QQ) for all letters, of sizes of its own choice, that
        satisfy every rule; values of scalar symbols too. It is the second lock: a relation that fails at an
        instance is refuted, whatever the words say.
    rules
        Declared relations between matrices. A relation whose left side is a single letter defines that
        letter; the others are oriented by length, and transposed relations are added.
    symmetric, diagonal
        Letters equal to their transpose; diagonal letters of one size also commute.
    """

    instance: Callable[[Random], Instance]
    rules: tuple[Basic, ...] = ()
    symmetric: tuple[MatrixSymbol, ...] = ()
    diagonal: tuple[MatrixSymbol, ...] = ()
    earns: Status = Status.PROVED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the difference has normal form 0 and all instances agree, NO if an instance disagrees.

        A relation whose shapes do not fit is NO. A normal form other than 0 alone is UNKNOWN.
        """
        if relation == S.true:
            return Outcome(Answer.YES, "both sides are the same matrix expression")
        if relation == S.false:
            return Outcome(Answer.NO, "the two sides are different matrix expressions")
        if rounded(relation, *self.rules):
            return Outcome(Answer.UNKNOWN, ROUNDED)
        if relation in self.rules:
            return Outcome(Answer.UNKNOWN, "the relation is one of its own rules")
        if not isinstance(relation, Eq):
            return Outcome(Answer.UNKNOWN, f"matrix words need an equation, not {type(relation).__name__}")
        try:
            _read_difference(Reader(self._alphabet(1)), relation)
            refuted = self._second_lock(relation)  # before the rewriting: it refutes in no time
            vanishes, how = (False, "") if refuted else self._algebra(relation)
        except ShapeMismatch as mismatch:
            return Outcome(Answer.NO, f"the shapes do not fit: {mismatch}")
        except ValueError as reason:  # no words, or rules that contradict each other or cannot be oriented
            return Outcome(Answer.UNKNOWN, str(reason))
        if refuted:
            return refuted
        if vanishes:
            return Outcome(Answer.YES, f"{how}; {INSTANCES} exact rational instances agree", INSTANCES)
        return Outcome(Answer.UNKNOWN, how, INSTANCES)

    def _second_lock(self, relation: Basic) -> Outcome | None:
        """What the instances say against the relation, or against the rules; None if nothing."""
        random = Random(zlib.crc32(srepr(relation).encode()))
        for count in range(INSTANCES):
            try:
                instance = self.instance(random)
                broken = [*self._misnamed(instance), *(r for r in self.rules if not holds_at(r, instance))]
                agrees = holds_at(relation, instance)
            except NotEvaluable as reason:
                return Outcome(Answer.UNKNOWN, f"the second lock was not run: {reason}", count)
            if broken:
                return Outcome(Answer.UNKNOWN, f"an instance violates the rule {broken[0]}", count)
            if not agrees:
                return Outcome(Answer.NO, "exact evaluation at a rational instance contradicts it", count)
        return None

    def _misnamed(self, instance: Instance) -> list[str]:
        """Letters that are declared to be symmetric or diagonal and are not, at this instance."""
        given = [letter for letter in (*self.symmetric, *self.diagonal) if letter in instance]
        turned = [f"{letter} = {letter}^T" for letter in given if not equals_transpose(instance[letter])]
        entries = [letter for letter in self.diagonal if letter in instance]
        return turned + [f"{x} is diagonal" for x in entries if not instance[x].to_Matrix().is_diagonal()]

    def _algebra(self, relation: Basic) -> tuple[bool, str]:
        """Whether the difference of the sides rewrites to 0: by the rules as declared, then completed.

        Two orders of the letters are tried: light symmetric letters replace U L U^T, heavy ones are replaced.
        """
        how = ""
        for weight, completed in ((1, False), (1, True), (HEAVY, True)):
            reader = Reader(self._alphabet(weight))
            difference = _read_difference(reader, relation)
            system = Rewriting.of(reader.alphabet, self._relations(reader))
            system = system.completed() if completed else system
            rules = f"{len(system.rules)} rules"
            if self._vanishes(difference, reader, system):
                return True, f"the difference of the words rewrites to 0 for every size ({rules})"
            how = (
                f"the words do not rewrite to 0 ({rules}, {'complete' if system.complete else 'incomplete'})"
            )
        return False, how

    @staticmethod
    def _vanishes(difference: Blocks | Expr, reader: Reader, system: Rewriting) -> bool:
        if isinstance(difference, tuple):
            return all(system.reduce(block).is_zero for row in difference for block in row)
        return bool(expand(scalar_normal_form(difference, reader, system)) == 0)

    def _alphabet(self, weight: int) -> Alphabet:
        symmetric = frozenset(str(letter.name) for letter in self.symmetric)
        diagonal = frozenset(str(letter.name) for letter in self.diagonal)
        plain = Reader(Alphabet(symmetric, diagonal))
        weights: dict[str, int] = dict.fromkeys(symmetric, weight)
        for rule in self.rules:
            if isinstance(rule.args[0], MatrixSymbol):
                terms = [term for row in plain.blocks(rule.args[1]) for block in row for term in block.terms]
                heaviest = max((sum(weights.get(x.name, 1) for x in word) for word, _ in terms), default=0)
                weights[str(rule.args[0].name)] = heaviest + 1
        return Alphabet(symmetric, diagonal, tuple(weights.items()))

    def _relations(self, reader: Reader) -> list[Polynomial]:
        relations = [
            block
            for rule in self.rules
            for row in _difference(reader.blocks(rule.args[0]), reader.blocks(rule.args[1]))
            for block in row
        ]
        return relations + self._commutators(reader) + _cancellations(reader)

    def _commutators(self, reader: Reader) -> list[Polynomial]:
        letters = [reader.matrix(letter) for letter in self.diagonal]
        pairs = [(a, b) for k, a in enumerate(letters) for b in letters[k + 1 :] if a.shape == b.shape]
        return [a * b - b * a for a, b in pairs]


def _cancellations(reader: Reader) -> list[Polynomial]:
    """s s^-1 = s^-1 s = I for every letter that is inverted somewhere."""
    relations = []
    for letter in sorted(reader.inverses):
        shape = (letter.rows, letter.columns)
        inverse = Polynomial.word((letter,), shape)
        plain = Polynomial.word((letter._replace(inverted=False),), shape)
        unit = Polynomial.word((), shape)
        relations += [inverse * plain - unit, plain * inverse - unit]
    return relations


def _read_difference(reader: Reader, relation: Basic) -> Blocks | Expr:
    left, right = relation.args
    if isinstance(left, MatrixExpr):
        return _difference(reader.blocks(left), reader.blocks(right))
    return reader.scalar(left) - reader.scalar(right)


def _difference(left: Blocks, right: Blocks) -> Blocks:
    if len(left) != len(right) or len(left[0]) != len(right[0]):
        raise NotWords("the two sides are cut into different blocks")
    pairs = (zip(a, b, strict=True) for a, b in zip(left, right, strict=True))
    return tuple(tuple(a - b for a, b in row) for row in pairs)
