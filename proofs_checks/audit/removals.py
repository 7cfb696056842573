"""A derivation with one hypothesis less: a premise, a rule, a range, or what is assumed of a symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from random import Random
from typing import Any

from sympy import And, Basic, Symbol
from sympy.core.relational import Relational

from theory.derivation import Derivation, Row
from theory.proving.definition import Citation, Given
from theory.statement import Domain

Place = tuple[Row, Domain | None]


@dataclass(frozen=True)
class Removal:
    """One hypothesis, and what a row and its domain are without it.

    uses
        Whether a row mentions it at all; ``change`` is for such rows only.
    unstated
        Whether it is a rule that no row of the derivation states.
    """

    kind: str
    name: str
    uses: Callable[[Row, Domain | None], bool]
    change: Callable[[Row, Domain | None], Place]
    unstated: bool = False


@dataclass(frozen=True)
class Renamed:
    """The instances of a method, for letters whose assumptions were weakened."""

    draw: Callable[[Random], Mapping[Any, Any]]
    names: Mapping[Basic, Basic]

    def __call__(self, random: Random) -> dict[Any, Any]:
        return {_mapped(letter, self.names): value for letter, value in self.draw(random).items()}


def removals(derivation: Derivation) -> Iterator[Removal]:
    """Every hypothesis that rows can use: given and cited rows, rules, letters, ranges, assumptions."""
    rows = (*derivation.rows, derivation.limiting_case)
    domains = [domain for domain in (derivation.statement.domain, *(row.domain for row in rows)) if domain]
    stated = [row for row in rows if isinstance(row.method, (Given, Citation))]
    used = _collected(rows, "premises") | _collected(rows, "rules")
    for row in stated:
        if row.relation in used:
            kind = "given" if isinstance(row.method, Given) else "cited result"
            yield _without(kind, _text(row.relation), ("premises", "rules"), row.relation)
    known = {row.relation for row in stated}
    for rule in _ordered(_collected(rows, "rules") - known):
        removal = _without("rewrite rule", _text(rule), ("rules",), rule)
        yield replace(removal, unstated=all(row.relation != rule for row in rows))
    for field in ("symmetric", "diagonal"):
        for letter in _ordered(_collected(rows, field)):
            yield _without(f"{field} letter", str(letter), (field,), letter)
    for groups in _ordered_groups(rows):
        yield _dependent(groups)
    yield from _ranges(domains)
    yield from _assumptions(rows)


def _collected(rows: tuple[Row, ...], field: str) -> set[Basic]:
    return {item for row in rows for item in getattr(row.method, field, ())}


def _ordered(items: set[Basic]) -> list[Basic]:
    return sorted(items, key=str)


def _ordered_groups(rows: tuple[Row, ...]) -> list[Any]:
    found = {row.method.groups for row in rows if hasattr(row.method, "groups")}
    return sorted((groups for groups in found if len(groups) > 1), key=str)


def _text(part: object) -> str:
    if isinstance(part, Relational):
        sign = {"Equality": "="}.get(type(part).__name__, part.rel_op)
        return f"{part.args[0]} {sign} {part.args[1]}"
    return str(part)


def with_method(row: Row, **changed: Any) -> Row:
    """The row with some fields of its method changed."""
    method: Any = row.method  # a dataclass, which the protocol does not say
    return replace(row, method=replace(method, **changed))


def _without(kind: str, text: str, names: tuple[str, ...], item: Basic) -> Removal:
    def uses(row: Row, _: Domain | None) -> bool:
        return any(item in getattr(row.method, name, ()) for name in names)

    def change(row: Row, domain: Domain | None) -> Place:
        fields_ = {name: getattr(row.method, name) for name in names if hasattr(row.method, name)}
        left = {name: tuple(one for one in items if one != item) for name, items in fields_.items()}
        return with_method(row, **left), domain

    return Removal(kind, text, uses, change)


def _dependent(groups: tuple[tuple[Symbol, ...], ...]) -> Removal:
    def uses(row: Row, _: Domain | None) -> bool:
        return getattr(row.method, "groups", None) == groups

    def change(row: Row, domain: Domain | None) -> Place:
        return with_method(row, groups=(tuple(one for group in groups for one in group),)), domain

    return Removal("independence", _text(groups), uses, change)


def _ranges(domains: list[Domain]) -> Iterator[Removal]:
    ranges = {(symbol, *ends): None for domain in domains for symbol, ends in domain.box.items()}
    for symbol, low, high in sorted(ranges, key=str):
        yield _unbounded(symbol, f"{low} <= {symbol} <= {high}")
    for constraint in _ordered({constraint for domain in domains for constraint in domain.constraints}):
        yield _unconstrained(constraint)


def _unbounded(symbol: Symbol, text: str) -> Removal:
    def less(domain: Domain | None) -> Domain | None:
        if domain is None:
            return None
        return Domain({s: ends for s, ends in domain.box.items() if s != symbol}, domain.constraints)

    def uses(row: Row, domain: Domain | None) -> bool:
        where = row.domain or domain
        return where is not None and symbol in where.box and symbol in row.relation.free_symbols

    return Removal("range", text, uses, _on_domains(less))


def _unconstrained(constraint: Basic) -> Removal:
    def less(domain: Domain | None) -> Domain | None:
        if domain is None:
            return None
        return Domain(domain.box, tuple(one for one in domain.constraints if one != constraint))

    def uses(row: Row, domain: Domain | None) -> bool:
        where = row.domain or domain
        common = constraint.free_symbols & row.relation.free_symbols
        return where is not None and constraint in where.constraints and bool(common)

    return Removal("constraint", _text(constraint), uses, _on_domains(less))


def _on_domains(less: Callable[[Domain | None], Domain | None]) -> Callable[[Row, Domain | None], Place]:
    return lambda row, domain: (replace(row, domain=less(row.domain)), less(domain))


def _assumptions(rows: tuple[Row, ...]) -> Iterator[Removal]:
    symbols = {symbol for row in rows for symbol in row.relation.free_symbols if type(symbol) is Symbol}
    for symbol in sorted(symbols, key=str):
        for fact, weaker in _weaker(symbol):
            yield _renaming(f"{symbol} is {fact}", symbol, weaker)


def _weaker(symbol: Symbol) -> Iterator[tuple[str, Symbol]]:
    """The symbol without its sign, without being an integer, without being real."""
    kinds = ("positive", "negative", "nonnegative", "nonpositive", "nonzero")
    sign = next((kind for kind in kinds if getattr(symbol, f"is_{kind}")), None)
    if sign is not None:
        kept = {"integer": True} if symbol.is_integer else {"real": True}
        yield sign, Symbol(symbol.name, **kept)
    if symbol.is_integer:
        yield "an integer", Symbol(symbol.name, **{sign or "real": True})
    if symbol.is_real and sign is None and not symbol.is_integer:
        yield "real", Symbol(symbol.name)


def _renaming(text: str, symbol: Symbol, weaker: Symbol) -> Removal:
    names = {symbol: weaker}

    def uses(row: Row, _: Domain | None) -> bool:
        return symbol in row.relation.free_symbols and not _holds_data(row.method)

    def change(row: Row, domain: Domain | None) -> Place:
        method: Any = row.method
        changed = {one.name: _mapped(getattr(method, one.name), names) for one in fields(method)}
        moved = replace(
            with_method(row, **changed),
            relation=_mapped(row.relation, names),
            domain=_mapped(row.domain, names),
        )
        return moved, _mapped(domain, names)

    return Removal("assumption", text, uses, change)


def _holds_data(method: Any) -> bool:
    """A method with data of its own (a function that was approximated) speaks of fixed symbols."""
    return any(is_dataclass(getattr(method, f.name)) for f in fields(method))


def _mapped(value: Any, names: Mapping[Basic, Basic]) -> Any:
    """The same with other symbols, wherever a method keeps them."""
    if isinstance(value, And):
        return And(*(_mapped(part, names) for part in value.args))
    if isinstance(value, Relational):
        return value.func(*(_mapped(side, names) for side in value.args), evaluate=False)
    if isinstance(value, Basic):
        return value.xreplace(dict(names))
    if isinstance(value, Domain):
        box = {_mapped(symbol, names): ends for symbol, ends in value.box.items()}
        return Domain(box, tuple(_mapped(one, names) for one in value.constraints))
    if isinstance(value, tuple):
        return tuple(_mapped(one, names) for one in value)
    if isinstance(value, Mapping):
        return {_mapped(key, names): one for key, one in value.items()}
    if callable(value) and not isinstance(value, type):
        return Renamed(value, names)
    return value
