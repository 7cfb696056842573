"""All critical points of linear networks of any depth: form, values, classes; inertia of two layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from sympy import And, Ge, Gt, Integer, Le, MatrixSymbol, Rational, Symbol, Trace, diag, eye, symbols

from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.linear_landscape import deep_critical, deep_form, first_order, formulas, minimum, second_order
from theory.linear_landscape import letters as w
from theory.linear_landscape.formulas import Sizes
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, layer_widths
from theory.proving.consequence import Consequence
from theory.proving.definition import Definition, Given
from theory.statement import Domain, Hypothesis, Source, Statement

LARGEST_WIDTH = 128
LARGEST_RANK = 16  # eigenvalues that the conclusion names: checking it takes seconds, of 32 minutes
DEEPEST = 6  # layers; the derivation is one for all depths, the search has all their weights
DEFAULT_WIDTHS = (5, 3, 4)


def _widths(value: object) -> tuple[int, ...]:
    found: tuple[int, ...] = layer_widths(LARGEST_WIDTH, DEEPEST)(value)
    if min(found[0], found[-1]) > LARGEST_RANK:
        raise InputError(
            f"{found[0]} inputs and {found[-1]} outputs: one of them may be at most {LARGEST_RANK}, "
            "the number of eigenvalues that the conclusion names"
        )
    return found


PARAMETERS = (Parameter("widths", "inputs, hidden units of every layer, outputs", DEFAULT_WIDTHS, _widths),)

BALDI_HORNIK = Source(
    "P. Baldi and K. Hornik",
    "Neural networks and principal component analysis: learning from examples without local minima",
    1989,
    "Facts 1 to 4",
    "doi:10.1016/0893-6080(89)90014-2",
)
ZHOU_LIANG = Source(
    "Y. Zhou and Y. Liang",
    "Critical points of linear neural networks: analytical forms and landscape properties",
    2018,
    "Theorems 1 to 3",
    "arXiv:1710.11205",
)

TOTAL = Symbol("T", positive=True)


def sizes(widths: tuple[int, ...]) -> Sizes:
    """Sizes of the network, with Sigma_YX of full rank; p is the least of the hidden widths."""
    inputs, *hidden, outputs = widths
    return Sizes(outputs, inputs, min(hidden), min(inputs, outputs))


def eigenvalues(widths: tuple[int, ...]) -> tuple[Symbol, ...]:
    """lambda_1 > ... > lambda_rho > 0."""
    return symbols(f"lambda_1:{sizes(widths).rank + 1}", positive=True)


def indicators(widths: tuple[int, ...]) -> tuple[Symbol, ...]:
    """chi_i = 1 if eigenvalue i is chosen, else 0."""
    return symbols(f"chi_1:{sizes(widths).rank + 1}", integer=True, nonnegative=True)


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Statement:
    """L = |Y - W_H ... W_1 X|^2 / 2, W_h: d_h x d_{h-1}, X: inputs x examples; A B = W_2 W_1 of two layers.

    The conclusion gives 2 L at every critical point with eigenvectors S chosen, chi_i = [i in S], the number
    of index sets, and with two layers index and nullity of the Hessian:
    (T - sum chi_i lambda_i, sum of binomials, (p - r)(rho - r) + inv(S), ...). For those of more layers see
    ``linear_networks.hessian_index``. The loss is summed over the examples, not averaged, and nothing is
    centered.
    """
    lambdas, chis = eigenvalues(widths), indicators(widths)
    covariance = MatrixSymbol("Sigma_XX", widths[0], widths[0])
    two = len(widths) == 3
    return Statement(
        id="linear_networks.critical_points",
        title=f"Critical points of {'two-layer' if two else 'deep'} linear networks",
        summary=_summary() if two else _deep_summary(),
        hypotheses=(
            Hypothesis(r"$\Sigma_{XX} = X X^T$ is positive definite", holds=_positive_definite(covariance)),
            _spectrum(lambdas) if two else _any_spectrum(lambdas),
            Hypothesis(
                r"at most $p$ eigenvalues are chosen: $r = |S| \le \min(p, \rho)$, $\chi_i = [i \in S]$"
                + ("" if two else r", where $p$ is the least width of a hidden layer"),
                relation=Le(sum(chis), sizes(widths).hidden, evaluate=False),
            ),
        ),
        conclusion=And(*_parts(widths)),
        regime="exact",
        sources=(BALDI_HORNIK, ZHOU_LIANG, minimum.IZENMAN) if two else (ZHOU_LIANG, deep_form.ACHOUR),
        instance=_instance(widths, covariance),
        domain=_domain(widths),
    )


def _spectrum(lambdas: tuple[Symbol, ...]) -> Hypothesis:
    return Hypothesis(
        r"$\Sigma_{YX} = Y X^T$ has full rank $\rho = \min(n, m)$ and the non-zero "
        r"eigenvalues of $\Sigma = "
        r"\Sigma_{YX} \Sigma_{XX}^{-1} \Sigma_{YX}^T$ are distinct",
        relation=_decreasing(lambdas, Gt),
    )


def _any_spectrum(lambdas: tuple[Symbol, ...]) -> Hypothesis:
    return Hypothesis(
        r"$\lambda_1 \ge \dots \ge \lambda_\rho > 0$ are the non-zero eigenvalues of $\Sigma = "
        r"\Sigma_{YX} \Sigma_{XX}^{-1} \Sigma_{YX}^T$, equal ones as often as they occur",
        relation=_decreasing(lambdas, Ge),
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Derivation:
    """From the loss to the parametrization, values and classes; of two layers inertia and global minimum."""
    size = sizes(widths)
    if len(widths) > 3:
        counted = minimum.count_rows(size.rank, size.hidden)
        best = (minimum.best_row(size.rank, size.hidden),) if size.rank <= minimum.LARGEST_ENUMERATION else ()
        concluded = (*_value_rows(widths, deep_critical.LOSS), *counted, *best)
        return Derivation(statement(widths), (*deep_critical.rows(), *concluded), first_order.limiting_case())
    return Derivation(
        statement(widths),
        (
            *first_order.gradient_rows(),
            *first_order.necessity_rows(),
            *first_order.eigenbasis_rows(),
            *first_order.parametrization_rows(),
            *first_order.sufficiency_rows(),
            *second_order.variation_rows(),
            *second_order.block_rows(),
            *second_order.counting_rows(),
            *minimum.minimum_rows(),
            *minimum.class_rows(size.outputs, size.inputs, size.hidden),
            *minimum.quantization_rows(),
            *minimum.count_rows(size.rank, size.hidden),
            *_value_rows(widths, w.loss(w.A, w.B)),
            *_inertia_rows(widths),
        ),
        first_order.limiting_case(),
    )


def _summary() -> str:
    return (
        r"$2 L(A, B) = \|Y - A B X\|^2$ with $A$: $n \times p$, $B$: $p \times m$. Every critical point is "
        r"$A = [U_S, 0] C$, $B = C^{-1} [U_S^T \Sigma_{YX} \Sigma_{XX}^{-1}; V]$ with eigenvectors $U_S$ of "
        r"$\Sigma$, $C$ invertible and $U_{S^c}^T \Sigma_{YX} V^T = 0$; all but the global minima, which are "
        r"reduced-rank regression, are strict saddles. $\mathrm{inv}(S)$ counts the pairs of "
        r"a chosen and a larger "
        r"eigenvalue that is not chosen, $\#_S$ the index sets. Ties keep values and index and enlarge the "
        r"nullity; where $\Sigma_{YX}$ lacks rank, $\rho$ is its rank."
    )


def _deep_summary() -> str:
    return (
        r"$2 L = \|Y - W X\|^2$ with $W = W_H \cdots W_1$. At every critical point $W = U_S U_S^T "
        r"\Sigma_{YX} "
        r"\Sigma_{XX}^{-1}$ with eigenvectors $U_S$ of $\Sigma$. In suitable bases of the hidden layers "
        r"every "
        r"layer is the identity on $r$ directions beside a rest $Z_h$, and such layers make a critical point "
        r"if and only if $Z_H \cdots Z_1 = 0$ and $(Z_H \cdots Z_{h+1})^T U_{S^c} U_{S^c}^T \Sigma_{YX} "
        r"(Z_{h-1} \cdots Z_1)^T = 0$ for every $h$. $\#_S$ counts the index sets: the depth adds no value."
    )


def _parts(widths: tuple[int, ...]) -> tuple[Any, ...]:
    size = sizes(widths)
    classes = equation(minimum.CLASSES, Integer(minimum.count(size.rank, size.hidden)))
    value, index, nullity = closed_forms(widths)
    first = (equation(2 * Symbol("L"), value), classes)
    if len(widths) > 3:
        return first
    return (*first, equation(second_order.INDEX, index), equation(second_order.NULLITY, nullity))


def closed_forms(widths: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """2 L, and with two layers the index and the nullity, in the eigenvalues and indicators."""
    size, lambdas, chis = sizes(widths), eigenvalues(widths), indicators(widths)
    chosen = sum(chis)
    inversions = _inversions(chis)
    value = TOTAL - sum(chi * level for chi, level in zip(chis, lambdas, strict=True))
    index = formulas.negative(size, chosen, inversions)
    nullity = formulas.zero(size, chosen)
    return value, index, nullity


def _inversions(chis: tuple[Symbol, ...]) -> Any:
    return sum(((1 - chis[i]) * chis[k] for k in range(len(chis)) for i in range(k)), Integer(0))


def _value_rows(widths: tuple[int, ...], loss: Any) -> tuple[Row, ...]:
    """2 L in the letters of the conclusion, from ``loss`` at a critical point."""
    lambdas, chis = eigenvalues(widths), indicators(widths)
    taken = sum(chi * level for chi, level in zip(chis, lambdas, strict=True))
    total = equation(Trace(w.S_YY), TOTAL)
    chosen = equation(Trace(w.Lambda_S), taken)
    gained = equation(2 * loss, Trace(w.S_YY) - Trace(w.Lambda_S))
    names = (equation(Symbol("L"), loss), gained, total, chosen)
    return (
        Row(total, "the squares of all outputs", Definition()),
        Row(
            chosen,
            r"$\Lambda_S$ holds the chosen eigenvalues, and $\chi_i = [i \in S]$; 0 adds nothing",
            Definition(),
        ),
        Row(_parts(widths)[0], "insert the names in the value", Consequence(names)),
    )


def _inertia_rows(widths: tuple[int, ...]) -> tuple[Row, ...]:
    """Index and nullity of two layers, from the counts and what their letters stand for."""
    chis, given = indicators(widths), _width_rows(widths)
    rank, inversions = equation(w.r, sum(chis)), equation(second_order.inv, _inversions(chis))
    _, _, index, nullity = _parts(widths)
    count = (rank, inversions, *(row.relation for row in given))
    return (
        Row(rank, "how many non-zero eigenvalues are chosen", Definition()),
        Row(inversions, "pairs of a chosen and a larger eigenvalue that is not chosen", Definition()),
        *given,
        Row(index, "insert the names in the count", Consequence((second_order.NEGATIVE, *count))),
        Row(nullity, "likewise", Consequence((second_order.NULL, *count))),
    )


def _width_rows(widths: tuple[int, ...]) -> tuple[Row, ...]:
    size = sizes(widths)
    values = ((w.n, size.outputs), (w.m, size.inputs), (w.p, size.hidden), (second_order.rho, size.rank))
    # With n = rho the matrix z has no rows, with m = rho the matrix v has no columns: one of them is enough.
    empty = [second_order.rank_z] * (size.outputs == size.rank) or [second_order.rank_v]
    return (
        *(Row(equation(name, number), "the given widths, full rank", Given()) for name, number in values),
        *(Row(equation(rank, 0), "the rank of a matrix without rows or columns", Given()) for rank in empty),
    )


def _decreasing(lambdas: tuple[Symbol, ...], compared: Callable[[Any, Any], Any]) -> Any:
    return And(*(compared(high, low) for high, low in pairwise(lambdas)), Gt(lambdas[-1], 0, evaluate=False))


def _positive_definite(covariance: MatrixSymbol) -> Any:
    def holds(instance: Mapping[Any, Any]) -> bool:
        return bool(instance[covariance].is_positive_definite)

    return holds


def _instance(widths: tuple[int, ...], covariance: MatrixSymbol) -> dict[Any, Any]:
    """X = I and a diagonal Y: Sigma_XX = I, Sigma = diag(rho, ..., 1), the first eigenvalue chosen."""
    rank = sizes(widths).rank
    levels = dict(zip(eigenvalues(widths), range(rank, 0, -1), strict=True))
    chosen = {chi: int(k == 0) for k, chi in enumerate(indicators(widths))}
    return {
        covariance: eye(widths[0]),
        MatrixSymbol("Sigma", rank, rank): diag(*levels.values()),
        **levels,
        **chosen,
    }


def _domain(widths: tuple[int, ...]) -> Domain:
    """Eigenvalues in disjoint boxes, in decreasing order, which makes them distinct."""
    lambdas, chis = eigenvalues(widths), indicators(widths)
    rank = len(lambdas)
    levels = {
        level: (Rational(4 * (rank - k) - 3, 4), Rational(4 * (rank - k) - 1, 4))
        for k, level in enumerate(lambdas)
    }
    most = sizes(widths).hidden
    room = (Le(sum(chis), most),) if rank > most else ()
    return Domain({**levels, **{chi: (0, 1) for chi in chis}, TOTAL: (rank**2, rank**2 + 1)}, room)
