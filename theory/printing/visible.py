r"""Text in which nothing is hidden: what a terminal would obey or not show is spelled out.

Escape sequences move the cursor and change the title of a window, bidirectional controls reorder a line, and
zero-width characters make two names look like one. Free of SymPy.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

_KEPT = "\n\t"
_UNPRINTED = re.compile(r"[^ -~\n]")


def visible(text: str) -> str:
    """``text`` with control, format, private and unpaired characters as ``[U+001B]``; lines and tabs stay.

    >>> visible("a\\x1b[31m")
    'a[U+001B][31m'
    """
    if text.isprintable():
        return text
    return "".join(f"[U+{ord(sign):04X}]" if _hidden(sign) else sign for sign in text)


def one_line(text: str) -> str:
    """The same on one line."""
    return visible(" ".join(text.split()))


def visible_json(document: Any) -> str:
    """A legible JSON text on one line, with the same characters escaped; raises ValueError for NaN."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return _UNPRINTED.sub(lambda match: _escaped(match[0]) if _hidden(match[0]) else match[0], text)


def _hidden(sign: str) -> bool:
    return sign not in _KEPT and not sign.isprintable() and category(sign) != "Zs"


def _escaped(sign: str) -> str:
    return json.dumps(sign)[1:-1] if sign != "\x7f" else "\\u007f"
