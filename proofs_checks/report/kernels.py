"""The kernels of an activation as text, LaTeX and plain data."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy
from sympy import Eq, Expr, Function, Rational, Symbol

from theory.deep_kernels.recursion import covariance_entries, diagonal, tangent_entries
from theory.printing.latex import display
from theory.printing.mathematics import notation
from theory.printing.text import COLUMNS, formula

if TYPE_CHECKING:
    from proofs_checks.commands.kernel import Result
    from theory.deep_kernels.enclosure import Recursion

NAMES = ("E[s(u) s(v)]", "E[s'(u) s'(v)]", "Theta(x, y)")
LATEX_NAMES = (r"\mathbb{E}[\sigma(u)\,\sigma(v)]", r"\mathbb{E}[\sigma'(u)\,\sigma'(v)]", r"\Theta(x, y)")
JUMPS = "the activation jumps, so that gradients of a network do not exist"
CONVENTION = (
    "(u, v) ~ N(0, [[a, c], [c, b]]), a = |x|^2, b = |y|^2, c = x.y; the tangent kernel is that of "
    "f(x) = m^(-1/2) sum_r alpha_r s(w_r.x) with standard normal parameters, all of them trained"
)
DEEP_CONVENTION = (
    "(u, v) ~ N(0, K^l), K^l = [[a_l, c_l], [c_l, b_l]] the covariance of the preactivations of layer l at "
    "x and y for infinite width; K^1 = sigma_b^2 + sigma_w^2 x.y/d in all three entries; t_l is the tangent "
    "kernel Theta^l at (x, y); the readout is linear"
)
_LATEX_NEEDS = "% needs amsmath, amssymb and graphicx"
_LATEX_LAW = (
    r"Let $(u, v) \sim \mathcal{N}\bigl(0, \bigl("
    r"\begin{smallmatrix} a & c \\ c & b \end{smallmatrix}\bigr)\bigr)$"
)
_LATEX_CONVENTION = (
    r" with $a = |x|^2$, $b = |y|^2$, $c = x \cdot y$; $\Theta$ is the tangent kernel of "
    r"$f(x) = m^{-1/2} \sum_{r=1}^m \alpha_r\, \sigma(w_r \cdot x)$ for $m \to \infty$, "
    "all parameters standard normal and trained."
)
_LATEX_DEEP_CONVENTION = (
    r", where $a_l$, $b_l$, $c_l$ in place of $a$, $b$, $c$ are the covariance $K^l$ of the preactivations "
    r"of layer $l$ at $x$ and $y$ for infinite width, with entries $\sigma_b^2 + \sigma_w^2\, x \cdot y/d$ "
    r"in layer 1; $t_l$ is the tangent kernel $\Theta^l(x, y)$; the readout is linear."
)
_SHOWN_LAYERS = 3  # of deeper networks: the first ones and the last
_INDENT = 2


class Series(NamedTuple):
    """Enclosures of alpha_0, alpha_1, ... for each variance, and a bound of the root of what they leave."""

    coefficients: tuple[tuple[Rational, tuple[str, ...]], ...]
    rest: str


def output_names(recursion: Recursion) -> tuple[str, str]:
    """The names of the kernels of the outputs."""
    return f"K^{recursion.depth + 1}(x, y)", f"Theta^{recursion.depth + 1}(x, y)"


def text(result: Result) -> str:
    """For a terminal: two-dimensional formulas, wrapped where they are too wide."""
    lines = [f"activation    s(z) = {result.activation}"]
    lines += [] if result.slope is None else [f"derivative    s'(z) = {result.slope}"]
    parts = ["\n".join(map(_wrapped, lines)), *_formulas(result), *_series(result), *_layers(result)]
    if result.why_no_tangent:
        parts.append(f"no tangent kernel: {result.why_no_tangent}")
    if result.at is not None:
        parts.append(_values(result))
    parts.append(_wrapped(convention(result)))
    return "\n\n".join(parts)


def convention(result: Result) -> str:
    """What the letters mean."""
    return CONVENTION if result.recursion is None else DEEP_CONVENTION


def _wrapped(line: str) -> str:
    return textwrap.fill(line, COLUMNS, subsequent_indent="    ", break_long_words=False)


def _formulas(result: Result) -> list[str]:
    shown = [(name, form) for name, form in result.formulas if result.recursion is None or name != NAMES[2]]
    return [f"{name} =\n\n{formula(form, _INDENT)}" for name, form in shown]


def _series(result: Result) -> list[str]:
    if result.series is None:
        return []
    why = f"No closed form: {result.why_not_closed}. Its kernels are certified, not derived:"
    lines = [
        "E[s(u) s(v)] = sum_k alpha_k(a) alpha_k(b) rho^k,  rho = c/sqrt(a b),  "
        "alpha_k(a) = E[s(sqrt(a) Z) he_k(Z)]"
    ]
    for variance, values in result.series.coefficients:
        lines += [f"  alpha_{k}({variance}) = {value}" for k, value in enumerate(values)]
    count = len(result.series.coefficients[0][1])
    lines.append(f"  all terms from k = {count} on: at most |rho|^{count} * {result.series.rest}")
    return [_wrapped(why), "\n".join(lines)]


def _layers(result: Result) -> list[str]:
    if result.recursion is None:
        return []
    recursion = result.recursion
    head = f"depth {recursion.depth}: kappa(a, b, c) = E[s(u) s(v)], kappa'(a, b, c) = E[s'(u) s'(v)]"
    first = "  layer 1   a_1, b_1, c_1 given" + (
        "" if result.why_no_tangent else f",  t_1 = {first_tangent(recursion)}"
    )
    lines = [head, *_diagonal(result), "", first]
    previous = 1
    for layer in shown_layers(recursion):
        if layer > previous + 1:
            lines.append("  ...")
        previous = layer
        name = "outputs" if layer == recursion.depth + 1 else f"layer {layer}"
        equations = layer_equations(recursion, layer, not result.why_no_tangent)
        lines += [f"  {name if k == 0 else '':9} {_plain(equation)}" for k, equation in enumerate(equations)]
    return ["\n".join(lines)]


def _diagonal(result: Result) -> list[str]:
    if result.dual is None:
        return ["kappa(a, a, a) = E[s(u)^2]"]
    return [_wrapped(f"kappa(a, a, a) = E[s(u)^2] = {diagonal(result.activation)}")]


def shown_layers(recursion: Recursion) -> list[int]:
    """The layers whose equations are written out."""
    last = recursion.depth + 1
    return sorted({*range(2, min(last, _SHOWN_LAYERS) + 1), last})


def first_tangent(recursion: Recursion) -> Expr:
    """t_1 in c_1."""
    c = covariance_entries(1).mixed
    if recursion.parametrization == "ntk":
        return c
    inner = recursion.widths[0] * (c - recursion.bias_variance) / recursion.weight_variance
    return inner + (1 if recursion.bias_variance > 0 else 0)


def layer_equations(recursion: Recursion, layer: int, tangent: bool = True) -> list[Eq]:
    """K^l, and Theta^l if ``tangent``, from the layer before; of the outputs the mixed entries only."""
    kappa, moved = Function("kappa"), Function("kappa'")
    a, b, c = covariance_entries(layer - 1)
    after = covariance_entries(layer)
    weight, bias = recursion.weight_variance, recursion.bias_variance
    arguments = ((a, a, a), (b, b, b), (a, b, c))
    covariances = [
        Eq(entry, bias + weight * kappa(*three), evaluate=False)
        for entry, three in zip(after, arguments, strict=True)
    ]
    found = covariances if layer <= recursion.depth else covariances[2:]
    if not tangent:
        return found
    if recursion.parametrization == "ntk":
        fresh: Expr = after.mixed
    else:
        fresh = recursion.widths[layer - 1] * kappa(a, b, c) + (1 if bias > 0 else 0)
    inherited = weight * moved(a, b, c) * tangent_entries(layer - 1).mixed
    return [*found, Eq(tangent_entries(layer).mixed, fresh + inherited, evaluate=False)]


def _plain(equation: Eq) -> str:
    return f"{equation.lhs} = {equation.rhs}"


def _values(result: Result) -> str:
    assert result.at is not None
    a, b, c = result.at
    where = f"certified at a = {a}, b = {b}, c = {c}"
    if result.recursion is not None:
        where = f"certified at a_1 = {a}, b_1 = {b}, c_1 = {c}, the covariance of the first preactivations"
    if c**2 == a * b:
        where += " (singular: the limit)"
    return "\n".join([f"{where}:", *(f"  {name} = {value}" for name, value in result.values)])


def document(result: Result) -> dict[str, Any]:
    """Plain data."""
    return {
        "activation": str(result.activation),
        "derivative": None if result.slope is None else str(result.slope),
        "convention": convention(result),
        "closed_form": result.dual is not None,
        "formulas": {name: {"text": str(f), "latex": sympy.latex(f)} for name, f in result.formulas},
        "tangent_kernel": None if result.tangent is None else str(result.tangent),
        "series": _series_document(result),
        "recursion": _recursion_document(result),
        "note": "; ".join(filter(None, (result.why_not_closed, result.why_no_tangent))) or None,
        "at": None if result.at is None else [str(number) for number in result.at],
        "digits": result.digits or None,
        "values": dict(result.values) or None,
    }


def _series_document(result: Result) -> dict[str, Any] | None:
    if result.series is None:
        return None
    return {
        "meaning": "E[s(u) s(v)] = sum_k alpha_k(a) alpha_k(b) rho^k, rho = c/sqrt(a b)",
        "coefficients": {str(variance): list(values) for variance, values in result.series.coefficients},
        "rest": f"|rho|^{len(result.series.coefficients[0][1])} * {result.series.rest}",
    }


def _recursion_document(result: Result) -> dict[str, Any] | None:
    recursion = result.recursion
    if recursion is None:
        return None
    tangent = not result.why_no_tangent
    equations = [e for layer in shown_layers(recursion) for e in layer_equations(recursion, layer, tangent)]
    return {
        "depth": recursion.depth,
        "weight_variance": str(recursion.weight_variance),
        "bias_variance": str(recursion.bias_variance),
        "parametrization": recursion.parametrization,
        "widths": list(recursion.widths) or None,
        "first_tangent": str(first_tangent(recursion)) if tangent else None,
        "equations": [{"text": _plain(e), "latex": _latex(e)} for e in equations],
    }


def latex(result: Result) -> str:
    """What the letters mean, then displays, broken into lines where they are long."""
    named = dict(zip(NAMES, LATEX_NAMES, strict=True))
    shown = [(n, f) for n, f in result.formulas if result.recursion is None or n != NAMES[2]]
    relations = [Eq(Symbol(r"\sigma(z)"), result.activation, evaluate=False)]
    relations += [Eq(Symbol(named[name]), form, evaluate=False) for name, form in shown]
    parts = [display(relation) for relation in relations]
    if result.series is not None:
        parts.append(_latex_series(result.series))
    if result.recursion is not None:
        parts.append(_latex_layers(result))
    if result.at is not None:
        parts.append(_latex_values(result))
    convention = _LATEX_CONVENTION if result.recursion is None else _LATEX_DEEP_CONVENTION
    parts = [_LATEX_NEEDS, _LATEX_LAW + convention, *parts]
    return "\n".join(filter(None, [*parts, notation("".join(parts))]))


def _aligned(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _latex_series(series: Series) -> str:
    rows = [
        rf"{LATEX_NAMES[0]} &= \sum_{{k \ge 0}} \alpha_k(a)\, \alpha_k(b)\, \rho^k, \qquad "
        r"\rho = \frac{c}{\sqrt{a b}}"
    ]
    for variance, values in series.coefficients:
        at = sympy.latex(variance)
        rows += [rf"\alpha_{{{k}}}\left({at}\right) &\in {_ball(value)}" for k, value in enumerate(values)]
    return _aligned(rows)


def _ball(value: str) -> str:
    return value.replace("+/-", r"\pm") if "[" in value else rf"\{{{value}\}}"


def _latex_layers(result: Result) -> str:
    recursion = result.recursion
    assert recursion is not None
    tangent = not result.why_no_tangent
    rows = [rf"\kappa(a, b, c) &= {LATEX_NAMES[0]}, \qquad \kappa(a, a, a) = \mathbb{{E}}[\sigma(u)^2]"]
    if tangent:
        rows.append(rf"\kappa'(a, b, c) &= {LATEX_NAMES[1]}")
        rows.append(rf"t_1 &= {sympy.latex(first_tangent(recursion))}")
    previous = 1
    for layer in shown_layers(recursion):
        if layer > previous + 1:
            rows.append(r"&\;\;\vdots")
        previous = layer
        rows += [_latex(e).replace("=", "&=", 1) for e in layer_equations(recursion, layer, tangent)]
    return _aligned(rows)


def _latex(equation: Eq) -> str:
    return str(sympy.latex(equation)).replace(r"\operatorname{kappa'}", r"\kappa'")


def _latex_values(result: Result) -> str:
    assert result.at is not None
    names = dict(zip(NAMES, LATEX_NAMES, strict=True))
    a, b, c = map(sympy.latex, result.at)
    index = "" if result.recursion is None else "_1"
    place = rf"\text{{at }} a{index} = {a},\; b{index} = {b},\; c{index} = {c}\text{{:}}"
    rows = [rf"&{place}"]
    for name, value in result.values:
        rows.append(rf"{names.get(name, _latex_name(name))} &\in {_ball(value)}")
    return _aligned(rows)


def _latex_name(name: str) -> str:
    """K^4(x, y) with the exponent in braces."""
    head, _, rest = name.partition("^")
    number, _, arguments = rest.partition("(")
    return rf"{head.replace('Theta', chr(92) + 'Theta')}^{{{number}}}({arguments}"
