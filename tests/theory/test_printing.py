"""The printed page: nothing a string holds becomes a command, nothing leaves the line, open rows are loud."""

import json
import re
from dataclasses import dataclass
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import (
    Add,
    And,
    Eq,
    Function,
    Heaviside,
    Identity,
    Integral,
    Le,
    MatrixSymbol,
    Or,
    Rational,
    Symbol,
    Trace,
    Tuple,
    acos,
    erf,
    exp,
    expand,
    oo,
    pi,
    sqrt,
    symbols,
)

from theory.derivation import Derivation, Row
from theory.gaussian import dual_kernel
from theory.grammar import parse
from theory.printing.latex import PREAMBLE
from theory.printing.line_breaks import LINE, break_lines
from theory.printing.mathematics import latex_of, notation
from theory.printing.prose import escape_latex, is_safe_formula, to_html, to_latex, to_markdown, to_text
from theory.printing.text import COLUMNS, formula
from theory.printing.width import width
from theory.proving.definition import Citation, Definition
from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain, Hypothesis, Source, Statement

a, b, c = symbols("a b c", positive=True)
x, y = symbols("x y", real=True)
KERNEL = Eq(
    Function("K")(a, b, c), sqrt(a * b - c**2) / (2 * pi) + c * (pi - acos(c / sqrt(a * b))) / (2 * pi)
)
HOSTILE = r"x_1 % \write18{touch pwned} \input{/etc/passwd} & # ~ ^ <script>alert(1)</script> $\csname x$"
SOURCE = Source("Clément Hongler", "Kernels & networks", 2018, "Theorem 1", "arXiv:1806.07572")
OTHER_SOURCE = Source("R. Price", "A useful theorem", 1958)


@dataclass(frozen=True)
class Stub:
    """A method whose answer is fixed: the page is under test, not the proof."""

    earns: Status
    answer: Answer = Answer.YES
    how: str = "both sides have one normal form"

    def discharge(self, relation, domain):
        return Outcome(self.answer, self.how, 5)


def derivation_with(*methods, reason="By Price's theorem, $\\sigma \\le 1$.", relation=KERNEL):
    statement = Statement(
        id="kernels.example",
        title="The kernel of $s$",
        summary=reason,
        hypotheses=(Hypothesis("the variances are positive", a * b > c**2), Hypothesis("$a > 0$")),
        conclusion=KERNEL,
        regime="exact",
        sources=(SOURCE,),
        instance={a: 1, b: 2, c: Rational(1, 2)},
        domain=Domain({a: (1, 2), b: (1, 2), c: (0, Rational(1, 2))}),
    )
    rows = tuple(Row(relation, reason, method) for method in methods)
    limiting = Row(Eq(Function("K")(1, 1, 1), Rational(1, 2)), "At equal inputs.", Stub(Status.PROVED))
    return Derivation(statement, rows, limiting)


ALL_KINDS = (
    Stub(Status.PROVED),
    Stub(Status.CERTIFIED),
    Definition(),
    Citation(OTHER_SOURCE),
    Stub(Status.PROVED, Answer.UNKNOWN, "the ladder did not decide"),
    Stub(Status.PROVED),
)


def test_latex_special_characters_print_as_themselves():
    assert to_latex("50% of x_1 & $y#") == r"50\% of x\_1 \& \$y\#"
    assert to_latex(r"\write18{rm}") == r"\textbackslash{}write18\{rm\}"
    assert to_latex(r"at $\sigma_{1} \le 1$, σ≤1") == r"at $\sigma_{1} \le 1$, \(\sigma\)\(\leq\)1"


@pytest.mark.parametrize(
    "formula",
    [r"\input{x}", r"\write18{x}", r"\csname input\endcsname", "x%", r"}\input{x", "a#1", r"\href{x}{y}",
     "^^5cinput", r"\\", "\\", r"\left( x", r"\text{\catcode}", "σ", "a & b"],
)  # fmt: skip
def test_formula_with_another_command_is_printed_as_text(formula):
    assert not is_safe_formula(formula)
    assert to_latex(f"${formula}$") == to_latex("$") + escape_latex(formula) + to_latex("$")


@given(st.text(max_size=40))
def test_no_text_keeps_a_live_command(text):
    printed = to_latex(text.replace("$", ""))
    allowed = {"textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar"}
    allowed |= {"textquotedbl", "textasciigrave", "ldots", "surd", "sim", "allowbreak"}
    mathematics = set(re.findall(r"\\\(\\([A-Za-z]+)\\\)", printed))
    assert set(re.findall(r"\\([A-Za-z]+)", printed)) <= allowed | mathematics
    stripped = re.sub(r"\\[\\{}$&#%_]", "", printed)
    assert not set("$&#%_~") & set(stripped)
    assert printed.replace(r"\{", "").count("{") == printed.replace(r"\}", "").count("}")


