"""A ReLU passes on half the second moment of a symmetric input."""
import jax
from sympy import Eq, Integral, Rational, Symbol
from proofs_checks import Claim, Mean, Point
from theory import Derivation, Hypothesis, Row, Source, Statement
from theory.proving import Antiderivative

b, u = Symbol("b", positive=True), Symbol("u", real=True)
before, after = (Integral(u**2 / (2 * b), (u, low, b)) for low in (-b, 0))

def statement():
    source = Source("K. He, X. Zhang, S. Ren, J. Sun", "Delving deep into rectifiers", 2015, "Section 2.2")
    return Statement("he_initialization", "Half the second moment passes", "So weights get variance $2/n$.",
                     (Hypothesis("$u \\sim U[-b, b]$"),), Eq(after, b**2 / 6), "exact", (source,), {b: 1})

def derivation():
    whole = Row(Eq(before, b**2 / 3), "the second moment of the input", Antiderivative(u**3 / (6 * b)))
    half = Row(Eq(after, b**2 / 6), "a ReLU passes $u > 0$ only", Antiderivative(u**3 / (6 * b)))
    at_1 = Row(Eq(after.subs(b, 1), Rational(1, 6)), "the value at $b = 1$", Antiderivative(u**3 / 6))
    return Derivation(statement(), (whole, half), at_1)

def passed(key, low, high):  # the experiment: a JAX function of one key
    return jax.numpy.mean(jax.nn.relu(jax.random.uniform(key, (1000,), minval=low, maxval=high)) ** 2)

def claims(profile):
    predicted, seeds = float(statement().conclusion.rhs.subs(b, 2)), profile.scale(64)
    true, false = (Point({"low": low, "high": low + 4.0}, predicted) for low in (-2.0, -1.0))
    return (Claim("half passes", "at $b = 2$", Mean(), passed, (true,), seeds),
            Claim("shifted", "on $[-1, 3]$", Mean(), passed, (false,), seeds, "refuted", "not symmetric"))
