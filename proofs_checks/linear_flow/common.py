"""What the experiments on linear networks share: settings from keywords, closed forms at arrays, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sympy import Expr, Function, Pow, Symbol

from proofs_checks.linear_flow.training import Setting
from proofs_checks.lowering.expressions import joint_evaluator

Entries = Float[np.ndarray, "..."]


def setting_of(widths: Sequence[int], given: dict[str, Any]) -> Setting:
    """The setting with one decay for each layer; a single number stands for all of them."""
    shrink = given.get("decay", 0.0)
    each = tuple(shrink) if isinstance(shrink, Sequence) else (shrink,) * (len(widths) - 1)
    return Setting(**{**given, "decay": each})


def evaluated(form: Expr, letters: Mapping[Symbol, Any]) -> Any:
    """A closed form at arrays, elementwise: by NumPy where it has whole powers only, else by JAX."""
    plain = not form.atoms(Function) and all(power.exp.is_Integer for power in form.atoms(Pow))
    values = [one if plain else jnp.asarray(one, jnp.float64) for one in letters.values()]
    with np.errstate(all="ignore"):  # what is not finite is for the judge
        return np.asarray(joint_evaluator((form,), tuple(letters))(*values)[0])


def extrapolated(values: Sequence[Entries]) -> Entries:
    """The limit of c_0 + c_1 h + c_2 h^2 + ... from its values at h, h / 2, h / 4, ..."""
    for power in range(1, len(values)):
        factor = 2.0**power
        values = [(factor * fine - coarse) / (factor - 1) for coarse, fine in pairwise(values)]
    return values[0]
