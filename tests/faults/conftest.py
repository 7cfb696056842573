"""One copy of the code, one warm process and one undisturbed run for all fault tests of a worker."""

import os
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.harness import Cells, Nursery, cells_of, copied_code, report_of


class Undisturbed(NamedTuple):
    """What every run must come to in the end."""

    report: object
    cells: Cells
    path: Path
    owner: dict[str, str]  # of every seed: the cell that it is measured for


@pytest.fixture(scope="session")
def kills() -> int:
    """How many kills: 20, or what FAULT_KILLS says."""
    return int(os.environ.get("FAULT_KILLS", "20"))


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    code = copied_code(tmp_path_factory.mktemp("code"))
    found = Nursery(code, tmp_path_factory.mktemp("runs"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    path, calls = folder / "store.sqlite", folder / "calls"
    child = nursery.verify(path, environment={"FAULTS_CALLS": str(calls)})
    assert child.wait() == 0, child.stderr
    cells, seeds = cells_of(path), calls.read_text().split()
    # One process measures cell after cell; a cell has 8 bytes for each seed.
    cuts = [0, *accumulate(len(payload) // 8 for _, payload, _ in cells.values())]
    pairs = zip(pairwise(cuts), cells, strict=True)
    owner = {seed: name for (start, stop), name in pairs for seed in seeds[start:stop]}
    assert len(owner) == len(seeds) == cuts[-1]
    return Undisturbed(report_of(child), cells, path, owner)
