"""Prose with ``$...$`` mathematics, made safe for LaTeX, Markdown, HTML and a terminal.

Outside the dollar signs nothing is a command: every special character is printed as itself. Inside them only
the commands of a list of mathematical ones are let through; a formula with any other command (``\\input``,
``\\write``, ``\\href``) is printed as the text it is. So a string that a user typed can stand in a sentence.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from theory.printing.visible import one_line, visible

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip

SIGNS = {
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "in": "∈", "notin": "∉", "to": "→",
    "rightarrow": "→", "mapsto": "↦", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "iff": "⇔", "implies": "⇒",
    "times": "×", "cdot": "·", "cdots": "⋯", "ldots": "…", "dots": "…", "infty": "∞", "partial": "∂",
    "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "pm": "±", "mp": "∓", "subset": "⊂", "subseteq": "⊆",
    "cup": "∪", "cap": "∩", "setminus": "∖", "emptyset": "∅", "forall": "∀", "exists": "∃", "succ": "≻",
    "succeq": "⪰", "prec": "≺", "preceq": "⪯", "approx": "≈", "sim": "∼", "propto": "∝", "equiv": "≡",
    "otimes": "⊗", "oplus": "⊕", "odot": "⊙", "circ": "∘", "perp": "⊥", "top": "ᵀ", "wedge": "∧", "vee": "∨",
    "neg": "¬", "ell": "ℓ", "langle": "⟨", "rangle": "⟩", "mid": "|", "ll": "≪", "gg": "≫", "dagger": "†",
    "star": "⋆", "ast": "*", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "prime": "′",
    "Vert": "‖", "lVert": "‖", "rVert": "‖", "vert": "|", "lvert": "|", "rvert": "|", "colon": ":",
    "quad": " ", "qquad": "  ", "bullet": "•", "triangleq": "≜",
}  # fmt: skip

NAMED_FUNCTIONS = frozenset(
    "log ln exp sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan min max sup inf lim det dim ker "
    "rank tr arg deg gcd Pr limsup liminf".split()
)

# Commands that only change the look of what follows, and those that build a formula.
_STYLES = frozenset(
    "mathbb mathbf mathcal mathrm mathit mathsf mathfrak boldsymbol operatorname text hat tilde bar vec dot "
    "ddot overline underline widehat widetilde check breve displaystyle textstyle left right big Big bigl "
    "bigr Bigl Bigr middle limits nolimits".split()
)
_BUILDERS = frozenset("frac tfrac dfrac sqrt binom substack".split())
COMMANDS = frozenset(GREEK) | frozenset(SIGNS) | NAMED_FUNCTIONS | _STYLES | _BUILDERS

_COMMAND = re.compile(r"\\([A-Za-z]+)")
_CONTROL_SYMBOL = re.compile(r"\\([^A-Za-z])", re.DOTALL)
_SAFE_CONTROL_SYMBOLS = frozenset(",;:!| {}#%&_")
_LONG_WORD = 20
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})+)\}"  # in braces, which may hold one more level of them
_FORMULA = re.compile(r"\$([^$]+)\$")

_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "…": r"\ldots{}", "²": r"\(^2\)",
    "³": r"\(^3\)", "−": r"\(-\)", "√": r"\(\surd\)", "∼": r"\(\sim\)", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}",  # which would end an optional argument
}  # fmt: skip
# MathJax looks for dollar signs and for \\( in whatever text a page ends up with, escaped or not, and a
# formula may hold a link that runs a script; it does not look across the borders of an element.
_NO_FORMULA = {sign: f'<span class="tex2jax_ignore">{sign}</span>' for sign in "$\\"}
_HTML_SPECIAL = {sign: html.escape(sign) for sign in "<>&\"'"} | _NO_FORMULA
_MARKDOWN_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "`*_{}[]#|~"},
    **{sign: html.escape(sign) for sign in "<>&"},
    "$": _NO_FORMULA["$"],
    "\\": _NO_FORMULA["\\"].replace("\\", "&#92;"),
}
_UNICODE_MATHEMATICS = {
    **{sign: command for command, sign in SIGNS.items() if ord(sign[0]) > 0xBF and len(sign) == 1},
    **{letter: command for command, letter in GREEK.items()},
}


def is_safe_formula(formula: str) -> bool:
    """Whether a formula consists of balanced braces and commands of the list only."""
    commands = all(name in COMMANDS for name in _COMMAND.findall(formula))
    symbols = all(symbol in _SAFE_CONTROL_SYMBOLS for symbol in _CONTROL_SYMBOL.findall(formula))
    printable = formula.isascii() and formula.isprintable() and not formula.endswith("\\")
    # Two carets in a row spell any character by its code, a backslash too.
    plain = "^^" not in formula and not set("%#~$&") & set(_CONTROL_SYMBOL.sub("", formula))
    return commands and symbols and printable and plain and _balanced(formula)


def _balanced(formula: str) -> bool:
    depth = 0
    for character in re.sub(r"\\[{}]", "", formula):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0 and formula.count(r"\left") - formula.count(r"\leftarrow") == formula.count(r"\right")


def _unbroken(text: str) -> str:
    """Text without ends of lines: what follows one could open a block, a list or a heading."""
    return re.sub(r"\s*[\n\r\v\f\u0085\u2028\u2029]\s*", " ", text)


def _convert(prose: str, text: Callable[[str], str], formula: Callable[[str], str]) -> str:
    """Apply ``formula`` to the safe formulas of the prose and ``text`` to everything else."""
    prose = _unbroken(prose)
    parts: list[str] = []
    position = 0
    for match in _FORMULA.finditer(prose):
        if is_safe_formula(match[1]):
            parts += [text(prose[position : match.start()]), formula(match[1])]
            position = match.end()
    return "".join([*parts, text(prose[position:])])


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it stands: no character of it is a command."""
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if character in _LATEX_SPECIAL:
        return _LATEX_SPECIAL[character]
    if character in _UNICODE_MATHEMATICS:
        return rf"\(\{_UNICODE_MATHEMATICS[character]}\)"
    if character in "–—‘’“”\n\t" or " " <= character <= "~" or "\u00a1" <= character <= "\u017e":
        return character
    # pdfLaTeX has no glyph for it and would stop.
    return f"{{[}}U+{ord(character):04X}{{]}}"


