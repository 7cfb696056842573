"""Rewriting modulo declared relations, completed as far as a bound allows.

Every rule, declared or derived, is a consequence of the declared relations, so a normal form of zero is a
proof. Where completion stopped early a normal form other than zero says nothing, and even a complete one
is only a reason to look for a counterexample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import S

from theory.proving.words.polynomials import Alphabet, Polynomial, Word

MAXIMUM_RULES = 300
MAXIMUM_PAIRS = 4000
MAXIMUM_LENGTH = 12  # of the words that overlaps may create


@dataclass(frozen=True)
class Rule:
    """``left`` rewrites to ``right``, a polynomial of smaller words."""

    left: Word
    right: Polynomial


@dataclass
class Rewriting:
    """A set of rules over one alphabet.

    ``complete`` is True once all overlaps were resolved: then normal forms are unique.
    """

    alphabet: Alphabet
    rules: dict[Word, Rule]
    complete: bool = False

    @classmethod
    def of(cls, alphabet: Alphabet, relations: list[Polynomial]) -> Rewriting:
        """The oriented relations and their transposes, not yet completed."""
        system = cls(alphabet, {})
        for relation in relations:
            system.add(relation)
            system.add(relation.transposed(alphabet))
        return system

    def add(self, relation: Polynomial) -> list[Rule]:
        """Orient ``relation`` = 0 after reducing it; the new rules, none if it follows from those here.

        Rules whose left side a new rule rewrites are taken out and put back in reduced form.
        Raises ValueError when the leading coefficient is not a number, or when the relations force an
        identity matrix to vanish.
        """
        pending, new = [relation], []
        while pending:
            reduced = self.reduce(pending.pop())
            if reduced.is_zero:
                continue
            rule = self._oriented(reduced)
            for word in [word for word in self.rules if _contains(word, rule.left)]:
                old = self.rules.pop(word)
                pending.append(Polynomial.word(word, old.right.shape) - old.right)
            self.rules[rule.left] = rule
            new.append(rule)
        return new

    def _oriented(self, relation: Polynomial) -> Rule:
        word, coefficient = max(relation.terms, key=lambda term: self.alphabet.key(term[0]))
        if not coefficient.is_Rational:
            raise ValueError(f"a rule whose leading coefficient is {coefficient} cannot be oriented")
        if not word:
            raise ValueError("the declared rules contradict each other: they force I = 0")
        rest = Polynomial.collect(relation.shape, iter(term for term in relation.terms if term[0] != word))
        return Rule(word, rest.scaled(S.NegativeOne / coefficient))

    def reduce(self, polynomial: Polynomial) -> Polynomial:
        """A normal form: no word of it contains the left side of a rule."""
        pending, done = dict(polynomial.terms), {}
        while pending:
            word = max(pending, key=self.alphabet.key)
            coefficient = pending.pop(word)
            if coefficient == 0:
                continue
            found = self._find(word)
            if found is None:
                done[word] = coefficient
                continue
            start, rule = found
            before, after = word[:start], word[start + len(rule.left) :]
            for middle, value in rule.right.terms:
                following = before + middle + after
                pending[following] = pending.get(following, S.Zero) + coefficient * value
        return Polynomial.collect(polynomial.shape, iter(done.items()))

    def _find(self, word: Word) -> tuple[int, Rule] | None:
        for start in range(len(word)):
            for stop in range(start + 1, len(word) + 1):
                rule = self.rules.get(word[start:stop])
                if rule is not None:
                    return start, rule
        return None

    def completed(self) -> Rewriting:
        """This system with the consequences of overlapping rules added, up to the bounds."""
        system = Rewriting(self.alphabet, dict(self.rules))
        queue = list(system.rules.values())
        done: list[Rule] = []
        pairs = truncated = 0
        while queue:
            rule = queue.pop(0)
            if rule.left not in system.rules:
                continue
            done.append(rule)
            for difference in [d for other in done for d in system._overlaps(rule, other)]:
                if difference is None:
                    truncated += 1
                    continue
                pairs += 1
                if pairs > MAXIMUM_PAIRS or len(system.rules) > MAXIMUM_RULES:
                    return system
                queue.extend(system.add(difference))
        system.complete = truncated == 0
        return system

    def _overlaps(self, first: Rule, second: Rule) -> Iterator[Polynomial | None]:
        """Differences of the two ways to rewrite an overlap; None where the overlap is too long."""
        pairs = [(first, second)] if first is second else [(first, second), (second, first)]
        for a, b in pairs:
            for size in range(1, min(len(a.left), len(b.left))):
                if a.left[-size:] != b.left[:size]:
                    continue
                if len(a.left) + len(b.left) - size > MAXIMUM_LENGTH:
                    yield None
                    continue
                tail, head = b.left[size:], a.left[:-size]
                shape = (a.right.shape[0], b.right.shape[1])
                one = ((word + tail, value) for word, value in a.right.terms)
                two = ((head + word, -value) for word, value in b.right.terms)
                yield Polynomial.collect(shape, iter([*one, *two]))


def _contains(word: Word, part: Word) -> bool:
    return any(word[k : k + len(part)] == part for k in range(len(word) - len(part) + 1))
