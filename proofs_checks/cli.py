"""The command line: a thin shell that parses, calls and prints; everything it prints is made elsewhere.

Heavy imports stay inside the commands, so that help and refusals come at once.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from proofs_checks import signals
from proofs_checks.commands import screening
from proofs_checks.report.files import require_folder, write_whole
from theory.errors import InputError, NotRun
from theory.grammar.sizes import shown
from theory.printing.visible import one_line, visible, visible_json

_OPTIONS = ("profile", "seed", "store", "fresh", "workers", "scheduler", "progress")
_LONGEST_REFUSAL = 1000
EXPECTED, UNEXPECTED, BAD_INPUT, UNDECIDED = 0, 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Theorems of deep learning: derived, measured on trained networks, judged.",
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; repeatable.")
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write to this file instead of stdout.")]
Theorems = Annotated[
    list[str] | None, typer.Argument(metavar="[ID ...]", help="Ids or files; none: the whole catalogue.")
]
ProfileName = Annotated[str, typer.Option(metavar="quick|standard|thorough", help="How many seeds.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Where the random numbers start.")]
StoreFile = Annotated[
    Path | None, typer.Option(help="Keep finished measurements in this file and continue from it.")
]

Workers = Annotated[int | None, typer.Option(metavar="N", help="Measure in N processes of this machine.")]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Measure on the workers of this Dask scheduler.")
]
CertificateFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the certificates to this file, for provenet check.")
]


CovarianceText = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Enclose the values at covariance [[A, C], [C, B]].")
]
Depth = Annotated[
    int | None, typer.Option(metavar="L", help="Hidden layers; --at is then that of the first of them.")
]
WeightVariance = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="sigma_w^2 of every layer; 1 by default.")
]
BiasVariance = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="sigma_b^2 of every layer; 0 by default.")
]
Parametrization = Annotated[
    str | None, typer.Option(metavar="ntk|standard", help="Of the tangent kernel; ntk by default.")
]
Widths = Annotated[
    str | None, typer.Option(metavar="N0,...,NL", help="Input dimension and widths, for standard.")
]
TimeLimit = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Give up after this time.")]


def main() -> None:
    """Run the command line; whatever ends it early is one line on stderr and an exit code.

    2 for bad input, 3 for what this machine could not run or not to the end, 130 and 143 for signals.
    """
    # Importing SymPy makes a million lasting objects; looking through them time and again takes 0.2 s.
    gc.set_threshold(200_000)
    try:
        with signals.clean_end():
            app(standalone_mode=True)
    except InputError as error:
        _stop(str(error), BAD_INPUT)
    except NotRun as failure:
        _stop(f"not run: {failure}", UNDECIDED)
    except MemoryError as failure:
        _stop(f"not run: out of memory: {failure or 'no more was to be had'}", UNDECIDED)
    except OSError as failure:
        _stop(f"not run: the system failed: {failure}", UNDECIDED)
    except signals.Interrupted as end:
        _stop(f"{end}; {signals.how_to_continue(sys.argv[1:])}", end.exit_code)


def _stop(reason: str, code: int) -> NoReturn:
    print(f"provenet: {one_line(reason)}", file=sys.stderr)
    sys.exit(code)


def emit(text: str, output: Path | None = None) -> None:
    """Print ``text``, or write it to ``output`` whole; what a terminal would obey is spelled out."""
    text = visible(text)
    if output is None:
        print(text)
    else:
        write_whole((text if text.endswith("\n") else text + "\n").encode(), output)


def emit_json(document: dict[str, Any], output: Path | None = None) -> None:
    """The same for a JSON document; numbers that JSON does not know become null."""
    emit(visible_json(document), output)


def settings(given: list[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` strings as a mapping."""
    pairs: dict[str, str] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(
                f"--set {shown(item)} is not NAME=VALUE: give for example --set activation=erf(z)"
            )
        if name in _OPTIONS:
            raise InputError(f"--set {name} is no parameter of a theorem: use the option --{name}")
        if name in pairs:
            raise InputError(f"--set {name} is given twice: give it once")
        pairs[name] = value
    return pairs


