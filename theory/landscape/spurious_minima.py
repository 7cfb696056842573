"""Certified spurious local minima of small networks: one unit, and ReLU networks with a ReLU teacher."""

from __future__ import annotations

from functools import partial

from sympy import (
    And,
    Derivative,
    Eq,
    Expr,
    Ge,
    Gt,
    Integer,
    Integral,
    Le,
    Lt,
    Matrix,
    Rational,
    Subs,
    acos,
    cos,
    pi,
    sin,
    sqrt,
    symbols,
    tanh,
)

from theory.certified_minima import relu_teacher, separating, single_units
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.certified_minima.parameters import CERTIFICATE, whole_number
from theory.certified_minima.row import AtCertifiedMinimum
from theory.certified_minima.single_units import Instance
from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.parameters import Parameter, as_rational, one_of
from theory.proving.antiderivative import Antiderivative
from theory.proving.definition import Definition
from theory.proving.enclosure import Enclosure
from theory.proving.identity import Identity
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Domain, Hypothesis, Source, Statement

DEFAULT_UNITS, DEFAULT_FAR, DEFAULT_BASE, DEFAULT_EXAMPLES = 6, Rational(4), 8, 3
DEFAULT_INPUTS = 2
DEFAULT_PATTERNS = "three_inputs"
BASES, EXAMPLES, INPUTS = (8, 64), (2, 4), (1, 3)
FARTHEST = 20  # further out descent takes long: the curvatures differ too much
SMALLEST_CURVATURE = Rational(17, 2)  # of the tanh unit at its minimum on twelve instances, from below

SOURCES = (
    Source(
        "M. Brady, R. Raghavan, J. Slawny",
        "Back propagation fails to separate where perceptrons succeed",
        1989,
    ),
    Source(
        "E. Sontag, H. Sussmann",
        "Backpropagation can give rise to spurious local minima even for networks without hidden layers",
        1989,
    ),
    Source("P. Auer, M. Herbster, M. Warmuth", "Exponentially many local minima for single neurons", 1995),
    Source(
        "I. Safran, O. Shamir",
        "Spurious local minima are common in two-layer ReLU neural networks",
        2018,
        identifier="arXiv:1712.08968",
    ),
)

m = symbols("m", positive=True)
k = symbols("k", integer=True, positive=True)
slope, offset, h, g, tau, z, t = symbols("w b h g tau z t", real=True)
E = symbols("E")
G_star, lambda_G = symbols("G_* lambda_G", real=True)
E_star, lambda_E, F_star, lambda_F = symbols("E_* lambda_E F_* lambda_F", real=True)
theta = symbols("theta", positive=True)
phi = symbols("phi", real=True)


def _far(value: object) -> Rational:
    number = as_rational(value)
    if not 3 < number <= FARTHEST:
        raise InputError(
            f"{number} is not allowed: up to 3 the unit makes no error; give one above 3, at most {FARTHEST}"
        )
    return number


PARAMETERS = (
    Parameter(
        "units",
        "k, ReLU units of the network and of its teacher",
        DEFAULT_UNITS,
        whole_number(relu_teacher.SMALLEST, relu_teacher.LARGEST),
    ),
    *CERTIFICATE,
    Parameter("far", "M, the fourth input of the linear unit", DEFAULT_FAR, _far),
    Parameter("patterns", "the six instances of the tanh unit", DEFAULT_PATTERNS, one_of(*single_units.SIX)),
    Parameter("base", "K, ratio of the inputs of the logistic unit", DEFAULT_BASE, whole_number(*BASES)),
    Parameter(
        "examples", "n, examples a weight of the logistic unit", DEFAULT_EXAMPLES, whole_number(*EXAMPLES)
    ),
    Parameter("inputs", "d, inputs of the logistic unit", DEFAULT_INPUTS, whole_number(*INPUTS)),
)


def output_at_one() -> Expr:
    """The least-squares output at the misclassified input 1, for the far input M = 3 + m."""
    return -m * (m + 4) / (3 * m**2 + 16 * m + 24)


