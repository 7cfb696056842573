"""Whole audits of theorems in files: exit codes, documents, stores, and what must be exposed."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from proofs_checks import audit, cli, verify
from proofs_checks.audit import effort
from proofs_checks.audit import run as audit_run
from proofs_checks.audit.derivations import DerivationAudit
from proofs_checks.report.audits import as_text
from proofs_checks.store import open_store
from theory.errors import InputError

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "he_initialization.py"

CLAIMS = {
    "closed form": """
def claims(profile):
    def stated(form):
        from theory.errors import InputError
        value = form.subs(b, 2).evalf(20)
        if not (value.is_Float or value.is_Rational):
            raise InputError("no number")
        point = Point({"low": -2.0, "high": 2.0}, float(value), resolution=0.027)
        return Claim("half passes", "at $b = 2$", Mean(), passed, (point,), 256)
    from dataclasses import replace
    from proofs_checks.challenge import ClosedForm
    sampler = lambda source: {b: Rational(source.randint(1, 40), 8)}
    form = ClosedForm("half", b**2 / 6, {"all": sampler}, stated)
    return (replace(stated(form.expression), closed_forms=(form,)),)
""",
    "wide tolerance": """
def claims(profile):
    point = Point({"low": -2.0, "high": 2.0}, 2 / 3, resolution=5.0)
    return (Claim("half passes", "at $b = 2$", Mean(), passed, (point,), 8),)
""",
    "vacuous bound": """
def claims(profile):
    from proofs_checks import Bound
    point = Point({"low": -2.0, "high": 2.0}, 4000.0)
    return (Claim("at most", "at $b = 2$", Bound(tightness=0.5), passed, (point,), 256),)
""",
    "few seeds": """
def noisy(key):
    return 1.0 + jax.random.normal(key)

def claims(profile):
    return (Claim("noisy", "1", Mean(), noisy, (Point({}, 1.0, resolution=0.04),), 20),)
