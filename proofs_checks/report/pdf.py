"""LaTeX to PDF with the LaTeX of this machine, without letting the document run programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from proofs_checks.report.files import require_folder, write_whole
from theory.errors import InputError

HOW_TO_GET_LATEX = (
    "no LaTeX found (neither latexmk nor pdflatex): install one, for example "
    "`apt install latexmk texlive-latex-recommended texlive-fonts-recommended lmodern`, "
    "or print the section with --format latex"
)
_TIME_LIMIT = 120.0
_PASSES = 2  # the second resolves the citations
_LOG_LINES = 3


class LatexFailed(RuntimeError):
    """LaTeX stopped; the message holds its first error."""


def write(source: str, output: Path) -> None:
    """Compile a LaTeX document and move the PDF to ``output`` in one step.

    Raises InputError if no LaTeX is installed or the folder is not there, LatexFailed if LaTeX stops.
    """
    require_folder(output)
    command = _command()
    with tempfile.TemporaryDirectory(prefix="provenet-") as folder:
        Path(folder, "page.tex").write_text(source, encoding="utf-8")
        for line in command:
            _run(line, Path(folder))
        write_whole(Path(folder, "page.pdf").read_bytes(), output)


def _command() -> list[list[str]]:
    options = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    if shutil.which("pdflatex") is None:
        raise InputError(HOW_TO_GET_LATEX)
    if shutil.which("latexmk"):
        # -norc: no configuration file of the user's may change what is run.
        return [["latexmk", "-norc", "-pdf", *options]]
    return [["pdflatex", *options]] * _PASSES


def _run(command: list[str], folder: Path) -> None:
    # "p": TeX may neither read nor write outside the folder. The fixed date makes equal pages equal files.
    guards = {"openin_any": "p", "openout_any": "p", "shell_escape": "f"}
    environment = {**os.environ, **guards, "SOURCE_DATE_EPOCH": "0"}
    try:
        completed = subprocess.run(
            command,
            cwd=folder,
            env={**environment, "FORCE_SOURCE_DATE": "1"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise LatexFailed(f"LaTeX did not finish within {_TIME_LIMIT:.0f} s") from late
    if completed.returncode:
        raise LatexFailed(_first_error(completed.stdout.decode("utf-8", "replace")))


def _first_error(log: str) -> str:
    lines = log.splitlines()
    found = next((number for number, line in enumerate(lines) if line.startswith("!")), None)
    return " ".join(lines[found : found + _LOG_LINES]) if found is not None else "LaTeX stopped"
