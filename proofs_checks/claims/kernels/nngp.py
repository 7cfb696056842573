"""Wide networks as Gaussian processes on trial: exact layer by layer, extrapolated, and as an exponent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Rational, S, sqrt

from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.deep_kernels.formulas import Architecture, Maps, Pairs, covariances, variances
from proofs_checks.deep_kernels.networks import LayerRatios
from proofs_checks.deep_kernels.series import SERIES_MARGIN, named
from proofs_checks.deep_kernels.trials import EQUAL, PAIRS, Trial, control
from proofs_checks.experiment import Batched, batched
from proofs_checks.profile import Profile
from theory.deep_kernels.expectations import outside
from theory.deep_kernels.layers import BIAS, RELU, WEIGHT, affine_covariance, affine_variance
from theory.kernels.nngp import next_covariance

WIDTH, OUTPUTS, NETWORKS = 16, 16, 64
# Of deep networks with affine maps: narrow, where a bias would show.
NARROW = 8
RATIO_WIDTH, RATIO_RESOLUTION = 16, 0.03
# What controls predict: biases that the networks do not have, weights of another variance.
OTHER_BIAS, OTHER_WEIGHT = Rational(1, 10), Rational(5, 4)
CONTROL_SEEDS = 32
SPREAD = 0.9


def claims(
    profile: Profile,
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = S.One,
    bias_variance: Expr = S.Zero,
) -> tuple[Claim, ...]:
    """Exact at every width where that is so, the limit and its 1/n, and controls."""
    trial = _trial(profile, activation, Architecture(depth, WIDTH, weight_variance, bias_variance))
    shallow, fluctuation = _one_hidden_layer(trial.like(depth=1)), _fluctuation(trial)
    return (
        shallow,
        *(_deep(trial) if depth > 1 else ()),
        fluctuation,
        control(
            shallow,
            "missing bias variance",
            rf"the networks have biases of variance {bias_variance}, the recursion is that of "
            rf"{bias_variance + OTHER_BIAS}",
            CONTROL_SEEDS,
            _retrial(trial, depth=1, bias_variance=bias_variance + OTHER_BIAS).values(trial.pairs),
        ),
        control(
            fluctuation,
            "a scale for each network",
            "the outputs of a network share a factor of its own: uncorrelated, but dependent, they stay a "
            "mixture of Gaussians at every width",
            2 * CONTROL_SEEDS,
            spread=SPREAD,
        ),
    )


def _deep(trial: Trial) -> tuple[Claim, ...]:
    """What two or more hidden layers add."""
    layers, affine, limit = _layer_by_layer(trial), _affine(trial), _extrapolated(trial)
    weight = trial.network.weight_variance
    heavier = _retrial(trial, weight_variance=weight * OTHER_WEIGHT)
    reason = f"the recursion is that of weights of {OTHER_WEIGHT} times the variance that the networks have"
    wrong_weights = replace(
        control(layers, "wrong weight variance", reason, CONTROL_SEEDS),
        experiment=_ratios(trial.activation, heavier.maps.covariance, heavier.maps.variance),
    )
    wrong_limit = control(
        limit, "infinite width of other weights", reason, CONTROL_SEEDS, heavier.values(trial.pairs)
    )
    wrong_affine = tuple(
        control(
            claim,
            "affine layers of other weights",
            reason,
            CONTROL_SEEDS,
            _narrow(heavier).values(_affine_pairs(trial)),
        )
        for claim in affine
    )
    return (layers, *affine, limit, wrong_weights, *wrong_affine, wrong_limit)


def _affine_pairs(trial: Trial) -> Pairs:
    """Where an affine map of the variance, or of the whole covariance, makes K_n unbiased."""
    return PAIRS if affine_covariance(trial.activation) else EQUAL


def _narrow(trial: Trial) -> Trial:
    """Of odd depth: in two layers a wrong sign cancels."""
    return trial.like(width=NARROW, depth=trial.network.depth + 1 - trial.network.depth % 2)


def _retrial(trial: Trial, **changes: Any) -> Trial:
    """The same for another architecture, with its own recursion."""
    return _trial(trial.profile, trial.activation, replace(trial.network, **changes))


def maps_of(activation: Expr, network: Architecture) -> Maps:
    """The recursion of the theorem at the variances of a network."""
    numbers = {WEIGHT: sqrt(network.weight_variance), BIAS: sqrt(network.bias_variance)}
    equations = (relation.rhs.subs(numbers) for relation in next_covariance(activation))
    variance, _, covariance = named(activation, *equations)
    return Maps(covariance, variance, series=activation if outside(activation) else None)


def _trial(profile: Profile, activation: Expr, network: Architecture) -> Trial:
    return Trial(profile, activation, network, maps_of(activation, network), tangent=False)


def _one_hidden_layer(trial: Trial) -> Claim:
    claim = trial.mean(
        "one hidden layer",
        r"$E f(x) f(y) = \sigma_b^2 + \sigma_w^2 E[\sigma \sigma](K^1)$ at finite width, exactly",
        trial.pairs,
        kind="outputs",
        outputs=OUTPUTS,
        networks=NETWORKS,
        seeds=96,
    )
    return trial.on_trial(claim, partial(trial.values, trial.pairs), trial.fields)


def _affine(trial: Trial) -> tuple[Claim, ...]:
    """Where the map of K(x, x), or of all of K, is affine: no bias at any depth and width."""
    if not affine_variance(trial.activation) or EQUAL[0] not in trial.pairs:
        return ()
    narrow, pairs = _narrow(trial), _affine_pairs(trial)
    claim = narrow.mean(
        "affine layers",
        rf"$E K_n = K$ at every width, here {NARROW}, where the map of a layer is affine",
        pairs,
        kind="covariance",
        networks=NETWORKS,
        seeds=256,
    )
    fields = {field: name for field, name in narrow.fields.items() if field == "variance" or pairs == PAIRS}
    return (narrow.on_trial(claim, partial(narrow.values, pairs), fields),)


def _extrapolated(trial: Trial) -> Claim:
    return trial.extrapolated(
        "infinite width",
        r"$2 E K_{2n} - E K_n$, in which a term of order $1/n$ cancels, is the limit $K$ up to "
        r"$(L/n)^2/2$, declared for these widths",
        networks=NETWORKS,
        seeds=192,
    )


def _fluctuation(trial: Trial) -> Claim:
    return trial.fluctuation(
        "fourth cumulant",
        r"the fourth cumulant of the outputs, $3 \mathrm{Var} K_n$, is of order $1/n$ (relative corrections "
        r"at most $5 L / 2n$, declared for these widths): the limit is Gaussian",
        networks=NETWORKS // 4,
        seeds=48,
    )


def _ratios(activation: Expr, different: Expr, equal: Expr) -> Batched:
    return batched(LayerRatios(activation, different, equal))


def _layer_by_layer(trial: Trial) -> Claim:
    network = trial.network
    parameters = {
        **trial.settings(),
        "pairs": trial.pairs,
        "depth": network.depth,
        "width": RATIO_WIDTH,
        "networks": NETWORKS,
    }
    resolution, entries = trial.finer(RATIO_RESOLUTION), len(trial.pairs) * network.depth
    margin = SERIES_MARGIN if trial.maps.series is not None else 0.0

    def claimed(different: Expr, equal: Expr) -> Claim:
        return Claim(
            "layer by layer",
            r"given the random covariance $K_n^l$ of layer $l$ the mean of $K_n^{l+1}$ is "
            r"$\sigma_b^2 + \sigma_w^2 E[\sigma \sigma](K_n^l)$, at finite width, exactly: the variances of "
            r"$f(x) + f(y)$ that belong to them have a ratio of mean 1",
            Mean(),
            _ratios(trial.activation, different, equal),
            (Point(parameters, (1.0,) * entries, margin=margin, resolution=resolution),),
            trial.profile.scale(96),
        )

    maps = trial.maps
    forms = (
        ClosedForm(
            "map of the covariance",
            maps.covariance,
            covariances(),
            lambda form: claimed(form, maps.variance),
        ),
        ClosedForm(
            "map of the variance", maps.variance, variances(), lambda form: claimed(maps.covariance, form)
        ),
    )
    return replace(claimed(maps.covariance, maps.variance), closed_forms=forms)
