"""How a row of a derivation is discharged, one method a file."""

from theory.proving.antiderivative import Antiderivative
from theory.proving.consequence import Consequence
from theory.proving.definition import Citation, CitedStatement, Definition, Given
from theory.proving.enclosure import Enclosure
from theory.proving.enumeration import Enumeration
from theory.proving.identity import Identity
from theory.proving.induction import Induction
from theory.proving.nonnegativity import Nonnegativity
from theory.proving.outcome import Answer, Method, Outcome, Status
from theory.proving.spot_check import spot_check

__all__ = [
    "Answer",
    "Antiderivative",
    "Citation",
    "CitedStatement",
    "Consequence",
    "Definition",
    "Enclosure",
    "Enumeration",
    "Given",
    "Identity",
    "Induction",
    "Method",
    "Nonnegativity",
    "Outcome",
    "Status",
    "spot_check",
]
