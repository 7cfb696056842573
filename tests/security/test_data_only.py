"""What is stored and read is data: a search of the source for whatever turns data into code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("theory", "numerics", "proofs_checks")

# Where a name is needed all the same, and why.
ALLOWED = {
    # The pipe to its own child: no file and no other process writes to it.
    "theory/time_limit.py": {"pickle", "subprocess"},
    # This Python as a worker, without a shell.
    "proofs_checks/cluster/local.py": {"subprocess"},
    # A theorem in a file of the user's runs as any script does.
    "proofs_checks/catalogue.py": {"exec_module"},
    # The headers of a user's arrays before any entry; nothing is unpacked to a disk.
    "proofs_checks/data_files.py": {"zipfile"},
    # LaTeX, without a shell.
    "proofs_checks/report/pdf.py": {"subprocess"},
}
MODULES = frozenset(
    "pickle cloudpickle dill joblib marshal shelve yaml jsonpickle subprocess pty ctypes cffi code codeop "
    "runpy xmlrpc socket http urllib requests ftplib smtplib webbrowser tarfile zipfile sympy.parsing".split()
)
CALLS = frozenset(
    "eval exec compile __import__ sympify parse_expr lambdify exec_module load_extension "
    "enable_load_extension system popen spawnl execv posix_spawn loadtxt genfromtxt fromfile memmap "
    "input".split()
)


def modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        # `re.compile` makes no code, and SymPy's classes have a method `eval`.
        return None if node.func.attr in ("compile", "eval") and owner != "builtins" else node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def findings(source: str) -> Iterator[str]:
    """Names through which data could become code, or leave the machine."""
    for node in ast.walk(ast.parse(source)):
        for module in modules(node):
            yield from (one for one in MODULES if module == one or module.startswith(one + "."))
        name = called(node)
        if name in CALLS:
            yield name
        for keyword in getattr(node, "keywords", []):
            value = getattr(keyword.value, "value", True)
            if keyword.arg in ("allow_pickle", "shell") and value is not False:
                yield keyword.arg
        arguments = {keyword.arg for keyword in getattr(node, "keywords", [])}
        if name in ("load", "save", "savez", "read_array") and "allow_pickle" not in arguments:
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if owner in ("np", "numpy", "jnp") or name == "read_array":
                yield f"{name} without allow_pickle=False"


def test_nothing_in_the_source_turns_data_into_code():
    found = {}
    for path in sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        left = set(findings(path.read_text())) - ALLOWED.get(name, set())
        found |= {name: left} if left else {}
    assert found == {}


def test_every_exception_is_needed():
    for name, allowed in ALLOWED.items():
        assert allowed <= set(findings((ROOT / name).read_text())), name


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import pickle", {"pickle"}),
        ("from pickle import loads", {"pickle"}),
        ("def f():\n    import subprocess as innocent", {"subprocess"}),
        ("from sympy.parsing.sympy_parser import parse_expr", {"sympy.parsing"}),
        ("eval(x)", {"eval"}),
        ("builtins.eval(x)", {"eval"}),
        ("sympy.sympify(x)", {"sympify"}),
        ("compile(x, '', 'eval')", {"compile"}),
        ("re.compile(x)", set()),
        ("os.system(x)", {"system"}),
        ("np.load(x)", {"load without allow_pickle=False"}),
        ("np.load(x, allow_pickle=True)", {"allow_pickle"}),
        ("np.load(x, allow_pickle=flag)", {"allow_pickle"}),
        ("np.load(x, allow_pickle=False)", set()),
        ("np.lib.format.read_array(x)", {"read_array without allow_pickle=False"}),
        ("run(x, shell=True)", {"shell"}),
        ("json.loads(x)", set()),
    ],
)
def test_search_can_fail(source, caught):
    assert set(findings(source)) == caught