def statement(
    units: int = DEFAULT_UNITS,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
    far: Rational = DEFAULT_FAR,
    patterns: str = DEFAULT_PATTERNS,
    base: int = DEFAULT_BASE,
    examples: int = DEFAULT_EXAMPLES,
    inputs: int = DEFAULT_INPUTS,
) -> Statement:
    """The five counterexamples, for the given numbers of units, inputs and examples.

    For single units squared losses are summed without 1/2; F is half the mean over Gaussian inputs.
    """
    return Statement(
        id="landscape.spurious_minima",
        title="Spurious local minima",
        summary=(
            r"Squared error fails in five small cases. A linear unit misclassifies $x = 1$ at its only "
            r"minimum on the separable data $(0, -), (0, -), (1, +), (M, +)$. A tanh unit with targets "
            r"$\pm 1/2$ on five separable examples does not separate at any global minimum. One on six "
            r"instances has a strict local minimum at $w = 0$ that is not global. A logistic unit on $n$ "
            r"examples has $n$ local minima, with $d$ inputs on $n d$ examples it has $n^d$. A network of "
            r"$k$ ReLU units with an orthonormal teacher of $k$ units has a strict local minimum with a "
            r"positive loss, certified in all $k^2$ weights."
        ),
        hypotheses=(
            Hypothesis("the far input is $M = 3 + m$", holds=lambda values: bool(values[m] > 0)),
            Hypothesis(
                "the number of units has a certificate here",
                relation=And(Ge(k, relu_teacher.SMALLEST), Le(k, relu_teacher.LARGEST)),
            ),
        ),
        conclusion=And(_misclassified(), _better(patterns), Gt(F_star, 0), Gt(lambda_F, 0)),
        regime="exact",
        sources=SOURCES,
        instance={m: far - 3, k: Integer(units)},
    )


def derivation(
    units: int = DEFAULT_UNITS,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
    far: Rational = DEFAULT_FAR,
    patterns: str = DEFAULT_PATTERNS,
    base: int = DEFAULT_BASE,
    examples: int = DEFAULT_EXAMPLES,
    inputs: int = DEFAULT_INPUTS,
) -> Derivation:
    """Normal equations; expansions at w = 0; signs of slopes; Krawczyk's test in balls."""
    rows = (
        *_linear_rows(),
        *separating.rows(radius, precision),
        *_tanh_rows(patterns),
        *_twelve_rows(radius, precision),
        *_logistic_rows(base, examples),
        *_axes_rows(base, examples, inputs, radius, precision),
        *_kernel_rows(),
        *_teacher_rows(units, radius, precision),
    )
    whole = statement(units, radius, precision, far, patterns, base, examples, inputs)
    return Derivation(whole, rows, _limiting_case())


def _squares(w: Expr, b: Expr) -> Expr:
    return 2 * (b + 1) ** 2 + (w + b - 1) ** 2 + ((3 + m) * w + b - 1) ** 2


def _solution() -> tuple[Expr, Expr]:
    """Slope and offset of least squares."""
    scale = 3 * m**2 + 16 * m + 24
    return 4 * (4 + m) / scale, -((4 + m) ** 2) / scale


def _linear_rows() -> tuple[Row, ...]:
    w, b = _solution()
    least = 8 * (2 + m) ** 2 / (3 * m**2 + 16 * m + 24)
    around = least + 2 * g**2 + (h + g) ** 2 + ((3 + m) * h + g) ** 2
    return (
        Row(
            Eq(E, _squares(slope, offset), evaluate=False), "a linear unit on the four examples", Definition()
        ),
        Row(
            Eq(_squares(w + h, b + g), around, evaluate=False),
            r"the loss at the solution of the normal equations, moved by $h$ and $g$: no terms of first "
            "order, and squares that vanish together at $h = g = 0$ only, so this is the only minimum",
            Identity(),
        ),
        Row(_misclassified(), "the output there at the input 1", Identity()),
        Row(
            Lt(output_at_one(), 0, evaluate=False),
            r"negative, where the target is $+1$; but $2 x - 1$ has all four signs right",
            Nonnegativity(m * (m + 4) / (3 * m**2 + 16 * m + 24)),
        ),
    )


def _misclassified() -> Eq:
    w, b = _solution()
    return Eq(w + b, output_at_one(), evaluate=False)


def _instances(patterns: str) -> tuple[Instance, ...]:
    return single_units.SIX[patterns]


