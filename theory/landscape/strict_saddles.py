"""Descent leaves strict saddles in logarithmic time, from almost every start."""

from __future__ import annotations

from sympy import And, Gt, Rational

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, as_rational
from theory.proving.identity import Identity
from theory.saddles import rows as w
from theory.statement import Hypothesis, Source, Statement

LARGEST_STEP, SMALLEST_STEP = Rational(1, 4), Rational(1, 200)
DEFAULT_STEP = Rational(1, 20)

LEVY = Source(
    "K. Y. Levy", "The power of normalization: faster evasion of saddle points", 2016, "", "arXiv:1611.04831"
)


def _step_size(value: object) -> Rational:
    number = as_rational(value)
    if not SMALLEST_STEP <= number <= LARGEST_STEP:
        raise InputError(
            f"{number} is not allowed: give a step from {SMALLEST_STEP} to {LARGEST_STEP}; curvatures are "
            f"of order 1"
        )
    return number


PARAMETERS = (Parameter("step_size", "eta, of the descent that is measured", DEFAULT_STEP, _step_size),)


def statement(step_size: Rational = DEFAULT_STEP) -> Statement:
    """Descent x - eta grad f near a saddle with Hessian eigenvalue -mu < 0, and with steps of fixed length.

    The conclusion has the powers of a step, the law of the time T to leave |x| < R from N(0, s^2), the first
    two moments of ln|Z| that give those of T, the slope of T in ln delta for starts delta x_0, and the factor
    of two steps of normalized descent at x = kappa eta, kappa = a / (a + b), with rho the ratio of the
    negative to the positive curvature.
    """
    return Statement(
        id="landscape.strict_saddles",
        title="The time to leave a strict saddle",
        summary=(
            r"Descent leaves $|x| < R$ along an eigenvalue $-\mu$ of the Hessian after $T = \lceil \ln(R / "
            r"|x_0|) "
            r"/ \ln(1 + \eta \mu) \rceil$ steps: the logarithm of the distance at the start, where a "
            r"saddle that "
            r"is not strict takes its inverse. With $\eta < 1 / L$ only starts of measure zero converge "
            r"to "
            r"strict saddles; above that a third of all may. Descent with steps of fixed length leaves at "
            r"a rate "
            r"that does not depend on the length."
        ),
        hypotheses=(
            Hypothesis(r"$\mu > 0$: the saddle is strict", relation=Gt(w.mu, 0, evaluate=False)),
            Hypothesis(r"$\eta > 0$", relation=Gt(w.eta, 0, evaluate=False)),
            Hypothesis(r"near the saddle $f$ is its quadratic part"),
        ),
        conclusion=And(w.POWERS, w.SURVIVAL, w.MEAN, w.SQUARE, w.SLOPE, w.TWO_STEPS),
        regime="exact",
        sources=(w.LEE, w.PANAGEAS_PILIOURAS, LEVY),
        instance={w.eta: step_size, w.mu: 1, w.R: 1, w.s: Rational(1, 1000)},
    )


def derivation(step_size: Rational = DEFAULT_STEP) -> Derivation:
    """Escape, slow escape, starts that never leave, and normalized descent."""
    return Derivation(
        statement(step_size),
        (*w.escape_rows(), *w.slow_rows(), *w.convergence_rows(), *w.normalized_rows()),
        _limiting_case(),
    )


def _limiting_case() -> Row:
    """rho = 1, kappa = 1/2: both steps triple y."""
    return Row(
        equation(w.two_steps(Rational(1, 2)).subs(w.rho, 1), 9),
        r"equal curvatures and a step that straddles the saddle evenly: $y$ triples twice",
        Identity(),
    )
