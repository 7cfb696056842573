r"""How wide TeX will set a formula, in units of one em, without running TeX.

The model knows the widths of Computer Modern's letters, the space around operators, and that a fraction is
as wide as its wider half and a script seven tenths as wide as text. It serves to decide where a formula has
to be broken; the tests compare it with widths that TeX measured.
"""

from __future__ import annotations

import re
from functools import lru_cache

from theory.printing.prose import GREEK, NAMED_FUNCTIONS, SIGNS

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}^_&]|\s+|.", re.DOTALL)

# Computer Modern math italic at 10 pt, in thousandths of an em (cmmi10).
_ITALIC_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ITALIC_WIDTHS = """
    529 429 433 520 466 490 477 576 345 412 521 298 878 600 485 503 446 451 469 361 572 485 716 572 490 465
    750 759 715 828 738 643 786 831 440 555 849 681 970 803 763 642 791 759 613 584 683 583 944 828 581 683
"""
_ITALIC = dict(zip(_ITALIC_LETTERS, map(int, _ITALIC_WIDTHS.split()), strict=True))
_BINARY, _RELATION = 1.222, 1.334
_CHARACTER = {"+": _BINARY, "-": _BINARY, "*": 0.944, "=": _RELATION, "<": _RELATION, ">": _RELATION}
_CHARACTER |= {"(": 0.389, ")": 0.389, "[": 0.278, "]": 0.278, "|": 0.278, ",": 0.445, ".": 0.278, "/": 0.5}
_CHARACTER |= {":": 0.834, ";": 0.445, "!": 0.278, "'": 0.3}
_SPACE = {
    r"\,": 0.167,
    r"\:": 0.222,
    r"\;": 0.278,
    r"\!": -0.167,
    r"\quad": 1.0,
    r"\qquad": 2.0,
    r"\ ": 0.333,
}
_DELIMITER = {r"\bigl": 0.1, r"\bigr": 0.1, r"\Bigl": 0.22, r"\Bigr": 0.22, r"\left": 0.35, r"\right": 0.35}
_OPERATOR = {r"\sum": 1.444, r"\prod": 1.278, r"\int": 1.0, r"\iint": 1.6, r"\infty": 1.0, r"\partial": 0.56}
_OPERATOR |= {r"\cdot": 0.722, r"\times": _BINARY, r"\to": 1.556, r"\circ": 0.944, r"\ell": 0.417}
_OPERATOR |= {r"\top": 0.778, r"\ldots": 1.17, r"\cdots": 1.17, r"\mid": 0.834, r"\{": 0.5, r"\}": 0.5}
_ROMAN = frozenset([r"\operatorname", r"\operatorname*", r"\mathrm", r"\text", r"\mathbf"])
_TRANSPARENT = frozenset([r"\displaystyle", r"\limits", r"\nolimits", r"\left.", r"\notag"])
_SIZES = (1.0, 1.0, 0.7, 0.5)  # display, text, script, scriptscript style
_FRACTION_PADDING = 0.24
_RADICAL = 1.0
_COLUMN_GAP = 1.0


@lru_cache(maxsize=65536)
def width(formula: str) -> float:
    """Width of a formula in display style, in em of the text font."""
    return _Reader(_TOKEN.findall(formula)).sequence(0, frozenset())


class _Reader:
    """A recursive-descent reader; every method consumes tokens and returns the width it read."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [token for token in tokens if not token.isspace()]
        self._position = 0

    def _peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek() or ""
        self._position += 1
        return token

    def sequence(self, style: int, stop: frozenset[str]) -> float:
        """Everything up to one of the stop tokens, which is left unread."""
        total = 0.0
        while (token := self._peek()) is not None and token not in stop:
            stacked = style == 0 and token in (r"\sum", r"\prod", r"\lim", r"\max", r"\min")
            atom = self._atom(style)
            stacked |= style == 0 and self._peek() == r"\limits"
            if self._peek() == r"\limits":
                self._next()
            scripts = self._scripts(style)
            total += max(atom, scripts) if stacked else atom + scripts
        return total

    def _scripts(self, style: int) -> float:
        widest = 0.0
        while self._peek() in ("^", "_"):
            self._next()
            widest = max(widest, self._atom(max(2, min(style + 1, 3))))
        return widest + 0.05 * (widest > 0)

    def _group(self, style: int) -> float:
        if self._peek() != "{":
            return self._atom(style)
        self._next()
        inside = self.sequence(style, frozenset("}"))
        self._next()
        return inside

    def _atom(self, style: int) -> float:
        token = self._peek() or ""
        if token == "{":
            return self._group(style)
        self._next()
        if token in (r"\frac", r"\tfrac", r"\dfrac", r"\binom"):
            inner = min(style + 1, 3)
            return max(self._group(inner), self._group(inner)) + _FRACTION_PADDING
        if token == r"\sqrt":
            return self._radical(style)
        if token == r"\begin":
            return self._environment(style)
        if token in _ROMAN:
            return self._roman(style)
        return self._symbol(token) * _SIZES[style]

    def _radical(self, style: int) -> float:
        if self._peek() == "[":
            while self._next() not in ("]", ""):
                pass
        return _RADICAL * _SIZES[style] + self._group(style)

    def _roman(self, style: int) -> float:
        # Roman letters are half an em on average; a thin space on each side for the operators.
        return self._group(style) + 0.2 * _SIZES[style]

    def _environment(self, style: int) -> float:
        name = self._name()
        if name == "array":
            self._name()
        rows: list[list[float]] = [[]]
        stop = frozenset(["&", r"\\", r"\end"])
        while self._peek() is not None:
            rows[-1].append(self.sequence(max(style, 1), stop))
            token = self._next()
            if token == r"\end":
                self._name()
                break
            if token == r"\\":
                rows.append([])
        columns = max(len(row) for row in rows)
        widest = [max((row[k] for row in rows if k < len(row)), default=0.0) for k in range(columns)]
        return sum(widest) + _COLUMN_GAP * columns

    def _name(self) -> str:
        self._next()
        letters: list[str] = []
        while self._peek() not in ("}", None):
            letters.append(self._next())
        self._next()
        return "".join(letters)

    @staticmethod
    def _symbol(token: str) -> float:
        if token in _ITALIC:
            return _ITALIC[token] / 1000
        for table in (_CHARACTER, _SPACE, _DELIMITER, _OPERATOR):
            if token in table:
                return table[token]
        if not token.startswith("\\"):
            return 0.5
        return _Reader._command(token)

    @staticmethod
    def _command(token: str) -> float:
        name = token[1:]
        if token in _TRANSPARENT or token == r"\\":
            return 0.0
        if name in NAMED_FUNCTIONS:
            return 0.5 * len(name) + 0.167
        if name in GREEK:
            return 0.75 if name[0].isupper() else 0.62
        return _RELATION if name in SIGNS else 0.5
