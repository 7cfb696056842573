"""Files land where somebody told them to, and nowhere else."""

import os
import sys
from pathlib import Path

import pytest

from proofs_checks import cli
from proofs_checks.report import files, pdf
from proofs_checks.salvage import set_aside
from theory.errors import InputError

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "he_initialization.py"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["provenet", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The current folder, beside one with a theorem of the user's and one that nobody named."""
    for name in ("work", "theorems", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "theorems" / "mine.py").write_text(EXAMPLE.read_text())
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


def test_pdf_of_a_file_elsewhere_lands_in_the_current_folder(work, monkeypatch):
    written = []
    monkeypatch.setattr(pdf, "write", lambda source, output: written.append(output))
    assert run(monkeypatch, "derive", "../theorems/mine.py", "--format", "pdf") == 0
    assert written == [Path("mine.pdf")]


@pytest.mark.parametrize(
    "name", ["../canary", "kernels/two_layer_ntk", "/etc/passwd", "..", "kernels.two_layer_ntk/"]
)
def test_id_with_a_path_in_it_is_no_id(work, monkeypatch, name):
    assert run(monkeypatch, "derive", name, "--format", "pdf") == 2
    assert names(work) == names(work.parent / "elsewhere") == []


def test_output_is_whole_or_not_there(work, monkeypatch):
    output = work / "out.tex"
    assert run(monkeypatch, "kernel", "erf(z)", "--format", "latex", "-o", output) == 0
    first = output.read_text()
    assert first.startswith("% needs ")
    assert first.rstrip().endswith("\\end{equation*}")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left")))
        assert run(monkeypatch, "kernel", "z", "--format", "latex", "-o", output) == 2
    assert output.read_text() == first
    assert names(work) == ["out.tex"]


def test_permissions_of_a_replaced_file_stay(work):
    output = work / "secret.json"
    output.write_text("x")
    output.chmod(0o600)
    files.write_whole(b"y", output)
    assert output.stat().st_mode & 0o777 == 0o600
    mask = os.umask(0o027)
    try:
        files.write_whole(b"y", work / "new.json")
    finally:
        os.umask(mask)
    assert (work / "new.json").stat().st_mode & 0o777 == 0o640


def test_links_are_followed_within_their_folder_only(work, monkeypatch):
    target = work.parent / "elsewhere" / "bashrc"
    target.write_text("mine")
    (work / "out.json").symlink_to(target)
    for arguments in (["kernel", "z", "--json"], ["derive", "kernels.two_layer_ntk", "--json"]):
        assert run(monkeypatch, *arguments, "-o", "out.json") == 2
    assert run(monkeypatch, "verify", "kernels.two_layer_ntk", "--certificates", "out.json") == 2
    (work / "latest.json").symlink_to("today.json")
    assert run(monkeypatch, "kernel", "z", "--json", "-o", "latest.json") == 0
    assert (work / "latest.json").is_symlink()
    assert (work / "today.json").read_text().startswith("{")
    assert target.read_text() == "mine"


def test_partial_file_takes_no_name_that_exists(work, monkeypatch):
    """A link laid under the name of a temporary file would lead the content elsewhere."""
    victim = work.parent / "elsewhere" / "victim"
    tries = iter(["aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr("tempfile._get_candidate_names", lambda: tries)
    (work / ".provenet-aaaaaaaa.partial").symlink_to(victim)
    files.write_whole(b"x", work / "out.json")
    assert (work / "out.json").read_bytes() == b"x"
    assert not victim.exists()


def test_streams_are_written_to_and_folders_are_not(work, monkeypatch, capfd):
    assert run(monkeypatch, "kernel", "z", "-o", "/dev/stdout") == 0
    assert "activation" in capfd.readouterr().out
    for output in (".", "..", "missing/x.json", "x\0y", "a" * 5000):
        with pytest.raises(InputError):
            files.write_whole(b"x", Path(output))
    assert names(work) == []


def test_damaged_store_is_set_aside_beside_itself(work):
    """A dangling link under the next free name is not followed."""
    outside = work.parent / "elsewhere" / "x"
    (work / "run.store").write_bytes(b"damaged")
    (work / "run.store.damaged-1").symlink_to(outside)
    aside = set_aside(work / "run.store")
    assert aside.parent == work
    assert aside.read_bytes() == b"damaged"
    assert not outside.exists()
