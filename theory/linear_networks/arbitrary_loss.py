"""A bottleneck and a convex loss that is not the squared one: a local minimum that is not global."""

from __future__ import annotations

from sympy import And, Derivative, Eq, Expr, Gt, Matrix, Min, Rational, Subs, Symbol, hessian, sqrt, symbols

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.parameters import Parameter, as_rational
from theory.proving.definition import Citation, Definition
from theory.proving.identity import Identity
from theory.statement import Domain, Hypothesis, Source, Statement

LARGEST = Rational(10)
DEFAULT_VALUES, DEFAULT_WEIGHT = (Rational(1), Rational(9, 10)), Rational(3)

LAURENT_VON_BRECHT = Source(
    "T. Laurent and J. von Brecht",
    "Deep linear networks with arbitrary loss: all local minima are global",
    2018,
    identifier="arXiv:1712.01473",
)

u_1, u_2, v_1, v_2 = WEIGHTS = symbols("u_1 u_2 v_1 v_2", real=True)
s_1, s_2, omega = symbols("s_1 s_2 omega", positive=True)
c, w = symbols("c w", positive=True)
mu, t = symbols("mu t", real=True)
L = Symbol("L")
d_0, d_1, d_2 = symbols("d_0 d_1 d_2", integer=True, positive=True)  # inputs, hidden units, outputs
POINT = (0, sqrt(s_2), 0, sqrt(s_2))


def _above_zero(value: object) -> Rational:
    number = as_rational(value)
    if not 0 < number <= LARGEST:
        raise InputError(f"{number} is not allowed: give a number above 0, at most {LARGEST}")
    return number


def _two(value: object) -> tuple[Rational, Rational]:
    parts = value.split(",") if isinstance(value, str) else value
    numbers = tuple(_above_zero(part) for part in parts) if isinstance(parts, (list, tuple)) else ()
    if len(numbers) != 2 or numbers[0] <= numbers[1]:
        raise InputError(f"{value!r} is not allowed: give two numbers s_1 > s_2 > 0, as in 1,9/10")
    return numbers[0], numbers[1]


PARAMETERS = (
    Parameter("singular_values", "s_1, s_2 of the target", DEFAULT_VALUES, _two),
    Parameter("weight", "omega, of the off-diagonal entries in the loss", DEFAULT_WEIGHT, _above_zero),
)


def loss(first: Expr, second: Expr, third: Expr, fourth: Expr) -> Expr:
    """L at u = (first, second), v = (third, fourth)."""
    errors = (first * third - s_1) ** 2 + (second * fourth - s_2) ** 2
    return (errors + omega * ((first * fourth) ** 2 + (second * third) ** 2)) / 2


def curvatures() -> tuple[Expr, Expr, Expr, Expr]:
    """The four eigenvalues of the Hessian at the point of the second singular value."""
    return omega * s_2 - s_1, omega * s_2 + s_1, 2 * s_2, Rational(0)


def value() -> Expr:
    """The loss there."""
    return s_1**2 / 2


def check(singular_values: tuple[Rational, Rational], weight: Rational) -> None:
    """Raise InputError where the theorem's point is no local minimum."""
    if weight * singular_values[1] <= singular_values[0]:
        raise InputError(
            f"omega s_2 = {weight * singular_values[1]} is not above s_1 = {singular_values[0]}: "
            f"the point is then a saddle; give a weight above {singular_values[0] / singular_values[1]}"
        )


def statement(
    singular_values: tuple[Rational, Rational] = DEFAULT_VALUES, weight: Rational = DEFAULT_WEIGHT
) -> Statement:
    """L(u, v) for W = u v^T, 2 x 2 of rank 1: sum over i, j of omega_ij (W_ij - S_ij)^2 / 2.

    S = diag(s_1, s_2), omega_ii = 1, omega_12 = omega_21 = omega. The conclusion has the loss around
    u = v = sqrt(s_2) e_2, the characteristic polynomial of the Hessian there, and how much better the other
    singular value does. Raises InputError unless omega s_2 > s_1 > s_2.
    """
    check(singular_values, weight)
    return Statement(
        id="linear_networks.arbitrary_loss",
        title="Bottlenecks and arbitrary losses of linear networks",
        summary=(
            r"With hidden layers as wide as the input or the output, every local minimum of a convex "
            r"differentiable loss of the product is global (Laurent and von Brecht). A bottleneck breaks "
            r"this: $W = u v^T$, loss $\frac{1}{2} \sum \omega_{ij} (W_{ij} - S_{ij})^2$ with $S = "
            r"\mathrm{diag}(s_1, s_2)$ and weight $\omega$ off the diagonal, at $u = v = \sqrt{s_2} e_2$. "
            r"With $\omega = 1$, the squared loss, the point is a strict saddle."
        ),
        hypotheses=(
            Hypothesis("the larger singular value is the one left out", relation=Gt(s_1, s_2)),
            Hypothesis(
                r"the off-diagonal entries weigh enough: $\omega s_2 > s_1$", relation=Gt(omega * s_2, s_1)
            ),
        ),
        conclusion=And(
            _expansion(),
            Eq(_characteristic_polynomial(), _factors(), evaluate=False),
            _gap(),
        ),
        regime="exact",
        sources=(LAURENT_VON_BRECHT,),
        instance={s_1: singular_values[0], s_2: singular_values[1], omega: weight},
        domain=_domain(),
    )


def derivation(
    singular_values: tuple[Rational, Rational] = DEFAULT_VALUES, weight: Rational = DEFAULT_WEIGHT
) -> Derivation:
    """Convexity, the point, its Hessian, a slice across its orbit, and the better point."""
    return Derivation(
        statement(singular_values, weight),
        (*_loss_rows(), *_expansion_rows(), *_second_order_rows(), *_slice_rows(), *_value_rows()),
        _limiting_case(),
    )