def _tanh_rows(patterns: str) -> tuple[Row, ...]:
    instances = _instances(patterns)
    letters = single_units.weights(instances)
    along = single_units.tanh_loss(instances, [tau * one for one in letters])
    form = sum(2 * one.repeats * single_units.response(one, letters) ** 2 for one in instances)
    return (
        Row(
            Eq(Subs(Derivative(along, tau), tau, 0), 0),
            r"the loss of a tanh unit on six instances, along every direction $w$ from $w = 0$: slope 0, "
            r"since $\sum t x = 0$",
            Identity(),
        ),
        *_curvature_rows(),
        Row(
            Eq(form, _completed(instances), evaluate=False),
            r"the sum, $2 \sum (w^T x)^2$, in completed squares with positive weights: positive unless "
            "$w = 0$, so this is a strict local minimum",
            Identity(),
        ),
        Row(
            _better(patterns),
            "the loss at other weights is below the loss 6 at $w = 0$",
            Enclosure(),
            Domain({}),
        ),
    )


def _curvature_rows() -> tuple[Row, ...]:
    """Slope and curvature of one term of the loss."""
    output = tanh(tau * z)
    rate = 2 * z * (1 - output**2) * (output - t)
    curvature = 2 * z**2 * (1 - output**2) * (1 - 3 * output**2 + 2 * t * output)
    return (
        Row(
            Eq(Derivative((output - t) ** 2, tau), rate, evaluate=False),
            r"the slope of one term, with $z = w^T x$",
            Identity(),
        ),
        Row(
            Eq(Derivative(rate, tau), curvature, evaluate=False),
            r"its curvature: at $\tau = 0$ the target drops out, and $2 z^2$ remains",
            Identity(),
        ),
    )


def _completed(instances: tuple[Instance, ...]) -> Expr:
    """2 sum (w^T x)^2 as a sum of squares, from L D L^T of the Gram matrix in rationals."""
    letters = Matrix(single_units.weights(instances))
    gram = Matrix.zeros(len(letters), len(letters))
    for one in instances:
        gram += 2 * one.repeats * Matrix(one.inputs) * Matrix(one.inputs).T
    lower, pivots = gram.LDLdecomposition()
    moved = lower.T * letters
    return sum((pivots[i, i] * moved[i] ** 2 for i in range(len(letters))), Integer(0))


def _better(patterns: str) -> Lt:
    instances = _instances(patterns)
    at = [Integer(one) for one in single_units.BETTER[patterns]]
    return Lt(single_units.tanh_loss(instances, at), Integer(6), evaluate=False)


def _twelve_rows(radius: Rational, precision: int) -> tuple[Row, ...]:
    method = AtCertifiedMinimum(partial(single_units.twelve_minimum, radius, precision), E_star, lambda_E)
    at = [Integer(one) for one in single_units.TWELVE_BETTER]
    elsewhere = single_units.tanh_loss(single_units.TWELVE, at)
    return (
        Row(
            Gt(lambda_E, SMALLEST_CURVATURE),
            "twelve instances with two inputs, four patterns repeated: a strict local minimum off 0; "
            "$\\lambda_E$ is the smallest eigenvalue of its Hessian",
            method,
        ),
        Row(Gt(E_star, Rational(83, 10)), "the loss there", method),
        Row(
            Lt(elsewhere, Rational(81, 10), evaluate=False),
            f"and the loss at $w = {single_units.TWELVE_BETTER}$",
            Enclosure(),
            Domain({}),
        ),
    )


def _logistic_rows(base: int, examples: int) -> tuple[Row, ...]:
    weight = single_units.w
    steep = single_units.logistic_loss(base, examples, weight).diff(weight)
    rows = []
    for number in range(1, examples + 1):
        place = Rational(1, base**number)
        rows += [
            Row(
                Lt(steep, 0, evaluate=False),
                f"a logistic unit on the inputs $K^t$: its loss falls at $w = 3 K^{{-{number}}} / 4$",
                Enclosure(),
                _near(3 * place / 4),
            ),
            Row(
                Gt(steep, 0, evaluate=False),
                f"and rises at $w = 2 K^{{-{number}}}$: between the two it has a local minimum",
                Enclosure(),
                _near(2 * place),
            ),
        ]
    return tuple(rows)


