"""Ball arithmetic encloses: against mpmath at 50 digits, and against points inside of intervals."""

import random
import subprocess
import sys

import mpmath
import pytest
import sympy
from sympy import Abs, Heaviside, Max, Min, Piecewise, Rational, erf, exp, gamma, log, pi, sin, sqrt

from theory import balls
from theory.balls import OutsideBalls, enclose, lower_function

flint = pytest.importorskip("flint", reason="python-flint is not installed: nothing can be certified here")

x, y = sympy.symbols("x y", real=True)
HALF = Rational(1, 2)

# Smooth and kinked, each finite for 0 < x, y < 3.
EXPRESSIONS = [
    sympy.expand((x - y) ** 7),
    (x**2 + y**2 + 1) ** Rational(-3, 2),
    x**y + 2**x - x**pi,
    exp(-x) * sin(3 * x) / sympy.cosh(y),
    log(1 + exp(x)) - sympy.tanh(y) * sympy.atan(x),
    erf(x) * sympy.erfc(y) + x * (1 + erf(x / sqrt(2))) / 2,
    sympy.asin(x / 3) + sympy.acos(y / 3) - sympy.atan2(x, -y),
    gamma(x + 1) / sympy.loggamma(y + 3),
    Max(x, y, 1) - Min(x, 2 * y) + Abs(x - y) + sympy.sign(x - 1) * Heaviside(y - 1),
    Piecewise((log(x), x > 1), (x - 1, (x > HALF) & (y < 1)), (-HALF, True)),
    sympy.floor(2 * x) + sympy.ceiling(y),
    x * sympy.Float(0.1) + sympy.EulerGamma + sympy.GoldenRatio,
    sympy.asinh(x) + sympy.acosh(y + 1) + sympy.atanh(x / 4),
    sympy.tan(x / 2) + 1 / (1 + x) + sympy.digamma(y + 1),
]


def reference(expression, point) -> mpmath.mpf:
    with mpmath.workdps(60):
        values = [mpmath.mpf(int(value.p)) / int(value.q) for value in point.values()]
        return mpmath.mpf(sympy.lambdify(list(point), expression, "mpmath")(*values))


def holds(ball, value: mpmath.mpf) -> bool:
    """Whether the ball contains the value, which is known to 50 digits."""
    with flint.ctx.workprec(250):
        known = flint.arb(mpmath.nstr(value, 50)) * (1 + flint.arb(0, "1e-49")) + flint.arb(0, "1e-60")
        return ball.overlaps(known)


def random_point(generator: random.Random) -> dict:
    return {symbol: Rational(generator.randint(1, 2999), 1000) for symbol in (x, y)}


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_points_against_mpmath(expression):
    generator = random.Random(7)
    for _ in range(10):
        point = random_point(generator)
        ball = enclose(expression, point, digits=40)
        assert holds(ball, reference(expression, point)), point
        assert ball.rel_accuracy_bits() > 130  # 40 digits are 133 bits


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_intervals_contain_the_image(expression):
    generator = random.Random(11)
    for _ in range(5):
        center = random_point(generator)
        radius = Rational(1, generator.choice((2, 10, 1000)))
        box = {symbol: (max(value - radius, Rational(1, 10**4)), value) for symbol, value in center.items()}
        ball = enclose(expression, box, digits=20)
        for _ in range(5):
            share = Rational(generator.randint(0, 16), 16)
            point = {symbol: low + share * (high - low) for symbol, (low, high) in box.items()}
            value = reference(expression, point)
            assert not ball.is_finite() or holds(ball, value), (box, point)