def _loss_rows() -> tuple[Row, ...]:
    entries, moved = symbols("W_11 W_22 W_12 W_21", real=True), symbols("D_11 D_22 D_12 D_21", real=True)
    along = [entry + t * direction for entry, direction in zip(entries, moved, strict=True)]
    of_product = ((along[0] - s_1) ** 2 + (along[1] - s_2) ** 2 + omega * (along[2] ** 2 + along[3] ** 2)) / 2
    curved = moved[0] ** 2 + moved[1] ** 2 + omega * (moved[2] ** 2 + moved[3] ** 2)
    return (
        Row(Eq(L, loss(*WEIGHTS), evaluate=False), "the loss of a network of one hidden unit", Definition()),
        Row(
            Eq(Subs(Derivative(of_product, (t, 2)), t, 0), curved),
            "the second derivative of the loss of the product, in every direction $D$: a sum of squares with "
            "positive weights, so the loss is convex in $W$",
            Identity(),
        ),
        Row(
            Eq(Min(d_0, d_1, d_2), Min(d_0, d_2)),
            "where hidden layers are as wide as input or output, every local minimum of such a loss is "
            "global: so it would be with a second hidden unit",
            Citation(LAURENT_VON_BRECHT),
        ),
    )


def _expansion() -> Eq:
    """The loss around the point, all of it."""
    f_1, f_2, h_1, h_2 = symbols("f_1 f_2 h_1 h_2", real=True)
    root = sqrt(s_2)
    second = omega * s_2 * (f_1**2 + h_1**2) / 2 - s_1 * f_1 * h_1 + s_2 * (f_2 + h_2) ** 2 / 2
    third = root * (f_2 + h_2) * f_2 * h_2 + omega * root * (f_1**2 * h_2 + f_2 * h_1**2)
    fourth = (f_1**2 * h_1**2 + f_2**2 * h_2**2 + omega * (f_1**2 * h_2**2 + f_2**2 * h_1**2)) / 2
    around = loss(f_1, root + f_2, h_1, root + h_2)
    return Eq(around, value() + second + third + fourth, evaluate=False)


def _expansion_rows() -> tuple[Row, ...]:
    reason = (
        r"the loss at $u = v = \sqrt{s_2} e_2$ moved by $f$ and $h$: $s_1^2 / 2$ at the point, and no terms "
        "of first order, so the point is critical"
    )
    return (Row(_expansion(), reason, Identity()),)


def _second_order_rows() -> tuple[Row, ...]:
    return (
        Row(
            Eq(_characteristic_polynomial(), _factors(), evaluate=False),
            r"the characteristic polynomial $\det(\mu - H)$ of the Hessian there: $u_1, v_1$ form a block "
            r"with $\omega s_2$ on the diagonal and $-s_1$ beside it, $u_2, v_2$ one with four entries $s_2$",
            Identity(),
        ),
        Row(
            Eq(loss(c * u_1, c * u_2, v_1 / c, v_2 / c), loss(*WEIGHTS), evaluate=False),
            "the eigenvalue 0 belongs to the orbit $(c u, v / c)$, on which the loss is constant",
            Identity(),
        ),
    )


def _slice_rows() -> tuple[Row, ...]:
    """Near the point every orbit meets u_2 = v_2 = w, where the Hessian is positive definite."""
    slice_, letters = loss(u_1, w, v_1, w), (u_1, v_1, w)
    at = {u_1: 0, v_1: 0, w: sqrt(s_2)}
    matrix = hessian(slice_, letters).subs(at)
    polynomial = (mu * Matrix.eye(3) - matrix).det(method="berkowitz")
    return (
        Row(
            Eq(polynomial, (mu - curvatures()[0]) * (mu - curvatures()[1]) * (mu - 4 * s_2), evaluate=False),
            r"near the point every orbit meets the slice $u_2 = v_2 = w$ once; the Hessian on the slice, in "
            r"$u_1, v_1, w$, has these eigenvalues, all positive by (H2): the point is a strict minimum on "
            r"the slice, hence a local minimum that nothing but its orbit attains nearby",
            Identity(),
        ),
    )


def _value_rows() -> tuple[Row, ...]:
    return (
        Row(
            _gap(),
            r"the loss at $u = v = \sqrt{s_1} e_1$ is $s_2^2 / 2$; the difference of the two is positive by "
            "(H1), so the local minimum is not global",
            Identity(),
        ),
    )


def _gap() -> Eq:
    return Eq(value() - s_2**2 / 2, (s_1 - s_2) * (s_1 + s_2) / 2, evaluate=False)


def _characteristic_polynomial() -> Expr:
    matrix = hessian(loss(*WEIGHTS), WEIGHTS).subs(dict(zip(WEIGHTS, POINT, strict=True)))
    return (mu * Matrix.eye(4) - matrix).det(method="berkowitz")


def _factors() -> Expr:
    found: Expr = mu * (mu - 2 * s_2) * (mu - (omega * s_2 - s_1)) * (mu - (omega * s_2 + s_1))
    return found


def _domain() -> Domain:
    return Domain({s_1: (1, 2), s_2: (Rational(1, 2), Rational(9, 10)), omega: (5, 6), mu: (-3, 3)})


def _limiting_case() -> Row:
    """The squared loss: omega = 1."""
    return Row(
        Eq(_characteristic_polynomial().subs(omega, 1), _factors().subs(omega, 1), evaluate=False),
        r"$\omega = 1$, the squared loss: the eigenvalue $s_2 - s_1$ is negative, a strict saddle",
        Identity(),
    )
