"""LaTeX to PDF: without a LaTeX one line says how to get one; with one the pages hold and nothing is run."""

import shutil
import subprocess

import pytest
from sympy import Eq, Function, Symbol, acos, exp, expand, pi, sqrt, symbols

from proofs_checks.report import pdf
from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.proving.definition import Definition
from theory.statement import Hypothesis, Source, Statement

NEEDS_LATEX = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex, which is optional for users too"
)
HOSTILE = r"50% of x_1 & \write18{touch pwned} \input{/etc/passwd} # ~ ^ {} $\openout5=pwned$ `σ ≤ 漢`"


def page(reason: str) -> str:
    a, b, c = symbols("a b c", positive=True)
    angle = c * (pi - acos(c / sqrt(a * b))) / (2 * pi)
    conclusion = Eq(Function("K")(a, b, c), angle)
    rows = (
        Row(Eq(Symbol("lambda_min"), expand((a + b + 1) ** 7)), reason, Definition()),
        Row(
            Eq(Function("K")(a, b, c), angle**2 * exp(-a) * expand((a + b) ** 6) / (1 + a)),
            reason,
            Definition(),
        ),
        Row(Eq(Symbol("x"), Symbol("sqrt(a*b-c**2)*(pi-acos(c/sqrt(a*b)))/(2*pi)")), reason, Definition()),
    )
    source = Source(
        "A. Author", reason, 2018, "Section 1", "doi:10.1016/0893-6080(89)90014-2/" + 60 * "long."
    )
    hypotheses = (Hypothesis(reason), Hypothesis("$a > 0$"))
    statement = Statement("test.page", reason, reason, hypotheses, conclusion, "exact", (source,), {a: 1})
    return Derivation(statement, rows, Row(Eq(a, a, evaluate=False), reason, Definition())).latex()


def test_without_latex_one_line_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="apt install latexmk") as refusal:
        pdf.write(page("reason"), tmp_path / "page.pdf")
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        pdf.write(page("reason"), tmp_path / "nowhere" / "page.pdf")


@NEEDS_LATEX
def test_hostile_page_compiles_and_prints_what_was_typed(tmp_path):
    pdf.write(page(HOSTILE), tmp_path / "page.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["page.pdf"]
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


@NEEDS_LATEX
def test_nothing_leaves_the_page(tmp_path):
    (tmp_path / "page.tex").write_text(page("Since $a > 0$, the sum is finite."))
    command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "page.tex"]
    log = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout.decode("latin-1")
    assert "Output written" in log
    assert [line for line in log.splitlines() if line.startswith("Overfull")] == []


@NEEDS_LATEX
def test_failure_of_latex_names_its_first_error(tmp_path):
    with pytest.raises(pdf.LatexFailed, match="Undefined control sequence"):
        pdf.write(r"\documentclass{article}\begin{document}\nonsense\end{document}", tmp_path / "page.pdf")
    assert list(tmp_path.iterdir()) == []