@pytest.mark.parametrize(
    ("expression", "interval", "low", "high"),
    [
        (x**2, (-1, 1), "-0.01", "1.01"),  # a product of balls would give [-1, 1]
        (x**3, (-1, 1), "-1.01", "1.01"),
        (Max(0, x), (-1, 1), "-0.01", "1.01"),
        (sqrt(x), (0, Rational(1, 3)), "-0.6", "0.6"),
        (sqrt(x**2 + 1), (-1, 1), "0.58", "1.42"),
        (Heaviside(x), (HALF, 1), "1", "1"),
        (Heaviside(x), (-1, 1), "-0.01", "1.01"),
        (sympy.sign(x), (-1, 0), "-1.01", "1.01"),  # the ball of [-1, 0] reaches above 0
        (Piecewise((x, x > 0), (-1, True)), (-1, 1), "-1.01", "1.01"),
        (sympy.floor(x), (HALF, 3 * HALF), "-1.01", "1.01"),
        (Abs(x) ** HALF, (-1, 1), "-1.01", "1.01"),
    ],
    ids=str,
)
def test_intervals_around_kinks_are_enclosed_and_not_lost(expression, interval, low, high):
    ball = enclose(expression, {x: interval})
    assert flint.arb(low) <= ball.lower()
    assert ball.upper() <= flint.arb(high)


def test_kinks_at_exact_points():
    assert enclose(Heaviside(x), {x: 0}) == flint.arb(1) / 2
    assert enclose(Heaviside(x, 0), {x: 0}) == 0
    assert enclose(sympy.sign(x), {x: 0}) == 0
    assert enclose(Piecewise((1, sympy.Eq(x, 0)), (sin(x) / x, True)), {x: 0}) == 1
    assert enclose(sqrt(x - 1), {x: 1}) == 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (sqrt(x), (-1, 1)),
        (x ** Rational(1, 3), -8),
        (x**pi, -2),
        (1 / x, (-1, 1)),
        (log(x), (0, 1)),
        (sympy.acos(x), (0, 2)),
        (gamma(x), (-1, HALF)),
        (Piecewise((x, x > 0)), (-1, 1)),
    ],
    ids=str,
)
def test_undefined_is_nan_and_never_a_number(expression, value):
    assert not enclose(expression, {x: value}).is_finite()


def test_float_literals_are_their_binary_values():
    tenth = enclose(sympy.Float(0.1) * x, {x: 1}, digits=40)
    decimal = enclose(x, {x: Rational(1, 10)}, digits=40)
    with flint.ctx.workprec(200):  # flint rounds the argument of `contains` to the current precision
        assert not tenth.overlaps(flint.arb("0.1"))
        assert tenth.contains(flint.fmpq(*(0.1).as_integer_ratio()))
        assert (10 * decimal).contains(1)


def test_precision_is_raised_against_cancellation_and_restored():
    before = flint.ctx.prec
    ball = enclose(exp(sqrt(2) * x) - 1, {x: Rational(1, 10**200)}, digits=30)
    assert ball.rel_accuracy_bits() >= 99
    assert flint.ctx.prec == before
    with pytest.raises(OutsideBalls):
        enclose(sympy.besselj(0, x), {x: 1})
    assert flint.ctx.prec == before


def test_compiled_function_follows_the_precision_of_the_call():
    function = lower_function(pi * x / 3 + Rational(1, 7), (x,))
    for bits in (60, 400, 60):
        with flint.ctx.workprec(bits):
            accuracy = function([flint.arb(1)]).rel_accuracy_bits()
        assert bits - 10 < accuracy <= bits + 10


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        (sympy.besselj(0, x), {x: 1}, "besselj"),
        (x + y, {x: 1}, "no value for y"),
        (x, {x: "one"}, "give a decimal"),
        (x, {x: (2, 1)}, "LO <= HI"),
        (sqrt(sympy.Symbol("a", positive=True)), {sympy.Symbol("a", positive=True): (-1, 1)}, "assumed"),
        (sympy.I * x, {x: 1}, "ImaginaryUnit"),
        (sympy.Integral(exp(-(x**2)), x), {x: 1}, "Integral"),
    ],
    ids=str,
)
def test_refusals(expression, values, message):
    with pytest.raises(OutsideBalls, match=message):
        enclose(expression, values)


def test_wrong_number_of_values_is_refused():
    with pytest.raises(OutsideBalls, match="1 values for the 2 symbols"):
        lower_function(x + y, (x, y))([flint.arb(1)])


def test_importable_without_flint():
    script = (
        "import sys; sys.modules['flint'] = None\n"
        "from theory import balls\n"
        "import sympy\n"
        "assert not balls.available()\n"
        "try: balls.enclose(sympy.pi, {})\n"
        "except balls.BallsUnavailable as error: print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "python-flint is not installed" in finished.stdout
    assert balls.available()
