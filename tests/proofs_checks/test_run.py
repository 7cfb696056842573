"""One run end to end on a theorem in a file of its own: verdicts, exit codes, layout, pytest items."""

import json
import sys

import pytest

from proofs_checks import cli, derive, verify
from proofs_checks.report.summary import UnexpectedVerdict
from theory.errors import InputError

THEOREM = '''
"""The second moment of a rectified standard normal variable is 1/2."""
import jax
import jax.numpy as jnp
from sympy import Eq, Rational, cos, sin, symbols

from proofs_checks import Claim, Mean, Point
from theory import Derivation, Hypothesis, Parameter, Row, Source, Statement
from theory.parameters import positive_rational
from theory.proving import Definition, Identity

s = symbols("s", positive=True)
PARAMETERS = (Parameter("scale", "standard deviation", "1", positive_rational()),)


def statement(scale):
    return Statement(
        id="half", title="Rectified moment", summary="Half of the variance survives.",
        hypotheses=(Hypothesis("$s > 0$", s > 0),), conclusion=Eq({left}, s**2 / 2),
        regime="exact", sources=(Source("A. Author", "A title", 2000),), instance={{s: scale}},
    )


def derivation(scale):
    row = Row(Eq({left}, s**2 / 2), "by symmetry", Identity())
    unit = (cos(s) ** 2 + sin(s) ** 2) / 2
    limit = Row(Eq(unit, Rational(1, 2)), "$s = 1$", Identity())
    return Derivation(statement(scale), (row,), limit)


def moment(key, scale):
    return jnp.maximum(scale * jax.random.normal(key), 0.0) ** 2


def claims(profile, scale):
    point = Point({{"scale": float(scale)}}, {predicted} * float(scale) ** 2, resolution={resolution})
    wrong = Point({{"scale": float(scale)}}, 0.75 * float(scale) ** 2)
    return (
        Claim("moment", "$E = s^2/2$", Mean(), moment, (point,), seeds=20_000),
        Claim("wrong constant", "$E = 3s^2/4$", Mean(), moment, (wrong,), seeds=20_000,
              expected="refuted", reason="the half is replaced by three quarters"),
    )
'''


@pytest.fixture
def theorem(tmp_path):
    """Write the theorem, true or spoilt, and return its path."""

    def write(left="s * (s + 2) / 2 - s", predicted="0.5", resolution="0.05"):
        path = tmp_path / "half.py"
        path.write_text(THEOREM.format(left=left, predicted=predicted, resolution=resolution))
        return str(path)

    return write


@pytest.fixture
def exit_code(monkeypatch):
    """Run the command line in this process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["provenet", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code or 0

    return run


def test_a_true_theorem_is_as_expected(theorem, exit_code, capsys):
    report = verify(theorem(), scale="2")
    assert report.as_expected
    report.raise_if_unexpected()
    assert [claim.verdict for claim in report.claims] == ["supported", "refuted"]
    assert report.claims[0].worst.predicted == 2.0
    assert "all as expected" in repr(report)
    assert exit_code("verify", theorem(), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    theorem_ = document["theorems"][0]
    assert theorem_["derivation"] == {
        "rows": 2, "proved": 2, "certified": 0, "cited": 0, "defined": 0, "open": 0, "not_run": 0,
    }  # fmt: skip
    assert theorem_["claims"][1]["control"] is True
    assert set(theorem_["claims"][0]) >= {
        "name", "expected", "verdict", "comparator", "predicted", "estimate", "standard_error",
        "margin", "resolution", "seeds", "seconds", "control",
    }  # fmt: skip


def test_a_false_prediction_exits_with_1(theorem, exit_code):
    path = theorem(predicted="0.55")
    assert exit_code("verify", path) == 1
    with pytest.raises(UnexpectedVerdict, match="moment: expected supported, found refuted"):
        verify(path).raise_if_unexpected()


def test_a_claim_that_cannot_be_resolved_exits_with_3(theorem, exit_code, capsys):
    assert exit_code("verify", theorem(resolution="1e-4")) == 3
    assert "undecided" in capsys.readouterr().out


def test_an_open_row_exits_with_1(theorem, exit_code, capsys):
    path = theorem(left="s * (s + 2) / 3 - s")
    assert derive(path).status == "open"
    assert exit_code("verify", path) == 1
    assert exit_code("derive", path) == 1
    assert "OPEN" in capsys.readouterr().out


def test_unknown_parameters_are_refused_before_anything_runs(theorem, tmp_path):
    store = tmp_path / "store.sqlite"
    with pytest.raises(InputError, match="scale"):
        verify(theorem(), store=store, scal=2)
    with pytest.raises(InputError, match="positive"):
        verify(theorem(), store=store, scale=-1)
    assert not store.exists()


def test_a_store_keeps_what_was_measured(theorem, tmp_path):
    path, store = theorem(), tmp_path / "store.sqlite"
    first, second = verify(path, store=store), verify(path, store=store)
    assert [c.worst for c in first.claims] == [c.worst for c in second.claims]
    assert second.seconds < first.seconds


def test_other_seeds_give_other_samples(theorem):
    path = theorem()
    assert verify(path, seed=1).claims[0].worst != verify(path, seed=2).claims[0].worst


pytest_plugins = ["pytester"]


def test_plugin_makes_every_claim_an_item(theorem, pytester):
    good = theorem()
    result = pytester.runpytest_subprocess("--provenet", good, "-p", "no:cacheprovider", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*half::derivation PASSED*", "*half::moment PASSED*"])


def test_plugin_fails_in_words(theorem, pytester):
    result = pytester.runpytest_subprocess("--provenet", theorem(predicted="0.55"), "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*moment: expected supported, found refuted*"])


def test_plugin_is_silent_without_its_flag(theorem, pytester):
    result = pytester.runpytest_subprocess(theorem(), "-p", "no:cacheprovider")
    result.assert_outcomes()