def test_prose_is_harmless_in_html_and_markdown():
    assert to_html("<script> $x<y$") == "&lt;script&gt; $x&lt;y$"
    assert to_markdown("a_b*c <b> $x<y$") == r"a\_b\*c &lt;b&gt; $x\lt y$"


def test_formulas_in_a_terminal():
    assert (
        to_text(r"$\Sigma_{XX} \succ 0$ and $\frac{a+1}{2} \le \|W^{\top}\|$")
        == "Σ_XX ≻ 0 and (a+1)/2 ≤ ‖Wᵀ‖"
    )


def test_fractions_keep_their_bar_in_text():
    assert to_text(r"$\frac{h^{2} s}{\left(s + t\right)^{2}}$") == "(h^2 s)/((s + t)^2)"
    assert to_text(r"$e^{-\frac{x^{2}}{2}}$") == "e^(-(x^2)/2)"


def test_conventions_of_the_field():
    weights, n = MatrixSymbol("W_1", 3, 3), Symbol("n", integer=True)
    assert latex_of(Trace(weights.T * weights)) == r"\operatorname{tr}\left(W_{1}^{\top} W_{1} \right)"
    assert latex_of(Identity(n)) == "I_{n}"
    assert latex_of(acos(x)) == r"\arccos{\left(x \right)}"
    assert latex_of(Heaviside(x) ** 2) == r"\operatorname{H}^{2}\left(x\right)"
    assert latex_of(erf(x)) == r"\operatorname{erf}{\left(x \right)}"
    assert latex_of(Symbol("lambda_min")) == r"\lambda_{\mathrm{min}}"
    assert latex_of(Symbol(r"\Sigma_{XX}")) == r"\Sigma_{XX}"
    assert latex_of(Symbol("A^+")) == "A^{+}"
    assert latex_of(Symbol("#_-")) == r"\#_{-}"
    assert latex_of(Function("In")(x)) == r"\operatorname{In}{\left(x \right)}"
    assert latex_of(-weights * weights + weights) == "W_{1} - W_{1}^{2}"
    assert latex_of(Symbol(r"\input{x}")) == r"\text{\textbackslash{}input\{x\}}"


def test_the_normal_distribution_function_has_its_own_letter():
    x, a = symbols("x a", positive=True)
    assert latex_of(Rational(1, 2) + erf(x / sqrt(2)) / 2) == r"\Phi\left(x\right)"
    assert latex_of(a * (Rational(1, 2) - erf(x) / 2)) == r"a \Phi\left(- \sqrt{2} x\right)"
    for other in (1 + erf(x) / 2, Rational(1, 2) + erf(x), Rational(1, 2) + erf(x) / 2 + a):
        assert "Phi" not in latex_of(other)


def test_special_functions_are_explained_where_they_occur():
    kernel = dual_kernel(parse("max(z + 1/2, 0)", symbols=("z",)), Symbol("z", real=True))
    assert "Phi$" in notation(latex_of(kernel))
    assert "Phi_2(h, k" in notation(latex_of(kernel))
    assert notation(latex_of(erf(Symbol("x")))) == ""


# Widths that TeX measured (LaTeX's article at 10 pt, \displaystyle, Latin Modern), in em.
@pytest.mark.parametrize(
    ("formula", "measured"),
    [
        (latex_of(KERNEL), 20.91),
        (latex_of(Eq(Symbol("lambda_min"), expand((x + y + 1) ** 7))), 132.15),
        (latex_of(Integral(exp(-(x**2) / 2) / sqrt(2 * pi), (x, -oo, oo))), 6.59),
        (r"\mathcal{N}(0, \Sigma_{XX})", 4.88),
        (r"a \in A, \quad b \mapsto c", 6.36),
        (r"W_{2} W_{1} = 0", 4.62),
    ],
)
def test_width_agrees_with_tex(formula, measured):
    # LINE leaves 7 % of article's line to the model, its number apart; too wide only costs a line.
    assert 0.95 * measured <= width(formula) <= 1.15 * measured


