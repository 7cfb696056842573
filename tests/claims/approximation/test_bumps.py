"""The theorem's rows, planted errors in them, the theorem on trial, and the command."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
from sympy import Eq, Integer, Le, Rational, Symbol, cos, cosh, sin, sinh, sqrt, symbols

from proofs_checks import verify
from proofs_checks.audit.attack import attack_claim
from proofs_checks.bump_networks import bounds, cases, classes, tents
from proofs_checks.bump_networks.evaluation import forward, rounding_budget, to_floats
from proofs_checks.claims.approximation.bumps import CROSSING, EXACT, LOGISTIC, claims
from proofs_checks.commands.approximate import run
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.approximation.bumps import PARAMETERS, derivation, statement
from theory.bump_networks import rows as lemma
from theory.bump_networks.activation import RELU
from theory.bump_networks.arithmetic import rational
from theory.bump_networks.network import Layer
from theory.bump_networks.rows import symbols as letter
from theory.derivation import Row, check
from theory.errors import InputError
from theory.parameters import resolve
from theory.proving import Status

pytest.importorskip("flint", reason="nothing can be certified without ball arithmetic")

SETTINGS = [
    {},
    {"activation": "relu"},
    {"activation": "heaviside"},
    {"activation": "atan(z)"},
    {"function": "sqrt(x)", "box": "0,1", "epsilon": "1/10"},
    {"function": "abs(x - 1/3)", "box": "-1,1", "activation": "relu"},
    {"function": "sin(2*x)*cos(y)", "box": "0,1;0,1", "epsilon": "1/5", "activation": "relu"},
    {"function": "sin(2*x)*cos(y)", "box": "0,1;0,1", "epsilon": "1/5", "activation": "logistic"},
    {"function": "x*y*z", "box": "0,1;0,1;0,1", "epsilon": "1/2", "activation": "heaviside"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_no_open_row_and_most_rows_are_proved_or_certified(setting):
    found = derivation(**resolve(PARAMETERS, setting))
    counts = found.counts
    assert found.status == "derived"
    assert found.concludes
    assert counts["open"] == counts["not run"] == 0
    assert counts["proved"] + counts["certified"] >= 0.8 * (counts["rows"] - counts["defined"])


def test_the_limiting_case_is_the_known_one():
    for name in ("relu", "heaviside", "logistic"):
        found = derivation(**resolve(PARAMETERS, {"activation": name}))
        assert found.checked[-1].status is Status.PROVED


@pytest.mark.parametrize(
    "setting",
    [
        {"function": "sqrt(x)", "box": "0,1", "epsilon": "1/10", "activation": name}
        for name in ("relu", "heaviside", "atan(z)")
    ]
    + [
        {"function": "abs(x - y/3)", "box": "0,1;0,1", "epsilon": "1/5", "activation": "relu"},
        {"function": "x*y*z", "box": "0,1;0,1;0,1", "epsilon": "1/2", "activation": "relu"},
        {"function": "x*y*z/4", "box": "0,1;0,1;0,1", "epsilon": "1/2", "activation": "logistic"},
    ],
    ids=str,
)
def test_the_conclusion_is_shown_under_every_rule(setting):
    found = derivation(**resolve(PARAMETERS, setting))
    assert found.status == "derived"
    assert found.concludes


@pytest.mark.parametrize("name", ["relu", "heaviside", "logistic", "atan(z)"])
def test_a_conclusion_with_a_wrong_factor_does_not_follow(name):
    found = derivation(**resolve(PARAMETERS, {"activation": name}))
    bound = found.statement.conclusion
    (row,) = [row for row in found.rows if row.relation == bound]
    smaller = Row(Le(bound.lhs, bound.rhs * Rational(9, 10)), row.reason, row.method)
    assert check(smaller).status is Status.OPEN


LEMMAS = [
    *lemma.telescoping(),
    *lemma.logistic(),
    *lemma.zones(),
    *lemma.interpolation(2),
    *lemma.gates(2),
    *lemma.orthants(2),
    *lemma.orthants(3),
]
EQUATIONS = [row for row in LEMMAS if isinstance(row.relation, Eq) and row.relation.rhs != 0]


@pytest.mark.parametrize("position", range(len(EQUATIONS)))
def test_planted_errors_in_rows_are_not_proved(position):
    row = EQUATIONS[position]
    for wrong in (2 * row.relation.rhs, row.relation.rhs + 1):
        planted = Row(Eq(row.relation.lhs, wrong, evaluate=False), row.reason, row.method)
        # A citation vouches for whatever it is put to; everything else must notice.
        assert check(planted).status in (Status.OPEN, Status.CITED)


def test_certified_rows_refuse_smaller_bounds():
    found = derivation(**resolve(PARAMETERS, {}))
    certified = [checked.row for checked in found.checked if checked.status is Status.CERTIFIED]
    assert len(certified) == 2
    for row in certified:
        smaller = Row(Le(row.relation.lhs, row.relation.rhs * Rational(9, 10)), row.reason, row.method)
        assert check(smaller).status is Status.OPEN


def test_closed_forms_of_the_conclusions():
    slope, h = symbols("L h", positive=True)
    rho = symbols("rho", nonnegative=True)
    step = statement(**resolve(PARAMETERS, {"activation": "heaviside"})).conclusion.rhs
    assert step.subs({slope: 3, h: Rational(1, 5), rho: 0}) == Rational(3, 10)
    logistic = statement(**resolve(PARAMETERS, {})).conclusion.rhs
    assert (logistic - slope * h * (Rational(1, 2) + 1 / sinh(letter.u)) - rho).equals(0)


def test_as_expected_on_trial():
    report = verify("approximation.bumps", profile="quick", seed=3)
    assert report.as_expected, report.to_dict()


def test_the_claims_of_other_functions_are_as_expected():
    """A kink and no Lipschitz constant, the plane, a constant: nothing about the sine is built in."""
    from proofs_checks.precision import float64

    settings = [
        {"function": "sqrt(abs(x))", "box": "-1,1", "epsilon": "1/4", "activation": "heaviside"},
        {"function": "x*y", "box": "0,1;0,1", "epsilon": "1/8", "activation": "relu"},
        {"function": "3", "box": "0,1", "epsilon": "1/8", "activation": "atan(z)"},
    ]
    for setting in settings:
        with float64():
            for claim in claims(Profile("quick"), **resolve(PARAMETERS, setting)):
                if claim.name in ("certified error", "agreement in float64", "sampled error"):
                    point = claim.grid[0]
                    assert claim.experiment.function(5, **point.parameters) <= 1.0, (setting, claim.name)


def test_the_rounding_budget_is_an_upper_bound_and_not_a_loose_one():
    """A dot product whose exact value is known: 0.1 is no double, so its rounding must be covered."""
    layer = Layer(1, tuple((row, 0, Fraction(1, 10)) for row in range(3)), (Fraction(0),) * 3, RELU)
    out = Layer(3, ((0, 0, Fraction(1)), (0, 1, Fraction(1)), (0, 2, Fraction(-2))), (Fraction(1, 3),))
    floats = to_floats((layer, out), 1.0)
    point = np.array([0.7])
    computed = Fraction(float(forward(floats, point)))
    difference = abs(computed - Fraction(1, 3))
    budget = rounding_budget(floats, point)
    assert float(difference) <= budget <= 64 * 2.0**-53


def test_the_witness_of_the_control_is_a_corner_of_the_grid():
    function, box = "1 + 3*sin(2*x)*cos(y)/10", "0,1;0,1"
    errors = [cases.tower_error(0, function, box, cells) for cells in (4, 8)]
    # In float64, by hand: at the corner (1/2, 1/2) the network is near 0.
    truth = abs(1 + 0.3 * np.sin(1.0) * np.cos(0.5))
    # What four towers leave of f there, 4 sigma(-k/2), is about 1.1e-4 and the same for every grid.
    np.testing.assert_allclose(errors, truth, rtol=2e-4)
    assert abs(errors[0] - errors[1]) < 1e-5


def test_command_text_and_document(tmp_path):
    found = run("sin(x)", ["0,3"], "0.01", "relu")
    assert "certified" in found.text()
    document = json.loads(json.dumps(found.network_document()))
    assert document["certificate"]["holds"] is True
    assert Fraction(document["certificate"]["upper"]) <= Fraction(1, 100)
    assert document["units"] == sum(layer["outputs"] for layer in document["layers"][:-1])
    assert json.dumps(found.to_dict())
    # Evaluated from the document alone, the witness is as bad as the certificate says.
    inner, outer = document["layers"]
    place = float(Fraction(document["certificate"]["witness"][0]))
    hidden = np.zeros(inner["outputs"])
    for row, _, weight in inner["weights"]:
        hidden[row] = float(Fraction(weight)) * place
    hidden = np.maximum(hidden + [float(Fraction(b)) for b in inner["bias"]], 0)
    total = float(Fraction(outer["bias"][0])) + sum(
        float(Fraction(w)) * hidden[c] for _, c, w in outer["weights"]
    )
    assert abs(np.sin(place) - total) == pytest.approx(document["certificate"]["lower_decimal"], rel=1e-9)


def test_the_plane_from_the_command():
    found = run("sin(2*x)*cos(y)", ["0,1", "0,1"], "1/5", "logistic")
    assert found.holds
    assert len(found.layers) == 3
    assert "2 hidden layer(s)" in found.text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sin(x)", ["0,6"], "0", "relu"), "positive"),
        (("sin(x)", ["6,0"], "0.1", "relu"), "LO"),
        (("1/x", ["-1,1"], "0.1", "relu"), "x = 0"),
        (("sin(x)", ["0,6"], "0.1", "sin(z)"), "sigmoidal"),
        (("sin(x)", ["0,6"], "0.1", "gelu(z)"), "unbounded"),
        (("sin(x)", ["0,6"] * 4, "0.1", "relu"), "intervals"),
        (("sin(y)", ["0,6"], "0.1", "relu"), "y"),
        (("sin(x)", ["0,6"], "1e-12", "relu"), "cells"),
        (("__import__('os')", ["0,6"], "0.1", "relu"), "allowed"),
    ],
)
def test_bad_input_of_the_command(arguments, said):
    with pytest.raises(InputError) as refusal:
        run(*arguments)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_sympy_expressions_are_taken_as_they_are():
    x, y = symbols("x y")
    found = statement(
        **resolve(PARAMETERS, {"function": sin(2 * x) * cos(y), "box": "0,1;0,1", "epsilon": 0.25})
    )
    assert found.id == "approximation.bumps"


WITHOUT_FLINT = """
import sys
sys.modules["flint"] = None
from theory.approximation.bumps import PARAMETERS, derivation
from theory.parameters import resolve
found = derivation(**resolve(PARAMETERS, {}))
assert found.status == "not run", found.counts
assert found.counts["open"] == 0 and found.counts["not run"] >= 1, found.counts
assert "jax" not in sys.modules
from proofs_checks.commands.approximate import run
from theory.errors import BallsUnavailable
try:
    run("sin(x)", ["0,3"], "0.1")
