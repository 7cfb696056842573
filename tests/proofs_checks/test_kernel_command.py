"""`provenet kernel`: text, LaTeX and JSON, with and without closed form, through depth, and its refusals."""

import json
import math
import re
import sys

import mpmath
import numpy as np
import pytest
from sympy import Rational, Symbol, sqrt

from proofs_checks import cli
from proofs_checks.commands.kernel import run
from proofs_checks.report.kernels import layer_equations
from theory.certified_expectations.hermite import expansion, orthonormal_hermite, partial_sum
from theory.deep_kernels.enclosure import Recursion
from theory.deep_kernels.recursion import covariance_entries
from theory.errors import InputError
from theory.grammar import parse

flint = pytest.importorskip("flint")

Z = Symbol("z", real=True)


@pytest.fixture
def command(monkeypatch, capsys):
    def invoke(*arguments):
        monkeypatch.setattr(sys, "argv", ["provenet", "kernel", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return exit_.value.code or 0, captured.out, captured.err

    return invoke


def number(text):
    """The midpoint of a printed ball."""
    return float(re.match(r"\[?(-?[\d.]+(?:e-?\d+)?)", text).group(1))


def test_closed_forms_and_values():
    result = run("max(z, 0)", at="1,1,1/2", digits=25)
    # pi/3 between the inputs: (sqrt(3)/2 + (2 pi/3)/2)/(2 pi)
    assert dict(result.values)["E[s(u) s(v)]"].startswith("[0.30449889")
    assert "certified at a = 1" in result.text()
    assert result.to_dict()["at"] == ["1", "1", "1/2"]
    assert result.to_dict()["closed_form"] is True
    assert r"\mathbb{E}[\sigma(u)\,\sigma(v)] = \frac{" in result.latex()


def test_an_activation_that_jumps_says_why_it_has_no_tangent_kernel():
    result = run("sign(z)", at="1,1,1/2")
    assert result.tangent is None
    assert "the activation jumps" in result.text()
    assert list(dict(result.values)) == ["E[s(u) s(v)]"]


def test_without_closed_form_the_values_are_certified_and_the_words_say_so():
    """E[tanh tanh] at rho = 1/2 by Gauss-Hermite quadrature of the conditional mean."""
    result = run("tanh(z)", digits=15)
    text = result.text()
    assert "No closed form" in text
    assert "certified, not derived" in text
    assert "alpha_2(1) = 0\n" in text
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    inner = np.tanh(nodes[:, None] / 2 + math.sqrt(0.75) * nodes) @ weights / math.sqrt(2 * math.pi)
    expected = (np.tanh(nodes) * inner) @ weights / math.sqrt(2 * math.pi)
    assert number(dict(result.values)["E[s(u) s(v)]"]) == pytest.approx(float(expected), rel=1e-10)
    document = result.to_dict()
    assert document["closed_form"] is False
    assert document["formulas"] == {}
    assert len(document["series"]["coefficients"]["1"]) == 8


def test_mehler_series_with_its_rest_contains_the_value():
    activation = parse("mish(z)", [Z])
    with flint.ctx.workprec(70):
        left, right = expansion(activation, Rational(1), 5), expansion(activation, Rational(1, 2), 5)
        ball = partial_sum(left, right, flint.arb("0.3") * flint.arb(2).sqrt())
    values = dict(run("mish(z)", at="1,1/2,0.3", digits=15).values)
    assert ball.contains(flint.arb(values["E[s(u) s(v)]"]))
    assert 1e-20 < ball.rad() < 1e-4


def test_hermite_polynomials_vs_their_table():
    assert (orthonormal_hermite(3) * sqrt(6)).expand() == Z**3 - 3 * Z
    assert (orthonormal_hermite(4) * sqrt(24)).expand() == Z**4 - 6 * Z**2 + 3


def test_depth_prints_the_recursion_and_the_values():
    result = run("erf(z)", at="1,1,1/2", digits=15, depth=2, weight_variance="2", bias_variance="0.1")
    text = result.text()
    assert "c_2 = 2*kappa(a_1, b_1, c_1) + 1/10" in text
    assert "t_3 = c_3 + 2*t_2*kappa'(a_2, b_2, c_2)" in text
    assert "the covariance of the first preactivations" in text
    assert list(dict(result.values)) == ["K^3(x, y)", "Theta^3(x, y)"]

    # Williams' closed form, twice
    def kappa(a, b, c):
        return 2 / mpmath.pi * mpmath.asin(2 * c / mpmath.sqrt((1 + 2 * a) * (1 + 2 * b)))

    a = 0.1 + 2 * kappa(1, 1, 1)
    c = 0.1 + 2 * kappa(1, 1, 0.5)
    expected = 0.1 + 2 * kappa(a, a, c)
    assert number(dict(result.values)["K^3(x, y)"]) == pytest.approx(float(expected), rel=1e-14)


def test_deep_networks_print_the_first_layers_and_the_last():
    text = run("erf(z)", depth=40).text()
    assert "..." in text
    assert "c_41 = kappa(a_40, b_40, c_40)" in text
    assert "c_20" not in text


def test_printed_equations_are_the_recursion_that_is_enclosed():
    """The equations of the first layer with numbers for kappa and kappa', in both parametrizations."""
    a, b, c = covariance_entries(1)
    given = {a: 1, b: 1, c: Rational(1, 2), Symbol("t_1", real=True): Rational(1, 2)}
    kappa, moved = Rational(1, 3), Rational(1, 5)
    for parametrization, widths, own in (
        ("ntk", (), Rational(1, 4) + 2 * kappa),
        ("standard", (3, 7), 7 * kappa + 1),
    ):
        recursion = Recursion(1, Rational(2), Rational(1, 4), parametrization, widths)
        covariance, tangent = layer_equations(recursion, 2)
        values = [
            side.rhs.replace(lambda f: f.func.__name__ == "kappa", lambda _: kappa)
            .replace(lambda f: f.func.__name__ == "kappa'", lambda _: moved)
            .subs({**given, covariance.lhs: Rational(1, 4) + 2 * kappa})
            for side in (covariance, tangent)
        ]
        assert values == [Rational(1, 4) + 2 * kappa, own + 2 * moved / 2]


def test_json_is_one_document(command):
    code, out, err = command("silu(z)", "--depth", "2", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["recursion"]["depth"] == 2
    assert document["recursion"]["equations"][-1]["text"] == "t_3 = c_3 + t_2*kappa'(a_2, b_2, c_2)"
    assert set(document["values"]) == {"K^3(x, y)", "Theta^3(x, y)"}


def test_latex_of_everything_has_balanced_environments():
    for activation, arguments in (("gelu(z)", {"depth": 3}), ("tanh(z)", {"depth": 1, "digits": 6})):
        text = run(activation, **arguments).latex()
        for name in ("equation*", "align*", "align"):
            assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")
        assert "kappa'" not in text.replace(r"\kappa'", "")


@pytest.mark.parametrize("arguments", [{}, {"depth": 2}])
def test_latex_says_what_it_needs_and_what_the_letters_mean(arguments):
    text = run("cos(3*z)*exp(-z**2/2)", **arguments).latex()
    needs, law, *displays = text.splitlines()
    assert "graphicx" in needs
    assert r"\resizebox" in "\n".join(displays)
    assert r"(u, v) \sim \mathcal{N}" in law
    assert ("$t_l$" if arguments else r"$\Theta$") in law


def test_singular_covariances_are_limits(command):
    code, out, _ = command("tanh(z)", "--at", "1,1,-1")
    assert code == 0
    assert "(singular: the limit)" in out
    same, opposite = (dict(run("tanh(z)", at=at, digits=15).values) for at in ("1,1,1", "1,1,-1"))
    assert number(same["E[s(u) s(v)]"]) == -number(opposite["E[s(u) s(v)]"])
    assert number(same["E[s'(u) s'(v)]"]) == number(opposite["E[s'(u) s'(v)]"])


def test_what_takes_too_long_ends_with_3_and_advice(command):
    code, out, err = command("sin(z)**60", "--time-limit", "0.5")
    assert (code, out) == (3, "")
    assert len(err.strip().splitlines()) == 1
    assert "--time-limit" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("max(z, 0)", "1,1,2"), r"not a positive semidefinite .*smallest eigenvalue -1\)"),
        (("max(z, 0)", "1,1"), "give A,B,C"),
        (("max(z, 0)", "0,1,0"), "smallest eigenvalue 0"),
        (("z*w",), "unknown name w"),
        (("exp(z**2/6)", "4,4,1/2"), "is infinite at"),
        (("max(z, 0)", "1,1,0", 0), "give a number from 1 to 1000"),
        (("max(z, 0)", None, 15, 1.5), "depth 1.5"),
        (("max(z, 0)", None, 15, True), "depth True"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        run(*arguments)