@app.command("list", epilog="Example: provenet list --json")
def list_(as_json: Json = False) -> None:
    """List the catalogue.

    Id, title and source of every theorem, status of its derivation, number of claims and controls.
    """
    from proofs_checks.report import listing, terminal

    with terminal.progress() as watch:
        entries = listing.entries(watch)
    if as_json:
        emit_json({"theorems": [entry.to_dict() for entry in entries]})
    else:
        terminal.show(terminal.catalogue_table(entries))


@app.command(epilog="Example: provenet derive kernels.two_layer_ntk --set 'activation=erf(z)' --format latex")
def derive(
    theorem: Annotated[str, typer.Argument(metavar="ID", help="An id of the catalogue, or a file.")],
    set_: Settings = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="text|latex|markdown|pdf|json", help="How to print it.")
    ] = "text",
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Check a derivation and print it.

    Exit code 0 if no row is open, 1 if one is, 3 if a row could not be run here.
    """
    from proofs_checks.report import derivations

    format_ = "json" if as_json else format_
    derivations.require(format_, output)
    given = settings(set_)
    screening.settings([theorem], given)
    from proofs_checks.report import terminal
    from proofs_checks.run import derive as build

    with terminal.progress() as watch:
        watch(theorem, "derivation", 0, 1)
        derivation = build(theorem, **given)
    if format_ == "pdf":
        from proofs_checks.report.pdf import write

        # In the current folder, wherever a user's own file lies.
        write(derivation.latex(), output or Path(f"{Path(theorem).name.removesuffix('.py')}.pdf"))
    elif format_ == "json":
        emit_json(derivation.to_dict(), output)
    else:
        emit(getattr(derivation, format_)(), output)
    sys.exit({"derived": EXPECTED, "open": UNEXPECTED, "not run": UNDECIDED}[derivation.status])


@app.command(epilog="Example: provenet verify kernels.two_layer_ntk --set 'activation=erf(z)' --json")
def verify(
    theorems: Theorems = None,
    set_: Settings = None,
    profile: ProfileName = "quick",
    seed: Seed = 0,
    store: StoreFile = None,
    fresh: Annotated[bool, typer.Option(help="Repeat measurements that the store holds.")] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    details: Annotated[bool, typer.Option(help="Print every claim with its numbers.")] = False,
    certificates: CertificateFile = None,
    as_json: Json = False,
) -> None:
    """Derive, measure and judge.

    Exit code 0 if all is as expected, 1 if something is not, 3 if something is undecided, invalid or could
    not be run to its end and nothing is refuted.
    """
    given: dict[str, Any] = {**settings(set_)}
    require_folder(certificates)
    screening.settings(theorems or (), given)
    from proofs_checks.commands.check import write as write_certificates
    from proofs_checks.report import terminal
    from proofs_checks.run import verify as run

    options: dict[str, Any] = {"store": store, "fresh": fresh, "workers": workers, "scheduler": scheduler}
    with terminal.progress() as watch:
        report = run(*(theorems or ()), profile=profile, seed=seed, progress=watch, **options, **given)
    if certificates is not None:
        write_certificates([claim.certificate for claim in report.claims], certificates)
    if as_json:
        for note in report.notes:
            print(f"provenet: {one_line(note)}", file=sys.stderr)
        emit_json(report.to_dict())
    else:
        terminal.show(terminal.verdict_table(report, details))
    sys.exit(report.exit_code)


@app.command(epilog="Example: provenet audit kernels.two_layer_ntk --profile thorough --store runs.db")
def audit(
    theorems: Theorems = None,
    set_: Settings = None,
    profile: ProfileName = "quick",
    seed: Seed = 0,
    store: Annotated[Path | None, typer.Option(help="Keep what the audit found in this file.")] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", help="Audit N theorems at once, each in a process.")
    ] = 1,
    details: Annotated[bool, typer.Option(help="Name the hypotheses that rows need, or do not.")] = False,
    as_json: Json = False,
) -> None:
    """Plant errors and see which are noticed.

    Displaced predictions and mutants of every closed form are judged, rows of derivations get errors, bounds
    are attacked. Exit code 0 if every goal is met, 1 if an error would slip through, 3 if nothing slipped
    through but not everything was refuted.
    """
    given: dict[str, Any] = {**settings(set_)}
    screening.settings(theorems or (), given)
    from proofs_checks.audit.run import audit as run
    from proofs_checks.report import terminal
    from proofs_checks.report.audits import audit_tables

    options: dict[str, Any] = {"profile": profile, "seed": seed, "store": store, "workers": workers}
    with terminal.progress() as watch:
        report = run(*(theorems or ()), progress=watch, **options, **given)
    if as_json:
        emit_json(report.to_dict())
    else:
        terminal.show(audit_tables(report, details))
    sys.exit(report.exit_code)


@app.command(epilog="Example: provenet kernel 'erf(z)' --depth 3 --bias-variance 0.1 --at 1.3,0.8,0.55")
def kernel(
    activation: Annotated[str, typer.Argument(metavar="EXPRESSION", help="An activation in z.")],
    at: CovarianceText = None,
    digits: Annotated[int, typer.Option(min=1, max=1000, help="Digits of the enclosure.")] = 15,
    depth: Depth = None,
    weight_variance: WeightVariance = None,
    bias_variance: BiasVariance = None,
    parametrization: Parametrization = None,
    widths: Widths = None,
    time_limit: TimeLimit = 60.0,
    format_: Annotated[str, typer.Option("--format", metavar="text|latex|json", help="How to print it.")] = (
        "text"
    ),
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Derive the kernels of an activation.

    The Gaussian dual kernel, the derivative kernel and the two-layer neural tangent kernel; with --depth the
    kernels of a deep network, layer by layer. Without closed form: certified values and Mehler's series.
    """
    format_ = "json" if as_json else format_
    screening.format_of(format_, output)
    numbers = (("--at", at), ("--weight-variance", weight_variance), ("--bias-variance", bias_variance))
    for option, given in (*numbers, ("--widths", widths)):
        if given is not None:
            screening.constants(option, given)
    screening.expression(activation, ("z",))
    from proofs_checks.commands.kernel import run

    options = (depth, weight_variance, bias_variance, parametrization, widths)
    with _within(time_limit):
        result = run(activation, at, digits, *options)
    _print(result, format_, output)


