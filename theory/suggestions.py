"""Which names are allowed, the nearest first; free of SymPy, since refusals should come at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST_NAME = 80  # comparing takes time in proportion


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which names are allowed, the nearest first where one is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "allowed are " + ", ".join(names) if names else "there are none here"
