r"""Spectral bias: every eigenvalue of the tangent kernel on circle and spheres, and the rates of training."""

from __future__ import annotations

from functools import lru_cache

from sympy import And, Eq, Expr, Gt, Integer, Lt, Rational, Symbol, acos, pi

from theory.derivation import Derivation, Row
from theory.gaussian import pair_expectation, require_closed_form, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import GaussianRules
from theory.kernels import two_layer_ntk
from theory.kernels.two_layer_ntk import RELU, Z, kernel, slope_of
from theory.parameters import Parameter, expression_in
from theory.proving import Identity
from theory.spectral import circle, sphere, training
from theory.spectral.quadrature import EigenvalueEnclosure, enclose_eigenvalue
from theory.statement import Domain, Hypothesis, Source, Statement

PARAMETERS = (Parameter("activation", "activation, an expression in z", "max(z, 0)", expression_in("z")),)

BASRI = Source(
    "R. Basri, D. Jacobs, Y. Kasten and S. Kritchman",
    "The convergence rate of neural networks for learned functions of different frequencies",
    2019,
    "Theorem 1",
    "arXiv:1906.00425",
)
BIETTI_MAIRAL = Source(
    "A. Bietti and J. Mairal",
    "On the inductive bias of neural tangent kernels",
    2019,
    "Proposition 5",
    "arXiv:1905.12173",
)
COSINE = Symbol("rho", real=True)
LISTED = 5  # eigenvalues given for an activation other than ReLU
WIDTH = Rational(1, 10**9)  # of a certified eigenvalue


def statement(activation: Expr = RELU) -> Statement:
    r"""f(x) = m^(-1/2) sum_r alpha_r s(w_r . x) on unit vectors; lambda_k of the limiting tangent kernel."""
    return Statement(
        id="kernels.spectral_bias",
        title="Spectral bias of wide two-layer networks",
        summary=(
            r"On unit vectors the tangent kernel is a function of the angle $\pi s$; its eigenfunctions are "
            r"the harmonics, with eigenvalues $\lambda_k = \int_0^1 \Theta(\pi s) \cos(k \pi s) ds$ on the "
            r"circle. Mode $k$ of the residual decays like $(1 - \eta \lambda_k)^t$: low frequencies first, "
            r"for ReLU by the power $k^{-d}$ on the sphere in $d$ dimensions. Without biases ReLU never "
            r"learns the odd frequencies from 3 on."
        ),
        hypotheses=(
            Hypothesis(r"$|x| = 1$ with the uniform measure; $w_r \sim N(0, I)$, $E \alpha_r^2 = 1$"),
            Hypothesis(
                r"biases, where there are any, start at 0 and are trained: $\sigma(w_r \cdot x + b_r)$"
            ),
            Hypothesis(r"$f = 0$ before training, by pairs of units with opposite readout weights, and wide"),
        ),
        conclusion=And(*_conclusions(activation)),
        regime="exact",
        sources=(BASRI, BIETTI_MAIRAL, sphere.BACH),
        instance={circle.HALF: 1, sphere.PLACE: 0, sphere.SPHERE: 2},
    )


def derivation(activation: Expr = RELU) -> Derivation:
    """The kernel as a function of the angle, its eigenvalues, the grid, the rate of each mode."""
    require_closed_form(activation, Z, "the spectrum")
    own = _relu_rows() if activation == RELU else _certified_rows(activation)
    rows = (
        _kernel_row(activation),
        *own,
        *training.grid_rows(),
        training.decay_row(),
        *training.silent_rows(activation, Z),
    )
    return Derivation(statement(activation), rows, _limiting_case(activation))


@lru_cache(maxsize=16)
def profile(activation: Expr) -> Expr:
    """Theta at the angle pi s, without biases."""
    return circle.RELU_KERNEL if activation == RELU else circle.on_circle(kernel(activation).tangent)


@lru_cache(maxsize=16)
def slope_profile(activation: Expr) -> Expr:
    """E[s'(u) s'(v)] at the angle pi s: what trained biases add."""
    if activation == RELU:
        return circle.BIAS_KERNEL
    return circle.on_circle(kernel(activation).derivative)


def _conclusions(activation: Expr) -> tuple[Expr, ...]:
    if activation == RELU:
        return (*circle.relations(), sphere.CONCLUSION)
    return tuple(bound for k in range(LISTED) for bound in _bounds(activation, k))


@lru_cache(maxsize=64)
def _bounds(activation: Expr, frequency: int) -> tuple[Expr, Expr]:
    """lambda_k between two rational numbers."""
    integral = circle.coefficient(profile(activation), Integer(frequency))
    middle = Rational(
        round(float(enclose_eigenvalue(profile(activation), frequency).mid()), 10)
    ).limit_denominator(10**10)
    return (
        Gt(integral, middle - WIDTH / 2, evaluate=False),
        Lt(integral, middle + WIDTH / 2, evaluate=False),
    )


def _kernel_row(activation: Expr) -> Row:
    dual, moved = (pair_expectation(f, f, Z) for f in (activation, slope_of(activation)))
    return Row(
        Eq(dual + C * moved, kernel(activation).tangent, evaluate=False),
        r"the tangent kernel $E[\sigma \sigma] + c E[\sigma' \sigma']$ (kernels.two_layer_ntk)",
        GaussianRules(),
        two_layer_ntk.DOMAIN,
    )


def _relu_rows() -> tuple[Row, ...]:
    tangent, share = kernel(RELU).tangent, acos(COSINE) / pi
    inside = Domain({COSINE: (-1, 1)})
    return (
        Row(
            Eq(
                tangent.subs({A: 1, B: 1, C: COSINE}),
                circle.RELU_KERNEL.subs(circle.ANGLE, share),
                evaluate=False,
            ),
            r"on unit vectors, as a function of the angle $\pi s = \arccos \rho$",
            Identity(),
            inside,
        ),
        *circle.coefficient_rows(),
        *sphere.rows(),
    )


def _certified_rows(activation: Expr) -> tuple[Row, ...]:
    names = ("is above", "is below")
    return tuple(
        Row(bound, rf"$\lambda_{k}$ {name}", EigenvalueEnclosure(activation, Z, k))
        for k in range(LISTED)
        for bound, name in zip(_bounds(activation, k), names, strict=True)
    )


def _limiting_case(activation: Expr) -> Row:
    if activation == RELU:
        return sphere.two_sphere_row()
    single = single_expectation(activation**2, Z) + A * single_expectation(slope_of(activation) ** 2, Z)
    return Row(
        Eq(single, single.doit(), evaluate=False),
        r"equal inputs; at $a = 1$ the sum of all eigenvalues with their multiplicities",
        GaussianRules((A,)),
        Domain({A: two_layer_ntk.DOMAIN.box[A]}),
    )