@app.command("critical-points", epilog="Example: provenet critical-points --data X.npy Y.npy --widths 10,3,4")
def critical_points(
    data: Annotated[tuple[Path, Path], typer.Option(metavar="X.npy Y.npy", help="Examples in rows.")],
    widths: Annotated[
        str, typer.Option(metavar="IN,HIDDEN,...,OUT", help="Widths of the linear network, of any depth.")
    ],
    network: Annotated[
        Path | None,
        typer.Option("-n", "--network", metavar="W.npz", help="A trained network, arrays W_1, ..., W_H."),
    ] = None,
    lowest: Annotated[int, typer.Option(min=1, max=10_000, help="How many classes to list.")] = 20,
    uncertainty: Annotated[
        str | None, typer.Option(metavar="DX,DY", help="How far off the entries of X and of Y may be.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="text|latex|json", help="How to print it.")] = (
        "text"
    ),
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Map the landscape of your data.

    All critical values of a linear network with squared loss, their kinds, and what of the theory holds for
    these data; with --network, which critical point the network is near and how it leaves.
    """
    format_ = "json" if as_json else format_
    screening.format_of(format_, output)
    screening.constants("--widths", widths)
    if uncertainty is not None:
        screening.constants("--uncertainty", uncertainty)
    from proofs_checks.commands.critical_points import run

    _print(run(data[0], data[1], widths, lowest, uncertainty, network), format_, output)


@app.command(epilog="Example: provenet dynamics --data X.npy Y.npy --widths 64,10,10 --steps 4000 --whiten")
def dynamics(
    data: Annotated[tuple[Path, Path], typer.Option(metavar="X.npy Y.npy", help="Examples in rows.")],
    widths: Annotated[str, typer.Option(metavar="D0,...,DH", help="Widths of the linear network.")],
    scale: Annotated[str, typer.Option(metavar="NUMBER", help="Size of the initial weights.")] = "0.001",
    steps: Annotated[str, typer.Option(metavar="N", help="Steps of gradient descent.")] = "2000",
    step_size: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="By default 1/20 of the inverse curvature.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the initial weights.")] = 0,
    initialization: Annotated[
        str, typer.Option(metavar="random|balanced|aligned", help="Of the initial weights.")
    ] = "random",
    whiten: Annotated[bool, typer.Option(help="Train on whitened inputs.")] = False,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Predict the training of your linear network.

    The exact course of the loss beside the trained one: plateaus, half-times, and the error of the step size.
    """
    require_folder(output)
    screening.constants("--widths", widths)
    for option, given in (("--scale", scale), ("--steps", steps), ("--step-size", step_size)):
        if given is not None:
            screening.constants(option, given)
    from proofs_checks.commands.dynamics import run

    result = run(
        *data,
        widths,
        scale,
        steps,
        step_size=step_size,
        seed=seed,
        initialization=initialization,  # type: ignore[arg-type]  # checked there
        whiten=whiten,
    )
    _print(result, "json" if as_json else "text", output)


@app.command(
    epilog="Example: provenet approximate 'sin(x)' --on 0,6 --epsilon 0.001 --activation relu -o net.json"
)
def approximate(
    function: Annotated[str, typer.Argument(metavar="EXPRESSION", help="A function of x, or of x, y, ...")],
    on: Annotated[list[str], typer.Option(metavar="LO,HI", help="An interval for each variable, in order.")],
    epsilon: Annotated[str, typer.Option(metavar="E", help="The error allowed everywhere on the box.")],
    activation: Annotated[
        str, typer.Option(metavar="NAME", help="relu, heaviside, logistic, or a sigmoidal expression in z.")
    ] = "relu",
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Construct a certified network.

    Explicit weights, and a certificate that the error is at most E on the whole box. Exit code 1 if the
    certificate misses E.
    """
    require_folder(output)
    screening.constants("--on", *on)
    screening.constants("--epsilon", epsilon)
    screening.expression(function, screening.COORDINATES)
    if activation not in screening.ACTIVATIONS:
        screening.expression(activation, ("z",))
    from proofs_checks.commands.approximate import run

    result = run(function, on, epsilon, activation)
    if output is not None:
        emit_json(result.network_document(), output)
    _print(result, "json" if as_json else "text", None)
    sys.exit(EXPECTED if result.holds else UNEXPECTED)


@app.command(epilog="Example: provenet check certificates.json")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificates as JSON, or a store.")],
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Check certificates again.

    From their own figures, without the theorem or the experiment; the file is only read. Exit code 0 if every
    certificate holds, 1 if one does not, 2 if there is none.
    """
    from proofs_checks.commands.check import run

    require_folder(output)
    result = run(file)
    _print(result, "json" if as_json else "text", output)
    sys.exit(EXPECTED if result.holds else UNEXPECTED)


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    """What takes longer is not run to its end."""
    from theory.time_limit import TimeLimitExceeded, last_resort

    try:
        with last_resort(seconds):
            yield
    except TimeLimitExceeded as late:
        raise NotRun(
            f"{late}: give more with --time-limit, or a simpler activation, fewer digits, less depth"
        ) from None


def _print(result: Any, format_: str, output: Path | None) -> None:
    """Print a result in the format asked for."""
    if format_ == "json":
        emit_json(result.to_dict(), output)
    else:
        emit(result.latex() if format_ == "latex" else result.text(), output)