def _axes_rows(base: int, examples: int, inputs: int, radius: Rational, precision: int) -> tuple[Row, ...]:
    letters = symbols(f"w_1:{inputs + 1}", positive=True)
    one_by_one = sum((single_units.logistic_loss(base, examples, one) for one in letters), Integer(0))
    method = AtCertifiedMinimum(
        partial(single_units.weakest_axes_minimum, base, examples, inputs, radius, precision),
        G_star,
        lambda_G,
    )
    return (
        Row(
            Eq(single_units.axes_loss(base, examples, letters), one_by_one, evaluate=False),
            f"with {inputs} inputs and the {examples * inputs} examples $K^t e_j$ on the axes, the losses of "
            "the weights add up",
            Identity(),
        ),
        Row(
            Gt(lambda_G, 0),
            rf"so minima combine: at ${examples}^{inputs} = {examples**inputs}$ different points, each "
            r"certified in all $u_j = \log w_j$, there is a strict local minimum; $\lambda_G$ is the "
            "smallest eigenvalue of the Hessian at the weakest of them",
            method,
        ),
        Row(Gt(G_star, 0), "the loss there", method),
    )


def _near(place: Rational) -> Domain:
    return Domain({single_units.w: (place, place * Rational(1001, 1000))})


def _kernel_rows() -> tuple[Row, ...]:
    a, b, c = relu_teacher.LETTERS
    kernel, (by_a, by_b, by_c) = relu_teacher.kernel(), relu_teacher.slopes()
    inside = Domain({a: (1, 2), b: (-Rational(9, 10), Rational(9, 10)), c: (1, 2)})
    at_angle = _sector().subs(theta, acos(b / sqrt(a * c)))
    return (
        _sector_row(),
        Row(
            Eq(kernel, sqrt(a * c) / pi * at_angle, evaluate=False),
            r"so with $\int_0^\infty r^3 e^{-r^2/2} dr = 2$ the mean of their product is this kernel "
            r"$\kappa(a, b, c)$ of $a = |w|^2, b = w^T v, c = |v|^2$",
            Identity(),
            inside,
        ),
        Row(Eq(Derivative(kernel, a), by_a), "its slope by $a$", Identity(), inside),
        Row(Eq(Derivative(kernel, b), by_b), "its slope by $b$", Identity(), inside),
        Row(
            Eq(Derivative(kernel, c), by_c),
            "its slope by $c$; the chain rule gives all derivatives of $F$",
            Identity(),
            inside,
        ),
    )


def _sector() -> Expr:
    """The integral of cos(phi) cos(phi - theta) over the angles at which both cosines are positive."""
    return (sin(theta) + (pi - theta) * cos(theta)) / 2


def _sector_row() -> Row:
    angle = theta - pi / 2 + (pi - theta) * phi
    primitive = ((pi - theta) * phi * cos(theta) + sin(2 * angle - theta) / 2) / 2
    return Row(
        Eq(Integral((pi - theta) * cos(angle) * cos(angle - theta), (phi, 0, 1)), _sector()),
        r"two ReLU units at the angle $\theta$ are both active on a sector of the angle $\pi - \theta$; "
        r"$\varphi$ runs through it",
        Antiderivative(primitive),
        Domain({theta: (Rational(1, 10), 3)}),
    )


def _teacher_rows(units: int, radius: Rational, precision: int) -> tuple[Row, ...]:
    method = AtCertifiedMinimum(
        partial(relu_teacher.spurious_minimum, units, radius, precision), F_star, lambda_F
    )
    return (
        Row(
            Gt(lambda_F, 0),
            f"a strict local minimum of $F$ for $k = {units}$, in all ${units**2}$ weights; $\\lambda_F$ is "
            "the smallest eigenvalue of its Hessian",
            method,
        ),
        Row(
            Gt(F_star, 0),
            "the loss there is positive, and 0 at the weights of the teacher: it is spurious",
            method,
        ),
    )


def _limiting_case() -> Row:
    """M = 3: the output is 0, on the border."""
    w, b = _solution()
    return Row(
        Eq((w + b) / m, -(m + 4) / (3 * m**2 + 16 * m + 24), evaluate=False),
        "at $M = 3$ the output vanishes, as $m$ does: the unit is on the border of an error",
        Identity(),
    )
