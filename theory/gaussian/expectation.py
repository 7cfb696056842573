r"""Gaussian expectations as SymPy objects, and their closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, ImmutableMatrix, Rational, Symbol, Tuple
from sympy.printing.pretty.stringpict import prettyForm

from theory.errors import InputError, OutsideClass
from theory.gaussian.combination import Combination
from theory.gaussian.element import Element
from theory.gaussian.field import SAMPLE, GaussianField, NotInField
from theory.gaussian.moments import expectation, field_of
from theory.gaussian.presentation import merge_roots, present
from theory.gaussian.reading import read, require_square_integrable

# The variables over which an expectation is taken, and the entries of their covariance [[a, c], [c, b]].
U, V = sympy.symbols("u v", real=True)
A, B = sympy.symbols("a b", positive=True)
C = Symbol("c", real=True)
# The correlation of two inputs on the unit sphere.
RHO = Symbol("rho", real=True)


class GaussianExpectation(Expr):
    r"""E_{x ~ N(0, covariance)}[integrand], unevaluated; ``doit`` gives the closed form.

    integrand
        A product of functions of one variable each.
    variables
        The Gaussian vector, bound here.
    covariance
        A symmetric matrix of SymPy expressions.
    """

    is_commutative = True
    is_real = True

    def __new__(cls, integrand: Expr, variables: Sequence[Symbol], covariance: Any) -> GaussianExpectation:
        matrix = ImmutableMatrix(covariance)
        if matrix.shape != (len(variables), len(variables)) or not matrix.is_symmetric():
            raise InputError(f"the covariance {covariance} of {len(variables)} variables must be symmetric")
        return Expr.__new__(cls, integrand, Tuple(*variables), matrix)

    @property
    def integrand(self) -> Expr:
        """What is averaged."""
        return self.args[0]

    @property
    def variables(self) -> tuple[Symbol, ...]:
        """The Gaussian vector."""
        return tuple(self.args[1])

    @property
    def covariance(self) -> ImmutableMatrix:
        """The covariance matrix of the variables."""
        return self.args[2]

    @property
    def bound_symbols(self) -> list[Symbol]:
        return list(self.variables)

    @property
    def free_symbols(self) -> set[Any]:
        return (self.integrand.free_symbols - set(self.variables)) | self.covariance.free_symbols

    def _eval_subs(self, old: Expr, new: Expr) -> Expr | None:
        if old in self.variables:
            return self
        return None

    def factors(self) -> list[Expr]:
        """One function for each variable, whose product is the integrand. Raises OutsideClass."""
        parts = {variable: sympy.S.One for variable in self.variables}
        for part in sympy.Mul.make_args(self.integrand):
            owners = [variable for variable in self.variables if part.has(variable)]
            if len(owners) > 1:
                raise OutsideClass(f"{part} couples {owners[0]} and {owners[1]}: give a product of functions")
            parts[owners[0] if owners else self.variables[0]] *= part
        return list(parts.values())

    def elements(self) -> list[Element]:
        """The factors as elements of the class."""
        pairs = zip(self.factors(), self.variables, strict=True)
        return [read(factor, variable) for factor, variable in pairs]

    def entries(self) -> tuple[Symbol, ...]:
        """The distinct symbols of the covariance: variances first."""
        n = len(self.variables)
        places = [(i, i) for i in range(n)] + [(i, j) for i in range(n) for j in range(i)]
        found = dict.fromkeys(self.covariance[place] for place in places)
        return tuple(entry for entry in found if entry.is_Symbol)

    def sample(self) -> tuple[Rational, ...]:
        """Values of `entries`, below 1, at which the covariance is positive definite.

        Raises InputError where the covariance of more than two variables has no such values.
        """
        if len(self.variables) <= 2:
            return SAMPLE
        symbols = self.entries()
        diagonal = {self.covariance[i, i] for i in range(len(self.variables))}
        for scale in (1, 2, 4):
            values = tuple(
                Rational(9, 10 + k) if symbol in diagonal else Rational(4, (5 + 2 * k) * scale)
                for k, symbol in enumerate(symbols)
            )
            here = self.covariance.subs(dict(zip(symbols, values, strict=True)))
            if here.is_positive_definite:
                return values
        raise InputError(
            f"the covariance {self.covariance.tolist()} was nowhere found to be positive definite"
        )

    def doit(self, **hints: Any) -> Expr:
        """The closed form. Raises OutsideClass."""
        symbols = self.entries()
        elements = self.elements()
        field = field_of(elements, symbols, [*self.covariance], self.sample())
        return present(self.value(field))

    def value(self, field: GaussianField) -> Combination:
        """The normal form of the closed form in a field that holds the covariance."""
        try:
            rows = [[field.element(entry) for entry in row] for row in self.covariance.tolist()]
        except NotInField as wrong:
            raise OutsideClass(
                f"the covariance entry {wrong} is not a rational function of symbols"
            ) from None
        return expectation(self.elements(), rows, field)

    def _latex(self, printer: Any) -> str:
        names = ",".join(printer._print(variable) for variable in self.variables)
        if len(self.variables) == 1:
            law = rf"{names}\sim\mathcal{{N}}(0,{printer._print(self.covariance[0])})"
        else:
            law = rf"({names})\sim\mathcal{{N}}(0,\Sigma)"
        return rf"\mathbb{{E}}_{{{law}}}\left[{printer._print(self.integrand)}\right]"

    def _sympystr(self, printer: Any) -> str:
        return f"E[{printer._print(self.integrand)}]"

    def _pretty(self, printer: Any) -> Any:
        inside = prettyForm(*printer._print(self.integrand).parens("[", "]"))
        return prettyForm(*inside.left("E"))


def pair_expectation(f: Expr, g: Expr, variable: Symbol) -> GaussianExpectation:
    """E[f(u) g(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), f and g expressions in ``variable``."""
    integrand = f.subs(variable, U) * g.subs(variable, V)
    return GaussianExpectation(integrand, (U, V), [[A, C], [C, B]])


def single_expectation(f: Expr, variable: Symbol, variance: Expr = A) -> GaussianExpectation:
    """E[f(u)] for u ~ N(0, variance)."""
    return GaussianExpectation(f.subs(variable, U), (U,), [[variance]])


def covariance_symbols(count: int) -> ImmutableMatrix:
    """[[a, c], [c, b]] for two variables, otherwise a_i on the diagonal and c_ij beside it."""
    if count == 2:
        return ImmutableMatrix([[A, C], [C, B]])

    def entry(i: int, j: int) -> Symbol:
        if i == j:
            return A if count == 1 else Symbol(f"a_{i + 1}", positive=True)
        return Symbol(f"c_{min(i, j) + 1}{max(i, j) + 1}", real=True)

    return ImmutableMatrix(count, count, lambda i, j: entry(int(i), int(j)))


def expectation_of(
    functions: Sequence[Expr], variable: Symbol, covariance: Any = None
) -> GaussianExpectation:
    """E[f_1(x_1) ... f_n(x_n)] for x ~ N(0, covariance), each f_i an expression in ``variable``.

    ``covariance`` defaults to `covariance_symbols`. Two variables are u and v, more are x_1, x_2, ...;
    ``doit`` gives the closed form: polynomials, exponentials, waves and Gaussians at any number of points,
    steps and Phi at up to three (three only at zero thresholds: 1/8 plus three arc sines over 4 pi).
    Raises InputError.
    """
    count = len(functions)
    if not count:
        raise InputError("an expectation needs at least one function")
    names = (U, V)[:count] if count <= 2 else sympy.symbols(f"x_1:{count + 1}", real=True)
    factors = [f.subs(variable, name) for f, name in zip(functions, names, strict=True)]
    matrix = covariance_symbols(count) if covariance is None else covariance
    return GaussianExpectation(sympy.Mul(*factors), names, matrix)


def heaviside_form(activation: Expr, variable: Symbol) -> Expr:
    """The activation written with steps instead of max, abs and sign. Raises OutsideClass, InputError."""
    element = read(activation, variable)
    require_square_integrable(element, activation)
    return element.as_expr(variable)


def require_closed_form(activation: Expr, variable: Symbol, wanted: str) -> None:
    """Refuse an activation without closed form where ``wanted`` is derived from it. Raises as the above."""
    try:
        heaviside_form(activation, variable)
    except OutsideClass as reason:
        raise OutsideClass(
            f"{wanted} by this theorem needs the Gaussian expectations of the activation in closed form, and "
            f"{reason}"
        ) from None


def derivative(activation: Expr, variable: Symbol) -> Expr:
    """The distributional derivative in Heaviside form; a jump gives a DiracDelta."""
    return read(activation, variable).derivative().as_expr(variable)


def dual_kernel(activation: Expr, variable: Symbol) -> Expr:
    r"""E[s(u) s(v)] for (u, v) ~ N(0, [[a, c], [c, b]]) in closed form.

    Raises OutsideClass for an activation outside the class, InputError for one that is not square
    integrable. Sources: Williams, NIPS 1996; Cho and Saul, NIPS 2009; Daniely et al., NIPS 2016.
    """
    element = read(activation, variable)
    require_square_integrable(element, activation)
    field = field_of([element, element], (A, B, C))
    a, b, c = (field.generators[symbol] for symbol in (A, B, C))
    return present(expectation([element, element], [[a, c], [c, b]], field))


def derivative_kernel(activation: Expr, variable: Symbol) -> Expr:
    """E[s'(u) s'(v)] in closed form, s' the distributional derivative."""
    require_square_integrable(read(activation, variable), activation)
    return dual_kernel(derivative(activation, variable), variable)


def tangent_kernel(activation: Expr, variable: Symbol) -> Expr:
    """E[s(u) s(v)] + c E[s'(u) s'(v)] in closed form, like terms collected."""
    element = read(activation, variable)
    require_square_integrable(element, activation)
    slope = element.derivative()
    field = field_of([element, slope], (A, B, C))
    a, b, c = (field.generators[symbol] for symbol in (A, B, C))
    dual, moved = (expectation([h, h], [[a, c], [c, b]], field) for h in (element, slope))
    return present(dual + moved.scaled(c))


def dual_activation(activation: Expr, variable: Symbol) -> Expr:
    r"""s_hat(rho) = E[s(u) s(v)] for u, v ~ N(0, 1) with correlation rho, in the symbol `RHO`.

    Its derivative is the dual activation of s' (also where s' holds point masses).
    Raises OutsideClass, InputError. Source: Daniely, Frostig and Singer, NIPS 2016 (arXiv:1602.05897).
    """
    element = read(activation, variable)
    require_square_integrable(element, activation)
    closed = expectation_of((activation, activation), variable, [[1, RHO], [RHO, 1]]).doit()
    return merge_roots(closed)
