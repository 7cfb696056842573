"""All critical points of a two-layer linear network: form, values, Hessian index, global minimum."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from sympy import And, Gt, Integer, Le, MatrixSymbol, Rational, Symbol, Trace, diag, eye, symbols

from theory.derivation import Derivation, Row
from theory.linear_landscape import first_order, formulas, minimum, second_order
from theory.linear_landscape import letters as w
from theory.linear_landscape.formulas import Sizes
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, positive_integers
from theory.proving.consequence import Consequence
from theory.proving.definition import Definition, Given
from theory.statement import Domain, Hypothesis, Source, Statement

LARGEST_WIDTH = 16  # Hessians of p (n + m) squared entries are formed when the theorem is measured

PARAMETERS = (
    Parameter(
        "widths", "inputs, hidden units, outputs", (5, 3, 4), positive_integers(3, maximum=LARGEST_WIDTH)
    ),
)

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


def sizes(widths: tuple[int, int, int]) -> Sizes:
    """Sizes of the network, with Sigma_YX of full rank."""
    inputs, hidden, outputs = widths
    return Sizes(outputs, inputs, hidden, min(inputs, outputs))


def eigenvalues(widths: tuple[int, int, int]) -> tuple[Symbol, ...]:
    """lambda_1 > ... > lambda_rho > 0."""
    return symbols(f"lambda_1:{sizes(widths).rank + 1}", positive=True)


def indicators(widths: tuple[int, int, int]) -> tuple[Symbol, ...]:
    """chi_i = 1 if eigenvalue i is chosen, else 0."""
    return symbols(f"chi_1:{sizes(widths).rank + 1}", integer=True, nonnegative=True)


def statement(widths: tuple[int, int, int] = (5, 3, 4)) -> Statement:
    """L(A, B) = |Y - A B X|^2 / 2, A: outputs x hidden, B: hidden x inputs, X: inputs x examples.

    The conclusion gives 2 L, the index and the nullity of the Hessian at every critical point with
    eigenvectors S chosen, chi_i = [i in S]: (T - sum chi_i lambda_i, (p - r)(rho - r) + inv(S), ...).
    The loss is summed over the examples, not averaged, and nothing is centered.
    """
    lambdas, chis = eigenvalues(widths), indicators(widths)
    covariance = MatrixSymbol("Sigma_XX", widths[0], widths[0])
    return Statement(
        id="linear_networks.critical_points",
        title="Critical points of two-layer linear networks",
        summary=_summary(),
        hypotheses=(
            Hypothesis(r"$\Sigma_{XX} = X X^T$ is positive definite", holds=_positive_definite(covariance)),
            Hypothesis(
                r"$\Sigma_{YX} = Y X^T$ has full rank $\rho = \min(n, m)$ and the non-zero "
                r"eigenvalues of $\Sigma = "
                r"\Sigma_{YX} \Sigma_{XX}^{-1} \Sigma_{YX}^T$ are distinct",
                relation=_decreasing(lambdas),
            ),
            Hypothesis(
                r"at most $p$ eigenvalues are chosen: $r = |S| \le \min(p, \rho)$, $\chi_i = [i \in S]$",
                relation=Le(sum(chis), widths[1], evaluate=False),
            ),
        ),
        conclusion=And(*_parts(widths)),
        regime="exact",
        sources=(BALDI_HORNIK, ZHOU_LIANG, minimum.IZENMAN),
        instance=_instance(widths, covariance),
        domain=_domain(widths),
    )


def derivation(widths: tuple[int, int, int] = (5, 3, 4)) -> Derivation:
    """From the loss to the parametrization, values, inertia and global minimum, for every size."""
    inputs, hidden, outputs = widths
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
            *minimum.class_rows(outputs, inputs, hidden),
            *minimum.quantization_rows(),
            *_concluding_rows(widths),
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
        r"eigenvalue that is not chosen. Ties keep values and index and enlarge the nullity; "
        r"where $\Sigma_{YX}$ lacks "
        r"rank, $\rho$ is its rank."
    )


def _parts(widths: tuple[int, int, int]) -> tuple[Any, ...]:
    measured = (2 * Symbol("L"), second_order.INDEX, second_order.NULLITY)
    return tuple(equation(*pair) for pair in zip(measured, closed_forms(widths), strict=True))


def closed_forms(widths: tuple[int, int, int]) -> tuple[Any, Any, Any]:
    """2 L, the index and the nullity in the eigenvalues and indicators."""
    size, lambdas, chis = sizes(widths), eigenvalues(widths), indicators(widths)
    chosen = sum(chis)
    inversions = _inversions(chis)
    value = TOTAL - sum(chi * level for chi, level in zip(chis, lambdas, strict=True))
    index = formulas.negative(size, chosen, inversions)
    nullity = formulas.zero(size, chosen)
    return value, index, nullity


def _inversions(chis: tuple[Symbol, ...]) -> Any:
    return sum(((1 - chis[i]) * chis[k] for k in range(len(chis)) for i in range(k)), Integer(0))


def _concluding_rows(widths: tuple[int, int, int]) -> tuple[Row, ...]:
    """The three parts of the conclusion, from the value, the counts and what their letters stand for."""
    names, given = _letter_rows(widths), _width_rows(widths)
    total, chosen_trace, rank, inversions = (row.relation for row in names)
    fixed = tuple(row.relation for row in given)
    loss = equation(Symbol("L"), w.loss(w.A, w.B))
    gained = equation(2 * w.loss(w.A, w.B), Trace(w.S_YY) - Trace(w.Lambda_S))
    value, index, nullity = _parts(widths)
    count = (rank, inversions, *fixed)
    return (
        *names,
        *given,
        Row(value, "insert the names in the value", Consequence((loss, gained, total, chosen_trace))),
        Row(index, "insert the names in the count", Consequence((second_order.NEGATIVE, *count))),
        Row(nullity, "likewise", Consequence((second_order.NULL, *count))),
    )


def _letter_rows(widths: tuple[int, int, int]) -> tuple[Row, ...]:
    lambdas, chis = eigenvalues(widths), indicators(widths)
    taken = sum(chi * level for chi, level in zip(chis, lambdas, strict=True))
    return (
        Row(equation(Trace(w.S_YY), TOTAL), "the squares of all outputs", Definition()),
        Row(
            equation(Trace(w.Lambda_S), taken),
            r"$\Lambda_S$ holds the chosen eigenvalues, and $\chi_i = [i \in S]$; 0 adds nothing",
            Definition(),
        ),
        Row(equation(w.r, sum(chis)), "how many non-zero eigenvalues are chosen", Definition()),
        Row(
            equation(second_order.inv, _inversions(chis)),
            "pairs of a chosen and a larger eigenvalue that is not chosen",
            Definition(),
        ),
    )


def _width_rows(widths: tuple[int, int, int]) -> tuple[Row, ...]:
    size = sizes(widths)
    values = ((w.n, size.outputs), (w.m, size.inputs), (w.p, size.hidden), (second_order.rho, size.rank))
    # With n = rho the matrix z has no rows, with m = rho the matrix v has no columns.
    empty = [second_order.rank_z] * (size.outputs == size.rank)
    empty += [second_order.rank_v] * (size.inputs == size.rank)
    return (
        *(Row(equation(name, number), "the given widths, full rank", Given()) for name, number in values),
        *(Row(equation(rank, 0), "the rank of a matrix without rows or columns", Given()) for rank in empty),
    )


def _decreasing(lambdas: tuple[Symbol, ...]) -> Any:
    return And(*(Gt(high, low) for high, low in pairwise(lambdas)), Gt(lambdas[-1], 0, evaluate=False))


def _positive_definite(covariance: MatrixSymbol) -> Any:
    def holds(instance: Mapping[Any, Any]) -> bool:
        return bool(instance[covariance].is_positive_definite)

    return holds


def _instance(widths: tuple[int, int, int], covariance: MatrixSymbol) -> dict[Any, Any]:
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


def _domain(widths: tuple[int, int, int]) -> Domain:
    """Eigenvalues in disjoint boxes, in decreasing order, which makes them distinct."""
    lambdas, chis = eigenvalues(widths), indicators(widths)
    rank = len(lambdas)
    levels = {
        level: (Rational(4 * (rank - k) - 3, 4), Rational(4 * (rank - k) - 1, 4))
        for k, level in enumerate(lambdas)
    }
    room = (Le(sum(chis), widths[1]),) if rank > widths[1] else ()
    return Domain({**levels, **{chi: (0, 1) for chi in chis}, TOTAL: (rank**2, rank**2 + 1)}, room)
