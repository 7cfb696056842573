"""What a command refuses before SymPy, JAX or a theorem is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from proofs_checks.catalogue import catalogue, find
from proofs_checks.report.files import require_folder
from theory.errors import InputError
from theory.grammar.screen import screen, screen_constants, screen_setting
from theory.grammar.sizes import shown

COORDINATES = ("x", "y", "z")
ACTIVATIONS = ("relu", "heaviside", "logistic")
_PRINTED = ("text", "latex", "json")


def expression(text: str, names: Iterable[str]) -> None:
    """Refuse what is no expression in these names: without SymPy, then with it, before any engine."""
    allowed = tuple(names)
    screen(text, allowed)
    from theory.grammar.reader import parse

    parse(text, allowed)


def constants(option: str, *texts: str) -> None:
    """Refuse what is no list of constant expressions, naming the option that it was given to."""
    for text in texts:
        with _named(option):
            screen_constants(text)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def settings(theorems: Iterable[str], given: Mapping[str, str]) -> None:
    """Refuse ids that are unknown, and values that no parameter of the catalogue's own theorems takes.

    A theorem that somebody else wrote may read its parameters as it likes: where one is named, nothing is
    refused here, and no file is run.
    """
    named = tuple(theorems)
    files = [name for name in named if name.endswith(".py")]
    chosen = [find(name) for name in named if name not in files] or list(catalogue().values())
    if files or not all(theorem.blackboard.startswith("theory.") for theorem in chosen):
        return
    for name, value in given.items():
        with _named(f"parameter {name}"):
            screen_setting(value)


def format_of(chosen: str, output: Path | None) -> None:
    """Refuse unknown formats and folders that are not there."""
    if chosen not in _PRINTED:
        raise InputError(f"unknown format {shown(chosen)}: allowed are {', '.join(_PRINTED)}")
    require_folder(output)
