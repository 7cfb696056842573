"""SymPy objects as LaTeX in the field's conventions: ``X^{\\top}``, upright names, arccos written out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sympy import Basic, Expr, Mul, S, erf, sqrt
from sympy.printing.conventions import split_super_sub
from sympy.printing.latex import LatexPrinter, translate

from theory.printing.prose import NAMED_FUNCTIONS, escape_latex, is_safe_formula

# A word or a count (#) with indices, among them the signs of A^+ and of n_-.
_NAME = re.compile(r"(\w+|#)([_^](\w+|[-+*]))*")
_SIGNS = {"#": r"\#", "+": "+", "-": "-", "*": "*"}
_SETTINGS: dict[str, Any] = {"inv_trig_style": "full", "fold_frac_powers": True}


class PaperPrinter(LatexPrinter):
    """SymPy's LaTeX printer, with names that cannot break out of mathematics."""

    def __init__(self) -> None:
        super().__init__(_SETTINGS)

    def _deal_with_super_sub(self, name: str, style: str = "plain") -> str:
        # An author may name a symbol in LaTeX; a name with any other command is printed as it stands.
        if "\\" in name or "{" in name:
            return name if is_safe_formula(name) else _verbatim_name(name)
        if not _NAME.fullmatch(name):
            return _verbatim_name(name)
        stem, superscripts, subscripts = split_super_sub(name)
        printed = _letters(stem)
        printed = rf"\mathbf{{{printed}}}" if style == "bold" else printed
        if superscripts:
            printed += f"^{{{' '.join(map(_letters, superscripts))}}}"
        if subscripts:
            printed += f"_{{{' '.join(map(_letters, subscripts))}}}"
        return printed

    def function_name(self, name: str) -> str:
        """A function's name without its argument."""
        return self._hprint_Function(name)

    def _hprint_Function(self, name: str) -> str:
        if name in NAMED_FUNCTIONS:
            return rf"\{name}"
        printed = self._deal_with_super_sub(name)
        if printed.startswith(r"\mathrm"):
            return printed.replace(r"\mathrm", r"\operatorname", 1)
        return rf"\operatorname{{{name}}}" if re.fullmatch("[A-Za-z]{2}", printed) else printed

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        return positive_first(super()._as_ordered_terms(expr, order))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        argument = normal_argument(expr)
        if argument is not None:
            return rf"\Phi\left({self._print(argument)}\right)"
        return str(super()._print_Add(expr, order=order))

    def _needs_mul_brackets(self, expr: Any, first: bool = False, last: bool = False) -> bool:
        plain = normal_argument(expr) is not None
        return not plain and bool(super()._needs_mul_brackets(expr, first=first, last=last))

    # SymPy's own two methods rewrite every product to look for signs, which takes seconds on long pages.
    def _print_MatAdd(self, expression: Any) -> str:
        printed = [str(self._print(term)) for term in positive_first(expression.args)]
        return re.sub(r"\+ -\s*", "- ", " + ".join(printed))

    def _print_MatMul(self, expression: Any) -> str:
        scalars = Mul(*(factor for factor in expression.args if not factor.is_Matrix))
        matrices = " ".join(self._factor(factor) for factor in expression.args if factor.is_Matrix)
        if scalars in (1, -1):
            return matrices if scalars == 1 else f"- {matrices}"
        printed = str(self._print(scalars))
        return rf"\left({printed}\right) {matrices}" if scalars.is_Add else f"{printed} {matrices}"

    def _factor(self, matrix: Any) -> str:
        printed = str(self._print(matrix))
        return rf"\left({printed}\right)" if matrix.is_MatAdd or matrix.is_MatMul else printed

    def _print_Transpose(self, expression: Any) -> str:
        return rf"{self._base(expression.arg)}^{{\top}}"

    def _base(self, argument: Any) -> str:
        printed = str(self._print(argument))
        atomic = getattr(argument, "is_symbol", False)
        return printed if atomic else rf"\left({printed}\right)"

    def _print_Heaviside(self, expression: Any, exp: Any = None) -> str:
        # SymPy's theta is the name of the parameters in this field.
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\operatorname{{H}}{power}\left({self._print(expression.args[0])}\right)"

    def _print_Expectation(self, expression: Any) -> str:
        return rf"\mathbb{{E}}\left[{self._print(expression.args[0])}\right]"

    def _print_Identity(self, expression: Any) -> str:
        return rf"I_{{{self._print(expression.shape[0])}}}"

    def _print_ZeroMatrix(self, expression: Any) -> str:
        return "0"

    def _print_Implies(self, expression: Any, altchar: Any = None) -> str:
        premise, consequence = (self._print(argument) for argument in expression.args)
        return rf"{premise} \;\Rightarrow\; {consequence}"

    def _print_And(self, expression: Any) -> str:
        return r", \quad ".join(str(self._print(argument)) for argument in expression.args)

    def _print_BooleanTrue(self, expression: Any) -> str:
        return r"\text{true}"

    def _print_BooleanFalse(self, expression: Any) -> str:
        return r"\text{false}"

    def emptyPrinter(self, expr: Any) -> str:  # SymPy's own name for what it prints when it knows nothing
        return rf"\text{{{escape_latex(str(expr))}}}"


def normal_argument(expression: Any) -> Expr | None:
    """x where the expression is 1/2 + erf(x/sqrt(2))/2 = Phi(x), the normal distribution function."""
    if not expression.is_Add or len(expression.args) != 2 or expression.args[0] != S.Half:
        return None
    factor, function = expression.args[1].as_coeff_Mul()
    if not isinstance(function, erf) or abs(factor) != S.Half:
        return None
    return sqrt(2) * (2 * factor) * function.args[0]


def notation(latex: str) -> str:
    """What the special functions in these formulas mean, as a sentence in LaTeX; nothing without any."""
    known = {
        r"\Phi\left(": r"$\Phi$ is the distribution function of $N(0, 1)$",
        r"\Phi_{2}": r"$\Phi_2(h, k; \rho) = P(X \leq h, Y \leq k)$ for $X, Y \sim N(0, 1)$ with correlation "
        r"$\rho$",
        r"\operatorname{H}": r"$\operatorname{H}$ is the Heaviside step",
    }
    found = [meaning for sign, meaning in known.items() if sign in latex]
    return rf"\noindent Here {', and '.join(found)}." if found else ""


def _letters(name: str) -> str:
    """A Greek letter, one letter, or indices such as XX and ij in italics; a word upright."""
    translated = str(translate(name))
    if name in _SIGNS:
        return _SIGNS[name]
    if translated != name or len(name) <= 2 or name.isdigit():
        return translated
    return rf"\mathrm{{{escape_latex(name)}}}"


def _verbatim_name(name: str) -> str:
    return rf"\text{{{escape_latex(' '.join(name.split()))}}}"


def positive_first(terms: Sequence[Any]) -> list[Any]:
    """The terms of a sum in their order, except that one without a minus sign comes first if there is one."""
    first = next((k for k, term in enumerate(terms) if not _is_negative(term)), 0)
    return [terms[first], *terms[:first], *terms[first + 1 :]]


def _is_negative(term: Any) -> bool:
    coefficient = term.args[0] if term.args and (term.is_Mul or getattr(term, "is_MatMul", False)) else term
    return bool(coefficient.is_number and coefficient.is_negative)


@lru_cache(maxsize=4096)
def latex_of(expression: Basic) -> str:
    """The LaTeX of one SymPy object, on one line, without dollar signs."""
    return str(PaperPrinter().doprint(expression))
