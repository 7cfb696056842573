"""Is an expression identically zero? A ladder of normal forms, each of which proves a yes.

A zero normal form is a proof for every value of the symbols; a non-zero one decides nothing, since the
generators may depend on each other. Hence the answers here are yes and undecided, never no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import sympy
from sympy import Expr

from theory.proving.exactness import ROUNDED, rounded
from theory.proving.generators import vanishes_algebraically
from theory.proving.outcome import Answer
from theory.time_limit import TimeLimitExceeded, run_with_time_limit

SIMPLIFY_SECONDS = 10.0

Rewrite = Callable[[Expr], Expr]

# Cheap rewrites that SymPy makes only where the assumptions on the symbols allow them.
_REWRITES: tuple[tuple[str, Rewrite], ...] = (
    ("expansion", lambda e: sympy.expand(e)),
    ("denested radicals", lambda e: sympy.sqrtdenest(e)),
    ("angle addition", lambda e: sympy.expand_trig(e)),
    ("exponentials", lambda e: sympy.expand(e.rewrite(sympy.exp))),
    ("logarithms", lambda e: sympy.expand_log(e)),
    ("maxima as absolute values", lambda e: sympy.expand(e.rewrite(sympy.Abs))),
    ("arc cosines", lambda e: e.rewrite(sympy.acos)),
    ("arc tangents", lambda e: e.rewrite(sympy.atan)),
    ("Gamma functions", lambda e: sympy.gammasimp(e.rewrite(sympy.gamma))),
    ("Gamma recurrence", lambda e: e.replace(sympy.gamma, lambda x: sympy.expand_func(sympy.gamma(x)))),
    ("step functions", lambda e: e.rewrite(sympy.Piecewise)),
)


@lru_cache(maxsize=4096)
def is_zero(expression: Expr) -> tuple[Answer, str]:
    """Whether ``expression`` vanishes identically, and the rung of the ladder that showed it."""
    if rounded(expression):
        return Answer.UNKNOWN, ROUNDED
    if expression == 0:
        return Answer.YES, "both sides are the same expression"
    for rung, candidate in _rungs(expression):
        if vanishes_algebraically(candidate):
            return Answer.YES, f"the difference has normal form 0 ({rung})"
    try:
        simplified = run_with_time_limit(sympy.simplify, expression, seconds=SIMPLIFY_SECONDS)
    except TimeLimitExceeded:
        return Answer.UNKNOWN, f"no normal form is 0 and simplify exceeded {SIMPLIFY_SECONDS:g} s"
    if simplified == 0:
        return Answer.YES, "the difference simplifies to 0"
    return Answer.UNKNOWN, "no normal form of the difference is 0"


def _rungs(expression: Expr) -> Iterator[tuple[str, Expr]]:
    yield "rational functions and radicals", expression
    done = expression.doit()
    if done != expression:
        yield "after evaluation", done
    for name, rewrite in _REWRITES:
        rewritten = rewrite(done)
        if rewritten != done:
            yield name, rewritten
