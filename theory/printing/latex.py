r"""A derivation as a section of a paper: theorem, numbered steps with reasons, conclusion, references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sympy import Basic, S

from theory.printing import facts
from theory.printing.line_breaks import LINE, Broken, break_lines
from theory.printing.mathematics import latex_of, notation
from theory.printing.prose import escape_latex, to_latex
from theory.printing.width import width
from theory.proving.outcome import Status

if TYPE_CHECKING:
    from theory.derivation import CheckedRow, Derivation
    from theory.statement import Hypothesis, Source, Statement

# At 11 pt the text is as wide as article's at 10 pt, counted in em: the lines fit into either.
PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[textwidth=378pt,top=2.5cm,bottom=2.5cm]{geometry}
\usepackage{amsmath,amssymb,amsthm,graphicx}
\newtheorem{theorem}{Theorem}
\allowdisplaybreaks
\emergencystretch=3em
"""


def document(derivation: Derivation) -> str:
    """A complete LaTeX document; the part between the two marks can be pasted into a paper."""
    return "\n".join(
        [
            PREAMBLE + r"\begin{document}",
            "% ---- the section begins: needs amsmath, amssymb, amsthm, graphicx, a theorem environment ----",
            section(derivation),
            "% ---- the section ends ----",
            _bibliography(derivation),
            r"\end{document}",
            "",
        ]
    )


def section(derivation: Derivation) -> str:
    """Statement, steps, limiting case and conclusion; citations refer to the bibliography of `document`."""
    statement = derivation.statement
    theorem = _theorem(statement)
    steps = [_step(derivation, number, checked) for number, checked in enumerate(facts.steps(derivation), 1)]
    parts = [
        rf"\section{{\raggedright {to_latex(statement.title)}}}",
        to_latex(statement.summary),
        theorem,
        notation("".join([theorem, *steps])),
        _summary(derivation),
        *steps,
        _limiting_case(derivation),
        _conclusion(derivation),
    ]
    return "\n\n".join(filter(None, parts))


def notebook(derivation: Derivation) -> str:
    """The conclusion, for a notebook that shows mathematics only."""
    return f"$\\displaystyle {mathematics(derivation.statement.conclusion)}$"


def mathematics(relation: Basic) -> str:
    """One relation inside mathematics that is already open, over as many lines as it needs."""
    broken = break_lines(relation)
    if len(broken.lines) == 1:
        return broken.lines[0]
    return r"\begin{aligned}" + (r" \\ ".join(_aligned(broken))) + r"\end{aligned}"


def display(relation: Basic, tag: str = "") -> str:
    """One relation as a display of its own; lines that no break can shorten are scaled down."""
    broken = break_lines(relation)
    number = rf" \tag{{{tag}}}" if tag else r" \notag"
    if len(broken.lines) == 1:
        return "\n".join(
            [r"\begin{equation*}", _fitted(broken.lines[0]) + (number if tag else ""), r"\end{equation*}"]
        )
    lines = _aligned(broken)
    rows = [f"{line} \\notag" for line in lines[:-1]] + [lines[-1] + number]
    return "\n".join([r"\begin{align}", " \\\\[0.6ex]\n".join(rows), r"\end{align}"])


def _aligned(broken: Broken) -> list[str]:
    first, *rest = broken.lines
    if broken.aligned:
        return [f"{broken.left_side} &{first}", *(rf"&\qquad {line}" for line in rest)]
    return [f"&{_fitted(first)}", *(rf"&\qquad {_fitted(line)}" for line in rest)]


def _fitted(line: str) -> str:
    if width(line) <= LINE:
        return line
    return rf"\resizebox{{0.9\linewidth}}{{!}}{{$\displaystyle {line}$}}"


def _theorem(statement: Statement) -> str:
    error = f" ${latex_of(statement.error_term)}$." if statement.error_term is not None else ""
    lines = [
        rf"\begin{{theorem}}{_attribution(statement)}\label{{{_key(statement.id)}}}",
        *_hypotheses(statement.hypotheses),
        display(statement.conclusion, "T"),
        facts.regime(statement) + error,
        r"\end{theorem}",
    ]
    pairs = [f"${_name(name)} = {_name(value)}$" for name, value in facts.instance(statement)]
    if pairs:
        lines.append(rf"\noindent The hypotheses are satisfied, for example, by {', '.join(pairs)}.")
    return "\n".join(lines)