def to_latex(prose: str) -> str:
    """Prose for the body of a LaTeX document."""
    return _convert(prose, _escape_breakable, lambda formula: f"${formula}$")


def _escape_breakable(text: str) -> str:
    """Escaped text in which a long word, such as an expression, may be broken after a sign."""
    return "".join(
        "".join(escape_latex(sign) + (r"\allowbreak{}" if sign in "+-*/=,()._:" else "") for sign in word)
        if len(word) > _LONG_WORD
        else escape_latex(word)
        for word in re.split(r"(\s+)", text)
    )


def escape_markdown(text: str) -> str:
    """Text that Markdown and the HTML made of it print as it stands."""
    return "".join(_MARKDOWN_SPECIAL.get(character, character) for character in visible(_unbroken(text)))


def escape_markdown_code(text: str) -> str:
    """Text for a span of code between backquotes, which has no escapes."""
    return one_line(text).replace("`", "'")


def escape_html(text: str) -> str:
    """Text that HTML prints as it stands, and in which MathJax finds no formula."""
    return "".join(_HTML_SPECIAL.get(character, character) for character in visible(text))


def to_markdown(prose: str) -> str:
    """Prose for a Markdown page with ``$...$`` mathematics."""
    return _convert(prose, escape_markdown, lambda formula: f"${markdown_formula(formula)}$")


def markdown_formula(formula: str) -> str:
    """A formula without the signs that a Markdown reader may take for HTML."""
    return formula.replace("<", r"\lt ").replace(">", r"\gt ")


def to_html(prose: str) -> str:
    """Prose for an HTML fragment in which MathJax typesets ``$...$``."""
    return _convert(prose, escape_html, lambda formula: f"${html.escape(formula)}$")


def to_text(prose: str) -> str:
    """Prose for a terminal: formulas in Unicode, as far as Unicode goes."""
    return _convert(prose, visible, unicode_formula)


def unicode_formula(formula: str) -> str:
    """A one-line Unicode rendering: ``\\Sigma_{XX} \\le 1`` becomes ``Σ_XX ≤ 1``."""
    formula = re.sub(rf"\\(?:t|d)?frac{_GROUP}{_GROUP}", _inline_fraction, formula)
    formula = re.sub(rf"\\sqrt{_GROUP}", r"√(\1)", formula)
    formula = formula.replace(r"^{\top}", "ᵀ").replace(r"^\top", "ᵀ")
    formula = _COMMAND.sub(lambda match: _unicode_command(match[1]), formula)
    formula = re.sub(r"\\[,;:!]", " ", formula)
    formula = re.sub(r"([_^])\{(\w+)\}", r"\1\2", formula)
    formula = re.sub(r"([_^])\{([^{}]+)\}", r"\1(\2)", formula)
    formula = re.sub(r"\\\|", "‖", formula)
    formula = re.sub(r"(?<!\\)[{}]", "", formula)
    return re.sub(r" {2,}", " ", formula.replace("\\", "")).strip()


def _inline_fraction(match: re.Match[str]) -> str:
    sides = (side if re.fullmatch(r"[\w\\]+", side) else f"({side})" for side in match.groups())
    return "/".join(sides)


def _unicode_command(name: str) -> str:
    if name in NAMED_FUNCTIONS:
        return f"{name} "
    return GREEK.get(name) or SIGNS.get(name) or ""
