"""The formats a derivation can be printed in."""

from __future__ import annotations

from pathlib import Path

from proofs_checks.report.files import require_folder
from theory.errors import InputError
from theory.grammar.sizes import shown

FORMATS = ("text", "latex", "markdown", "pdf", "json")


def require(format_: str, output: Path | None) -> None:
    """Refuse unknown formats, and folders that are not there, before any work is done."""
    if format_ not in FORMATS:
        raise InputError(f"unknown format {shown(format_)}: allowed are {', '.join(FORMATS)}")
    require_folder(output)
