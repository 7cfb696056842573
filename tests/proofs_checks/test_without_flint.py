"""Without python-flint what needs it says that it was not run; everything else works."""

import subprocess
import sys

import pytest


@pytest.fixture
def command(tmp_path):
    """Run the command line in a process in which python-flint cannot be imported."""
    (tmp_path / "flint.py").write_text('raise ImportError("hidden by a test")\n')
    start = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; from proofs_checks.cli import main; main()"

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", start, *arguments], capture_output=True, text=True, check=False
        )

    return run


def test_enclosures_are_not_run(command):
    for arguments in (
        ("kernel", "erf(z)", "--at", "1,1,0.5"),
        ("kernel", "tanh(z)"),
        ("approximate", "sin(x)", "--on", "0,1", "--epsilon", "0.1"),
    ):
        done = command(*arguments)
        assert (done.returncode, done.stdout) == (3, "")
        assert "python-flint" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_certified_rows_are_not_run_and_nothing_is_derived_from_them(command):
    done = command("derive", "approximation.bumps", "--json")
    assert done.returncode == 3
    assert '"not run": 0' not in done.stdout
    assert '"status": "derived"' not in done.stdout


def test_what_needs_no_balls_is_derived(command):
    assert command("derive", "linear_networks.critical_points", "--json").returncode == 0
    assert command("kernel", "erf(z)").returncode == 0
