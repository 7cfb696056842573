"""JSON that may come from anywhere: bounded before it is built, each field of the type it must have.

Certificates and stores are downloaded and passed on. What they hold is data, never code; here it is also kept
from exhausting the machine, and from reaching the rest of the program in a type that nobody expects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from theory.errors import InputError

# A certificate of this catalogue has about 10,000 characters and 500 values.
LONGEST_TEXT = 8 * 2**20
MOST_VALUES = 200_000
DEEPEST = 32
LONGEST_INTEGER = 4096  # digits
LARGEST_COUNT = 10**9

_NOT_FINITE = {"nan", "inf", "-inf"}


def read_json(text: object, what: str = "the document") -> Any:
    """The value of a JSON text. Raises InputError for what is no JSON, doubled names, NaN, and excess."""
    if not isinstance(text, str):
        raise InputError(f"{what} is {type(text).__name__}, not text")
    values = text.count(",") + text.count("[") + text.count("{")
    if len(text) > LONGEST_TEXT or values > MOST_VALUES:
        raise InputError(
            f"{what} has {len(text)} characters and about {values} values: at most {LONGEST_TEXT} and "
            f"{MOST_VALUES} are read"
        )
    try:
        value = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is no JSON document: {error}") from None
    if _depth(value) > DEEPEST:
        raise InputError(f"{what} is nested too deeply: at most {DEEPEST} levels are read")
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:40]!r} occurs twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value


def _depth(value: Any) -> int:
    """Levels of lists and objects, without recursion."""
    level, depth = [value], 0
    while level := [part for one in level for part in _parts(one)]:
        depth += 1
    return depth


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class Fields:
    """The fields of one JSON object, read by type. Raises InputError that names the field."""

    def __init__(self, value: object, names: set[str], what: str) -> None:
        if not isinstance(value, Mapping):
            raise InputError(f"{what} is {_kind(value)}, not an object")
        if set(value) != names:
            wrong = sorted(map(str, set(value) ^ names))
            raise InputError(f"{what} lacks or misuses a field: {', '.join(wrong)[:80]!r}")
        self._value, self._what = value, what

    def text(self, name: str) -> str:
        return str(self._expect(name, str, "text"))

    def mapping(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._expect(name, Mapping, "an object")
        return found

    def items(self, name: str) -> list[Any]:
        return list(self._expect(name, (list, tuple), "a list"))

    def count(self, name: str) -> int:
        """A whole number from 0 to a billion: nothing here is looped over more often."""
        return self._count(name, self._value[name])

    def counts(self, name: str) -> tuple[int, ...]:
        return tuple(self._count(name, one) for one in self.items(name))

    def seed(self, name: str) -> int:
        """A whole number of any size."""
        value = self._expect(name, int, "a whole number")
        if isinstance(value, bool):
            self._misused(name, "a whole number")
        return int(value)

    def number(self, name: str) -> float:
        """A number; NaN and infinities are written as words."""
        return self._number(name, self._value[name])

    def numbers(self, name: str) -> tuple[float, ...]:
        return tuple(self._number(name, one) for one in self.items(name))

    def optional_numbers(self, name: str) -> tuple[float | None, ...]:
        return tuple(None if one is None else self._number(name, one) for one in self.items(name))

    def named_numbers(self, name: str) -> dict[str, float]:
        return {key: self._number(name, one) for key, one in self.mapping(name).items()}

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.items(name)
        if not all(isinstance(one, str) for one in found):
            self._misused(name, "a list of texts")
        return tuple(found)

    def _count(self, name: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
            return value
        self._misused(name, f"a whole number from 0 to {LARGEST_COUNT}")

    def _number(self, name: str, value: object) -> float:
        words = isinstance(value, str) and value in _NOT_FINITE
        if not words and (isinstance(value, bool) or not isinstance(value, int | float)):
            self._misused(name, "a number")
        try:
            return float(value)  # type: ignore[arg-type]  # a number, or one of three words
        except OverflowError:
            self._misused(name, "a number of double precision")

    def _expect(self, name: str, kinds: Any, wanted: str) -> Any:
        value = self._value[name]
        if not isinstance(value, kinds):
            self._misused(name, wanted)
        return value

    def _misused(self, name: str, wanted: str) -> NoReturn:
        raise InputError(f"{self._what} lacks or misuses a field: {name} is not {wanted}")


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else type(value).__name__
