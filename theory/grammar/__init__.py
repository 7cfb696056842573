"""The safe grammar: the only way in which text that a user typed becomes a SymPy expression.

Names are loaded when first used: ``theory.grammar.screen`` refuses without SymPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory.grammar.functions import FUNCTIONS, Form
    from theory.grammar.reader import parse, parse_integers, parse_interval, parse_rational

__all__ = ["FUNCTIONS", "Form", "parse", "parse_integers", "parse_interval", "parse_rational"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(
            f"module 'theory.grammar' has no attribute {name!r}: it has {', '.join(__all__)}"
        )
    home = "functions" if name in ("FUNCTIONS", "Form") else "reader"
    return getattr(importlib.import_module(f"theory.grammar.{home}"), name)
