"""Certificates that somebody changed or invented: no exception, and no pass for figures that do not fit."""

import json

import pytest

from proofs_checks.certificate import Certificate
from proofs_checks.commands import check
from proofs_checks.recheck import recheck
from tests.security.hostile_files import GENUINE, WRONG, genuine, leaves, replaced, signed
from theory.errors import InputError

# What a certificate may say otherwise without changing its outcome: the cause, the time, and figures that are
# not the ones that decide, or decide the same.
OBSERVATION = ("points", 0, "observations", 0)
FREE = {
    ("seconds",),
    ("points", 0, "verdict", "cause"),
    *((*OBSERVATION, name) for name in "estimate standard_error skewness minimum maximum".split()),
    *((*OBSERVATION, "summary", name) for name in ("outside", "worst")),
}


def judged(document):
    """What is wrong with a document, as `check` finds it."""
    try:
        return recheck(Certificate.from_json(json.dumps(document)))
    except InputError as error:
        return (str(error),)


def test_genuine_certificate_holds():
    assert judged(genuine()) == ()
    assert judged(signed(genuine())) == ()


def test_every_field_of_every_wrong_type_is_noticed():
    """The forger knows the digests: each changed document comes under matching ones."""
    paths = [path for path in leaves(genuine()) if path[0] not in ("design", "digest", "seal")]
    tried, unnoticed = 0, []
    for path in paths:
        for value in WRONG:
            if value == genuine_at(path):
                continue
            tried += 1
            faults = judged(signed(replaced(genuine(), path, value)))
            if not faults and not _legitimate(path, value):
                unnoticed.append((path, value))
    assert tried > 300
    assert unnoticed == []


def genuine_at(path):
    value = genuine()
    for step in path:
        value = value[step]
    return value


def _legitimate(path, value):
    """A number for a number, or a text for a text, where the figure decides nothing."""
    number = value == "nan" or (isinstance(value, int | float) and not isinstance(value, bool))
    text = isinstance(value, str)
    return path in FREE and (number if path[-1] != "cause" else text)


def test_every_field_of_the_design_of_every_wrong_type_is_survived():
    """The design may hold what it likes beside what the judge needs; what it needs is checked."""
    paths = [path for path in leaves(genuine()) if path[0] == "design"]
    for path in paths:
        for value in WRONG:
            judged(signed(replaced(genuine(), path, value)))  # raises nothing


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({("verdict", "outcome"): "supported"}, "the verdict is not that of its points"),
        ({("claim",): "another claim"}, "its claim is not that of the sealed design"),
        ({("expected",): "supported"}, "its expected is not that"),
        ({("seed",): 7}, "its comparator or seed"),
        ({("comparator",): "mean"}, "its comparator or seed"),
        ({("design", "levels", "alpha"): 0.5}, "error rates are above"),
        ({("design", "levels", "beta"): 0.5}, "error rates are above"),
        ({("design", "levels", "stages"): 2}, "looks and seed sets"),
        ({("points", 0, "observations", 0, "count"): 10**8}, "its seeds are not those"),
        ({("points", 0, "observations", 0, "seeds"): [0, 10**8]}, "its seeds are not those"),
        ({("points", 0, "observations", 0, "look"): 9}, "its seeds are not those"),
        ({("points", 0, "observations", 0, "summary"): {}}, "does not follow from its figures"),
        ({("points", 0, "observations", 0, "summary", "outside"): 0}, "does not follow from its figures"),
        ({("points", 0, "predicted", 0): 1.0}, "not those of the sealed design"),
        ({("design", "seeds", "first_look"): 10**12}, "not one that a judge accepts"),
        ({("design", "grid"): []}, "1 points were judged, the design has 0"),
        ({("points",): [], ("design", "grid"): []}, "the verdict is not that of its points"),
    ],
)
def test_forgeries_under_matching_digests_do_not_hold(changes, said):
    document = genuine()
    for path, value in changes.items():
        document = replaced(document, path, value)
    assert any(said in fault for fault in judged(signed(document))), judged(signed(document))


def test_changed_certificate_does_not_hold_and_no_certificate_is_bad_input(tmp_path):
    changed = tmp_path / "changed.json"
    changed.write_text(GENUINE.read_text().replace('"refuted"', '"supported"'))
    result = check.run(changed)
    assert not result.holds
    assert "was changed" in result.text()
    bundle = tmp_path / "bundle.json"
    check.write([Certificate.from_dict(genuine())] * 2, bundle)
    assert check.run(bundle).holds
    assert len(check.run(bundle).checked) == 2
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(InputError, match="is no certificate"):
        check.run(tmp_path / "no.json")
