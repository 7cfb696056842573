"""Hostile titles, names, causes and certificates in every report: printed as they stand, never obeyed."""

import contextlib
import dataclasses
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from rich.console import Console
from sympy import Eq, Function, Symbol

from proofs_checks.certificate import Certificate
from proofs_checks.commands import check
from proofs_checks.report import notebook, pdf, terminal
from proofs_checks.report.summary import Report, TheoremReport
from tests.security.corpus import CORPUS
from tests.security.hostile_files import genuine, signed
from theory.derivation import Derivation, Row
from theory.proving.definition import Definition
from theory.statement import Hypothesis, Source, Statement

TEX = (
    r"\input{/etc/passwd} \include{/etc/passwd} \write18{touch canary} \immediate\write18{touch canary}",
    r"\openout5=canary \write5{x} \closeout5 \def\par{\relax} \catcode`\%=12 \csname input\endcsname{x}",
    r"^^5cinput{/etc/passwd} ^^5c^^77rite18{touch canary} $^^5cinput{x}$ ^^M%",
    r"}} \end{document} {{ \begin{filecontents}{canary} $x} {$ $$ \] \) { }} % comment",
    r"$\input{/etc/passwd}$ $\href{javascript:alert(1)}{x}$ $\unicode{60}script$ $\def\x{1}$ $\left(x$",
    r"$\text{\input{x}}$ $x%y$ $x#1$ $x&y$ $x~y$ $\\ \hline$ $\verb|x|$ $\special{x}$ $\pdfobj{x}$",
)
HTML = (
    "<script>alert(1)</script></script><img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "\"><a href='javascript:alert(1)'>x</a> &lt;script&gt; &#60;script&#62; <!-- <![CDATA[ ]]>",
    "[x](javascript:alert(1)) ![x](http://example.invalid/x) <http://example.invalid> `</code><b>`",
    r"\(\href{javascript:alert(1)}{x}\) \[\href{javascript:alert(1)}{x}\] \begin{equation}\style{x}{y}",
    "$$\\href{javascript:alert(1)}{x}$$ ``` \n\n# heading\n\n> quote\n\n1. x",
    "\\$\\href{javascript:alert(1)}{x}\\$",
    "x\n\n<iframe src=http://example.invalid>\n\n    code\n\n---\n| a | b |\n|---|---|\n",
)
SCREEN = (
    "\x1b[2J\x1b]0;a\x07\x1b[31mred\x9b31m\x08\x7f\r\n\x00 \u202ereversed\u202c \u2066\u2069 \u200b\ufeff",
    "[red]x[/red] [link=http://example.invalid]x[/link] [/] [bold",
)
HOSTILE = (*TEX, *HTML, *SCREEN)
ALL = " ".join(HOSTILE)


def derivation(words):
    a, b = Symbol("a", positive=True), Symbol(f"b{words}", positive=True)
    conclusion = Eq(Function("K")(a), b, evaluate=False)
    row = Row(conclusion, words, Definition())
    source = Source(words, words, 2018, words, words)
    hypotheses = (Hypothesis(words), Hypothesis("$a$ is positive"))
    statement = Statement(words, words, words, hypotheses, conclusion, "exact", (source,), {a: 1})
    return Derivation(statement, (row,), Row(Eq(a, a, evaluate=False), words, Definition()))


def certificate(words):
    """A certificate that says these words wherever it says any; its digests match."""
    document = genuine()
    names = ("theorem", "claim", "statement", "reason")
    changed = dict.fromkeys(names, words)
    design = {**document["design"], **changed}
    (point,) = document["points"]
    point = {**point, "verdict": {**point["verdict"], "cause": words}}
    verdict = {**document["verdict"], "cause": words}
    body = {
        **document,
        **changed,
        "design": design,
        "points": [point],
        "verdict": verdict,
        "expected": "refuted",
    }
    return Certificate.from_dict(signed(body))


