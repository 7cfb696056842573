"""Some of the fuzz target, always the same; ``python -m tests.security.fuzz`` goes on for long."""

import pytest
from hypothesis import given, settings
from sympy import Function, Symbol

from tests.security import fuzz
from theory.grammar import parse


@settings(max_examples=200)
@given(fuzz.TEXTS)
def test_any_text_is_refused_or_read(text):
    fuzz.check(text)


@settings(max_examples=100)
@given(fuzz.EXPRESSIONS)
def test_expressions_are_read_back(text):
    fuzz.check(text)


@pytest.mark.parametrize(
    "reader",
    [
        lambda text, symbols: Symbol("z"),
        lambda text, symbols: Function("f")(Symbol("x", real=True)),
        lambda text, symbols: parse("x", symbols) if text == "x + 1" else parse(text, symbols) + 1,
        lambda text, symbols: 1 / 0,
    ],
    ids=["another symbol", "another function", "read back differently", "another exception"],
)
def test_property_can_fail(monkeypatch, reader):
    monkeypatch.setattr(fuzz, "parse", reader)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        fuzz.check("x")
