"""Every way in which text of a user's reaches provenet, as functions and command lines of one text."""

import contextlib
import io
import sys
from collections.abc import Callable

NTK, LINEAR, BUMPS = "kernels.two_layer_ntk", "linear_networks.critical_points", "approximation.bumps"


def grammar() -> dict[str, Callable[[str], object]]:
    """The grammar, and the readers of parameters that stand on it."""
    from theory import parameters
    from theory.grammar import parse, parse_integers, parse_interval, parse_rational

    return {
        "parse": lambda text: parse(text, ["x"]),
        "parse, any name": parse,
        "parse_integers": parse_integers,
        "parse_interval": parse_interval,
        "parse_rational": parse_rational,
        "expression_in": parameters.expression_in("z"),
        "intervals": parameters.intervals(),
        "one_of": parameters.one_of("relu", "erf"),
        "positive_integers": parameters.positive_integers(3),
        "positive_rational": parameters.positive_rational(),
    }


def python() -> dict[str, Callable[[str], object]]:
    """The functions of the package."""
    from proofs_checks.commands import approximate, check, critical_points, kernel
    from proofs_checks.run import derive, verify

    return {
        "verify(ID)": verify,
        "verify(activation=)": lambda text: verify(NTK, activation=text),
        "verify(profile=)": lambda text: verify(NTK, profile=text),
        "verify(NAME=)": lambda text: verify(NTK, **{text: "1"}),
        "derive(ID)": derive,
        "derive(widths=)": lambda text: derive(LINEAR, widths=text),
        "derive(function=)": lambda text: derive(BUMPS, function=text),
        "derive(box=)": lambda text: derive(BUMPS, box=text),
        "derive(epsilon=)": lambda text: derive(BUMPS, epsilon=text),
        "derive(activation=)": lambda text: derive(BUMPS, activation=text),
        "kernel": kernel.run,
        "kernel(at=)": lambda text: kernel.run("erf(z)", at=text),
        "approximate": lambda text: approximate.run(text, ["0,1"], "1"),
        "approximate(on=)": lambda text: approximate.run("x", [text], "1"),
        "approximate(epsilon=)": lambda text: approximate.run("x", ["0,1"], text),
        "approximate(activation=)": lambda text: approximate.run("x", ["0,1"], "1", text),
        "critical_points": lambda text: critical_points.run(text, text, "1,1,1"),
        "check": check.run,
    }


# The place of the text is marked; what other options need is given.
COMMANDS = (
    "kernel TEXT",
    "kernel erf(z) --at TEXT",
    "kernel erf(z) --digits TEXT",
    "kernel erf(z) --format TEXT",
    "kernel erf(z) -o nowhere/in/deep/TEXT",
    "approximate TEXT --on 0,1 --epsilon 1",
    "approximate x --on TEXT --epsilon 1",
    "approximate x --on 0,1 --epsilon TEXT",
    "approximate x --on 0,1 --epsilon 1 --activation TEXT",
    "approximate x --on 0,1 --epsilon 1 -o nowhere/in/deep/TEXT",
    "critical-points --data TEXT TEXT --widths 1,1,1",
    "critical-points --data x.npy x.npy --widths TEXT",
    "critical-points --data x.npy x.npy --widths 1,1,1 --uncertainty TEXT",
    "critical-points --data x.npy x.npy --widths 1,1,1 --network TEXT",
    f"derive {NTK} --set activation=TEXT",
    f"derive {LINEAR} --set widths=TEXT",
    f"derive {BUMPS} --set box=TEXT",
    f"derive {NTK} --set TEXT=1",
    f"derive {NTK} --set TEXT",
    f"derive {NTK} --format TEXT",
    "derive TEXT",
    "verify TEXT",
    f"verify {NTK} --set activation=TEXT",
    f"verify {BUMPS} --set epsilon=TEXT",
    f"verify {NTK} --profile TEXT",
    f"verify {NTK} --seed TEXT",
    f"verify {NTK} --store nowhere/in/deep/TEXT",
    f"verify {NTK} --certificates nowhere/in/deep/TEXT",
    "check TEXT",
    "TEXT",
)

# A whole number may be written so, and a number of digits or a seed is nothing else.
LEGITIMATE = {
    "kernel erf(z) --digits TEXT": {"08", "1_000"},
    f"verify {NTK} --seed TEXT": {"08", "1_000"},
}


class Refused(Exception):
    """The command line ended with exit code 2 and one line, or its usage, on stderr; or nothing holds."""


def build_once() -> None:
    """Let typer read the signatures of the commands now, and not again for every text."""
    from typer.main import get_command

    from proofs_checks import cli

    cli.app = get_command(cli.app)


def command_line(template: str) -> Callable[[str], object]:
    """A function of one text that runs the command line in this process."""
    from proofs_checks import cli

    def run(text: str) -> object:
        arguments = [text if part == "TEXT" else part.replace("TEXT", text) for part in template.split()]
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["provenet", *arguments]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
            except SystemExit as end:
                if end.code == 2 and not out.getvalue():
                    raise Refused(err.getvalue()) from None
                if end.code == 1 and arguments[0] == "check":
                    raise Refused(out.getvalue()) from None
        return out.getvalue()

    return run


def commands() -> dict[str, Callable[[str], object]]:
    """Every command line."""
    build_once()
    return {template: command_line(template) for template in COMMANDS}


def files() -> dict[str, Callable[[str], object]]:
    """Whatever reads a file that may have been downloaded, and changes nothing."""
    from proofs_checks.commands import check, critical_points

    def checked(name: str) -> None:
        if not (result := check.run(name)).holds:
            raise Refused(result.text())

    build_once()
    return {
        "check": checked,
        "critical_points(inputs=)": lambda name: critical_points.run(name, name, "3,1,3"),
        "check FILE": command_line("check TEXT"),
        "critical_points(network=)": lambda name: critical_points.run(
            [[1.0]], [[1.0]], "1,1,1", network=name
        ),
        "critical-points --data FILE FILE": command_line("critical-points --data TEXT TEXT --widths 3,1,3"),
    }


def planted() -> dict[str, Callable[[str], object]]:
    """What the watch has to notice: an entrance that runs what it reads, and one that takes its time."""
    return {"eval": lambda text: eval(text)}


GROUPS = {"grammar": grammar, "python": python, "commands": commands, "files": files, "planted": planted}
