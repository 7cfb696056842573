"""The layering, proved in fresh interpreters: what is in `sys.modules` after a layer was imported.

The last tests break the layering on purpose and show that the proof notices.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN = {
    "theory": {"jax", "jaxlib", "numerics", "proofs_checks"},
    "numerics": {"sympy", "theory", "proofs_checks"},
}

IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

HELP = """
import contextlib, io, json, sys
from proofs_checks.cli import main
sys.argv = ["provenet", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as page, contextlib.suppress(SystemExit):
    main()
assert "verify" in page.getvalue(), page.getvalue()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def modules_of(layer: str, root: Path) -> list[str]:
    """Every module of a layer, found on disk without importing anything; programs (`__main__`) excepted."""
    files = sorted((root / layer).rglob("*.py"))
    dotted = [".".join(path.relative_to(root).with_suffix("").parts) for path in files]
    return [name.removesuffix(".__init__") for name in dotted if not name.endswith("__main__")]


def loaded_by(program: str, *arguments: str, root: Path = ROOT) -> set[str]:
    """Top-level names in `sys.modules` of a fresh interpreter that ran the program."""
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    completed = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stderr
    return set(json.loads(completed.stdout.splitlines()[-1]))


def trespassers(layer: str, root: Path = ROOT) -> set[str]:
    """Forbidden names that importing every module of the layer, one after the other, brings along."""
    return loaded_by(IMPORT_ALL, json.dumps(modules_of(layer, root)), root=root) & FORBIDDEN[layer]


@pytest.mark.parametrize("layer", sorted(FORBIDDEN))
def test_layer_imports_nothing_forbidden(layer):
    assert len(modules_of(layer, ROOT)) > 1
    assert trespassers(layer) == set()


def test_help_pays_for_neither_sympy_nor_jax():
    assert loaded_by(HELP) & {"sympy", "jax", "jaxlib", "scipy", "diffrax"} == set()


def test_pytest_plugin_pays_for_neither_sympy_nor_jax():
    names = json.dumps(["proofs_checks.pytest_plugin"])
    assert loaded_by(IMPORT_ALL, names) & {"sympy", "jax", "jaxlib"} == set()


@pytest.mark.parametrize(
    ("layer", "breach", "caught"),
    [
        ("theory", "import numerics", "numerics"),
        ("theory", "def late():\n    pass\nfrom proofs_checks import claim", "proofs_checks"),
        ("numerics", "import theory", "theory"),
        ("numerics", "from proofs_checks import claim as joined", "proofs_checks"),
    ],
)
def test_proof_of_layering_can_fail(tmp_path, layer, breach, caught):
    for package in ("theory", "numerics", "proofs_checks"):
        (tmp_path / package / "deep").mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "deep" / "__init__.py").touch()
        (tmp_path / package / "claim.py").touch()
    assert trespassers(layer, tmp_path) == set()
    (tmp_path / layer / "deep" / "breach.py").write_text(breach + "\n")
    assert trespassers(layer, tmp_path) == {caught}
