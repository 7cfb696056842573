"""The smallest set of comparisons between measured values and a prediction, one a file."""

from proofs_checks.comparators.bound import Bound
from proofs_checks.comparators.distribution import Distribution
from proofs_checks.comparators.enclosure import Enclosure
from proofs_checks.comparators.exponent import Exponent
from proofs_checks.comparators.identity import Identity
from proofs_checks.comparators.mean import Mean
from proofs_checks.comparators.ordering import Ordering
from proofs_checks.comparators.protocol import Comparator, Levels, Target

__all__ = [
    "Bound",
    "Comparator",
    "Distribution",
    "Enclosure",
    "Exponent",
    "Identity",
    "Levels",
    "Mean",
    "Ordering",
    "Target",
]
