"""The design of one trial: everything that is fixed, hashed and stored before the first sample."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from proofs_checks.certificate import digest_of
from proofs_checks.claim import Claim, json_value
from proofs_checks.comparators.protocol import Levels, Target
from proofs_checks.experiment import Batched, OnHost, name_of
from theory.errors import InputError

GROWTH = 2  # seeds double at each look
_DEPTH = 12  # of containers and closures within closures


@dataclass(frozen=True)
class Design:
    """A claim with its error rates, seeds, environment and code, under a seal.

    ``seal`` is the SHA-256 of ``document``. The random streams depend on ``seed`` and on the names of
    theorem, claim and grid point only, so that a run can be repeated; the measured cells belong to the seal,
    so that nothing measured under another design is ever used.
    """

    claim: Claim
    theorem: str
    seed: int
    levels: Levels
    targets: tuple[tuple[Target, ...], ...]
    document: Mapping[str, Any]
    seal: str

    def seeds_at(self, look: int) -> tuple[int, int]:
        """The half-open range of seed indices that ``look`` adds to a seed set."""
        stop = self.claim.seeds * GROWTH ** (look - 1)
        return (0 if look == 1 else stop // GROWTH, stop)

    def cell(self, point: int, stage: int, look: int) -> str:
        """The name of one cell: a hash of everything that its values depend on."""
        return digest_of({"seal": self.seal, "point": point, "stage": stage, "look": look})

    def stream(self, point: int, stage: int) -> tuple[int, int]:
        """Two 32-bit words that name the random stream of one seed set."""
        parameters = json_value("parameters", self.claim.grid[point].parameters)
        name = [self.seed, self.theorem, self.claim.name, point, parameters, stage]
        words = bytes.fromhex(digest_of(name))
        return int.from_bytes(words[:4], "big"), int.from_bytes(words[4:8], "big")


def design(
    claim: Claim,
    theorem: str,
    seed: int,
    environment: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
) -> Design:
    """Fix the levels, targets, seeds, versions and code of one trial and seal them."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"the seed must be an integer of at least 0, got {seed!r}")
    levels = Levels(looks=claim.comparator.looks, stages=claim.comparator.stages)
    targets = tuple(point.targets(claim.comparator) for point in claim.grid)
    document = {
        "theorem": theorem,
        "claim": claim.name,
        "statement": claim.statement,
        "expected": claim.expected,
        "reason": claim.reason,
        "comparator": {**claim.comparator.describe(), "code": code_digest(claim.comparator)},
        "experiment": {
            "name": name_of(claim.experiment),
            "kind": _kind(claim),
            "code": code_digest(claim.experiment),
        },
        "grid": [
            {
                "parameters": json_value("parameters", point.parameters),
                "checks": [vars(target) for target in goals],
            }
            for point, goals in zip(claim.grid, targets, strict=True)
        ],
        "seeds": {"first_look": claim.seeds, "growth": GROWTH, "seed": seed},
        "levels": {**vars(levels), "stage": levels.stage_level, "support": levels.support_level},
        "environment": json_value("environment", environment),
        "inputs": {name: _text(value) for name, value in (inputs or {}).items()},
    }
    return Design(claim, theorem, seed, levels, targets, document, digest_of(document))


def _kind(claim: Claim) -> str:
    if isinstance(claim.experiment, OnHost):
        return "on_host"
    return "batched" if isinstance(claim.experiment, Batched) else "jax"


def _text(value: Any) -> Any:
    """JSON values as they are, anything else as its text."""
    try:
        return json_value("input", value)
    except InputError:
        return str(value)


@dataclass
class ErrorPool:
    """A fixed number of error slots, one for each check of a run.

    Each check is tested at the same level whatever the others are, so 1000 slots of 1e-9 bound the
    probability of any false refutation in a run by 1e-6, and a new check changes the level of none.
    Controls take no slot: their null hypothesis is false.
    """

    slots: int = 1000
    taken: dict[str, int] = field(default_factory=dict)

    def allocate(self, theorem: str, claim: Claim) -> int:
        """Take the slots of a claim, once per name; raises InputError when the pool is exhausted."""
        name = f"{theorem}: {claim.name}"
        wanted = 0 if claim.control else claim.checks
        used = sum(self.taken.values()) - self.taken.get(name, 0)
        if used + wanted > self.slots:
            raise InputError(
                f"{name} asks for {wanted} error slots and {self.slots - used} of {self.slots} are left: "
                "drop grid points or components"
            )
        self.taken[name] = wanted
        return wanted

    @property
    def family_wise(self) -> float:
        """Upper bound of the probability that any of the checks taken so far is refuted falsely."""
        return sum(self.taken.values()) * Levels().alpha


def code_digest(value: Any) -> str:
    """SHA-256 of a callable's code, of what it closes over, and of the file that defines it."""
    return sha256(repr(_describe(value, _DEPTH)).encode()).hexdigest()


def _describe(value: Any, depth: int) -> Any:
    """A text-like description that is equal for equal code and data, and free of memory addresses."""
    if depth == 0 or isinstance(value, types.ModuleType | type):
        return getattr(value, "__qualname__", getattr(value, "__name__", type(value).__qualname__))
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, functools.partial):
        return ("partial", *(_describe(part, depth - 1) for part in (value.func, value.args, value.keywords)))
    if isinstance(value, Mapping):
        return sorted((repr(key), repr(_describe(one, depth - 1))) for key, one in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        parts = [repr(_describe(one, depth - 1)) for one in value]
        return sorted(parts) if isinstance(value, set | frozenset) else parts
    if isinstance(value, types.FunctionType):
        return _describe_function(value, depth - 1)
    return _describe_object(value, depth - 1)


def _describe_function(function: types.FunctionType, depth: int) -> Any:
    cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    parts = (function.__defaults__, function.__kwdefaults__, cells)
    described = [_describe(part, depth) for part in parts]
    return ("function", function.__qualname__, _code(function.__code__), _file_digest(function), *described)


def _filled(cell: types.CellType) -> bool:
    """A recursive local function closes over a cell that may still be empty."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _code(code: types.CodeType) -> Any:
    constants = [_code(one) if isinstance(one, types.CodeType) else repr(one) for one in code.co_consts]
    return (code.co_code.hex(), code.co_names, code.co_varnames, constants)


def _describe_object(value: Any, depth: int) -> Any:
    wrapped = getattr(value, "__wrapped__", None)  # jitted and decorated functions
    if wrapped is not None:
        return ("wrapped", _describe(wrapped, depth))
    if isinstance(value, types.MethodType):
        return ("method", _describe(value.__func__, depth), _describe(value.__self__, depth))
    if is_dataclass(value):
        parts = {one.name: getattr(value, one.name) for one in fields(value)}
        return (type(value).__qualname__, _describe(parts, depth))
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return ("array", str(value.dtype), value.shape, sha256(value.tobytes()).hexdigest())
    text = repr(value)
    return text if " at 0x" not in text else (type(value).__qualname__, _describe(_state(value), depth))


def _state(value: Any) -> dict[str, Any]:
    return dict(getattr(value, "__dict__", {}))


@functools.lru_cache(maxsize=1024)
def _contents_digest(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()


def _file_digest(function: types.FunctionType) -> str:
    """The file that defines the function, since helpers beside it are called by name."""
    try:
        return _contents_digest(inspect.getsourcefile(function) or "")
    except (OSError, TypeError):  # defined at a prompt: its code alone stands for it
        return ""
