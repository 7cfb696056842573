"""What the tables of an audit show, for reports made by hand."""

from rich.console import Console

from proofs_checks.audit.attack import Attempt
from proofs_checks.audit.derivations import DerivationAudit, HypothesisUse
from proofs_checks.audit.mutants import MutantsRow, Survivor
from proofs_checks.audit.planted import TRUE, PlantedRow, Undisplaced
from proofs_checks.audit.summary import AuditReport, TheoremAudit, Undeclared
from proofs_checks.report.audits import as_text, audit_tables


def planted(error, refuted, supported, trials=100, goal=True, note=""):
    undecided = trials - refuted - supported
    counts = (refuted, undecided, supported, 0, refuted, supported)
    return PlantedRow("mean", "mean", error, 0.04, goal, trials, 1, *counts, note)


def mutants(killed, survivors=(), killable=20):
    """Of 30 mutants 20 are judged."""
    fates = (killed, 0, 0, 0, 20 - killed, 0)
    return MutantsRow(
        "mean", "kernel", 30, 30, 10, 0, 20, killable, killed, *fates, True, 40, tuple(survivors)
    )


def survivor(killable, reason):
    return Survivor("sin and cos exchanged", "sin(x) -> cos(x)", "supported", killable, 0.25, reason, "cause")


def report(rows=(), forms=(), attacks=(), toothless=()):
    uses = (
        HypothesisUse("assumption", "x is real", 3, 3, (), ""),
        HypothesisUse("rule", "P", 1, 1, (2,), ""),
    )
    rows = (planted(TRUE, 0, 100), *rows, Undisplaced("bound", "bound", "no reason"))
    derivation = DerivationAudit("t", "quick", 0, (), uses, 0.0)
    mutated = (*forms, Undeclared("bound"))
    theorem = TheoremAudit("t", rows, mutated, tuple(toothless), derivation, tuple(attacks), "0" * 64, 1.0)
    return AuditReport("quick", 0, (theorem,), 1.0)


def attempt(best, twin_broken):
    return Attempt("bound", 0, 0, bound=1.0, best=best, broken=best > 1.0, twin=0.9, twin_broken=twin_broken)


def test_goals_met():
    found = report([planted("x 1.05", 99, 1)], [mutants(20)], [attempt(0.95, True)])
    assert found.exit_code == 0
    text = as_text(found)
    assert "every planted error that must be noticed was noticed" in text
    assert "bound: no error planted: no reason" in text
    assert "no closed form declared: bound" in text
    assert "hypotheses, not needed by the rows tried, 1: x is real" in text
    assert max(map(len, text.splitlines())) <= 110


def test_what_would_slip_through_is_a_defect():
    for found, sentence in [
        (report([planted("x 1.05", 97, 2)]), "'x 1.05' was 97 of 100 times refuted, up to 2 times supported"),
        (report([planted("x 1.05", 0, 0, trials=4)], toothless=["too wide"]), "too wide"),
        (report(forms=[mutants(19, [survivor(True, "degenerate grid")])]), "sin(x) -> cos(x)"),
        (report(attacks=[attempt(1.5, True)]), "the bound 1 is broken: 1.5 was reached"),
        (report(attacks=[attempt(0.5, False)]), "the bound 1 is vacuous: its twin 0.9 survives as well"),
    ]:
        assert found.exit_code == 1
        assert any(sentence in line for line in found.theorems[0].defects)
        assert "something would slip through" in as_text(found)


def test_a_refuted_truth_is_a_defect():
    theorem = report().theorems[0]
    wrong = (planted(TRUE, 1, 99),)
    found = TheoremAudit(**{**vars(theorem), "planted": wrong})
    assert found.defects == ("mean: the true claim was refuted 1 times in 100 trials",)


def test_too_few_refutations_are_a_doubt():
    found = report([planted("x 1.05", 98, 1)])
    assert found.exit_code == 3
    assert found.theorems[0].doubts
    assert report([planted("x 1.05", 0, 100, goal=False, note="coarse")]).exit_code == 0


def test_survivors_below_the_resolution_are_named_and_no_defect():
    found = report(forms=[mutants(19, [survivor(False, "below resolution")], killable=19)])
    assert found.exit_code == 0
    assert "sin(x) -> cos(x) (sin and cos exchanged), supported, 0.25 rho: below resolution" in " ".join(
        as_text(found).split()
    )


def test_the_mutants_table_shows_every_count():
    console = Console(width=110, color_system=None)
    with console.capture() as captured:
        console.print(audit_tables(report(forms=[mutants(19, killable=19)])))
    (line,) = [line for line in captured.get().splitlines() if "kernel" in line]
    assert line.split() == ["mean", "kernel", "30", "10", "20", "19", "19", "-", "-", "-", "1", "met"]


def test_documents_are_json():
    import json

    survived = Survivor("o", "c", "supported", True, float("inf"), "not refuted", "")
    text = json.dumps(report(forms=[mutants(19, [survived])]).to_dict(), allow_nan=False)
    assert json.loads(text)["theorems"][0]["mutants"][0]["survivors"][0]["displacement"] is None