LONG = [
    Eq(Symbol("lambda_min"), expand((x + y + 1) ** 7)),
    Eq(Function("K")(a, b, c), KERNEL.rhs**2 * exp(-(a**2)) * expand((a + b) ** 5) / (1 + a + b + c) ** 2),
    Eq(Integral(expand((x + y) ** 9), (x, 0, 1)), erf(expand((a + b) ** 8) / sqrt(1 + a))),
    Le(sqrt(expand((a + b) ** 9)), expand((a + b) ** 6) + 1 / (a + b)),
    Eq(Tuple(x, y), Tuple(expand((x + y) ** 5), expand((x + 1) ** 8))),
    Or(x > 1, expand((x + y) ** 5) > expand((x + 1) ** 8)),
    Eq(Function("F")(expand((x + y) ** 5), expand((x + 1) ** 8)), 0),
    Eq(
        Symbol("t"),
        Trace(Add(*[MatrixSymbol(f"A_{k}", 3, 3) * MatrixSymbol("B", 3, 3).T for k in range(12)]).doit()),
    ),
]


@pytest.mark.parametrize("relation", LONG)
def test_long_relations_are_broken_to_the_width_of_the_page(relation):
    broken = break_lines(relation)
    assert len(broken.lines) > 1
    widest = max(width(line) for line in broken.lines)
    assert widest + (width(broken.left_side) if broken.aligned else 0) <= LINE


@given(st.lists(st.integers(-99, 99), min_size=1, max_size=40))
def test_breaking_a_sum_loses_no_term(coefficients):
    relation = Eq(Symbol("s"), Add(*[k * x**n for n, k in enumerate(coefficients, 1)]), evaluate=False)
    broken = break_lines(relation)
    joined = broken.left_side + "".join(broken.lines)
    assert re.sub(r"\s|\{\}", "", joined) == re.sub(r"\s", "", latex_of(relation))


@pytest.mark.parametrize("form", ["latex", "markdown", "text"])
def test_open_rows_are_loud_in_every_form(form):
    page = getattr(derivation_with(*ALL_KINDS), form)()
    assert page.count("OPEN") >= 2
    assert "NOT DERIVED" in page
    assert "the ladder did not decide" in page.lower()


@pytest.mark.parametrize("form", ["latex", "markdown", "text"])
def test_derived_page_says_so(form):
    page = getattr(derivation_with(Stub(Status.PROVED), Citation(OTHER_SOURCE)), form)()
    assert "OPEN" not in page
    assert "Derived" in page
    assert "A useful theorem" in page


def test_page_links_the_step_that_is_the_conclusion():
    assert "Step 1 is the conclusion" in derivation_with(Stub(Status.PROVED)).latex()
    other = derivation_with(Stub(Status.PROVED), relation=Eq(a, b))
    assert "No step is the conclusion. NOT DERIVED: no row is the conclusion" in other.latex()
    assert other.status == "open"


def test_hostile_strings_reach_no_page_as_commands():
    derivation = derivation_with(*ALL_KINDS, reason=HOSTILE)
    body = derivation.latex().removeprefix(PREAMBLE)
    for command in (r"\write", r"\input", r"\csname"):
        assert command not in body
    assert "<script>" not in derivation._repr_html_()
    assert "<script>" not in derivation.markdown()


def test_notebook_and_data_forms():
    derivation = derivation_with(*ALL_KINDS)
    assert derivation._repr_latex_().startswith("$\\displaystyle ")
    assert derivation._repr_html_().count("<details>") == 1
    document = json.loads(json.dumps(derivation.to_dict()))
    assert document["counts"]["open"] == 1
    assert [row["status"] for row in document["rows"]][3:5] == ["cited", "open"]
    assert document["concluding_steps"] == [6]


def test_a_wide_relation_is_drawn_line_by_line_within_the_page():
    terms = [sqrt(Symbol(f"{letter}_{k}") + k) for k in range(1, 9) for letter in "abc"]
    drawn = formula(And(Eq(Symbol("y"), sum(terms)), Eq(Symbol("w"), -terms[0])))
    assert max(map(len, drawn.splitlines())) <= COLUMNS
    assert "sqrt" not in drawn
    assert drawn.count("╲╱") == len(terms) + 1
    assert re.findall(r"^ +(y|w)\b|^ +([=+]) ", drawn, flags=re.MULTILINE)[:2] == [("w", ""), ("y", "")]


def test_a_term_wider_than_the_page_is_set_on_one_line_and_wrapped():
    product = prod(Symbol(f"{letter}_{k}") + k for k in range(1, 9) for letter in "abc")
    drawn = formula(Eq(Symbol("y"), product))
    assert max(map(len, drawn.splitlines())) <= COLUMNS
    assert "y = (a_1 + 1)*" in drawn
