"""Certificate: the immutable record of one judged claim, readable without the code that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from proofs_checks.observation import Observation
from proofs_checks.verdict import Verdict
from theory.errors import InputError

FORMAT = "provenet certificate"
VERSION = 1


@dataclass(frozen=True)
class JudgedPoint:
    """One grid point with what was measured and decided there.

    ``observations`` holds, for each check, one observation per seed set drawn, as of the look that decided
    it; ``outcomes`` one outcome per check. ``upper`` is None where the prediction is a number, and the upper
    end where it is an interval.
    """

    parameters: Mapping[str, Any]
    predicted: tuple[float, ...]
    upper: tuple[float | None, ...]
    margin: tuple[float, ...]
    resolution: tuple[float, ...]
    outcomes: tuple[str, ...]
    verdict: Verdict
    observations: tuple[Observation, ...]

    @property
    def primary(self) -> tuple[Observation, ...]:
        """The observations of the first seed set, one per check; none where the measurement was invalid."""
        return tuple(one for one in self.observations if one.stage == 1)


@dataclass(frozen=True)
class Certificate:
    """Inputs, seeds, versions, observations and verdict of one claim; ``seal`` is the hash of ``design``."""

    theorem: str
    claim: str
    statement: str
    expected: str
    reason: str
    comparator: str
    design: Mapping[str, Any]
    seal: str
    points: tuple[JudgedPoint, ...]
    verdict: Verdict
    seed: int
    seconds: float

    @property
    def control(self) -> bool:
        return self.expected == "refuted"

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one; undecided and invalid never are."""
        return self.verdict.outcome == self.expected

    @property
    def seeds(self) -> int:
        """Seeds behind the decisions, over points and seed sets."""
        return sum(max((one.count for one in group), default=0) for group in self._seed_sets())

    def _seed_sets(self) -> list[list[Observation]]:
        sets: dict[tuple[int, int], list[Observation]] = {}
        for index, point in enumerate(self.points):
            for one in point.observations:
                sets.setdefault((index, one.stage), []).append(one)
        return list(sets.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON values; ``digest`` covers everything but itself."""
        body = {"format": FORMAT, "version": VERSION, **asdict(self)}
        body = json.loads(json.dumps(_finite(body), allow_nan=False))
        return {**body, "digest": digest_of(body)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, allow_nan=False)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Certificate:
        """The certificate of a document; raises InputError where it is another format or was changed."""
        body = {name: value for name, value in document.items() if name != "digest"}
        if body.get("format") != FORMAT or body.get("version") != VERSION:
            raise InputError(f"not a {FORMAT} of version {VERSION}: {document.get('format')!r}")
        if digest_of(body) != document.get("digest"):
            raise InputError("the certificate was changed: its digest does not match its content")
        try:
            return _from_body(body)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"the certificate lacks or misuses a field: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        try:
            document = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"a certificate is a JSON document: {error}") from error
        if not isinstance(document, dict):
            raise InputError(f"a certificate is a JSON object, got {type(document).__name__}")
        return cls.from_dict(document)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become strings."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _number(value: Any) -> float:
    return float(value)


def _observation(body: Mapping[str, Any]) -> Observation:
    numbers = ("estimate", "standard_error", "skewness", "minimum", "maximum")
    first, last = body["seeds"]
    fields: dict[str, Any] = {**body, **{name: _number(body[name]) for name in numbers}}
    fields["seeds"] = (first, last)
    fields["summary"] = {name: _number(value) for name, value in body["summary"].items()}
    return Observation(**fields)


def _point(body: Mapping[str, Any]) -> JudgedPoint:
    tuples = {name: tuple(body[name]) for name in ("predicted", "upper", "margin", "resolution", "outcomes")}
    observations = tuple(map(_observation, body["observations"]))
    fields: dict[str, Any] = {**body, **tuples, "observations": observations}
    fields["verdict"] = Verdict(**body["verdict"])
    return JudgedPoint(**fields)


def _from_body(body: Mapping[str, Any]) -> Certificate:
    fields = {name: value for name, value in body.items() if name not in ("format", "version")}
    fields["points"] = tuple(map(_point, body["points"]))
    fields["verdict"] = Verdict(**body["verdict"])
    return Certificate(**fields)
