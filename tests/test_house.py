"""The rules of the house that a machine can check, and planted breaches that show that it does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("theory", "numerics", "proofs_checks")
CHECKED = (*CODE, "tests", "benchmarks", "docs")

FILE_CEILING = 500
FUNCTION_CEILING = 40

# Each can run code that a string or a file brings along.
# `_sympify` is not among them: it is strict and refuses strings.
DANGEROUS_CALLS = {"eval", "exec", "sympify", "parse_expr"}
DANGEROUS_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "sympy.parsing"}
EXCEPTIONS = {
    # The pipe to our own child process: no file and no other process writes to it.
    "theory/time_limit.py": {"pickle"},
}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def long_functions(source: str) -> list[str]:
    """Functions above the ceiling, counted from `def` to the last line, the docstring included."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        f"{node.name}: {length} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, functions)
        and node.end_lineno is not None
        and (length := node.end_lineno - node.lineno + 1) > FUNCTION_CEILING
    ]


def star_imports(source: str) -> list[str]:
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom))
    return [f"from {node.module} import *" for node in nodes if any(name.name == "*" for name in node.names)]


def _imported_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def _called_name(node: ast.Call) -> str | None:
    """The bare name, or `sympy.name`; `cls.eval(...)` of a SymPy function is no call of the builtin."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute) and node.func.attr not in {"eval", "exec"}:
        return node.func.attr
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return node.func.attr if node.func.value.id == "builtins" else None
    return None


def _dangers(node: ast.AST) -> Iterator[str]:
    for module in _imported_modules(node):
        for dangerous in DANGEROUS_MODULES:
            if module == dangerous or module.startswith(dangerous + "."):
                yield dangerous
    if isinstance(node, ast.ImportFrom):
        yield from (name.name for name in node.names if name.name in DANGEROUS_CALLS)
    if isinstance(node, ast.Call):
        name = _called_name(node)
        if name in DANGEROUS_CALLS:
            yield name
        if name == "S" and not all(isinstance(value, ast.Constant | ast.UnaryOp) for value in node.args):
            yield "S"
        yield from (
            "allow_pickle"
            for keyword in node.keywords
            if keyword.arg == "allow_pickle"
            and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
        )


def dangers(source: str) -> set[str]:
    """Names of calls and modules through which text could become code."""
    return {danger for node in ast.walk(ast.parse(source)) for danger in _dangers(node)}


def theorem_stems(root: Path) -> dict[str, dict[str, set[str]]]:
    """For each subject under trial: the stems of its theorems in the three places."""
    claims = root / "proofs_checks" / "claims"
    subjects = sorted(
        path.name for path in claims.iterdir() if path.is_dir() and not path.name.startswith("_")
    )
    return {
        subject: {
            "theory": _stems(root / "theory" / subject),
            "claims": _stems(claims / subject),
            "tests": {stem.removeprefix("test_") for stem in _stems(root / "tests" / "claims" / subject)},
        }
        for subject in subjects
    }


def _stems(folder: Path) -> set[str]:
    return {
        path.stem
        for path in folder.glob("*.py")
        if not path.stem.startswith("__") and path.stem != "conftest"
    }


def mismatches(root: Path) -> list[str]:
    return [
        f"{subject}.{stem} is missing in {place}"
        for subject, places in theorem_stems(root).items()
        for stem in sorted(set().union(*places.values()))
        for place, stems in places.items()
        if stem not in stems
    ]


def test_every_theorem_is_three_files_at_one_path():
    assert theorem_stems(ROOT), "no theorem found"
    assert mismatches(ROOT) == []


def test_no_file_above_the_ceiling():
    lengths = {path: len(path.read_text().splitlines()) for path in python_files(*CHECKED)}
    assert lengths
    assert {str(path): length for path, length in lengths.items() if length > FILE_CEILING} == {}


def test_no_function_above_the_ceiling():
    found = {str(path): long_functions(path.read_text()) for path in python_files(*CHECKED)}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_star_imports():
    found = {str(path): star_imports(path.read_text()) for path in python_files(*CHECKED)}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_text_becomes_code():
    found = {
        name: dangers(path.read_text()) - EXCEPTIONS.get(name, set())
        for path in python_files(*CODE, "benchmarks", "docs")
        for name in [str(path.relative_to(ROOT))]
    }
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("eval(text)", {"eval"}),
        ("import builtins\nbuiltins.exec(text)", {"exec"}),
        ("import sympy\nsympy.sympify(text)", {"sympify"}),
        ("from sympy import parse_expr as innocent", {"parse_expr"}),
        ("from sympy.parsing.sympy_parser import parse_expr", {"sympy.parsing", "parse_expr"}),
        ("from sympy import S\nS(text)", {"S"}),
        ("from sympy import S\nS(1)", set()),
        ("def load():\n    import pickle", {"pickle"}),
        ("import numpy\nnumpy.load(path, allow_pickle=True)", {"allow_pickle"}),
        ("import numpy\nnumpy.load(path, allow_pickle=False)", set()),
        ("cls.eval(value)", set()),
    ],
)
def test_search_for_dangers_can_fail(source, caught):
    assert dangers(source) == caught


def test_other_searches_can_fail(tmp_path):
    body = "\n".join("    pass" for _ in range(FUNCTION_CEILING))
    assert long_functions(f"def long():\n{body}\n") == [f"long: {FUNCTION_CEILING + 1} lines"]
    assert long_functions("def short():\n    pass\n") == []
    assert star_imports("from sympy import *") == ["from sympy import *"]
    for folder in ("theory/geometry", "proofs_checks/claims/geometry", "tests/claims/geometry"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "theory/geometry/symmetry.py").touch()
    (tmp_path / "proofs_checks/claims/geometry/symmetry.py").touch()
    assert mismatches(tmp_path) == ["geometry.symmetry is missing in tests"]
    (tmp_path / "tests/claims/geometry/test_symmetry.py").touch()
    assert mismatches(tmp_path) == []
