"""Bad input: one line that says what arrived and what is allowed, exit code 2, nothing written."""

import json
import sys

import numpy as np
import pytest

from proofs_checks import cli


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run the command line in this process, in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["provenet", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return exit_.value.code or 0, captured.out, captured.err

    return run


VERIFY, DERIVE = "verify", "derive"
NTK, LINEAR, BUMPS = "kernels.two_layer_ntk", "linear_networks.critical_points", "approximation.bumps"

REFUSED = {
    "unknown id": ((VERIFY, "kernels.two_layer_ntc"), "kernels.two_layer_ntk"),
    "unknown id, derive": ((DERIVE, "nothing"), "unknown theorem 'nothing'"),
    "missing file": ((VERIFY, "missing.py"), "there is no file 'missing.py'"),
    "unknown parameter": ((VERIFY, NTK, "--set", "activaton=erf(z)"), "activation"),
    "an option as a parameter": ((VERIFY, NTK, "--set", "seed=3"), "--seed"),
    "not NAME=VALUE": ((VERIFY, NTK, "--set", "activation"), "NAME=VALUE"),
    "ill-typed parameter": ((DERIVE, LINEAR, "--set", "widths=5,three,4"), "widths"),
    "width zero": ((DERIVE, LINEAR, "--set", "widths=5,0,4"), "widths"),
    "negative width": ((VERIFY, LINEAR, "--set", "widths=5,-3,4"), "widths"),
    **{
        f"no closed form, {name}": (
            (DERIVE, f"kernels.{name}", "--set", "activation=tanh(z)"),
            "in closed form",
        )
        for name in ("spectral_bias", "metric_preservation", "finite_width")
    },
    "unknown profile": ((VERIFY, NTK, "--profile", "fast"), "quick"),
    "unknown format": ((DERIVE, NTK, "--format", "docx"), "latex"),
    "epsilon zero": (("approximate", "sin(x)", "--on", "0,6", "--epsilon", "0"), "epsilon"),
    "epsilon negative": (("approximate", "sin(x)", "--on", "0,6", "--epsilon", "-0.1"), "epsilon"),
    "empty interval": (("approximate", "sin(x)", "--on", "1,1", "--epsilon", "0.1"), "LO"),
    "reversed interval": (("approximate", "sin(x)", "--on", "6,0", "--epsilon", "0.1"), "LO"),
    "pole": (("approximate", "1/x", "--on=-1,1", "--epsilon", "0.1"), "1/x"),
    "logarithm of negative": (("approximate", "log(x)", "--on=-1,1", "--epsilon", "0.1"), "log"),
    "free symbol": (("approximate", "sin(x)+w", "--on", "0,6", "--epsilon", "0.1"), "w"),
    "complex": (("approximate", "sin(x)+I", "--on", "0,6", "--epsilon", "0.1"), "I"),
    "not sigmoidal": (
        ("approximate", "sin(x)", "--on", "0,6", "--epsilon", "0.1", "--activation", "sin(z)"),
        "sin",
    ),
    "a pole": (("kernel", "1/z"), "singular near z"),
    "not real everywhere": (("kernel", "log(z)"), "not real"),
    "not square integrable, outside the class": (("kernel", "exp(z**2)*tanh(z)"), "square integrability"),
    "infinite at this variance": (("kernel", "exp(z**2/6)", "--at", "4,4,1"), "infinite"),
    "infinite in the second layer": (("kernel", "exp(z**2/8)", "--depth", "2", "--at", "3,3,1"), "infinite"),
    "depth 0": (("kernel", "erf(z)", "--depth", "0"), "depth 0"),
    "negative depth": (("kernel", "erf(z)", "--depth", "-2"), "depth -2"),
    "huge depth": (("kernel", "erf(z)", "--depth", "1000000000"), "from 1 to 1000"),
    "weight variance 0": (("kernel", "z", "--depth", "2", "--weight-variance", "0"), "weight variance 0"),
    "negative bias variance": (("kernel", "z", "--depth", "2", "--bias-variance", "-1"), "bias variance -1"),
    "bias without depth": (("kernel", "erf(z)", "--bias-variance", "1"), "without a depth"),
    "unknown parametrization": (("kernel", "z", "--depth", "1", "--parametrization", "mup"), "standard"),
    "standard without widths": (("kernel", "z", "--depth", "1", "--parametrization", "standard"), "widths"),
    "widths that are none": (
        ("kernel", "z", "--depth", "1", "--parametrization", "standard", "--widths", "2,0"),
        "widths",
    ),
    "variance 0": (("kernel", "erf(z)", "--at", "0,1,0"), "smallest eigenvalue 0"),
    "not square integrable": (("kernel", "exp(z**2)"), "exp(z"),
    "free symbol in kernel": (("kernel", "erf(z*w)"), "w"),
    "attack, attribute": (("kernel", "().__class__.__bases__[0]"), "allowed"),
    "attack, call": (("kernel", "__import__('os').system('touch pwned')"), "allowed"),
    "attack, lambda": (("kernel", "(lambda: 0)()"), "only a named function"),
    "power bomb": (("kernel", "9**9**9**9"), "9**9**9**9"),
    "attack in --set": ((VERIFY, NTK, "--set", "activation=__import__('os')"), "allowed"),
    "not a covariance": (("kernel", "erf(z)", "--at", "1,1,2"), "smallest eigenvalue -1"),
    "two numbers for --at": (("kernel", "erf(z)", "--at", "1,1"), "A,B,C"),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_one_line(command, tmp_path, arguments, said):
    code, out, err = command(*arguments)
    assert code == 2, err
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert said in err
    assert list(tmp_path.iterdir()) == []


X, Y = np.arange(20.0).reshape(10, 2) ** 2, np.ones((10, 3))
BAD_DATA = {
    "NaN": (np.full((10, 2), np.nan), Y, "2,2,3", "NaN"),
    "infinite": (np.full((10, 2), np.inf), Y, "2,2,3", "inf"),
    "mismatched examples": (X, np.ones((9, 3)), "2,2,3", "9"),
    "mismatched widths": (X, Y, "5,2,3", "5"),
    "objects": (np.array([[{}]] * 10, dtype=object), Y, "1,2,3", "object"),
    "complex": (X * 1j, Y, "2,2,3", "complex"),
    "words": (np.full((10, 2), "a"), Y, "2,2,3", "number"),
    "three axes": (np.ones((10, 2, 2)), Y, "2,2,3", "(10, 2, 2)"),
    "no examples": (np.ones((0, 2)), np.ones((0, 3)), "2,2,3", "0"),
    "two widths": (X, Y, "2,3", "2,3"),
    "width zero": (X, Y, "2,0,3", "0"),
}


BAD_OPTIONS = {
    "uncertainty": (["--uncertainty", "a,b"], "--uncertainty"),
    "one uncertainty": (["--uncertainty", "0.1"], "give two, DX,DY"),
    "network": (["--network", "none.npz"], "none.npz"),
    "no npz": (["--network", "x.npy"], "no npz file"),
    "format": (["--format", "pdf"], "pdf"),
}


@pytest.mark.parametrize(("options", "said"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_bad_options_of_critical_points_are_refused(command, tmp_path, options, said):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    data = ("--data", "x.npy", "y.npy", "--widths", "2,2,3")
    code, out, err = command("critical-points", *data, *options)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err
    code, out, err = command("critical-points", *data, "--format", "latex", "--lowest", "1")
    assert (code, err) == (0, "")
    assert r"\begin{tabular}" in out


@pytest.mark.parametrize(("x", "y", "widths", "said"), BAD_DATA.values(), ids=BAD_DATA.keys())
def test_bad_data_is_refused(command, tmp_path, x, y, widths, said):
    np.save(tmp_path / "x.npy", x, allow_pickle=True)  # written only to show that it is refused
    np.save(tmp_path / "y.npy", y)
    code, out, err = command("critical-points", "--data", "x.npy", "y.npy", "--widths", widths)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err


def test_a_file_that_is_not_what_it_claims_is_refused(command, tmp_path):
    (tmp_path / "x.npy").write_text("not an array")
    np.save(tmp_path / "y.npy", Y)
    code, _, err = command("critical-points", "--data", "x.npy", "y.npy", "--widths", "2,2,3")
    assert code == 2
    assert "x.npy" in err
    code, _, err = command("critical-points", "--data", "gone.npy", "y.npy", "--widths", "2,2,3")
    assert code == 2
    assert "gone.npy" in err


def test_usage_errors_exit_with_2(command):
    assert command("approximate", "sin(x)")[0] == 2
    assert command("prove-everything")[0] == 2


def test_a_folder_that_is_not_there_is_refused_before_any_work(command, tmp_path):
    code, _, err = command("derive", NTK, "--format", "latex", "-o", "nowhere/section.tex")
    assert code == 2
    assert "nowhere" in err
    assert list(tmp_path.iterdir()) == []


def test_json_is_the_only_thing_on_stdout(command):
    code, out, _ = command("kernel", "erf(z)", "--json")
    assert code == 0
    assert isinstance(json.loads(out), dict)
