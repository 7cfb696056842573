r"""What the theorems about deep kernels share: parameters, one layer in symbols, rows of one activation.

One layer maps the covariance [[a, c], [c, b]] of its preactivations (u, v) at two inputs to that of the next
layer, [[a_+, c_+], [c_+, b_+]].
"""

from __future__ import annotations

from sympy import Eq, Expr, Lt, Max, Rational, re, symbols

from theory.deep_kernels.expectations import check_growth, dual_values, outside, slope_values
from theory.deep_kernels.recursion import PARAMETRIZATIONS, Z, diagonal, dual, layer_map
from theory.derivation import Row
from theory.errors import InputError
from theory.gaussian import (
    derivative,
    heaviside_form,
    read,
    single_expectation,
)
from theory.gaussian.activation_rows import dual_row, form_rows, moved_row, slope_row
from theory.gaussian.element import ONE, Element, Term
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import GaussianRules
from theory.gaussian.special import BivariateNormalCDF
from theory.parameters import (
    Parameter,
    Reader,
    as_rational,
    expression_in,
    one_of,
    positive_integer,
    positive_rational,
)
from theory.statement import Domain, Source

RELU = Max(Z, 0)
MAXIMUM_DEPTH = 8

LEE = Source(
    "J. Lee, Y. Bahri, R. Novak, S. S. Schoenholz, J. Pennington and J. Sohl-Dickstein",
    "Deep neural networks as Gaussian processes",
    2018,
    "Section 2.3",
    "arXiv:1711.00165",
)
MATTHEWS = Source(
    "A. G. de G. Matthews, J. Hron, M. Rowland, R. E. Turner and Z. Ghahramani",
    "Gaussian process behaviour in wide deep neural networks",
    2018,
    identifier="arXiv:1804.11271",
)

# The next layer, and the variances of weights and biases.
A_NEXT, B_NEXT = symbols("a_+ b_+", positive=True)
C_NEXT = symbols("c_+", real=True)
WEIGHT = symbols("sigma_w", positive=True)
BIAS = symbols("sigma_b", nonnegative=True)
INSTANCE = {A: Rational(9, 10), B: Rational(7, 10), C: Rational(1, 5)}
DOMAIN = Domain(
    {
        A: (Rational(1, 5), Rational(9, 10)),
        B: (Rational(1, 5), Rational(9, 10)),
        C: (Rational(-9, 10), Rational(9, 10)),
    },
    (Lt(C**2, A * B),),
)


def nonnegative_rational() -> Reader:
    """Read a number >= 0 exactly."""

    def read_number(value: object) -> Rational:
        number = as_rational(value)
        if number < 0:
            raise InputError(f"{number} is negative: give a variance >= 0")
        return number

    return read_number


NETWORK = (
    Parameter("activation", "activation, an expression in z", "max(z, 0)", expression_in("z")),
    Parameter("depth", "number of hidden layers", 2, positive_integer(MAXIMUM_DEPTH)),
    Parameter("weight_variance", "variance of the weights times the fan-in", 1, positive_rational()),
    Parameter("bias_variance", "variance of the biases; 0: no biases", 0, nonnegative_rational()),
)
PARAMETRIZATION = Parameter(
    "parametrization", "where the scale 1/n of the weights goes", "ntk", one_of(*PARAMETRIZATIONS)
)


def check_moments(function: Expr, depth: int, variance: Expr) -> None:
    """Refuse what has no fourth moment under N(0, variance), or in deep networks outgrows every line.

    The mean of K at finite width is an expectation over random covariances: it exists for functions that
    grow at most linearly. Raises InputError, OutsideClass.
    """
    if outside(function):
        check_growth(function, depth, variance)
        return
    heaviside_form(function, Z)
    element = read(function, Z)
    if any(4 * term.quadratic * variance + 1 <= 0 for term, _ in element.terms):
        raise InputError(f"{function} has no fourth moment under N(0, {variance})")
    if depth > 1 and not at_most_linear(element):
        raise InputError(
            f"{function} grows faster than linearly: with {depth} hidden layers the kernels of finite "
            "networks need |s(z)| <= c (1 + |z|); take one hidden layer, or another activation"
        )


def at_most_linear(element: Element) -> bool:
    """Whether every term x^k exp(-p x^2/2 + r x) h(x) is at most of order x on both sides."""
    return all(_tame(term, side) for term, _ in element.terms for side in (1, -1))


def _tame(term: Term, side: int) -> bool:
    if side < 0 and any(factor.kind in ("step", "normal") for factor in term.factors):
        return bool(re(term.quadratic) >= 0)
    if re(term.quadratic) != 0:
        return bool(re(term.quadratic) > 0)
    growth = side * re(term.linear)
    return bool(growth < 0 or (growth == 0 and term.power <= 1))


def affine_variance(activation: Expr) -> bool:
    """Whether E[s(u)^2] is an affine function of the variance, as for ReLU and linear layers.

    False outside the class of closed forms, where that is not looked into.
    """
    if outside(activation):
        return False
    value = diagonal(activation)
    return bool(value.is_polynomial(A) and value.diff(A).is_number)


def affine_covariance(activation: Expr) -> bool:
    """Whether E[s(u) s(v)] is an affine function of the covariance matrix, as for linear layers."""
    if outside(activation):
        return False
    value = dual(activation)
    return bool(value.is_polynomial(A, B, C) and all(value.diff(entry).is_number for entry in (A, B, C)))


def constant_slope(activation: Expr) -> Expr | None:
    """The value of s'(z)^2 + s'(-z)^2 where it is a constant and E[s^2] is affine, as for ReLU; else None."""
    if not affine_variance(activation):
        return None
    slope = derivative(activation, Z)
    (*terms,) = read(slope**2 + slope.subs(Z, -Z) ** 2, Z).terms
    if len(terms) != 1 or terms[0][0] != ONE:
        return None
    return terms[0][1]


def dual_rows(activation: Expr) -> tuple[Row, ...]:
    """E[s s] in closed form, for two inputs and for one; outside the class its values at one covariance."""
    if outside(activation):
        return dual_values(activation, INSTANCE)
    closed, single = dual(activation), single_expectation(activation**2, Z)
    return (
        *form_rows(activation, Z),
        dual_row(activation, closed, Z, DOMAIN),
        Row(
            Eq(single, diagonal(activation), evaluate=False),
            "the same for one input",
            GaussianRules((A,)),
            DOMAIN,
        ),
    )


def slope_rows(activation: Expr) -> tuple[Row, ...]:
    """E[s' s'] in closed form, for two inputs and for one; outside the class its values at one covariance."""
    if outside(activation):
        return slope_values(activation, INSTANCE)
    slope = derivative(activation, Z)
    single = single_expectation(slope**2, Z)
    return (
        slope_row(activation, slope, Z),
        moved_row(slope, layer_map(activation).derivative, Z, DOMAIN),
        Row(
            Eq(single, diagonal(slope), evaluate=False),
            "the same for one input",
            GaussianRules((A,)),
            DOMAIN,
        ),
    )


def has_diagonal_limit(closed: Expr) -> bool:
    """Terms like exp(-1/(a - c)) of bivariate normal distribution functions have none in the normal form."""
    return not closed.has(BivariateNormalCDF)
