"""Certificate: the immutable record of one judged claim, readable without the code that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

from proofs_checks.documents import Fields, read_json
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
            raise InputError(f"not a {FORMAT} of version {VERSION}: {str(document.get('format'))[:60]!r}")
        try:
            digest = digest_of(body)
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"the certificate is no JSON document: {error}") from None
        if digest != document.get("digest"):
            raise InputError("the certificate was changed: its digest does not match its content")
        return _from_body(body)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        document = read_json(text, "a certificate")
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


def _fields(value: object, kind: type, what: str, *more: str) -> Fields:
    return Fields(value, {field.name for field in fields(kind)} | set(more), what)


def _verdict(value: object) -> Verdict:
    body = _fields(value, Verdict, "a verdict")
    outcome: Any = body.text("outcome")  # which Verdict checks
    return Verdict(outcome, body.text("cause"), body.number("alpha"), body.number("beta"))


def _observation(value: object) -> Observation:
    body = _fields(value, Observation, "an observation")
    seeds = body.counts("seeds")
    if len(seeds) != 2:
        raise InputError(f"an observation lacks or misuses a field: seeds has {len(seeds)} entries")
    return Observation(
        component=body.count("component"),
        stage=body.count("stage"),
        look=body.count("look"),
        estimate=body.number("estimate"),
        standard_error=body.number("standard_error"),
        count=body.count("count"),
        seeds=(seeds[0], seeds[1]),
        skewness=body.number("skewness"),
        minimum=body.number("minimum"),
        maximum=body.number("maximum"),
        summary=body.named_numbers("summary"),
    )


def _point(value: object) -> JudgedPoint:
    body = _fields(value, JudgedPoint, "a grid point")
    columns = (body.numbers("predicted"), body.numbers("margin"), body.numbers("resolution"))
    upper, outcomes = body.optional_numbers("upper"), body.texts("outcomes")
    if len({len(column) for column in (*columns, upper, outcomes)}) != 1:
        raise InputError("a grid point lacks or misuses a field: its checks have figures of unequal number")
    return JudgedPoint(
        parameters=body.mapping("parameters"),
        predicted=columns[0],
        upper=upper,
        margin=columns[1],
        resolution=columns[2],
        outcomes=outcomes,
        verdict=_verdict(body.mapping("verdict")),
        observations=tuple(map(_observation, body.items("observations"))),
    )


def _from_body(value: object) -> Certificate:
    body = _fields(value, Certificate, "the certificate", "format", "version")
    words = ("theorem", "claim", "statement", "expected", "reason", "comparator", "seal")
    return Certificate(
        **{name: body.text(name) for name in words},
        design=body.mapping("design"),
        points=tuple(map(_point, body.items("points"))),
        verdict=_verdict(body.mapping("verdict")),
        seed=body.seed("seed"),
        seconds=body.number("seconds"),
    )