def _name(value: object) -> str:
    return latex_of(value) if isinstance(value, Basic) else rf"\text{{{escape_latex(str(value))}}}"


def _attribution(statement: Statement) -> str:
    listed = facts.works(statement.sources)
    cites = [_cite(statement.id, source, listed) for source in statement.sources]
    return f"[{{{', '.join(cites)}}}]" if cites else ""


def _cite(identifier: str, source: Source, listed: tuple[Source, ...]) -> str:
    place = f"[{{{to_latex(source.locator)}}}]" if source.locator else ""
    (work,) = facts.works([source])
    return rf"\cite{place}{{{_reference(identifier, listed.index(work) + 1)}}}"


def _hypotheses(hypotheses: tuple[Hypothesis, ...]) -> list[str]:
    if not hypotheses:
        return ["Without further hypotheses,"]
    items = [
        rf"\item[(H{number})] {_hypothesis(hypothesis)}" for number, hypothesis in enumerate(hypotheses, 1)
    ]
    return ["Assume", r"\begin{itemize}", *items, r"\end{itemize}", "Then"]


def _hypothesis(hypothesis: Hypothesis) -> str:
    prose = to_latex(hypothesis.text)
    if hypothesis.relation in (None, S.true):
        return prose
    relation = latex_of(hypothesis.relation)
    return prose if relation in prose else f"{prose.rstrip('.')}: ${relation}$"


def _summary(derivation: Derivation) -> str:
    verdict, tally = escape_latex(facts.verdict(derivation)), escape_latex(facts.tally(derivation))
    if derivation.status == "derived":
        return rf"\noindent\textbf{{{verdict}.}} {tally}."
    return rf"\noindent\fbox{{\textbf{{{verdict}.}}}} {tally}."


def _status(status: Status) -> str:
    printed = escape_latex(facts.label(status))
    return rf"\fbox{{{printed}}}" if status in (Status.OPEN, Status.NOT_RUN) else printed


def _step(derivation: Derivation, number: int, checked: CheckedRow) -> str:
    source = facts.cited_source(checked)
    listed = facts.works(facts.sources(derivation))
    heading = f"Step {number} ({_status(checked.status)})."
    cite = " " + _cite(derivation.statement.id, source, listed) if source else ""
    return "\n".join(
        [
            rf"\paragraph{{{heading}}} {to_latex(facts.reason(checked))}{cite}",
            display(checked.row.relation, f"S{number}"),
            _discharge(derivation, checked),
        ]
    )


def _discharge(derivation: Derivation, checked: CheckedRow) -> str:
    if checked.status in (Status.DEFINED, Status.CITED):
        return ""
    ranges = facts.ranges(checked.row.domain or derivation.statement.domain)
    box = ", ".join(
        f"${latex_of(low)} \\leq {latex_of(symbol)} \\leq {latex_of(high)}$" for symbol, low, high in ranges
    )
    where = f" On {box}." if box and checked.status is Status.CERTIFIED else ""
    return rf"{{\small\noindent {to_latex(facts.how(checked))}{where}\par}}"


def _limiting_case(derivation: Derivation) -> str:
    checked = facts.limiting_case(derivation)
    heading = rf"\paragraph{{Limiting case ({_status(checked.status)}).}} {to_latex(facts.reason(checked))}"
    return "\n".join([heading, display(checked.row.relation), _discharge(derivation, checked)])


def _conclusion(derivation: Derivation) -> str:
    closing = r"\hfill$\square$" if derivation.status == "derived" else ""
    return rf"\paragraph{{Conclusion.}} {escape_latex(facts.closing(derivation))}" + closing


def _bibliography(derivation: Derivation) -> str:
    listed = facts.works(facts.sources(derivation))
    if not listed:
        return ""
    items = [
        rf"\bibitem{{{_reference(derivation.statement.id, number)}}} {_entry(source)}"
        for number, source in enumerate(listed, 1)
    ]
    return "\n".join([r"\begin{thebibliography}{9}", *items, r"\end{thebibliography}"])


def _entry(source: Source) -> str:
    tail = f" {to_latex(source.identifier)}." if source.identifier else ""
    return rf"{to_latex(source.authors)}. \emph{{{to_latex(source.title)}}}, {source.year}.{tail}"


def _key(identifier: str) -> str:
    return "".join(
        character if character.isalnum() and character.isascii() else "-" for character in identifier
    )


def _reference(identifier: str, number: int) -> str:
    return f"{_key(identifier)}-{number}"
