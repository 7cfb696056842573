"""The tangent kernel of deep networks on trial: exact means, the extrapolated limit, fluctuations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from sympy import Expr, Rational, S, sqrt

from proofs_checks.claim import Claim
from proofs_checks.deep_kernels.formulas import Architecture, Maps
from proofs_checks.deep_kernels.series import named
from proofs_checks.deep_kernels.trials import EQUAL, PAIRS, Trial, control
from proofs_checks.profile import Profile
from theory.deep_kernels.expectations import outside, single, single_slope
from theory.deep_kernels.layers import BIAS, RELU, WEIGHT, constant_slope
from theory.deep_kernels.recursion import PARAMETRIZATIONS
from theory.kernels.deep_ntk import TANGENT, recursion, standard_or_ntk
from theory.kernels.nngp import next_covariance

WIDTH, NETWORKS = 16, 64
# Of deep networks without a bias at equal inputs: narrow, where one would show.
NARROW = 8
OTHER_BIAS = Rational(1, 10)
CONTROL_SEEDS = 32
# Finer than elsewhere: where one pi of several is taken as 3, no more changes.
SHALLOW_RESOLUTION = 0.0175
SPREAD = 0.9


def claims(
    profile: Profile,
    activation: Expr = RELU,
    depth: int = 2,
    weight_variance: Expr = S.One,
    bias_variance: Expr = S.Zero,
    parametrization: str = "ntk",
) -> tuple[Claim, ...]:
    """Exact at every width where that is so, the limit and its fluctuations, and controls."""
    network = Architecture(depth, WIDTH, weight_variance, bias_variance, parametrization)
    trial = _trial(profile, activation, network)
    shallow, fluctuation = _one_hidden_layer(trial.like(depth=1)), _fluctuation(trial)
    return (
        shallow,
        *(_deep(trial) if depth > 1 else ()),
        fluctuation,
        *_shallow_controls(trial.like(depth=1), shallow),
        control(
            fluctuation,
            "a scale for each network",
            "the output of a network has a factor of its own, of which no law of large numbers disposes",
            2 * CONTROL_SEEDS,
            spread=SPREAD,
        ),
    )


def maps_of(activation: Expr, network: Architecture) -> Maps:
    """The recursion of the theorem at the variances of a network."""
    numbers = {WEIGHT: sqrt(network.weight_variance), BIAS: sqrt(network.bias_variance)}
    variance, _, covariance = (relation.rhs for relation in next_covariance(activation))
    parametrization, bias = network.parametrization, network.bias_variance
    tangent = recursion(activation, parametrization, bias)
    factor, constant = standard_or_ntk(parametrization, bias)
    own = constant + factor * single(activation) + WEIGHT**2 * single_slope(activation) * TANGENT
    maps = named(activation, *(one.subs(numbers) for one in (covariance, variance, tangent, own)))
    covariance, variance, tangent, own = maps
    return Maps(covariance, variance, tangent, own, activation if outside(activation) else None)


def _trial(profile: Profile, activation: Expr, network: Architecture) -> Trial:
    return Trial(profile, activation, network, maps_of(activation, network), tangent=True)


def _retrial(trial: Trial, **changes: Any) -> Trial:
    """The same for another architecture, with its own recursion."""
    return _trial(trial.profile, trial.activation, replace(trial.network, **changes))


def _one_hidden_layer(trial: Trial) -> Claim:
    claim = trial.mean(
        "one hidden layer",
        r"$E \Theta_n = \Theta^2$ at finite width, exactly",
        PAIRS,
        kind="tangent",
        networks=NETWORKS,
        seeds=192,
        resolution=SHALLOW_RESOLUTION,
    )
    fields = {key: name for key, name in trial.fields.items() if key in ("tangent", "own_tangent")}
    return trial.on_trial(claim, partial(trial.values, PAIRS), fields)


def _shallow_controls(trial: Trial, claim: Claim) -> tuple[Claim, ...]:
    """Predictions of other recursions for one hidden layer."""
    network = trial.network
    (other,) = (name for name in PARAMETRIZATIONS if name != network.parametrization)
    bias = network.bias_variance
    own_only = {field: getattr(trial.maps, field).subs(TANGENT, 0) for field in ("tangent", "own_tangent")}
    wrong = (
        (
            "derivative kernel omitted",
            r"without $E[\sigma' \sigma'] \Theta^1$ only the readout is counted as trained",
            trial.values(PAIRS, replace(trial.maps, **own_only)),
        ),
        (
            "the other parametrization",
            f"the recursion is that of the {other} parametrization, the networks have another",
            _retrial(trial, parametrization=other).values(PAIRS),
        ),
        (
            "missing bias variance",
            f"the networks have biases of variance {bias}, the recursion is that of {bias + OTHER_BIAS}",
            _retrial(trial, bias_variance=bias + OTHER_BIAS).values(PAIRS),
        ),
    )
    return tuple(control(claim, name, reason, CONTROL_SEEDS, values) for name, reason, values in wrong)


def _deep(trial: Trial) -> tuple[Claim, ...]:
    """What two or more hidden layers add."""
    limit, unbiased = _extrapolated(trial), _unbiased(trial)
    depth = trial.network.depth
    fewer = trial.like(depth=depth - 1)
    reason = f"the recursion stops after {depth - 1} of {depth} hidden layers"
    wrong_limit = trial.extrapolation(fewer.maps, depth=depth - 1)
    return (
        *unbiased,
        limit,
        control(limit, "one layer too few", reason, CONTROL_SEEDS, wrong_limit),
        *(
            control(
                claim,
                "equal inputs, one layer too few",
                reason,
                CONTROL_SEEDS,
                fewer.like(width=NARROW).values(EQUAL),
            )
            for claim in unbiased
        ),
    )


def _unbiased(trial: Trial) -> tuple[Claim, ...]:
    """Where s'(z)^2 + s'(-z)^2 is constant and E[s^2] affine: equal inputs, any depth and width."""
    if constant_slope(trial.activation) is None:
        return ()
    narrow = trial.like(width=NARROW)
    claim = narrow.mean(
        "equal inputs",
        rf"$E \Theta_n(x, x) = \Theta(x, x)$ at every width, here {NARROW}, exactly: "
        r"$\sigma'(z)^2 + \sigma'(-z)^2$ is constant",
        EQUAL,
        kind="tangent",
        networks=NETWORKS,
        seeds=192,
    )
    fields = {key: name for key, name in narrow.fields.items() if key in ("variance", "own_tangent")}
    return (narrow.on_trial(claim, partial(narrow.values, EQUAL), fields),)


def _extrapolated(trial: Trial) -> Claim:
    over = r" (each over its width)" if trial.network.parametrization == "standard" else ""
    claim = trial.extrapolated(
        "infinite width",
        rf"$2 E \Theta_{{2n}} - E \Theta_n${over}, in which a term of order $1/n$ cancels, is what the "
        r"recursion gives up to $(L/n)^2/2$, declared for these widths",
        networks=NETWORKS,
        seeds=192,
    )
    # The tangent kernel is mutated with one hidden layer, which resolves it finely enough.
    coarse = trial.fields.get("tangent")
    forms = tuple(form for form in claim.closed_forms if form.name != coarse)
    return replace(claim, closed_forms=forms)


def _fluctuation(trial: Trial) -> Claim:
    return trial.fluctuation(
        "fluctuations",
        r"the relative variance of $\Theta_n$ between networks vanishes like $1/n$ (relative corrections at "
        r"most $5 L / 2n$, declared for these widths)",
        networks=NETWORKS // 4,
        seeds=48,
    )