""",
}


@pytest.fixture(autouse=True)
def _claims_only(request, monkeypatch):
    """Rows have their own tests: here they are audited once, with the example of the README."""
    if "readme" not in request.node.name:
        empty = DerivationAudit("", "quick", 0, (), (), 0.0)
        monkeypatch.setattr(audit_run, "audit_derivation", lambda *arguments: empty)


@pytest.fixture
def theorem(tmp_path):
    """The example of the README with other claims, and the path of the file."""

    def write(claims):
        text = EXAMPLE.read_text()
        path = tmp_path / f"{claims.replace(' ', '_')}.py"
        path.write_text(text[: text.index("def claims(profile)")] + CLAIMS[claims])
        return str(path)

    return write


def run(monkeypatch, capsys, *arguments):
    """The command line: exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["provenet", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_the_example_of_the_readme_is_audited_by_path(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "audit", str(EXAMPLE), "--json")
    document = json.loads(out)  # one document and nothing else
    (found,) = document["theorems"]
    assert (code, document["goals_met"], found["id"]) == (0, True, "he_initialization")
    *tried, left = found["planted"]
    assert [row["error"] for row in tried][1:] == ["- 2 rho", "+ 2 rho"]
    assert left["reason"] == "no goal at 5 %: the resolution is 5 %"
    assert {row["claim"] for row in found["planted"]} == {"half passes"}  # not the control
    assert found["mutants"] == [{"claim": "half passes", "reason": "no closed form declared"}]


def test_mutants_of_a_users_closed_form(theorem, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "audit", theorem("closed form"))
    assert code == 0
    assert "half passes" in out
    assert "every planted error that must be noticed was noticed" in out
    report = audit(theorem("closed form"))
    (row,) = report.theorems[0].judged_mutants
    # b^2/6: 1/6 and b^2 dropped or inverted, 1/6 changed (- 1, + 1, doubled, halved, negated), the exponent
    assert row.generated >= 10
    assert (row.killed, row.supported) == (row.killable, 0)
    assert report.theorems[0].line.startswith(f"{row.killed} of {row.killable} mutants refuted, ")


def test_a_tolerance_so_wide_that_nothing_need_fail_is_exposed(theorem, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "audit", theorem("wide tolerance"))
    assert code == 1
    words = " ".join(out.split())
    assert "half passes, point 1, component 1: nothing need fail: margin + resolution (5)" in words
    assert "is not below the prediction (0.667), so that 0 may pass" in words
    assert "1 theorem: something would slip through" in words


def test_a_vacuous_bound_is_exposed(theorem, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "audit", theorem("vacuous bound"))
    assert code == 1
    assert "the bound 4000 is vacuous: its twin 2000 survives as well" in " ".join(out.split())


def test_too_few_seeds_are_told_from_errors_that_slip_through(theorem):
    report = audit(theorem("few seeds"))
    assert report.exit_code == 3
    assert report.theorems[0].defects == ()
    assert any("planted error 'x 1.05' was 0 of" in line for line in report.theorems[0].doubts)
    assert "nothing slipped through, but not everything was refuted" in as_text(report)


def test_a_store_keeps_the_audit_and_verify_mentions_it(tmp_path, theorem):
    path, store = theorem("closed form"), tmp_path / "runs.db"
    (before,) = verify(path, store=store).to_dict()["theorems"]
    assert before["audited"] == "not audited"
    (found,) = audit(path, store=store).theorems
    with open_store(store) as kept:
        (document,) = kept.audits()
    assert document["line"] == found.line
    report = verify(path, store=store)
    (after,) = report.to_dict()["theorems"]
    assert after["audited"] == f"{found.line} (quick profile)"
    assert found.line in " ".join(repr(report).split())
    (without,) = verify(path).to_dict()["theorems"]
    assert "audited" not in without


def test_an_audit_of_other_code_is_not_mentioned(tmp_path, theorem):
    first, store = theorem("few seeds"), tmp_path / "runs.db"
    audit(first, store=store)
    other = Path(first).parent / "elsewhere" / Path(first).name  # the same id in another file
    other.parent.mkdir()
    other.write_text(Path(first).read_text() + "\n# a change\n")
    (found,) = verify(str(other), store=store).to_dict()["theorems"]
    assert found["audited"] == "not audited"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "the seed must be an integer of at least 0, got -1"),
        ({"profile": "endless"}, "unknown profile 'endless'"),
        ({"width": 3}, "unknown parameter 'width'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, options, message):
    store = tmp_path / "runs.db"
    with pytest.raises(InputError, match=message):
        audit(str(EXAMPLE), store=store, **options)
    assert not store.exists()


def test_the_same_seed_gives_the_same_audit(monkeypatch):
    # the clock may end the trials earlier or later
    patient = replace(effort._EFFORTS["quick"], seconds=float("inf"))
    monkeypatch.setitem(effort._EFFORTS, "quick", patient)
    first, second = (audit(str(EXAMPLE), seed=7).to_dict()["theorems"][0] for _ in range(2))
    for document in (first, second):
        del document["seconds"]
    assert first == second


def test_theorems_audited_at_once_are_found_the_same(theorem):
    names = [theorem("wide tolerance"), theorem("vacuous bound")]
    together, apart = audit(*names, workers=2).theorems, audit(*names).theorems
    assert [one.id for one in together] == [one.id for one in apart] == ["wide_tolerance", "vacuous_bound"]
    for one, other in zip(together, apart, strict=True):
        assert (one.mutants, one.toothless, one.source) == (other.mutants, other.toothless, other.source)
        # How many trials there are depends on the time they take.
        assert [(row.claim, getattr(row, "error", None)) for row in one.planted] == [
            (row.claim, getattr(row, "error", None)) for row in other.planted
        ]
        assert [vars(attempt) for attempt in one.attacks] == [vars(attempt) for attempt in other.attacks]


@pytest.mark.parametrize("workers", [0, -1, 10**6])
def test_a_senseless_number_of_workers_is_refused(workers):
    with pytest.raises(InputError, match="give a whole number"):
        audit(str(EXAMPLE), workers=workers)