except BallsUnavailable as refusal:
    assert "python-flint" in str(refusal)
else:
    raise AssertionError("something was certified without ball arithmetic")
"""


def test_without_ball_arithmetic_nothing_is_claimed():
    done = subprocess.run([sys.executable, "-c", WITHOUT_FLINT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


OWN = {"function": sin(Symbol("x")), "box": ((0, 6),), "epsilon": Rational(1, 50), "activation": RELU}
CLAIMS = {claim.name: claim for claim in claims(Profile("quick"), **OWN)}
CHALLENGED = [(claim, form) for claim in CLAIMS.values() for form in claim.closed_forms]
IDS = [f"{claim.name}: {form.name}" for claim, form in CHALLENGED]
SHARP = (*EXACT, *LOGISTIC, *CROSSING)


def outcome(claim):
    with open_store(None) as store:
        return judge(claim, theorem="tests", store=store, seed=3).verdict.outcome


@pytest.mark.parametrize("sharp", SHARP, ids=lambda one: one.name)
def test_the_form_on_trial_is_the_conclusion_without_rounding_and_tails(sharp):
    settings = {key: value for key, value in sharp.parameters.items() if key != "rule"}
    bound = statement(**resolve(PARAMETERS, settings)).conclusion.rhs
    rest = bound.xreplace({one: Integer(0) for one in (letter.rho, letter.tau, letter.D)})
    assert rest.replace(letter.omega, sqrt) == sharp.form


@pytest.mark.parametrize("sharp", SHARP, ids=lambda one: one.name)
def test_the_form_and_what_is_granted_are_the_bound_of_the_construction(sharp):
    # The construction adds Fractions with code of its own.
    found = cases.case(**sharp.parameters).approximation
    total = value_of(sharp.form, bounds.letters(found)) + rational(bounds.granted(found))
    built = rational(found.construction.bound)
    assert total <= built
    if sharp.rule == "modulus":  # the number of cells was searched for, within 1/32, so that epsilon is kept
        assert built <= total * (1 + Rational(1, 16))
    else:
        assert float(total / built) == pytest.approx(
            1.0, abs=2.0**-8 if sharp.activation == "logistic" else 0
        )


@pytest.mark.parametrize("name", IDS)
def test_the_closed_form_in_its_own_place_changes_nothing(name):
    claim, form = CHALLENGED[IDS.index(name)]
    again = form.restate(form.expression)
    assert [one.predicted for one in again.grid] == [one.predicted for one in claim.grid]
    assert outcome(again) == outcome(claim) == "supported"


@pytest.mark.parametrize("factor", [Rational(19, 20), Rational(21, 20), Rational(1, 2), 2])
@pytest.mark.parametrize("name", [one for one in IDS if one.startswith("sharp bound: ")])
def test_sharp_bounds_that_are_off_do_not_pass(name, factor):
    form = CHALLENGED[IDS.index(name)][1]
    # Too small a bound is violated, too large a one is not attained.
    assert outcome(form.restate(factor * form.expression)) == ("refuted" if factor < 1 else "undecided")


def test_tails_are_told_from_similar_ones_by_shallow_units():
    form = CLAIMS["bound of shallow units"].closed_forms[0]
    similar = form.expression.replace(sinh, cosh)
    assert outcome(form.restate(similar)) == "refuted"


def test_the_error_at_the_top_of_a_tent_is_the_sum_of_all_tails():
    units = 2 / (1 + np.exp((2 * np.arange(1, 31) - 1) / 4))
    expected = units.sum() / (1 / 2 + 1 / np.sinh(1 / 4))
    with float64():
        found = tents.largest(0, slope="5/8", width="1/17", steepness="1/4", cells=61)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", IDS)
def test_bounds_that_are_not_positive_numbers_are_refused(name):
    form = CHALLENGED[IDS.index(name)][1]
    for wrong in (-form.expression, 0 * form.expression, form.expression / 0, sqrt(-form.expression)):
        with pytest.raises(InputError):
            form.restate(wrong)


def test_the_attack_on_a_sharp_bound_attains_and_does_not_break_it():
    sharp = CLAIMS["sharp bound"]
    steps = replace(sharp, grid=(sharp.grid[2],), closed_forms=())
    first, second = attack_claim(steps, 0, 16, 100)
    assert 0.99 < first.best <= 1.0
    assert first.best == second.best
    assert first.twin_broken
    assert not first.broken
    understated = replace(steps, grid=(replace(steps.grid[0], predicted=(0.98, 0.98)),))
    assert attack_claim(understated, 0, 16, 100)[0].broken


def test_the_attack_over_the_class_finds_its_worst_function():
    # One wave of the least frequency: 1 - cos(h/2) over h^2/8; random functions stay below.
    claim = CLAIMS["bound over a class"]
    (attempt,) = attack_claim(replace(claim, grid=(claim.grid[0],)), 0, 32, 200)
    half = classes.LENGTH / claim.grid[0].parameters["cells"] / 2
    assert attempt.best == pytest.approx((1 - np.cos(half)) / (half**2 / 2), rel=1e-3)
    assert not attempt.broken
    assert not attempt.vacuous


@pytest.mark.parametrize("activation", ["relu", "heaviside", "logistic"])
def test_networks_of_the_class_are_those_of_the_construction(activation):
    # The exact network of the same function and number of cells; its values are rounded by less.
    found = cases.case("sin(x)", "0,6", "1/50", activation)
    cells = found.approximation.construction.cells[0]
    absent = jnp.full(classes.WAVES - 1, -jnp.inf)
    with float64():
        for point in np.linspace(0.1, 5.9, 7):
            place = classes.Place(jnp.append(0.0, absent), jnp.zeros(classes.WAVES), jnp.asarray(point))
            network = classes._NETWORKS[activation](place, classes.LENGTH / cells, cells)
            exact = forward(found.floats, jnp.asarray([point]))
            assert float(network) == pytest.approx(float(exact), abs=2.0**-10 / 50)