def report(words):
    one = certificate(words)
    unexpected = dataclasses.replace(one, expected="supported")
    theorem = TheoremReport(words, derivation(words), (one, unexpected), 0.0, 0.0)
    return Report("quick", (theorem,), 0.0, notes=(words,))


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.texts, self.other = set(), set(), [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {f"{tag} {name}={value}" for name, value in attrs}

    def handle_data(self, data):
        if self.get_starttag_text() != "<code>":  # where MathJax does not look
            self.texts.append(data)

    def handle_comment(self, data):
        self.other.append(data)

    def handle_decl(self, decl):
        self.other.append(decl)

    def unknown_decl(self, data):
        self.other.append(data)


GUARD = "span class=tex2jax_ignore"
FORMULA = re.compile(r"\\\(|\\\[|\\begin\{equation|\\href|\\style|\\unicode")


def commands(page):
    """Texts in which MathJax would find a formula with a command; it does not look across elements."""
    ours = [text for text in page.texts if not text.startswith("$$")]
    dollars = [text for text in ours if any("\\" in part for part in re.findall(r"\$([^$]+)\$", text))]
    return dollars + [text for text in ours if FORMULA.search(text)]


@pytest.mark.parametrize("words", [*HOSTILE, ALL], ids=range(len(HOSTILE) + 1))
def test_html_has_no_element_of_the_words(words):
    page = Page(derivation(words)._repr_html_())
    assert page.elements <= {"div", "h3", "p", "ul", "li", "details", "summary", "b", "small", "span"}
    assert page.attributes <= {GUARD}
    assert page.other == []
    assert commands(page) == []
    table = Page(notebook.table(report(words)))
    assert table.elements <= {"table", "thead", "tbody", "tr", "th", "td", "b", "span"}
    assert table.attributes <= {GUARD}
    assert commands(table) == []


@pytest.mark.parametrize("words", [*HOSTILE, ALL], ids=range(len(HOSTILE) + 1))
def test_markdown_renders_to_no_element_of_the_words(words):
    source = derivation(words).markdown()
    displays = re.compile(r"^\$\$\n.*?\n\$\$$", re.DOTALL | re.MULTILINE)  # what a reader hands to MathJax
    assert len(displays.findall(source)) == 3
    page = Page(MarkdownIt("commonmark", {"html": True}).render(displays.sub("", source)))
    assert page.elements <= {"h1", "h2", "p", "strong", "em", "code", "ul", "ol", "li", "span"}
    assert page.attributes <= {GUARD}
    assert page.other == []
    assert commands(page) == []


@pytest.mark.parametrize("words", [*HOSTILE, ALL], ids=range(len(HOSTILE) + 1))
def test_terminal_obeys_nothing(words):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200, color_system="truecolor")
    console.print(terminal.verdict_table(report(words), details=True))
    colors = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())  # which rich adds by itself
    assert "\x1b" not in colors
    assert [sign for sign in colors if not sign.isprintable() and sign != "\n"] == []
    assert "red]x[/red" not in words or "[red]x[/red]" in colors
    assert "\x1b]8" not in stream.getvalue()
    for text in (derivation(words).text(), repr(report(words))):
        assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []


def test_stored_certificates_are_shown_as_they_are(tmp_path, capsys, monkeypatch):
    """`check` prints what somebody else wrote."""
    from proofs_checks import cli

    check.write([certificate(words) for words in HOSTILE], tmp_path / "c.json")
    for arguments in (["check", str(tmp_path / "c.json")], ["check", str(tmp_path / "c.json"), "--json"]):
        monkeypatch.setattr("sys.argv", ["provenet", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert [sign for sign in out if not sign.isprintable() and sign != "\n"] == []
    assert [one["claim"] for one in json.loads(out)["certificates"]] == list(HOSTILE)


def test_json_keeps_the_words_and_hides_nothing():
    from theory.printing.visible import visible_json

    document = report(ALL).to_dict()
    text = visible_json(document)
    assert json.loads(text) == document
    assert text.isprintable()


NEEDS_LATEX = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex, which is optional for users too"
)


@NEEDS_LATEX
def test_latex_prints_the_words_and_does_nothing_else(tmp_path):
    markup = " ".join(CORPUS["markup"])
    pdf.write(derivation(ALL + " " + markup).latex(), tmp_path / "page.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["page.pdf"]
    if shutil.which("pdftotext"):
        printed = subprocess.run(
            ["pdftotext", "page.pdf", "-"], cwd=tmp_path, capture_output=True, check=True
        )
        words = "".join(printed.stdout.decode().split())
        assert "root:x:0:0" not in words
        assert r"\input{/etc/passwd}" in words
        assert "write18{touchcanary}" in words


@NEEDS_LATEX
@pytest.mark.parametrize(
    "body",
    [
        r"\immediate\write18{touch CANARY}",
        r"\input{/etc/passwd}",
        r"\input{../secret}",
        r"\newread\f \openin\f=/etc/passwd \ifeof\f \errmessage{closed}\else \read\f to\x \x \fi",
        r"\newwrite\f \immediate\openout\f=CANARY \immediate\write\f{x} \immediate\closeout\f",
        r"\newwrite\f \immediate\openout\f=../canary \immediate\write\f{x} \immediate\closeout\f",
        r"\input|'touch CANARY'",
    ],
)
def test_latex_itself_may_neither_run_nor_reach_out(tmp_path, monkeypatch, body):
    """The second wall: were a command to slip through, pdflatex refuses it. Raw TeX, unescaped."""
    canary = tmp_path / "canary"
    monkeypatch.setenv("openin_any", "a")
    monkeypatch.setenv("openout_any", "a")
    monkeypatch.setenv("shell_escape", "t")
    (tmp_path / "secret.tex").write_text("secret")
    source = rf"\documentclass{{article}}\begin{{document}}x {body}\end{{document}}"
    with contextlib.suppress(pdf.LatexFailed):  # which quotes the first lines of the log
        pdf.write(source.replace("CANARY", str(canary)), tmp_path / "page.pdf")
    assert not canary.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"page.pdf", "secret.tex"}
    if shutil.which("pdftotext") and (tmp_path / "page.pdf").exists():
        command = ["pdftotext", str(tmp_path / "page.pdf"), "-"]
        printed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        assert "root:" not in printed
        assert "secret" not in printed
