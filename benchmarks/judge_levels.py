"""The judge's error rates by simulation: false alarms of a seed set, planted errors, true predictions.

Run with ``python -m benchmarks.judge_levels``; ``--repetitions`` scales the work. Four tables:

1. the one-sided tail of one seed set at a nominal 5e-4, for six distributions and several numbers of seeds;
   at most 8e-4 is needed, since 8e-4 / 5e-4 to the third power is the factor 4 that the nominal alpha
   keeps in reserve;
2. the same for distributions that played no part in the choice of the correction: the six of the first table
   were used to choose among some twenty variants of it, so their tails flatter it. Beside each tail stands
   the share of samples on which the test abstains: a small tail beside a share of 1 shows nothing;
3. the verdicts on a closed form that is 5 % wrong, at a resolution of 4.5 % (the noise level is the one
   that the number of seeds is meant for);
4. the same for a true closed form, with the seeds used (in one table with 3).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from proofs_checks.comparators import moments
from proofs_checks.comparators.protocol import Levels

LEVEL = 5e-4
ALLOWED = 8e-4

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

# name -> (draws with these parameters, their mean)
DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0),
    "exponential": (lambda rng, shape: rng.standard_exponential(shape), 1.0),
    "lognormal(0.5)": (lambda rng, shape: np.exp(0.5 * rng.standard_normal(shape)), float(np.exp(0.125))),
    "lognormal(1)": (lambda rng, shape: np.exp(rng.standard_normal(shape)), float(np.exp(0.5))),
    "Student t(5)": (lambda rng, shape: rng.standard_t(5, shape), 0.0),
    "Bernoulli(0.02)": (lambda rng, shape: (rng.random(shape) < 0.02).astype(np.float64), 0.02),
}

# Not used in choosing the correction. A rare, far component is what no test on moments can see while the
# sample holds none of it: such statistics exceed the allowed tail, and belong averaged over blocks.
HELD_OUT: dict[str, tuple[Draw, float]] = {
    "chi-square(1)": (lambda rng, shape: rng.chisquare(1, shape), 1.0),
    "gamma(0.3)": (lambda rng, shape: rng.standard_gamma(0.3, shape), 0.3),
    "lognormal(1.5)": (lambda rng, shape: np.exp(1.5 * rng.standard_normal(shape)), float(np.exp(1.125))),
    "Pareto(4)": (lambda rng, shape: rng.pareto(4, shape), 1 / 3),
    "Pareto(2.5)": (lambda rng, shape: rng.pareto(2.5, shape), 2 / 3),
    "Student t(3)": (lambda rng, shape: rng.standard_t(3, shape), 0.0),
    "5 % at 4 sd": (lambda rng, shape: rng.standard_normal(shape) + 4 * (rng.random(shape) < 0.05), 0.2),
    "1 % at 10 sd": (lambda rng, shape: rng.standard_normal(shape) + 10 * (rng.random(shape) < 0.01), 0.1),
    "Bernoulli(0.1)": (lambda rng, shape: (rng.random(shape) < 0.1).astype(np.float64), 0.1),
}
EVERY = {**DISTRIBUTIONS, **HELD_OUT}


def summaries(values: np.ndarray) -> dict[str, Any]:
    """The moments of many samples, one a row; without spread the deviation is infinite: no rejection."""
    count = values.shape[1]
    mean = values.mean(axis=1)
    centered = values - mean[:, None]
    variance = np.mean(centered**2, axis=1)
    spread = variance > 0
    safe = np.where(spread, variance, 1.0)
    return {
        "count": float(count),
        "mean": mean,
        "deviation": np.where(spread, np.sqrt(safe * count / (count - 1)), np.inf),
        "skewness": np.where(spread, np.mean(centered**3, axis=1) / safe**1.5, 0.0),
    }


def tails(
    name: str, count: int, repetitions: int, seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """Measured probabilities that the true mean is rejected as too small and as too large."""
    draw, mean = EVERY[name]
    rng = np.random.default_rng([seed, count, list(EVERY).index(name)])
    found, done = np.zeros(2), 0
    while done < repetitions:
        rows = min(repetitions - done, max(1, 2_000_000 // count))
        sample = summaries(draw(rng, (rows, count)))
        found += [np.sum(moments.rejected(sample, mean, level, sign)) for sign in (1, -1)]
        done += rows
    return float(found[0] / done), float(found[1] / done)


def abstention(name: str, count: int, level: float = LEVEL) -> float:
    """The share of samples on which the test abstains."""
    sample = summaries(EVERY[name][0](np.random.default_rng([1, count]), (500, count)))
    return float(np.mean(moments.abstains(sample, level)))


def verdicts(
    error: float, resolution: float, deviation: float, seeds: int, repetitions: int, seed: int = 0
) -> tuple[float, float, float, float]:
    """Shares of refuted, supported, undecided, and the mean number of seeds, for normal values.

    The predicted value is 1 and the true mean 1 + error; seeds double at each of the looks, three seed sets.
    """
    levels = Levels()
    rng = np.random.default_rng([seed, seeds])
    tally, used = {"refuted": 0, "supported": 0, "undecided": 0}, 0
    for _ in range(repetitions):
        longest = seeds * 2 ** (levels.looks - 1)
        values = 1 + error + deviation * rng.standard_normal((levels.stages, longest))
        outcome, count, drawn = _one(values, resolution, seeds, levels)
        tally[outcome] += 1
        used += count * drawn
    shares = [number / repetitions for number in tally.values()]
    return shares[0], shares[1], shares[2], used / repetitions


def _one(values: np.ndarray, resolution: float, seeds: int, levels: Levels) -> tuple[str, int, int]:
    """Outcome, seeds per seed set and seed sets of one trial, by the rules of the judge."""
    drawn, count = 1, seeds
    for look in range(levels.looks):
        count = seeds * 2**look
        sample = summaries(values[:, :count])
        too_large = moments.rejected(sample, 1.0, levels.stage_level, 1)
        too_small = moments.rejected(sample, 1.0, levels.stage_level, -1)
        if too_large[0] or too_small[0]:
            drawn = levels.stages
        if too_large.all() or too_small.all():
            return "refuted", count, drawn
        below = moments.rejected(sample, 1.0 + resolution, levels.support_level, -1)[0]
        above = moments.rejected(sample, 1.0 - resolution, levels.support_level, 1)[0]
        if below and above:
            return "supported", count, drawn
    return "undecided", count, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400_000)
    repetitions = parser.parse_args().repetitions
    counts = (16, 32, 64, 128, 256, 512)
    print(f"one-sided tails of one seed set, nominal {LEVEL:g}, allowed {ALLOWED:g} (in 1e-4: below / above)")
    print(f"{'seeds':18}" + "".join(f"{count:>12}" for count in counts))
    for name in DISTRIBUTIONS:
        cells = (tails(name, count, repetitions) for count in counts)
        print(f"{name:18}" + "".join(f"{1e4 * below:>6.1f}/{1e4 * above:>4.1f} " for above, below in cells))
    _print_held_out(repetitions)
    print("\nnormal values, resolution 4.5 %, first look 14.5 (sd / resolution)^2")
    print(f"{'error':>8}{'refuted':>10}{'supported':>11}{'undecided':>11}{'seeds (sd/rho)^2':>18}")
    deviation = 0.045 * np.sqrt(64 / 14.5)
    for error in (0.0, 0.01, 0.03, 0.045, 0.05, -0.05):
        shares = verdicts(error, 0.045, deviation, 64, max(repetitions // 40, 100))
        relative = shares[3] * (0.045 / deviation) ** 2
        print(f"{error:>8.3f}{shares[0]:>10.4f}{shares[1]:>11.4f}{shares[2]:>11.4f}{relative:>18.1f}")


def _print_held_out(repetitions: int) -> None:
    counts = (24, 48, 96, 384, 1024, 4096)
    print("\nheld out: the larger tail (in 1e-4) and the share of abstentions")
    print(f"{'seeds':18}" + "".join(f"{count:>12}" for count in counts))
    for name in EVERY:
        if name in HELD_OUT or name == "Bernoulli(0.02)":
            row = ((max(tails(name, n, min(repetitions, 10**8 // n))), abstention(name, n)) for n in counts)
            print(
                f"{name:18}" + "".join(f"{1e4 * tail:>6.1f}/{share:>4.2f} " for tail, share in row),
                flush=True,
            )


if __name__ == "__main__":
    main()
