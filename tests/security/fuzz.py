"""The fuzz target of the grammar: ``python -m tests.security.fuzz [SECONDS [SEED]]``.

Whatever the text, reading it ends in an expression in the allowed symbols and functions or in an InputError
of one line, within a second of the processor and 256 MiB; and what is printed is read back as the same
expression.
"""

import random
import sys
import time
import warnings

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from sympy import Expr, preorder_traversal
from sympy.core.function import AppliedUndef

from tests.security.corpus import STRINGS
from tests.security.watched import MEMORY, limit_memory
from theory.errors import InputError
from theory.grammar import FUNCTIONS, parse
from theory.grammar.names import ARITIES
from theory.grammar.screen import screen

SYMBOLS = ("x", "y")
SECONDS = 1.0

NUMBERS = st.one_of(
    st.integers(0, 12).map(str),
    st.integers(0, 10**40).map(str),
    st.decimals(0, 100, places=3).map(str),
    st.sampled_from(("0", "1", "1/2", "1e-3", "1e999", "2.5e3", ".5", "7.", "10**30", "pi", "E")),
)
SIGNS = ("+", "-", "*", "/", "**", "^")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
TOKENS = (
    *SIGNS, *COMPARISONS, *FUNCTIONS, *SYMBOLS, *"()[]{},.;:@%~|&!?#$'\"\\", " ", "\n", "__", "and", "or",
    "not", "lambda", "if", "else", "in", "is", ":=", "True", "None", "0", "1", "2", "9", "1e9", "pi", "I",
)  # fmt: skip


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        most = min(ARITIES[name].most, 3)
        return st.lists(inner, min_size=ARITIES[name].fewest, max_size=most).map(
            lambda values: f"{name}({', '.join(values)})"
        )

    plain = [name for name in FUNCTIONS if name not in ("Piecewise", "where")]
    return st.sampled_from(plain).flatmap(call)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    condition = st.tuples(inner, st.sampled_from(COMPARISONS), inner).map(" ".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from(SIGNS), inner).map(lambda parts: "({}){}({})".format(*parts)),
        st.tuples(inner, st.sampled_from(SIGNS), inner).map("".join),
        inner.map(lambda text: f"-({text})"),
        _calls(inner),
        st.tuples(condition, inner, inner).map(lambda parts: "where({}, {}, {})".format(*parts)),
        st.tuples(inner, condition, inner).map(
            lambda parts: "Piecewise(({}, {}), ({}, True))".format(*parts)
        ),
    )


EXPRESSIONS = st.recursive(NUMBERS | st.sampled_from(SYMBOLS), _larger, max_leaves=12)
SOUP = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """An attack or an expression with a piece cut out, doubled, or replaced."""
    text = draw(st.sampled_from([text for text in STRINGS if len(text) < 3000]) | EXPRESSIONS)
    start, stop = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    piece = draw(st.sampled_from(("", text[start:stop] * 2)) | SOUP | st.text(max_size=5))
    return text[:start] + piece + text[stop:]


TEXTS = st.one_of(EXPRESSIONS, SOUP, mutated(), st.text(max_size=60))


def allowed(value: Expr) -> bool:
    """Whether an expression has the allowed symbols only, and no function of a name of its own."""
    nodes = list(preorder_traversal(value))
    return {str(symbol) for symbol in value.free_symbols} <= set(SYMBOLS) and not any(
        isinstance(node, AppliedUndef) for node in nodes
    )


def attempt(text: str) -> Expr | None:
    """Read a text; None where it was refused. Raises AssertionError where anything else happens."""
    started = time.process_time()
    try:
        value = parse(text, SYMBOLS)
    except InputError as error:
        value = None
        said = str(error)
        assert said.isascii(), said
        assert said.isprintable(), said
        assert len(said) < 1000, said
    seconds = time.process_time() - started
    assert seconds < SECONDS, (seconds, text)
    return value


def check(text: str) -> bool:
    """The property; whether the text was an expression."""
    value = attempt(text)
    if value is None:
        return False
    screen(text, SYMBOLS)  # never stricter than the reader
    assert isinstance(value, Expr)
    assert allowed(value), value
    again = attempt(str(value))
    # Printed at length an expression may be over the limit for text; it is never read as another one.
    assert again is None or again == value or same(again, value), (text, value, again)
    return True


def same(first: Expr, second: Expr) -> bool:
    """SymPy may evaluate an expression further when it is built a second time: then the values agree."""
    symbols = first.free_symbols | second.free_symbols
    points = [dict.fromkeys(symbols, number) for number in (2, -3)]
    return all(abs((first - second).evalf(30, subs=point)) < 1e-12 for point in points)


def run(seconds: float, seed: int) -> tuple[int, int]:
    """Fuzz for so long; how many texts were tried, and how many were expressions."""
    counts = [0, 0]
    end = time.monotonic() + seconds
    while time.monotonic() < end:

        @seeded(seed + counts[0])
        @settings(
            max_examples=2000,
            deadline=None,
            database=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(TEXTS)
        def batch(text: str) -> None:
            counts[0] += 1
            counts[1] += check(text)

        batch()
    return counts[0], counts[1]


def main() -> None:
    arguments = [int(argument) for argument in sys.argv[1:]]
    seconds, seed = (*arguments, *(60, random.randrange(2**31))[len(arguments) :])
    attempt("sin(x) + exp(2*y)")  # whatever a first reading imports
    limit_memory(MEMORY)
    warnings.simplefilter("ignore", HypothesisWarning)  # that the corpus is long to print
    print(f"seed {seed}, {seconds} s", flush=True)
    tried, expressions = run(seconds, seed)
    print(f"{tried} texts, {expressions} of them expressions: the property held for each")


if __name__ == "__main__":
    main()
