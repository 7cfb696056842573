"""How much a run may measure: one word that scales seeds, widths and grid sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from theory.errors import InputError
from theory.grammar.sizes import shown

ProfileName = Literal["quick", "standard", "thorough"]

_FACTORS: dict[str, int] = {"quick": 1, "standard": 4, "thorough": 16}


@dataclass(frozen=True)
class Profile:
    """A named amount of work; it changes counts, never error rates."""

    name: ProfileName = "quick"

    def __post_init__(self) -> None:
        if self.name not in _FACTORS:
            allowed = ", ".join(get_args(ProfileName))
            raise InputError(f"unknown profile {shown(self.name)}: choose one of {allowed}")

    @property
    def factor(self) -> int:
        return _FACTORS[self.name]

    def scale(self, quick_count: int) -> int:
        """The count for this profile: once, four times, sixteen times the quick one."""
        return quick_count * self.factor
