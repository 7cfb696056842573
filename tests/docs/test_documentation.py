"""The README and the pages: what they show is what runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = ROOT / "docs" / "examples" / "he_initialization.py"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def provenet(*arguments: str, folder: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "proofs_checks", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_readme_shows_the_example_file_as_it_is():
    shown = [block for block in blocks(ROOT / "README.md", "python") if "def claims" in block]
    assert shown == [EXAMPLE.read_text()]
    assert len(shown[0].splitlines()) < 30


def test_own_theorem_is_judged_as_the_readme_shows_it(tmp_path):
    (tmp_path / "he_initialization.py").write_text(
        next(block for block in blocks(ROOT / "README.md", "python") if "def claims" in block)
    )
    completed = provenet("verify", "he_initialization.py", folder=tmp_path)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "all as expected" in completed.stdout


def test_every_file_that_a_page_links_exists():
    links = [
        (page.name, link, (page.parent / link).exists())
        for page in PAGES
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    ]
    assert links
    assert [link for link in links if not link[2]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_compile(page):
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


def test_commands_of_the_readme_exist(tmp_path):
    page = provenet("--help", folder=tmp_path).stdout
    shown = {
        line.split()[2]
        for block in blocks(ROOT / "README.md", "console")
        for line in block.splitlines()
        if line.startswith("$ provenet ")
    }
    assert len(shown) >= 4
    assert [command for command in sorted(shown) if command not in page] == []


def test_added_theorem_is_found_derived_and_judged(tmp_path):
    for package in ("theory", "numerics", "proofs_checks"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for block in blocks(ROOT / "docs" / "add_a_theorem.md", "python"):
        path = tmp_path / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block)
        if path.parts[len(tmp_path.parts)] != "tests":
            (path.parent / "__init__.py").touch()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    completed = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "2 passed" in completed.stdout


DRAWN = {
    "kernels.md": {"spectrum.svg", "phases.svg", "training.svg", "exponents.svg"},
    "my_landscape.md": {"landscape.svg", "training.svg", "phases.svg"},
}


@pytest.mark.parametrize("page", DRAWN)
def test_code_of_a_page_runs_and_draws(page, tmp_path):
    script = "\n".join(blocks(ROOT / "docs" / page, "python"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "error", "-c", script]
    completed = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert completed.returncode == 0, completed.stderr
    assert {path.name for path in tmp_path.glob("*.svg")} == DRAWN[page]
