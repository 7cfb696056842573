"""Claims that the covariance and the tangent kernel share: exact means, the extrapolated limit, exponents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import isclose, sqrt
from typing import Any, TypeAlias

from sympy import Expr, Rational, S

from proofs_checks.challenge import ClosedForm, Sampler
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Exponent, Mean
from proofs_checks.deep_kernels.formulas import (
    Architecture,
    Maps,
    Pair,
    Pairs,
    Vector,
    covariances,
    first_covariance,
    kernels,
    variances,
)
from proofs_checks.deep_kernels.networks import ExtrapolatedKernel, FluctuationExponent, KernelMean, Kind
from proofs_checks.deep_kernels.series import SQUARE, require_certified
from proofs_checks.experiment import batched
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from theory.deep_kernels.enclosure import Recursion
from theory.deep_kernels.expectations import deep_ball
from theory.gaussian.expectation import A

Predict: TypeAlias = Callable[[Maps], tuple[float, ...]]

# Generic, |x|^2 <= d, with three different norms, and correlations 0.69 and -0.55.
INPUTS: tuple[Vector, ...] = tuple(
    tuple(Rational(entry, 10) for entry in row) for row in ((7, 6, 2), (8, -2, 3), (-2, 8, -9))
)
EQUAL: Pairs = ((0, 0), (2, 2))
PAIRS: Pairs = (*EQUAL, (0, 1), (1, 2))
# An entry counts as at least this share of sqrt(K(x, x) K(y, y)), since the noise does not vanish with it.
SMALLEST = 0.2

# With terms in powers of depth/width, what the extrapolation leaves is of order (depth/width)^2; declared for
# these widths: at most (L/n)^2/2 = 1/128 of an entry. The theorems cited give no constant.
EXTRAPOLATED_WIDTH = 8  # per layer
EXTRAPOLATED_MARGIN = 1 / 128
EXTRAPOLATED_RESOLUTION = 0.036  # whatever the profile: the margin needs it
MEAN_RESOLUTION = 0.04
# The relative variance is A/n (1 + k/n); declared for these widths: |k| <= 5 L/2, which moves the slope by at
# most 0.15. The slopes excluded, above -0.7, are those of fluctuations that vanish more slowly or not at all.
FLUCTUATION_WIDTHS = (8, 32)  # per layer
EXPONENT_MARGIN = 0.15
EXPONENT_RESOLUTION = 0.15


def floats(rows: tuple[Vector, ...]) -> tuple[tuple[float, ...], ...]:
    """Tuples, which are hashable: equal parameters share one compiled program."""
    return tuple(tuple(float(entry) for entry in row) for row in rows)


@dataclass(frozen=True)
class Trial:
    """One kernel on trial, the covariance K or the tangent kernel Theta, in networks of one architecture."""

    profile: Profile
    activation: Expr
    network: Architecture
    maps: Maps
    tangent: bool

    @property
    def kind(self) -> Any:
        return "tangent" if self.tangent else "covariance"

    @property
    def pairs(self) -> Pairs:
        """Equal inputs only where K_n(x, x) is random, as it is not for sign."""
        return PAIRS if self.tangent or self.maps.variance.has(A, SQUARE) else PAIRS[len(EQUAL) :]

    def like(self, **changes: Any) -> Trial:
        """The same with another architecture."""
        return replace(self, network=replace(self.network, **changes))

    def settings(self) -> dict[str, Any]:
        """The parameters that all experiments take."""
        return {
            "inputs": floats(INPUTS),
            "weight_variance": float(self.network.weight_variance),
            "bias_variance": float(self.network.bias_variance),
        }

    def values(self, pairs: Pairs, maps: Maps | None = None) -> tuple[float, ...]:
        """The kernel of the output at pairs of inputs."""
        return tuple(_value(maps or self.maps, pair, self.network, self.tangent) for pair in pairs)

    def resolution(self, pairs: Pairs, share: float) -> tuple[float, ...]:
        """A share of each entry, finer with more seeds."""
        return tuple(self.finer(share) * size for size in self.scales(pairs))

    def finer(self, resolution: float) -> float:
        """Resolution improves as the square root of the number of seeds."""
        return resolution / sqrt(self.profile.factor)

    def scales(self, pairs: Pairs) -> tuple[float, ...]:
        """The size of each entry, or the smallest share of sqrt(K(x, x) K(y, y)) that counts."""
        ends = (self.values(tuple((pair[k], pair[k]) for pair in pairs)) for k in (0, 1))
        return tuple(
            max(abs(entry), SMALLEST * sqrt(a * b))
            for entry, a, b in zip(self.values(pairs), *ends, strict=True)
        )

    def on_trial(self, claim: Claim, predict: Predict, fields: Mapping[str, str]) -> Claim:
        """The claim with the maps that it tests; ``predict(maps)`` gives its predictions."""
        forms = tuple(
            ClosedForm(
                name,
                getattr(self.maps, field),
                _REGIMES[field],
                partial(self._restated, claim, predict, field),
            )
            for field, name in fields.items()
        )
        return replace(claim, closed_forms=forms)

    def _restated(self, claim: Claim, predict: Predict, field: str, form: Expr) -> Claim:
        (point,) = claim.grid
        changed = replace(self.maps, **{field: form})
        return replace(claim, grid=(replace(point, predicted=predict(changed)),))

    def _require_certified(self, pairs: Pairs, resolutions: Iterable[float]) -> None:
        """Outside the class: predictions against balls. Raises InputError where these are not narrow."""
        if self.maps.series is None:
            return
        for pair, resolution, value in zip(pairs, resolutions, self.values(pairs), strict=True):
            require_certified(value, self._ball(pair), resolution)

    def _ball(self, pair: Pair) -> Any:
        network, (i, j) = self.network, pair
        a, b, c = (first_covariance(INPUTS, place, network) for place in ((i, i), (j, j), pair))
        standard = network.parametrization == "standard"
        widths = (len(INPUTS[0]), *(network.width,) * network.depth) if standard else ()
        recursion = Recursion(
            network.depth, network.weight_variance, network.bias_variance, network.parametrization, widths
        )
        return deep_ball(self.activation, recursion, (a, b, c), self.tangent)

    def mean(
        self,
        name: str,
        statement: str,
        pairs: Pairs,
        *,
        kind: Kind,
        outputs: int = 1,
        networks: int,
        seeds: int,
        resolution: float = MEAN_RESOLUTION,
    ) -> Claim:
        """E K_n is what the recursion gives, without a margin."""
        network = self.network
        parameters = {
            **self.settings(),
            "pairs": pairs,
            "widths": (len(INPUTS[0]), *(network.width,) * network.depth, outputs),
            "networks": networks,
            "parametrization": network.parametrization,
        }
        point = Point(parameters, self.values(pairs), resolution=self.resolution(pairs, resolution))
        self._require_certified(pairs, self.resolution(pairs, resolution))
        return Claim(
            name,
            statement,
            Mean(),
            batched(KernelMean(self.activation, kind)),
            (point,),
            self.profile.scale(seeds),
        )

    def extrapolated(self, name: str, statement: str, *, networks: int, seeds: int) -> Claim:
        """2 K_{2n} - K_n is the limit but for the declared rest."""
        narrow = self.like(width=self._widths()[0])
        parameters = {
            **self.settings(),
            "pairs": self.pairs,
            "depth": self.network.depth,
            "width": narrow.network.width,
            "networks": networks,
            "parametrization": self.network.parametrization,
            "weights": self._weights(),
        }
        sizes = tuple(self._weights()[1] * size for size in narrow.scales(self.pairs))
        narrow._require_certified(
            self.pairs, [EXTRAPOLATED_RESOLUTION * size for size in narrow.scales(self.pairs)]
        )
        point = Point(
            parameters,
            self.extrapolation(self.maps),
            margin=tuple(EXTRAPOLATED_MARGIN * size for size in sizes),
            resolution=tuple(EXTRAPOLATED_RESOLUTION * size for size in sizes),
        )
        experiment = batched(ExtrapolatedKernel(self.activation, self.kind))
        claim = Claim(name, statement, Mean(), experiment, (point,), self.profile.scale(seeds))
        return self.on_trial(claim, self.extrapolation, self._shown(self.extrapolation))

    def _shown(self, predict: Predict) -> Mapping[str, str]:
        """Without the maps whose sign does not show: of an odd activation, through an even number of layers.

        There one hidden layer tells them from their negatives.
        """
        return {field: name for field, name in self.fields.items() if not self._even(predict, field)}

    def _even(self, predict: Predict, field: str) -> bool:
        if self.maps.series is None or field != "covariance":
            return False
        negated = predict(replace(self.maps, covariance=-self.maps.covariance))
        pairs = zip(negated, predict(self.maps), strict=True)
        return all(isclose(one, other, rel_tol=1e-6) for one, other in pairs)

    def extrapolation(self, maps: Maps, depth: int | None = None) -> tuple[float, ...]:
        """2 w_{2n} K_{2n} - w_n K_n of the recursion, in which K may depend on n."""
        narrow, wide = (
            self.like(width=width, depth=depth or self.network.depth).values(self.pairs, maps)
            for width in self._widths()
        )
        half, whole = self._weights()[1], self._weights()[0]
        return tuple(2 * whole * w - half * n for w, n in zip(wide, narrow, strict=True))

    def _widths(self) -> tuple[int, int]:
        width = EXTRAPOLATED_WIDTH * self.network.depth
        return width, 2 * width

    def _weights(self) -> tuple[float, float]:
        """Of K_{2n} and K_n: in the standard parametrization Theta grows with n and is divided by it."""
        if self.tangent and self.network.parametrization == "standard":
            return 1 / self._widths()[1], 1 / self._widths()[0]
        return 1.0, 1.0

    @property
    def fields(self) -> Mapping[str, str]:
        """The maps that this kernel needs, and what they are called."""
        found = {"covariance": "covariance of the next layer", "variance": "variance of the next layer"}
        if self.tangent:
            found |= {"tangent": "tangent kernel of the next layer", "own_tangent": "that of equal inputs"}
        return found

    def fluctuation(self, name: str, statement: str, *, networks: int, seeds: int) -> Claim:
        """The relative variance of the kernel is of order 1/n; with one hidden layer exactly A/n."""
        depth = self.network.depth
        parameters = {
            **self.settings(),
            "depth": depth,
            "widths": tuple(width * depth for width in FLUCTUATION_WIDTHS),
            "networks": networks,
            "parametrization": self.network.parametrization,
        }
        point = Point(parameters, -1.0, margin=EXPONENT_MARGIN, resolution=EXPONENT_RESOLUTION)
        claim = Claim(
            name,
            statement,
            Exponent(),
            batched(FluctuationExponent(self.activation, self.kind)),
            (point,),
            self.profile.scale(seeds),
        )

        def restate(exponent: Expr) -> Claim:
            return replace(claim, grid=(replace(point, predicted=float(value_of(exponent, {}))),))

        everywhere: dict[str, Sampler] = {"everywhere": lambda rng: {}}
        return replace(claim, closed_forms=(ClosedForm("exponent", S.NegativeOne, everywhere, restate),))


_REGIMES = {
    "covariance": covariances(),
    "variance": variances(),
    "tangent": covariances(),
    "own_tangent": variances(),
}


@lru_cache(maxsize=4096)
def _value(maps: Maps, pair: Pair, network: Architecture, tangent: bool) -> float:
    found = kernels(maps, INPUTS, pair, network)
    return float(found.tangent if tangent else found.mixed)


def control(
    claim: Claim,
    name: str,
    reason: str,
    seeds: int,
    predicted: tuple[float, ...] | None = None,
    **parameters: Any,
) -> Claim:
    """The same claim with one assumption broken: another prediction, or networks of another kind."""
    (point,) = claim.grid
    changed = replace(
        point, parameters={**point.parameters, **parameters}, predicted=predicted or point.predicted
    )
    return replace(
        claim,
        name=name,
        reason=reason,
        expected="refuted",
        seeds=seeds,
        grid=(changed,),
        closed_forms=(),
    )
